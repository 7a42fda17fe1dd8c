/* SPDX-License-Identifier: BSD-2-Clause */
#include "geo/as_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BITS 8

struct slot {
	uint32_t asn; /* 0: free */
	uint32_t record;
};

struct as_table {
	struct slot *slots;
	unsigned bits; /* 2^bits slots, at most half of them used */
	size_t n;
};

int as_table_new(struct as_table **ret)
{
	struct as_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->bits = FIRST_BITS;
	table->slots = calloc((size_t)1 << FIRST_BITS, sizeof(*table->slots));
	if (!table->slots) {
		free(table);
		return -ENOMEM;
	}
	*ret = table;
	return 0;
}

void as_table_free(struct as_table *table)
{
	if (!table)
		return;
	free(table->slots);
	free(table);
}

/* The AS's slot, or the free one where it would go. Numbers come from a file, not from clients, so
 * a fixed multiplier does. */
static struct slot *find(struct slot *slots, unsigned bits, uint32_t asn)
{
	uint32_t mask = (1u << bits) - 1;
	uint32_t i = (asn * 0x9e3779b1u) >> (32 - bits);

	while (slots[i].asn != 0 && slots[i].asn != asn)
		i = (i + 1) & mask;
	return &slots[i];
}

static int grow(struct as_table *table)
{
	struct slot *slots = calloc((size_t)1 << (table->bits + 1), sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < (size_t)1 << table->bits; i++)
		if (table->slots[i].asn)
			*find(slots, table->bits + 1, table->slots[i].asn) = table->slots[i];
	free(table->slots);
	table->slots = slots;
	table->bits++;
	return 0;
}

int as_table_add(struct as_table *table, uint32_t asn, uint32_t record)
{
	struct slot *slot = find(table->slots, table->bits, asn);

	if (slot->asn)
		return 0;
	if (table->n == AS_TABLE_MAX)
		return -ENOSPC;
	if (2 * (table->n + 1) > (size_t)1 << table->bits) {
		int r = grow(table);

		if (r < 0)
			return r;
		slot = find(table->slots, table->bits, asn);
	}
	*slot = (struct slot){.asn = asn, .record = record};
	table->n++;
	return 0;
}

bool as_table_find(const struct as_table *table, uint32_t asn, uint32_t *ret_record)
{
	const struct slot *slot = find(table->slots, table->bits, asn);

	if (asn == 0 || !slot->asn)
		return false;
	*ret_record = slot->record;
	return true;
}

size_t as_table_count(const struct as_table *table)
{
	return table->n;
}

void as_table_reset(struct as_table *table)
{
	memset(table->slots, 0, ((size_t)1 << table->bits) * sizeof(*table->slots));
	table->n = 0;
}
