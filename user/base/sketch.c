/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/sketch.h"

#include "base/hyperloglog.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BITS 4
#define MOST_BITS  12 /* of a set: twice SKETCH_EXACT, as large as the registers that follow */

_Static_assert(1u << MOST_BITS == 2 * SKETCH_EXACT, "a set is never more than half full");
_Static_assert(sizeof(uint32_t) << MOST_BITS == 1u << SKETCH_FINE, "the budget is that of the set");

static size_t bytes_of(const struct sketch *sketch)
{
	if (sketch->kind == SKETCH_INLINE)
		return 0;
	return sketch->kind == SKETCH_SET ? sizeof(uint32_t) << sketch->bits
					  : (size_t)1 << sketch->bits;
}

static size_t charged(size_t bytes)
{
	return bytes > SKETCH_LEAST_BYTES ? bytes - SKETCH_LEAST_BYTES : 0;
}

static bool fits(const struct sketch_budget *budget, size_t now, size_t then)
{
	return budget->bytes - charged(now) + charged(then) <= budget->limit;
}

static void charge(struct sketch_budget *budget, size_t before, size_t after)
{
	budget->bytes += charged(after);
	budget->bytes -= charged(before);
}

void sketch_done(struct sketch *sketch, struct sketch_budget *budget)
{
	charge(budget, bytes_of(sketch), 0);
	if (sketch->kind == SKETCH_SET)
		free(sketch->set);
	else if (sketch->kind == SKETCH_REGISTERS)
		free(sketch->registers);
	*sketch = (struct sketch){0};
}

/* Where the sketch's hashes are, and how many places there are. */
static const uint32_t *hashes_of(const struct sketch *sketch, size_t *ret_n)
{
	*ret_n = sketch->kind == SKETCH_INLINE ? sketch->used : (size_t)1 << sketch->bits;
	return sketch->kind == SKETCH_INLINE ? sketch->few : sketch->set;
}

static int to_set(struct sketch *sketch, struct sketch_budget *budget, unsigned bits)
{
	uint32_t *set = calloc((size_t)1 << bits, sizeof(*set));
	struct sketch next = {.set = set, .used = sketch->used, .kind = SKETCH_SET};
	const uint32_t *hashes;
	size_t n;

	if (!set)
		return -ENOMEM;
	next.bits = (uint8_t)bits;
	hashes = hashes_of(sketch, &n);
	for (size_t i = 0; i < n; i++) {
		if (hashes[i])
			*sketch_slot(set, bits, hashes[i]) = hashes[i];
	}
	sketch_done(sketch, budget); /* NOLINT(clang-analyzer-unix.Malloc): `next` has the set */
	*sketch = next;
	charge(budget, 0, bytes_of(sketch));
	return 0;
}

/* What `from` has, into registers of no more bits than its own. */
static void fill(uint8_t *registers, unsigned bits, const struct sketch *from)
{
	const uint32_t *hashes;
	size_t n;

	if (from->kind != SKETCH_REGISTERS) {
		hashes = hashes_of(from, &n);
		for (size_t i = 0; i < n; i++) {
			if (hashes[i])
				sketch_register(registers, bits, hashes[i]);
		}
		return;
	}
	for (uint32_t i = 0; i < 1u << from->bits; i++) {
		const unsigned less = from->bits - bits;
		const uint32_t low = i & ((1u << less) - 1);
		/* The lower bits of a finer index are the first of a coarser one's rest. */
		const unsigned rank = low ? (unsigned)__builtin_clz(low) - (32 - less) + 1
					  : less + from->registers[i];
		uint8_t *at = &registers[i >> less];

		if (from->registers[i] && *at < rank)
			*at = (uint8_t)rank;
	}
}

static int to_registers(struct sketch *sketch, struct sketch_budget *budget, unsigned bits)
{
	uint8_t *registers = calloc((size_t)1 << bits, 1);

	if (!registers)
		return -ENOMEM;
	fill(registers, bits, sketch);
	sketch_done(sketch, budget);
	*sketch = (struct sketch){
	    .registers = registers, .kind = SKETCH_REGISTERS, .bits = (uint8_t)bits};
	charge(budget, 0, bytes_of(sketch));
	return 0;
}

/* Room for one more. */
static int grow(struct sketch *sketch, struct sketch_budget *budget)
{
	const unsigned bits = sketch->kind == SKETCH_INLINE ? FIRST_BITS : sketch->bits + 1u;

	if (!fits(budget, bytes_of(sketch), sizeof(uint32_t) << bits))
		return to_registers(sketch, budget, SKETCH_COARSE);
	return bits <= MOST_BITS ? to_set(sketch, budget, bits)
				 : to_registers(sketch, budget, SKETCH_FINE);
}

static bool has_few(const struct sketch *sketch, uint32_t hash)
{
	for (uint32_t i = 0; i < sketch->used; i++) {
		if (sketch->few[i] == hash)
			return true;
	}
	return false;
}

static bool is_full(const struct sketch *sketch)
{
	return sketch->used ==
	    (sketch->kind == SKETCH_INLINE ? SKETCH_FEW : 1u << (sketch->bits - 1));
}

void sketch_add_slow(struct sketch *sketch, struct sketch_budget *budget, uint32_t hash)
{
	hash += hash == 0; /* 0 marks a free slot */
	if (sketch->kind == SKETCH_INLINE ? has_few(sketch, hash)
					  : sketch->kind == SKETCH_SET &&
		    *sketch_slot(sketch->set, sketch->bits, hash) == hash)
		return;
	if (sketch->kind != SKETCH_REGISTERS && is_full(sketch) && grow(sketch, budget) < 0)
		return;
	if (sketch->kind == SKETCH_INLINE) {
		sketch->few[sketch->used++] = hash;
	} else if (sketch->kind == SKETCH_SET) {
		*sketch_slot(sketch->set, sketch->bits, hash) = hash;
		sketch->used++;
	} else {
		sketch_register(sketch->registers, sketch->bits, hash);
	}
}

void sketch_merge(struct sketch *into, struct sketch_budget *budget, const struct sketch *from)
{
	const uint32_t *hashes;
	size_t n;

	if (from->kind == SKETCH_REGISTERS) {
		unsigned bits = from->bits;

		if (bits > SKETCH_COARSE && !fits(budget, bytes_of(into), (size_t)1 << bits))
			bits = SKETCH_COARSE;
		if (into->kind == SKETCH_REGISTERS && into->bits < bits)
			bits = into->bits;
		if ((into->kind != SKETCH_REGISTERS || into->bits > bits) &&
		    to_registers(into, budget, bits) < 0)
			return;
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): to_registers() put new ones there */
		fill(into->registers, bits, from);
		return;
	}
	hashes = hashes_of(from, &n);
	for (size_t i = 0; i < n; i++) {
		if (hashes[i])
			sketch_add(into, budget, hashes[i]);
	}
}

uint64_t sketch_count(const struct sketch *sketch)
{
	return sketch->kind == SKETCH_REGISTERS ? hyperloglog_count(sketch->registers, sketch->bits)
						: sketch->used;
}
