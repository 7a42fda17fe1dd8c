/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the messages that the cross-check compares are spread over a window: counts by slices of a
 * power of two of nanoseconds, at most PACE_SLICES in a window, so that a message costs a shift and
 * an addition. The cross-check computes `boundary`, how many messages the other witness may have
 * counted in a neighbouring window, from the busiest slice, not from the window's mean.
 *
 * Messages within PACE_NEAR_NS of an edge are counted in finer slices as well: from these the
 * verdict knows how many messages a producer's clock can have moved over that edge.
 */
#ifndef CROSSTAP_STATS_PACE_H
#define CROSSTAP_STATS_PACE_H

#include "stats/key.h"

#include <stddef.h>

#define PACE_SLICES 64
#define PACE_ROWS   8 /* direction, udp or tcp, family */

/* 16 slices of a little over 1 ms: the furthest producer's lag and a flip that is not late. */
#define PACE_NEAR       16
#define PACE_NEAR_SHIFT 20
#define PACE_NEAR_NS    ((uint64_t)PACE_NEAR << PACE_NEAR_SHIFT)

struct pace {
	uint32_t slices[PACE_ROWS][PACE_SLICES];
	uint32_t first[PACE_ROWS][PACE_NEAR]; /* from the window's start on */
	uint32_t last[PACE_ROWS][PACE_NEAR];  /* from its end backwards */
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
static inline void pace_add(
    struct pace *pace, uint32_t row, int64_t since_ns, uint64_t interval_ns, uint32_t shift)
{
	const uint64_t since = (uint64_t)since_ns;
	const uint64_t slice = since >> shift;

	if (slice >= PACE_SLICES || since >= interval_ns)
		return;
	pace->slices[row][slice]++;
	if (since < PACE_NEAR_NS)
		pace->first[row][since >> PACE_NEAR_SHIFT]++;
	if (interval_ns - since <= PACE_NEAR_NS)
		pace->last[row][(interval_ns - since - 1) >> PACE_NEAR_SHIFT]++;
}

static inline void pace_merge(struct pace *into, const struct pace *from)
{
	for (size_t row = 0; row < PACE_ROWS; row++) {
		for (size_t slice = 0; slice < PACE_SLICES; slice++)
			into->slices[row][slice] += from->slices[row][slice];
		for (size_t slice = 0; slice < PACE_NEAR; slice++) {
			into->first[row][slice] += from->first[row][slice];
			into->last[row][slice] += from->last[row][slice];
		}
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

static inline uint64_t pace_sum(const uint32_t *slices, size_t from, size_t to)
{
	uint64_t sum = 0;

	for (size_t slice = from; slice < to; slice++)
		sum += slices[slice];
	return sum;
}

/* Messages up to `span_ns` after the window's start: all of them, and those of the rest of a slice
 * that begins within it. */
static inline uint64_t pace_first(
    const struct pace *pace, uint32_t row, uint64_t span_ns, uint64_t interval_ns)
{
	const uint32_t shift = pace_shift(interval_ns);
	const uint64_t to = (span_ns >> shift) + 1;

	if (span_ns < PACE_NEAR_NS)
		return pace_sum(pace->first[row], 0, (span_ns >> PACE_NEAR_SHIFT) + 1);
	return pace_sum(pace->slices[row], 0, to < PACE_SLICES ? to : PACE_SLICES);
}

/* Those within `span_ns` before its end, likewise. */
static inline uint64_t pace_last(
    const struct pace *pace, uint32_t row, uint64_t span_ns, uint64_t interval_ns)
{
	const uint64_t from = span_ns < interval_ns ? interval_ns - span_ns : 0;

	if (span_ns < PACE_NEAR_NS)
		return pace_sum(pace->last[row], 0, (span_ns >> PACE_NEAR_SHIFT) + 1);
	return pace_sum(pace->slices[row], from >> pace_shift(interval_ns), PACE_SLICES);
}

#endif
