/* SPDX-License-Identifier: BSD-2-Clause */
#include "pieces.h"

#include <string.h>

#define MOST 65536

enum { DROP, DOUBLE, SWAP, CHANGE, WAYS };

/* A part of `data` is replaced; 0: there is no room. */
static size_t replace(uint8_t *data, size_t size, size_t max_size, size_t at, size_t length,
    const uint8_t *by, size_t bytes)
{
	if (size - length + bytes > max_size)
		return 0;
	memmove(data + at + bytes, data + at + length, size - at - length);
	memcpy(data + at, by, bytes);
	return size - length + bytes;
}

static size_t change(const struct pieces_format *format, uint8_t *data, size_t size,
    size_t max_size, const struct piece *is)
{
	static uint8_t copy[MOST];
	struct piece now = *is;
	size_t room = is->length + 64 < MOST ? is->length + 64 : MOST;

	if (is->length > MOST)
		return 0;
	if (format->shrink_only)
		room = is->length > format->shrink_only ? is->length : format->shrink_only;
	if (room <= is->head)
		return 0;
	memcpy(copy, data + is->at, is->length);
	now.length =
	    is->head + LLVMFuzzerMutate(copy + is->head, is->length - is->head, room - is->head);
	if (format->fit)
		format->fit(copy, &now);
	return replace(data, size, max_size, is->at, is->length, copy, now.length);
}

static size_t swap(uint8_t *data, size_t size, const struct piece *a, const struct piece *b)
{
	static uint8_t copy[MOST];
	size_t n = 0;

	if (a->at == b->at || b->at + b->length - a->at > MOST)
		return 0;
	memcpy(copy + n, data + b->at, b->length);
	n += b->length;
	memcpy(copy + n, data + a->at + a->length, b->at - a->at - a->length);
	n += b->at - a->at - a->length;
	memcpy(copy + n, data + a->at, a->length);
	memcpy(data + a->at, copy, n + a->length);
	return size;
}

size_t pieces_mutate(
    const struct pieces_format *format, uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static uint8_t copy[MOST];
	struct piece list[PIECES_MAX];
	const struct piece *one, *other;
	size_t n, r = 0;

	if (seed & 1)
		return LLVMFuzzerMutate(data, size, max_size);
	n = format->split(data, size, list);
	seed >>= 1;
	if (n) {
		one = &list[seed / WAYS % n];
		other = &list[seed / WAYS / n % n];
		switch (seed % WAYS) {
		case DROP:
			r = replace(data, size, max_size, one->at, one->length, copy, 0);
			break;
		case DOUBLE:
			if (one->length <= MOST) {
				memcpy(copy, data + one->at, one->length);
				r = replace(data, size, max_size, other->at, 0, copy, one->length);
			}
			break;
		case SWAP:
			r = one < other ? swap(data, size, one, other)
					: swap(data, size, other, one);
			break;
		default:
			r = change(format, data, size, max_size, one);
			break;
		}
	}
	return r ? r : LLVMFuzzerMutate(data, size, max_size);
}
