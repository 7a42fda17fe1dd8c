/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the table `sources` through memory: what one slot counted of each client since it was read
 * last; and makes room in it. struct wire_source_bucket of crosstap/wire_abi.h says how.
 */
#ifndef CROSSTAP_WIRE_BPF_SOURCES_H
#define CROSSTAP_WIRE_BPF_SOURCES_H

#include "wire/window/window.h"

struct wire_sources;

/* Maps `sources` and `source_tags`; the map `config`, which says how much of it is in use, outlives
 * the reader's last reading. -errno. */
int wire_sources_new(struct wire_sources **ret, int fd, int tags_fd, struct wire_config *config);
void wire_sources_free(struct wire_sources *sources);
/* What is in the table was counted for somebody else. The next reading names every client in it
 * once, though its count may be 0: whether that was reported nobody knows. */
void wire_sources_skip(struct wire_sources *sources);
/* Valid until the next call: *ret_n clients that this slot counted, and those that were skipped.
 * Each slot is to be read in turn, once the programs have done with it (WIRE_SETTLE_NS). In a
 * bucket without room, clients that rested for two readings make some, which the reading after
 * gives to others. */
void wire_sources_read(
    struct wire_sources *sources, uint32_t slot, const struct wire_client **ret, size_t *ret_n);
/* A table that is a quarter full gets eight times as many buckets, up to all: few then find their
 * two buckets full. Most clients have other ones from then on, and leave their ways behind. */
void wire_sources_grow(struct wire_sources *sources);
/* Clients in the table, at the last reading. */
uint32_t wire_sources_count(const struct wire_sources *sources);

#endif
