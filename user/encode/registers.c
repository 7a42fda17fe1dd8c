/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/registers.h"

#include "base/distinct.h"
#include "base/hex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REGISTERS_KEY_BYTES 17 /* 16 hexadecimal digits and a NUL */
#define VALUE_BITS          6
#define VALUE_MASK          ((1u << VALUE_BITS) - 1)
/* An entry: zone_family, index, value. Those of one register are neighbours once sorted, the
 * greatest value last. */
#define GROUP_SHIFT (DISTINCT_PRECISION + VALUE_BITS)
#define GROUP_END   ((uint64_t)1 << GROUP_SHIFT)

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct registers {
	char key[REGISTERS_KEY_BYTES];
	char text[DISTINCT_REGISTERS + 1];
	size_t n;
	uint64_t entries[];
};

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t entry_of(const struct source_key *key, const struct source *source)
{
	const bool is_ipv4 = source_family(source) == FAMILY_IPV4;
	const uint64_t hash =
	    source_key_hash(key, (const uint8_t *)source->address, is_ipv4 ? 4 : 16);
	uint8_t rank;
	const uint64_t index = distinct_register(hash, &rank);

	return (uint64_t)source->zone_family << GROUP_SHIFT | index << VALUE_BITS | rank;
}

int registers_new(
    struct registers **ret, const struct sources *sources, const struct source_key *key)
{
	struct registers *registers =
	    malloc(sizeof(*registers) + sources->used * sizeof(registers->entries[0]));

	if (!registers)
		return -ENOMEM;
	hex_text(registers->key, key->id, (sizeof(registers->key) - 1) / 2);
	registers->n = 0;
	for (size_t i = 0; i < sources->size && registers->n < sources->used; i++) {
		if (sources_slot(sources, i)->transports)
			registers->entries[registers->n++] =
			    entry_of(key, sources_slot(sources, i));
	}
	qsort(registers->entries, registers->n, sizeof(registers->entries[0]), compare);
	*ret = registers;
	return 0;
}

void registers_free(struct registers *registers)
{
	free(registers);
}

/* The first entry that is not below `least`. */
static size_t find(const struct registers *registers, uint64_t least)
{
	size_t low = 0, high = registers->n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (registers->entries[middle] < least)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_greatest(const struct registers *registers, size_t i, size_t end)
{
	return i + 1 == end ||
	    registers->entries[i] >> VALUE_BITS != registers->entries[i + 1] >> VALUE_BITS;
}

static void write_all(struct registers *registers, size_t from, size_t end)
{
	memset(registers->text, alphabet[0], DISTINCT_REGISTERS);
	registers->text[DISTINCT_REGISTERS] = '\0';
	for (size_t i = from; i < end; i++) {
		const uint64_t entry = registers->entries[i];

		registers->text[entry >> VALUE_BITS & (DISTINCT_REGISTERS - 1)] =
		    alphabet[entry & VALUE_MASK];
	}
}

static void write_few(struct registers *registers, size_t from, size_t end)
{
	char *out = registers->text;

	for (size_t i = from; i < end; i++) {
		const uint64_t entry = registers->entries[i] & (GROUP_END - 1);

		if (!is_greatest(registers, i, end))
			continue;
		for (int shift = 18; shift >= 0; shift -= 6)
			*out++ = alphabet[entry >> shift & 63];
	}
	*out = '\0';
}

const char *registers_text(struct registers *registers, uint32_t zone, unsigned family)
{
	const uint64_t group = zone | (family == FAMILY_IPV4 ? SOURCE_IPV4 : 0);
	const size_t from = find(registers, group << GROUP_SHIFT);
	const size_t end = find(registers, (group + 1) << GROUP_SHIFT);
	size_t n = 0;

	if (from == end)
		return NULL;
	for (size_t i = from; i < end; i++)
		n += is_greatest(registers, i, end);
	if (n < DISTINCT_REGISTERS / 4)
		write_few(registers, from, end);
	else
		write_all(registers, from, end);
	return registers->text;
}

const char *registers_key(const struct registers *registers)
{
	return registers->key;
}
