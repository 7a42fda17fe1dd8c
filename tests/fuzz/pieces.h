/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutations that know how an input is made of pieces: frames, records, fields, lines. Each piece is
 * dropped, doubled, moved or changed within, and keeps a head that fits; the other half of the
 * mutations are libFuzzer's own, which know nothing.
 */
#ifndef CROSSTAP_FUZZ_PIECES_H
#define CROSSTAP_FUZZ_PIECES_H

#include <stddef.h>
#include <stdint.h>

#define PIECES_MAX 64

struct piece {
	size_t at, length; /* with its head */
	size_t head;       /* bytes that libFuzzer leaves alone */
};

struct pieces_format {
	/* Cuts the whole input; the last piece may be anything. Returns how many. */
	size_t (*split)(const uint8_t *data, size_t size, struct piece pieces[PIECES_MAX]);
	/* Writes the head of a piece whose length has changed; NULL: a head holds no length. */
	void (*fit)(uint8_t *piece, const struct piece *is);
	size_t shrink_only; /* != 0: a changed piece is at most so long, where it was not longer */
};

/* As LLVMFuzzerCustomMutator, of which it is the whole. */
size_t pieces_mutate(
    const struct pieces_format *format, uint8_t *data, size_t size, size_t max_size, unsigned seed);

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

#endif
