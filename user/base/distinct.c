/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/distinct.h"

#include "base/hyperloglog.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 64
#define MAX_RANK    (64 - DISTINCT_PRECISION + 1)

struct distinct {
	uint64_t *slots; /* the hashes themselves, open addressing; 0 is a free slot */
	uint32_t mask, used;
	uint8_t *registers; /* set once there are more than DISTINCT_EXACT */
};

int distinct_new(struct distinct **ret)
{
	struct distinct *distinct = calloc(1, sizeof(*distinct));

	if (distinct)
		distinct->slots = calloc(FIRST_SLOTS, sizeof(uint64_t));
	if (!distinct || !distinct->slots) {
		free(distinct);
		return -ENOMEM;
	}
	distinct->mask = FIRST_SLOTS - 1;
	*ret = distinct;
	return 0;
}

void distinct_free(struct distinct *distinct)
{
	if (!distinct)
		return;
	free(distinct->slots);
	free(distinct->registers);
	free(distinct);
}

static void register_add(uint8_t *registers, uint64_t hash)
{
	uint8_t rank;
	const uint32_t index = distinct_register(hash, &rank);

	if (registers[index] < rank)
		registers[index] = rank;
}

/* True if the hash was not there yet. There is always a free slot. */
static bool slot_insert(uint64_t *slots, uint32_t mask, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & mask;

	for (; slots[at]; at = (at + 1) & mask) {
		if (slots[at] == hash)
			return false;
	}
	slots[at] = hash;
	return true;
}

static int grow(struct distinct *distinct)
{
	uint32_t mask = distinct->mask * 2 + 1;
	uint64_t *slots = calloc((size_t)mask + 1, sizeof(uint64_t));

	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; i <= distinct->mask; i++) {
		if (distinct->slots[i])
			slot_insert(slots, mask, distinct->slots[i]);
	}
	free(distinct->slots);
	distinct->slots = slots;
	distinct->mask = mask;
	return 0;
}

static int to_registers(struct distinct *distinct)
{
	distinct->registers = calloc(DISTINCT_REGISTERS, 1);
	if (!distinct->registers)
		return -ENOMEM;
	for (uint32_t i = 0; i <= distinct->mask; i++) {
		if (distinct->slots[i])
			register_add(distinct->registers, distinct->slots[i]);
	}
	free(distinct->slots);
	distinct->slots = NULL;
	return 0;
}

int distinct_add(struct distinct *distinct, uint64_t hash)
{
	int r;

	hash += hash == 0; /* 0 marks a free slot */
	if (distinct->registers) {
		register_add(distinct->registers, hash);
		return 0;
	}
	if (distinct->used * 4 >= (distinct->mask + 1) * 3) {
		r = grow(distinct);
		if (r < 0)
			return r;
	}
	distinct->used += slot_insert(distinct->slots, distinct->mask, hash);
	return distinct->used > DISTINCT_EXACT ? to_registers(distinct) : 0;
}

int distinct_merge(struct distinct *into, const struct distinct *from)
{
	if (!from->registers) {
		for (uint32_t i = 0; i <= from->mask; i++) {
			int r = from->slots[i] ? distinct_add(into, from->slots[i]) : 0;

			if (r < 0)
				return r;
		}
		return 0;
	}
	if (!into->registers) {
		int r = to_registers(into);

		if (r < 0)
			return r;
	}
	for (uint32_t i = 0; i < DISTINCT_REGISTERS; i++) {
		if (into->registers[i] < from->registers[i])
			into->registers[i] = from->registers[i];
	}
	return 0;
}

void distinct_get_registers(
    const struct distinct *distinct, uint8_t ret_registers[DISTINCT_REGISTERS])
{
	if (distinct->registers) {
		memcpy(ret_registers, distinct->registers, DISTINCT_REGISTERS);
		return;
	}
	memset(ret_registers, 0, DISTINCT_REGISTERS);
	for (uint32_t i = 0; i <= distinct->mask; i++) {
		if (distinct->slots[i])
			register_add(ret_registers, distinct->slots[i]);
	}
}

int distinct_add_registers(struct distinct *distinct, const uint8_t registers[DISTINCT_REGISTERS])
{
	for (uint32_t i = 0; i < DISTINCT_REGISTERS; i++) {
		if (registers[i] > MAX_RANK)
			return -EINVAL;
	}
	if (!distinct->registers) {
		int r = to_registers(distinct);

		if (r < 0)
			return r;
	}
	for (uint32_t i = 0; i < DISTINCT_REGISTERS; i++) {
		if (distinct->registers[i] < registers[i])
			distinct->registers[i] = registers[i];
	}
	return 0;
}

bool distinct_get_hashes(
    const struct distinct *distinct, uint64_t ret_hashes[DISTINCT_EXACT], uint32_t *ret_n)
{
	uint32_t n = 0;

	if (distinct->registers)
		return false;
	for (uint32_t i = 0; i <= distinct->mask && n < DISTINCT_EXACT; i++) {
		if (distinct->slots[i])
			ret_hashes[n++] = distinct->slots[i];
	}
	*ret_n = n;
	return true;
}

uint64_t distinct_count(const struct distinct *distinct)
{
	return distinct->registers ? hyperloglog_count(distinct->registers, DISTINCT_PRECISION)
				   : distinct->used;
}
