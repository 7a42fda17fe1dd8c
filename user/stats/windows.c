/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/windows.h"

#include "base/clock.h"

int64_t windows_index(const struct windows *windows, int64_t time_ns)
{
	return window_index(time_ns, windows->interval_ns);
}

static void begin_off_grid(struct windows *windows, int64_t now_ns)
{
	windows->begin_index = windows->oldest;
	windows->begin_ms = now_ns / NS_PER_MS;
	/* An agent that stopped in this very millisecond may have written the grid's time. */
	if (windows->begin_ms * NS_PER_MS == windows->oldest * windows->interval_ns)
		windows->begin_ms++;
}

void windows_init(
    struct windows *windows, int64_t interval_ns, int64_t grace_ns, int64_t now_ns, bool on_grid)
{
	*windows = (struct windows){
	    .interval_ns = interval_ns,
	    .grace_ns = grace_ns,
	    .begin_ms = -1,
	    .written = {.newest_ms = INT64_MIN},
	};
	windows->oldest = windows_index(windows, now_ns);
	if (!on_grid)
		begin_off_grid(windows, now_ns);
}

/* Whether the clock was set back or not, the oldest open window begins where one was written. */
static void step_if_written(struct windows *windows)
{
	const int64_t begin_ms = windows->begin_ms >= 0
	    ? windows->begin_ms
	    : windows->oldest * windows->interval_ns / NS_PER_MS;

	if (begin_ms <= windows->written.newest_ms)
		windows->written.steps++;
}

void windows_continue(struct windows *windows, const struct windows_written *before)
{
	windows->written = *before;
	step_if_written(windows);
}

int64_t windows_due_ns(const struct windows *windows)
{
	return (windows->oldest + 1) * windows->interval_ns + windows->grace_ns;
}

static bool written_off_grid(const struct windows *windows, int64_t time_ms)
{
	for (unsigned i = 0; i < windows->written.n_off_grid && i < WINDOWS_REMEMBERED; i++) {
		if (windows->written.off_grid_ms[i] == time_ms)
			return true;
	}
	return false;
}

/* What the times of the n-th pass over windows that were written before are moved by: n ms, within
 * half a window. */
static int64_t pass_shift_ms(const struct windows *windows)
{
	const int64_t most_ms = windows->interval_ns / NS_PER_MS / 2;

	return (int64_t)(windows->written.steps - 1) % most_ms + 1;
}

/* Whether one of the passes so far may have written a window of the grid there. */
static bool on_a_pass(const struct windows *windows, int64_t time_ms)
{
	const int64_t interval_ms = windows->interval_ns / NS_PER_MS;
	const int64_t passes =
	    windows->written.steps < interval_ms / 2 ? windows->written.steps : interval_ms / 2;

	return time_ms <= windows->written.newest_ms && time_ms % interval_ms <= passes;
}

static int64_t point_time(struct windows *windows, int64_t start_ms, bool partial)
{
	const int64_t begin_ms = partial ? windows->begin_ms : start_ms;
	const bool again = windows->written.steps && begin_ms <= windows->written.newest_ms;
	int64_t time_ms = begin_ms + (again ? pass_shift_ms(windows) : 0);
	bool remember = partial;

	while (written_off_grid(windows, time_ms) ||
	    (partial && again && on_a_pass(windows, time_ms))) {
		time_ms++;
		remember = true;
	}
	if (remember)
		windows->written.off_grid_ms[windows->written.n_off_grid++ % WINDOWS_REMEMBERED] =
		    time_ms;
	if (time_ms > windows->written.newest_ms)
		windows->written.newest_ms = time_ms;
	return time_ms;
}

void windows_close(struct windows *windows, struct window_span *ret)
{
	const bool partial = windows->begin_ms >= 0 && windows->begin_index == windows->oldest;
	const int64_t start_ns = windows->oldest * windows->interval_ns;

	*ret = (struct window_span){
	    .index = windows->oldest,
	    .start_ns = start_ns,
	    .end_ns = start_ns + windows->interval_ns,
	    .time_ms = point_time(windows, start_ns / NS_PER_MS, partial),
	    .partial = partial,
	};
	if (partial)
		windows->begin_ms = -1;
	windows->oldest++;
}

void windows_skip(struct windows *windows, int64_t oldest)
{
	if (oldest > windows->oldest)
		windows->oldest = oldest;
}

bool windows_stepped_back(const struct windows *windows, int64_t now_ns)
{
	return windows_index(windows, now_ns) < windows->oldest;
}

void windows_reopen(struct windows *windows, int64_t now_ns)
{
	windows->oldest = windows_index(windows, now_ns);
	windows->written.steps++;
	begin_off_grid(windows, now_ns);
}

void windows_regrid(struct windows *windows, int64_t interval_ns, int64_t grace_ns, int64_t now_ns)
{
	windows->interval_ns = interval_ns;
	windows->grace_ns = grace_ns;
	windows->oldest = windows_index(windows, now_ns);
	begin_off_grid(windows, now_ns);
	/* A clock that was set back at this very moment, which nobody has looked at yet. */
	step_if_written(windows);
}
