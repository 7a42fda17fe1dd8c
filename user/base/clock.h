/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time. Wall-clock times are int64_t nanoseconds since 1970 (CLOCK_REALTIME); durations and
 * monotonic times are uint64_t nanoseconds. Code whose behaviour depends on the wall clock takes a
 * struct clock, so that tests step the clock and never the machine's.
 */
#ifndef CROSSTAP_BASE_CLOCK_H
#define CROSSTAP_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define NS_PER_US  1000LL
#define NS_PER_MS  1000000LL
#define NS_PER_S   1000000000LL
#define NS_PER_DAY (86400 * NS_PER_S)

struct clock {
	int64_t (*wall_ns)(void *context);
	void *context;
};

extern const struct clock clock_system;

static inline int64_t clock_wall_ns(const struct clock *clock)
{
	return clock->wall_ns(clock->context);
}

static inline uint64_t clock_monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* The UTC day of a wall-clock time, in days since 1970. */
static inline int64_t clock_day(int64_t wall_ns)
{
	return wall_ns / NS_PER_DAY - (wall_ns % NS_PER_DAY < 0);
}

/* Whether a day that a file has kept goes on: also tomorrow's, which had begun before the clock was
 * set back over midnight. */
static inline bool clock_day_goes_on(int64_t day, int64_t today)
{
	return day == today || day == today + 1;
}

/* Milliseconds until a monotonic time, for poll(2): not less than what is left; 0 when it is over.
 */
static inline int clock_left_ms(uint64_t until_ns)
{
	const uint64_t now_ns = clock_monotonic_ns();

	return until_ns <= now_ns ? 0 : (int)((until_ns - now_ns) / NS_PER_MS + 1);
}

/* CPU time that this thread, or with CLOCK_PROCESS_CPUTIME_ID the process, has used. */
static inline uint64_t clock_cpu_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

#endif
