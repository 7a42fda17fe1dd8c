/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the maps by client address, `sources` and `source_rtt`: what one slot counted since it was
 * read last. The kernel's maps are bounded, and so is this.
 */
#ifndef CROSSTAP_SOURCE_WIRE_SOURCES_H
#define CROSSTAP_SOURCE_WIRE_SOURCES_H

#include "crosstap/wire_abi.h"

#include <stddef.h>
#include <stdint.h>

struct wire_sources;

struct wire_sources_delta {
	struct packet_address address;
	uint64_t count;
	uint64_t sum, least; /* source_rtt only; `least` since the kernel made the entry */
};

/* `value_bytes`: of struct wire_source or struct wire_source_rtt. */
int wire_sources_new(struct wire_sources **ret, uint32_t max_entries, size_t value_bytes);
void wire_sources_free(struct wire_sources *sources);
/* What is in the map was counted for somebody else. The next reading names every client of source
 * once, though its count may be 0: whether that was reported nobody knows. */
int wire_sources_skip(struct wire_sources *sources, int fd);
/* Valid until the next call: *ret_n clients that this slot counted, and those
 * that were skipped. */
int wire_sources_read(struct wire_sources *sources, int fd, uint32_t slot,
    const struct wire_sources_delta **ret, size_t *ret_n);
/* Once the map is half full, removes those that rested for two readings. */
void wire_sources_tidy(struct wire_sources *sources, int fd);
/* In the map, at the last reading. */
uint32_t wire_sources_count(const struct wire_sources *sources);

#endif
