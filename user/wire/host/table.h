/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters of things that come and go, followed one by one: the sum of the differences is right
 * whatever vanishes or is new. A reading is begin(), add() for each, end().
 */
#ifndef CROSSTAP_WIRE_HOST_TABLE_H
#define CROSSTAP_WIRE_HOST_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST_TABLE_VALUES 3

struct host_entry {
	uint64_t key;
	uint64_t values[HOST_TABLE_VALUES];
};

struct host_table {
	struct host_entry *now, *before; /* sorted by key, when complete */
	size_t n_now, n_before, size;    /* `size`: room in each */
	bool begun;                      /* there was a reading before */
	bool failed;                     /* no memory in this reading */
};

struct host_change {
	uint64_t grown[HOST_TABLE_VALUES];
	size_t came, went;
};

void host_table_begin(struct host_table *table);
void host_table_add(struct host_table *table, uint64_t key, const uint64_t *values);
/* What is new counts from 0 where `fresh`, else from what it has; a counter that fell counts from
 * 0. The first reading has grown by nothing. -ENOMEM: the reading before stays. */
int host_table_end(struct host_table *table, bool fresh, struct host_change *ret);
void host_table_done(struct host_table *table);

#endif
