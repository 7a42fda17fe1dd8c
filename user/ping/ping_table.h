/* SPDX-License-Identifier: BSD-2-Clause */
/* The rows of the ping schedule: a set-associative table, one cache line a row. See
 * ping_schedule.h for who gets a row and who loses it. */
#ifndef CROSSTAP_PING_PING_TABLE_H
#define CROSSTAP_PING_PING_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ping/ping.h"

#define PING_SET_ROWS 8

struct ping_row {
	uint8_t address[16];
	uint64_t due_ns;      /* PING_NEVER: not until it asks more */
	uint64_t measured_ns; /* 0: never */
	uint32_t rtt_ns;
	uint32_t answered[2]; /* in this half hour and the one before */
	uint32_t window;      /* last one in which it was offered */
	uint32_t half;        /* which half hour answered[0] is of */
	uint32_t sent;
	uint16_t timeouts, errors;
	uint8_t windows[2]; /* as answered */
	uint8_t failures;   /* steps of backoff */
	uint8_t family : 4; /* 0: the row is free */
	uint8_t waiting : 1;
	uint8_t objected : 1; /* the last probe met an ICMP error */
};
_Static_assert(sizeof(struct ping_row) == 64, "one cache line");

struct ping_table {
	struct ping_row *rows;
	size_t n_sets, max_sets; /* powers of two */
	size_t used;
	uint64_t evicted;
	uint64_t seed;
	uint64_t half_ns;
};

int ping_table_init(struct ping_table *table, size_t max_rows, uint64_t seed, uint64_t half_ns);
void ping_table_clear(struct ping_table *table);
/* -ENOMEM leaves it as it was. */
int ping_table_resize(struct ping_table *table, size_t max_rows, uint64_t half_ns);

static inline size_t ping_table_rows(const struct ping_table *table)
{
	return table->n_sets * PING_SET_ROWS;
}

struct ping_row *ping_table_find(
    const struct ping_table *table, const struct ping_address *address);
/* A row for an address that has none, or NULL. `half` counts half hours. */
struct ping_row *ping_table_admit(struct ping_table *table, const struct ping_address *address,
    uint32_t answered, uint32_t window, uint64_t half);

struct ping_address ping_row_address(const struct ping_row *row);
void ping_row_count(struct ping_row *row, uint32_t answered, uint32_t window, uint64_t half);
/* In the last hour. */
uint64_t ping_row_answered(const struct ping_row *row, uint64_t half);
bool ping_row_qualifies(const struct ping_row *row, uint64_t half);

#endif
