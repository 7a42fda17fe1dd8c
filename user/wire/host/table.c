/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/host/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST 64
#define MOST  (1u << 20) /* entries: more sockets than that on one port are nobody's nameserver */

void host_table_begin(struct host_table *table)
{
	table->n_now = 0;
	table->failed = false;
}

static int grow(struct host_table *table)
{
	const size_t size = table->size ? 2 * table->size : FIRST;
	struct host_entry *now, *before;

	if (size > MOST)
		return -ENOMEM;
	now = reallocarray(table->now, size, sizeof(*now));
	if (now)
		table->now = now;
	before = reallocarray(table->before, size, sizeof(*before));
	if (before)
		table->before = before;
	if (!now || !before)
		return -ENOMEM;
	table->size = size;
	return 0;
}

void host_table_add(struct host_table *table, uint64_t key, const uint64_t *values)
{
	struct host_entry *entry;

	if (table->failed || (table->n_now == table->size && grow(table) < 0)) {
		table->failed = true;
		return;
	}
	entry = &table->now[table->n_now++];
	entry->key = key;
	memcpy(entry->values, values, sizeof(entry->values));
}

static int by_key(const void *a, const void *b)
{
	const uint64_t x = ((const struct host_entry *)a)->key;
	const uint64_t y = ((const struct host_entry *)b)->key;

	return (x > y) - (x < y);
}

static void add_growth(
    const struct host_entry *now, const struct host_entry *before, struct host_change *ret)
{
	for (size_t i = 0; i < HOST_TABLE_VALUES; i++)
		ret->grown[i] += before && now->values[i] >= before->values[i]
		    ? now->values[i] - before->values[i]
		    : now->values[i];
}

static void compare(const struct host_table *table, bool fresh, struct host_change *ret)
{
	size_t old = 0;

	for (size_t i = 0; i < table->n_now; i++) {
		const struct host_entry *now = &table->now[i];

		for (; old < table->n_before && table->before[old].key < now->key; old++)
			ret->went++;
		if (old < table->n_before && table->before[old].key == now->key) {
			add_growth(now, &table->before[old++], ret);
			continue;
		}
		ret->came++;
		if (fresh)
			add_growth(now, NULL, ret);
	}
	ret->went += table->n_before - old;
}

int host_table_end(struct host_table *table, bool fresh, struct host_change *ret)
{
	struct host_entry *entries = table->now;

	*ret = (struct host_change){0};
	if (table->failed)
		return -ENOMEM;
	if (table->n_now)
		qsort(table->now, table->n_now, sizeof(*table->now), by_key);
	if (table->begun)
		compare(table, fresh, ret);
	table->now = table->before;
	table->before = entries;
	table->n_before = table->n_now;
	table->begun = true;
	return 0;
}

void host_table_done(struct host_table *table)
{
	free(table->now);
	free(table->before);
	*table = (struct host_table){0};
}
