/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few greatest of many: a heap with the least on top while they are offered, sorted once they
 * all were. Of equal counts the lower address comes first, whatever the order of the offers.
 */
#ifndef CROSSTAP_STATS_RANKED_H
#define CROSSTAP_STATS_RANKED_H

#include <stddef.h>
#include <stdint.h>

struct ranked {
	uint64_t count;
	uint64_t address[2]; /* network order bytes */
	uint32_t at;         /* the caller's */
	uint8_t family;
};

/* `heap` has room for `limit`, which is not 0. */
void ranked_offer(struct ranked *heap, size_t *n, size_t limit, const struct ranked *item);
/* The greatest first. */
void ranked_sort(struct ranked *heap, size_t n);

#endif
