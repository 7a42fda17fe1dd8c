/* SPDX-License-Identifier: BSD-2-Clause */
#include "magnitude/public_sketch.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define FIRST_SLOTS  16
#define SPARSE_MOST  2048 /* used; then a byte a register takes no more */
#define STORED_MOST  4096 /* entries of 19 bits: more of them are longer than all registers */
#define HEADER_BYTES 3
#define ENTRY_BITS   (PUBLIC_SKETCH_LOG2 + 5)
/* Version 1 and the type; 5 bits of width less 1 and 14 of number; sparse allowed, explicit not. */
enum { STORED_EMPTY = 0x11, STORED_SPARSE = 0x13, STORED_FULL = 0x14 };
static const uint8_t parameters[] = {(5 - 1) << 5 | PUBLIC_SKETCH_LOG2, 0x40};

uint64_t public_sketch_hash(const uint8_t address[16], bool is_ipv4)
{
	uint8_t client[16] = {0};

	if (is_ipv4) {
		client[10] = client[11] = 0xff;
		memcpy(client + 12, address, 3);
	} else {
		memcpy(client, address, 6);
	}
	return XXH3_64bits(client, sizeof(client));
}

void public_sketch_done(struct public_sketch *sketch)
{
	free(sketch->sparse);
	free(sketch->full);
	*sketch = (struct public_sketch){0};
}

/* The register's slot, or the free one where it belongs. */
static uint32_t *slot_of(uint32_t *slots, uint32_t mask, uint32_t entry)
{
	uint32_t at = (entry >> 5) * 0x9e3779b1u >> 12 & mask;

	while (slots[at] && slots[at] >> 5 != entry >> 5)
		at = (at + 1) & mask;
	return &slots[at];
}

static int make_full(struct public_sketch *sketch)
{
	sketch->full = calloc(PUBLIC_SKETCH_REGISTERS, 1);
	if (!sketch->full)
		return -ENOMEM;
	for (uint32_t i = 0; sketch->sparse && i <= sketch->mask; i++) {
		if (sketch->sparse[i])
			sketch->full[sketch->sparse[i] >> 5] = sketch->sparse[i] & 31;
	}
	free(sketch->sparse);
	sketch->sparse = NULL;
	return 0;
}

static int grow(struct public_sketch *sketch)
{
	const uint32_t mask = sketch->sparse ? sketch->mask * 2 + 1 : FIRST_SLOTS - 1;
	uint32_t *slots;

	if (sketch->used >= SPARSE_MOST)
		return make_full(sketch);
	slots = calloc((size_t)mask + 1, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; sketch->sparse && i <= sketch->mask; i++) {
		if (sketch->sparse[i])
			*slot_of(slots, mask, sketch->sparse[i]) = sketch->sparse[i];
	}
	free(sketch->sparse);
	sketch->sparse = slots;
	sketch->mask = mask;
	return 0;
}

int public_sketch_add(struct public_sketch *sketch, uint32_t entry)
{
	uint32_t *slot;

	if (!entry)
		return 0;
	if (!sketch->full && (!sketch->sparse || sketch->used > sketch->mask / 2)) {
		int r = grow(sketch);

		if (r < 0)
			return r;
	}
	if (sketch->full) {
		if (sketch->full[entry >> 5] < (entry & 31)) {
			sketch->full[entry >> 5] = entry & 31;
			sketch->counted = false;
		}
		return 0;
	}
	slot = slot_of(sketch->sparse, sketch->mask, entry);
	sketch->used += *slot == 0;
	if (*slot < entry) {
		*slot = entry;
		sketch->counted = false;
	}
	return 0;
}

/* Calls back for each register that is not 0, in their order where `sketch` is full. */
static uint32_t collect(
    const struct public_sketch *sketch, uint32_t entries[PUBLIC_SKETCH_REGISTERS])
{
	uint32_t n = 0;

	for (uint32_t i = 0; sketch->full && i < PUBLIC_SKETCH_REGISTERS; i++) {
		if (sketch->full[i])
			entries[n++] = i << 5 | sketch->full[i];
	}
	for (uint32_t i = 0; sketch->sparse && i <= sketch->mask; i++) {
		if (sketch->sparse[i])
			entries[n++] = sketch->sparse[i];
	}
	return n;
}

/* Flajolet et al. 2007, with linear counting where few registers are filled. */
static uint64_t estimate(const uint32_t *entries, uint32_t n)
{
	const double m = PUBLIC_SKETCH_REGISTERS, zeros = m - n;
	const double alpha = 0.7213 / (1 + 1.079 / m);
	double sum = zeros, raw;

	for (uint32_t i = 0; i < n; i++)
		sum += ldexp(1, -(int)(entries[i] & 31));
	raw = alpha * m * m / sum;
	return (uint64_t)ceil(zeros > 0 && raw < 2.5 * m ? m * log(m / zeros) : raw);
}

uint64_t public_sketch_count(struct public_sketch *sketch)
{
	uint32_t entries[PUBLIC_SKETCH_REGISTERS];

	if (!sketch->counted) {
		sketch->count = estimate(entries, collect(sketch, entries));
		sketch->counted = true;
	}
	return sketch->count;
}

size_t public_sketch_memory(const struct public_sketch *sketch)
{
	return sketch->full  ? PUBLIC_SKETCH_REGISTERS
	    : sketch->sparse ? ((size_t)sketch->mask + 1) * sizeof(uint32_t)
			     : 0;
}

/* -- as stored: words of bits, the most significant first */

/* `bits` is at most 32, so five bytes hold them. */
static void put_bits(uint8_t *data, size_t at, uint32_t value, unsigned bits)
{
	const size_t last = at + bits - 1;
	uint64_t word = (uint64_t)value << (7 - last % 8);

	for (size_t i = last / 8 + 1; i-- > at / 8; word >>= 8)
		data[i] |= (uint8_t)word;
}

static uint32_t get_bits(const uint8_t *data, size_t at, unsigned bits)
{
	const size_t last = at + bits - 1;
	uint64_t word = 0;

	for (size_t i = at / 8; i <= last / 8; i++)
		word = word << 8 | data[i];
	return (uint32_t)(word >> (7 - last % 8) & ((1ull << bits) - 1));
}

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

size_t public_sketch_write(const struct public_sketch *sketch, uint8_t ret[PUBLIC_SKETCH_BYTES])
{
	uint32_t entries[PUBLIC_SKETCH_REGISTERS];
	const uint32_t n = collect(sketch, entries);

	memset(ret, 0, PUBLIC_SKETCH_BYTES);
	memcpy(ret + 1, parameters, sizeof(parameters));
	ret[0] = STORED_FULL;
	if (n > STORED_MOST) {
		for (uint32_t i = 0; i < n; i++)
			put_bits(ret + HEADER_BYTES, (entries[i] >> 5) * 5ul, entries[i] & 31, 5);
		return PUBLIC_SKETCH_BYTES;
	}
	ret[0] = n ? STORED_SPARSE : STORED_EMPTY;
	qsort(entries, n, sizeof(entries[0]), compare);
	for (uint32_t i = 0; i < n; i++)
		put_bits(ret + HEADER_BYTES, (size_t)i * ENTRY_BITS, entries[i], ENTRY_BITS);
	return HEADER_BYTES + ((size_t)n * ENTRY_BITS + 7) / 8;
}

static int read_sparse(struct public_sketch *sketch, const uint8_t *data, size_t length)
{
	const size_t n = length * 8 / ENTRY_BITS;
	int r = n <= PUBLIC_SKETCH_REGISTERS ? 0 : -EBADMSG;

	for (size_t i = 0; i < n && r == 0; i++) {
		const uint32_t entry = get_bits(data, i * ENTRY_BITS, ENTRY_BITS);

		/* What fills the last byte is no entry. */
		if (entry & 31)
			r = public_sketch_add(sketch, entry);
		else if (entry || i + 1 < n)
			r = -EBADMSG;
	}
	return r;
}

static int read_full(struct public_sketch *sketch, const uint8_t *data, size_t length)
{
	int r = length == PUBLIC_SKETCH_BYTES - HEADER_BYTES ? 0 : -EBADMSG;

	/* It has more entries than a sparse one takes. */
	if (r == 0 && !sketch->full)
		r = make_full(sketch);
	for (uint32_t i = 0; i < PUBLIC_SKETCH_REGISTERS && r == 0; i++) {
		const uint32_t value = get_bits(data, i * 5ul, 5);

		if (value)
			r = public_sketch_add(sketch, i << 5 | value);
	}
	return r;
}

int public_sketch_read(struct public_sketch *sketch, const uint8_t *data, size_t length)
{
	if (length < HEADER_BYTES || memcmp(data + 1, parameters, sizeof(parameters)) != 0)
		return -EBADMSG;
	switch (data[0]) {
	case STORED_EMPTY:
		return length == HEADER_BYTES ? 0 : -EBADMSG;
	case STORED_SPARSE:
		return read_sparse(sketch, data + HEADER_BYTES, length - HEADER_BYTES);
	case STORED_FULL:
		return read_full(sketch, data + HEADER_BYTES, length - HEADER_BYTES);
	default:
		return -EBADMSG;
	}
}
