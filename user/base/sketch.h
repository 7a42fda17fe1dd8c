/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts distinct 32-bit hashes in little memory, for tables of which each entry has some: exactly
 * up to SKETCH_EXACT of them, by HyperLogLog beyond (Flajolet et al. 2007; estimator of Ertl 2017,
 * as in base/distinct.h), with 2^14 registers (standard error 0.8 %). All sketches of a table draw
 * on one budget: one that finds it used up goes on with 2^10 registers (3.3 %), which is what each
 * may take in any case. A few hashes need no memory of their own.
 */
#ifndef CROSSTAP_BASE_SKETCH_H
#define CROSSTAP_BASE_SKETCH_H

#include "base/prefetch.h"

#include <stddef.h>
#include <stdint.h>

#define SKETCH_FEW         4
#define SKETCH_EXACT       2048
#define SKETCH_FINE        14
#define SKETCH_COARSE      10
#define SKETCH_LEAST_BYTES (1u << SKETCH_COARSE) /* at most, whatever the budget says */

enum sketch_kind { SKETCH_INLINE, SKETCH_SET, SKETCH_REGISTERS };

struct sketch { /* all zeros: empty */
	union {
		uint32_t few[SKETCH_FEW];
		uint32_t *set; /* open addressing; 0 is a free slot */
		uint8_t *registers;
	};
	uint32_t used; /* hashes; none of registers */
	uint8_t kind;  /* enum sketch_kind */
	uint8_t bits;  /* 1 << bits slots or registers */
};

struct sketch_budget {
	size_t bytes, limit; /* in use, of what is more than SKETCH_LEAST_BYTES a sketch */
};

void sketch_done(struct sketch *sketch, struct sketch_budget *budget);
/* `hash` is keyed. Without memory it is not counted. */
void sketch_add_slow(struct sketch *sketch, struct sketch_budget *budget, uint32_t hash);
void sketch_merge(struct sketch *into, struct sketch_budget *budget, const struct sketch *from);
uint64_t sketch_count(const struct sketch *sketch);

static inline void sketch_register(uint8_t *registers, unsigned bits, uint32_t hash)
{
	uint8_t *at = &registers[hash >> (32 - bits)];
	const uint8_t rank = (uint8_t)(__builtin_clz(hash << bits | 1u << (bits - 1)) + 1);

	if (*at < rank)
		*at = rank;
}

/* The hash's slot, or the free one where it belongs. A set is never full. */
static inline uint32_t *sketch_slot(uint32_t *set, unsigned bits, uint32_t hash)
{
	const uint32_t mask = (1u << bits) - 1;
	uint32_t at = hash & mask;

	while (set[at] && set[at] != hash)
		at = (at + 1) & mask;
	return &set[at];
}

/* Asks for the cache line that a hash would be counted in. */
static inline void sketch_prefetch(const struct sketch *sketch, uint32_t hash)
{
	const size_t in_set = (hash & ((1u << sketch->bits) - 1)) * sizeof(uint32_t);
	const size_t in_registers = (uint64_t)hash << sketch->bits >> 32;

	/* What is inline has no such place, and to ask for any is no error. */
	prefetch_write(sketch->registers + (sketch->kind == SKETCH_SET ? in_set : in_registers));
}

static inline void sketch_add(struct sketch *sketch, struct sketch_budget *budget, uint32_t hash)
{
	if (sketch->kind == SKETCH_REGISTERS) {
		sketch_register(sketch->registers, sketch->bits, hash);
		return;
	}
	if (sketch->kind == SKETCH_SET) {
		uint32_t *slot = sketch_slot(sketch->set, sketch->bits, hash);

		if (*slot)
			return;
		if (hash && sketch->used < 1u << (sketch->bits - 1)) {
			*slot = hash;
			sketch->used++;
			return;
		}
	} else if (sketch->used && sketch->few[0] == hash) {
		return;
	}
	sketch_add_slow(sketch, budget, hash);
}

#endif
