/* SPDX-License-Identifier: BSD-2-Clause */
#include "top/table.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS (2 * TOP_TABLE_ROWS)
#define MOST  1e15 /* what a figure may be; sums of that many stay exact enough and finite */

static size_t slot_of(const struct top_table *table, const char *name)
{
	uint64_t hash = table->seed.b, word;
	size_t length = strlen(name);

	for (; length; length -= length < 8 ? length : 8) {
		word = 0;
		memcpy(&word, name, length < 8 ? length : 8);
		name += length < 8 ? length : 8;
		hash = hash_u64x3(&table->seed, hash, word, length);
	}
	return hash % SLOTS;
}

void top_table_clear(struct top_table *table)
{
	hash_seed_random(&table->seed);
	table->n = 0;
	table->left_out = 0;
	table->left_out_weight = 0;
	memset(table->slots, 0, sizeof(table->slots));
}

static void put_slot(struct top_table *table, size_t row)
{
	size_t slot = slot_of(table, table->rows[row].name);

	while (table->slots[slot])
		slot = (slot + 1) % SLOTS;
	table->slots[slot] = (uint16_t)(row + 1);
}

static int lighter(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of rows that weigh the same those stay that came first. */
static void drop_lighter_half(struct top_table *table)
{
	double weights[TOP_TABLE_ROWS], least;
	size_t kept = 0, equal = 0;

	for (size_t i = 0; i < table->n; i++)
		weights[i] = table->rows[i].figures[0];
	/* cppcheck-suppress uninitvar ; the loop above has filled it, as far as it is sorted */
	qsort(weights, table->n, sizeof(*weights), lighter);
	least = weights[table->n / 2];
	for (size_t i = table->n / 2; i < table->n && weights[i] <= least; i++)
		equal++;
	for (size_t i = 0; i < table->n; i++) {
		const double weight = table->rows[i].figures[0];

		if (weight > least || (weight == least && equal && equal--)) {
			if (kept != i)
				table->rows[kept] = table->rows[i];
			kept++;
		} else {
			table->left_out++;
			table->left_out_weight += weight;
		}
	}
	table->n = kept;
	memset(table->slots, 0, sizeof(table->slots));
	for (size_t i = 0; i < table->n; i++)
		put_slot(table, i);
}

struct table_row *top_table_find(struct top_table *table, const char *name)
{
	size_t slot = slot_of(table, name);
	struct table_row *row;

	for (; table->slots[slot]; slot = (slot + 1) % SLOTS) {
		row = &table->rows[table->slots[slot] - 1];
		if (strncmp(row->name, name, sizeof(row->name) - 1) == 0)
			return row;
	}
	if (table->n == TOP_TABLE_ROWS)
		drop_lighter_half(table);
	row = &table->rows[table->n++];
	memset(row, 0, sizeof(*row));
	strncpy(row->name, name, sizeof(row->name) - 1);
	put_slot(table, table->n - 1);
	return row;
}

void table_row_set(struct table_row *row, enum top_figure figure, double value)
{
	row->figures[figure] = value > MOST ? MOST : value < -MOST ? -MOST : value;
	row->known |= 1u << figure;
}

void table_row_add(struct table_row *row, enum top_figure figure, double value)
{
	table_row_set(row, figure, row->figures[figure] + value);
}
