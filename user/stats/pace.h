/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a window's compared messages are spread over it: counts by slices of a power of two of
 * nanoseconds, at most PACE_SLICES in a window, so that a message costs a shift and an addition.
 * What belongs next door is reckoned by the busiest slice, not by the window's mean.
 */
#ifndef CROSSTAP_STATS_PACE_H
#define CROSSTAP_STATS_PACE_H

#include "stats/key.h"

#include <stddef.h>

#define PACE_SLICES 64
#define PACE_ROWS   8 /* direction, udp or tcp, family */

struct pace {
	uint32_t slices[PACE_ROWS][PACE_SLICES];
};

/* A slice's length is 1 << this. 17 ms for windows of 1 s, 268 ms for 10 s. */
static inline uint32_t pace_shift(uint64_t interval_ns)
{
	const uint64_t least = (interval_ns + PACE_SLICES - 1) / PACE_SLICES;

	return least > 1 ? 64u - (uint32_t)__builtin_clzll(least - 1) : 0;
}

static inline uint32_t pace_row(uint32_t direction, uint32_t transport, uint32_t family)
{
	return direction << 2 | transport << 1 | family;
}

/* A message `since_ns` after the window's start; what lies outside of the window is not counted. */
static inline void pace_add(struct pace *pace, uint32_t row, int64_t since_ns, uint32_t shift)
{
	const uint64_t slice = (uint64_t)since_ns >> shift;

	if (slice < PACE_SLICES)
		pace->slices[row][slice]++;
}

static inline void pace_merge(struct pace *into, const struct pace *from)
{
	for (size_t row = 0; row < PACE_ROWS; row++) {
		for (size_t slice = 0; slice < PACE_SLICES; slice++)
			into->slices[row][slice] += from->slices[row][slice];
	}
}

/* Of the slices from `first` on. */
static inline uint64_t pace_peak(const struct pace *pace, uint32_t row, size_t first)
{
	uint64_t peak = 0;

	for (size_t slice = first; slice < PACE_SLICES; slice++)
		peak = pace->slices[row][slice] > peak ? pace->slices[row][slice] : peak;
	return peak;
}

/* Of the last whole slice and what follows it. */
static inline uint64_t pace_tail(const struct pace *pace, uint32_t row, uint64_t interval_ns)
{
	const uint64_t whole = interval_ns >> pace_shift(interval_ns);

	return pace_peak(pace, row, whole ? whole - 1 : 0);
}

#endif
