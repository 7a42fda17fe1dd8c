/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers that are the same in every run (xorshift64*, Vigna 2016). */
#ifndef CROSSTAP_TESTS_RANDOM_H
#define CROSSTAP_TESTS_RANDOM_H

#include <stdint.h>

static inline uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1d;
}

/* 0 to n - 1. */
static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)((random_next(state) >> 32) * n >> 32);
}

#endif
