/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which windows are open, when each closes, and the time that its points carry. Knows nothing of
 * what is counted; reads no clock (`now_ns` is the wall clock, or, in replay, the newest
 * timestamp).
 *
 * Point times: a window's start; or, where it begins off the grid (start of the agent, clock
 * stepped back into a window that was written already), the millisecond in which it really began.
 * After the n-th backward step, times carry +n ms until the clock passes the newest
 * time written. So no series and time is written twice.
 */
#ifndef CROSSTAP_STATS_WINDOWS_H
#define CROSSTAP_STATS_WINDOWS_H

#include <stdbool.h>
#include <stdint.h>

#define WINDOWS_REMEMBERED 64

/* Which window of that length holds this time: floor, for times before 1970 as well. */
static inline int64_t window_index(int64_t time_ns, int64_t interval_ns)
{
	const int64_t index = time_ns / interval_ns;

	return index - (time_ns % interval_ns < 0);
}

/* Which times were written: what a successor must know so that it writes none of them again. Plain
 * data, which may outlive the process. */
struct windows_written {
	int64_t newest_ms;                       /* INT64_MIN: nothing yet */
	int64_t off_grid_ms[WINDOWS_REMEMBERED]; /* written off the grid, lately */
	uint32_t n_off_grid;
	uint32_t steps; /* backward: never again the same +n ms */
};

struct windows {
	int64_t interval_ns, grace_ns;
	int64_t oldest;      /* index of the oldest open window */
	int64_t begin_index; /* of the window that began off the grid, and when */
	int64_t begin_ms;    /* -1: none */
	struct windows_written written;
};

struct window_span {
	int64_t index;
	int64_t start_ns, end_ns; /* on the grid */
	int64_t time_ms;          /* of its points */
	bool partial;             /* began off the grid */
};

/* `on_grid`: the first window counts as whole (replay). */
void windows_init(
    struct windows *windows, int64_t interval_ns, int64_t grace_ns, int64_t now_ns, bool on_grid);
/* Goes on where an agent before this one was killed; before the first window closes. A clock that
 * was set back meanwhile is a backward step. */
void windows_continue(struct windows *windows, const struct windows_written *before);
int64_t windows_index(const struct windows *windows, int64_t time_ns);

/* When the oldest open window is due to close. */
int64_t windows_due_ns(const struct windows *windows);
/* The oldest open window is closed: its span, and the next one is the oldest. Also before it is
 * due, at the end. */
void windows_close(struct windows *windows, struct window_span *ret);
/* Leaps over windows that nobody can have counted in: `oldest` is the new oldest one. */
void windows_skip(struct windows *windows, int64_t oldest);

/* True if the clock stepped back into windows that are closed: close what is open, then
 * windows_reopen(). */
bool windows_stepped_back(const struct windows *windows, int64_t now_ns);
void windows_reopen(struct windows *windows, int64_t now_ns);
/* Another length from now on; everything open is closed. The next window begins off the grid. */
void windows_regrid(struct windows *windows, int64_t interval_ns, int64_t grace_ns, int64_t now_ns);

#endif
