/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which windows are open, when each closes, and the time that its points carry. The agent's main
 * thread owns it (agent/agent_windows.c), in replay the thread that reads. It knows nothing of
 * what is counted and reads no clock: `now_ns` is the wall clock, or, in replay, the newest
 * timestamp.
 *
 * A window's life:
 *
 *   start                                    end                         due = end + grace
 *   |--------------- interval ---------------|---------- grace ----------|
 *   |                                        |                           |
 *   | each input's thread counts a frame in the window of its timestamp  | a frame for a window
 *   | (collector_take()), also those that producers hand over later: ----| that is closed joins
 *   |                                        |                           | the oldest open one,
 *   | the kernel, or a packet socket's       |                           | as `late`
 *   | thread, counts packets as they come    |                           |
 *   |                                        | wire_tick() flips: what comes from here on
 *   |                                        | counts in the next window
 *   |                                        |--| settled (10 ms; 150 ms with packet sockets):
 *   |                                           | wire_tick() reads the closed window, and keeps it
 *
 * When it is due the main thread does all of this in one turn (agent_tick()):
 *
 *   closed     every input's thread passes its shards on (collector_close()), all at the same time;
 *              windows_close() fixes the time of the points
 *   merged     report_span() adds the shards of all inputs up (shard_merge()), and with them those
 *              of earlier windows that an input passed on too late
 *   arranged   report_window(): by zone, sources counted, lists ranked (view_make())
 *   enriched   countries, ASes and distances of resolvers; the day's files of RSSAC002
 *   compared   crosscheck_window() with the wire's window, which wire_get() waits for if need be
 *   encoded    once for each format that an output wants
 *   handed on  to the queue of every sink, each of which delivers in a thread of its own, and to
 *              the board, where the threads of HTTP read it
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
