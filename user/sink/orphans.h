/* SPDX-License-Identifier: BSD-2-Clause */
/* Spools that no output looks after: one was taken out of the configuration, or names another place
 * now, while some of its points waited. */
#ifndef CROSSTAP_SINK_ORPHANS_H
#define CROSSTAP_SINK_ORPHANS_H

#include <stddef.h>
#include <stdint.h>

struct orphan {
	char folder[17];   /* its name below the spool's path */
	char output[1024]; /* what SPOOL_PLACE says, printable; empty: nothing */
	size_t files;
	uint64_t points, bytes;
};

/* Folders below `path` that hold batches and whose name is none of `ids`: at most `max` of them.
 * Returns how many there are in all; 0 also where the folder cannot be read. Reads at most 4,096
 * names in a folder. */
size_t orphans_find(
    const char *path, const uint64_t *ids, size_t n_ids, struct orphan *ret, size_t max);

#endif
