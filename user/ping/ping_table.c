/* SPDX-License-Identifier: BSD-2-Clause */
#include "ping/ping_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define FIRST_SETS 128

/* Silent for so many probes and never measured: nothing is lost with this row. */
#define HOPELESS_FAILURES 2

static size_t floor_power_of_two(size_t n)
{
	size_t power = 1;

	while (power <= n / 2)
		power *= 2;
	return power;
}

static size_t max_sets_for(size_t max_rows)
{
	return floor_power_of_two(max_rows > PING_SET_ROWS ? max_rows / PING_SET_ROWS : 1);
}

static struct ping_row *new_rows(size_t n_sets)
{
	/* calloc leaves pages that nobody wrote to unmapped. */
	return calloc(n_sets * PING_SET_ROWS, sizeof(struct ping_row));
}

int ping_table_init(struct ping_table *table, size_t max_rows, uint64_t seed, uint64_t half_ns)
{
	size_t max_sets = max_sets_for(max_rows);

	*table = (struct ping_table){
	    .max_sets = max_sets,
	    .n_sets = max_sets < FIRST_SETS ? max_sets : FIRST_SETS,
	    .seed = seed,
	    .half_ns = half_ns,
	};
	table->rows = new_rows(table->n_sets);
	return table->rows ? 0 : -ENOMEM;
}

void ping_table_clear(struct ping_table *table)
{
	free(table->rows);
	*table = (struct ping_table){0};
}

struct ping_address ping_row_address(const struct ping_row *row)
{
	struct ping_address address = {.family = row->family};

	memcpy(address.bytes, row->address, sizeof(address.bytes));
	return address;
}

static struct ping_row *set_of(
    const struct ping_table *table, struct ping_row *rows, size_t n_sets, const uint8_t *bytes)
{
	uint64_t hash = XXH3_64bits_withSeed(bytes, 16, table->seed);

	return rows + (hash & (n_sets - 1)) * PING_SET_ROWS;
}

struct ping_row *ping_table_find(const struct ping_table *table, const struct ping_address *address)
{
	struct ping_row *set = set_of(table, table->rows, table->n_sets, address->bytes);

	for (size_t i = 0; i < PING_SET_ROWS; i++) {
		if (set[i].family == address->family &&
		    memcmp(set[i].address, address->bytes, sizeof(address->bytes)) == 0)
			return &set[i];
	}
	return NULL;
}

void ping_row_count(struct ping_row *row, uint32_t answered, uint32_t window, uint64_t half)
{
	if (row->half != (uint32_t)half) {
		bool next = row->half + 1 == (uint32_t)half;

		row->answered[1] = next ? row->answered[0] : 0;
		row->windows[1] = next ? row->windows[0] : 0;
		row->answered[0] = 0;
		row->windows[0] = 0;
		row->half = (uint32_t)half;
	}
	row->answered[0] =
	    answered < UINT32_MAX - row->answered[0] ? row->answered[0] + answered : UINT32_MAX;
	/* A window without answers proves nothing. */
	if (row->window != window && answered)
		row->windows[0] += row->windows[0] < UINT8_MAX;
	row->window = window;
}

uint64_t ping_row_answered(const struct ping_row *row, uint64_t half)
{
	if (row->half == (uint32_t)half)
		return (uint64_t)row->answered[0] + row->answered[1];
	return row->half + 1 == (uint32_t)half ? row->answered[0] : 0;
}

bool ping_row_qualifies(const struct ping_row *row, uint64_t half)
{
	unsigned windows = 0;

	if (row->half == (uint32_t)half)
		windows = (unsigned)row->windows[0] + row->windows[1];
	else if (row->half + 1 == (uint32_t)half)
		windows = row->windows[0];
	return windows >= PING_MIN_WINDOWS && ping_row_answered(row, half) >= PING_MIN_ANSWERED;
}

static bool is_protected(const struct ping_row *row, uint64_t half)
{
	if (row->waiting)
		return true;
	if (!ping_row_qualifies(row, half))
		return false;
	return row->measured_ns || row->objected || row->failures < HOPELESS_FAILURES;
}

/* What a newcomer has to exceed to take this row. */
static uint64_t defence(const struct ping_row *row, uint32_t window, uint64_t half)
{
	return window - row->window > 1 ? 0 : ping_row_answered(row, half);
}

static struct ping_row *find_room(
    struct ping_row *set, uint32_t answered, uint32_t window, uint64_t half)
{
	struct ping_row *victim = NULL;
	uint64_t least = answered;

	for (size_t i = 0; i < PING_SET_ROWS; i++) {
		if (!set[i].family)
			return &set[i];
		if (!is_protected(&set[i], half) && defence(&set[i], window, half) < least) {
			least = defence(&set[i], window, half);
			victim = &set[i];
		}
	}
	return victim;
}

/* Moves what fits; what shall stay most goes first. */
static int rehash(struct ping_table *table, size_t n_sets)
{
	struct ping_row *rows = new_rows(n_sets);
	size_t used = 0, old = ping_table_rows(table);

	if (!rows)
		return -ENOMEM;
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < old; i++) {
			struct ping_row *row = &table->rows[i], *set;
			size_t at = 0;

			if (!row->family || (pass == 0) != (row->measured_ns != 0 || row->waiting))
				continue;
			set = set_of(table, rows, n_sets, row->address);
			while (at < PING_SET_ROWS && set[at].family)
				at++;
			if (at < PING_SET_ROWS) {
				set[at] = *row;
				used++;
			}
		}
	}
	free(table->rows);
	table->rows = rows;
	table->n_sets = n_sets;
	table->evicted += table->used - used;
	table->used = used;
	return 0;
}

int ping_table_resize(struct ping_table *table, size_t max_rows, uint64_t half_ns)
{
	size_t max_sets = max_sets_for(max_rows);
	int r = 0;

	if (table->n_sets > max_sets)
		r = rehash(table, max_sets);
	if (r < 0)
		return r;
	table->max_sets = max_sets;
	table->half_ns = half_ns;
	return 0;
}

struct ping_row *ping_table_admit(struct ping_table *table, const struct ping_address *address,
    uint32_t answered, uint32_t window, uint64_t half)
{
	struct ping_row *row;

	for (;;) {
		struct ping_row *set = set_of(table, table->rows, table->n_sets, address->bytes);

		row = find_room(set, answered, window, half);
		if ((row && !row->family) || table->n_sets >= table->max_sets)
			break;
		/* Without memory for more, the table stays as it is. */
		if (rehash(table, table->n_sets * 2) < 0)
			break;
	}
	if (!row)
		return NULL;
	if (row->family)
		table->evicted++;
	else
		table->used++;
	*row = (struct ping_row){
	    .family = address->family & 15, .half = (uint32_t)half, .window = window - 1};
	memcpy(row->address, address->bytes, sizeof(row->address));
	return row;
}
