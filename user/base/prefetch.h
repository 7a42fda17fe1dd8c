/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks for a cache line ahead of its use. GCC (12 at least) takes a function that does no more than
 * __builtin_prefetch() for one without an effect, and leaves out each call of it that it did not
 * write inline early: the empty asm is an effect.
 */
#ifndef CROSSTAP_BASE_PREFETCH_H
#define CROSSTAP_BASE_PREFETCH_H

/* `at` may point anywhere. */
static inline void prefetch(const void *at)
{
	__builtin_prefetch(at);
	__asm__ volatile("");
}

/* To be written to. */
static inline void prefetch_write(const void *at)
{
	__builtin_prefetch(at, 1);
	__asm__ volatile("");
}

#endif
