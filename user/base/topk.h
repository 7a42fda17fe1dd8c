/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The most frequent byte strings of a stream in bounded memory: filtered space-saving (Homem and
 * Carvalho 2010) over sets of eight entries, one cache line each. A string that is not among the
 * monitored ones must first collect, in a small array of counters, more than the least monitored
 * count of its set: so a flood of random names, each seen once, does not sweep out the real ones.
 * Counts are upper bounds; `error` is by how much at most they are too high.
 */
#ifndef CROSSTAP_BASE_TOPK_H
#define CROSSTAP_BASE_TOPK_H

#include <stddef.h>
#include <stdint.h>

#define TOPK_MAX_KEY_BYTES 255

struct topk;

struct topk_entry {
	uint32_t count, error;
	uint16_t group;     /* zone */
	uint8_t length;     /* of the key */
	const uint8_t *key; /* the table's, valid until it changes */
};

/* `slots` is rounded up to a power of two, at least 64. */
int topk_new(struct topk **ret, size_t slots);
void topk_free(struct topk *topk);
void topk_prefetch(const struct topk *topk, uint64_t hash);
/* `hash` covers group and key, and must be keyed. Keys over TOPK_MAX_KEY_BYTES are not counted. */
void topk_add(struct topk *topk, uint64_t hash, uint16_t group, const uint8_t *key, size_t length,
    uint32_t count);
void topk_clear(struct topk *topk);
/* Of the monitored string with this hash, 0 where there is none. */
uint32_t topk_count(const struct topk *topk, uint64_t hash);
/* Adds all of `from`; both have the same seed behind their hashes. What one of them had let go of
 * is missing: a count may then be too low by that. */
void topk_merge(struct topk *into, const struct topk *from);
/* Calls back for every monitored entry, in no order. */
void topk_each(const struct topk *topk, void (*take)(void *context, const struct topk_entry *entry),
    void *context);

#endif
