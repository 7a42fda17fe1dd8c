/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "stats/windows.h"

#include "../random.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define INTERVAL_NS (10 * NS_PER_S)
#define GRACE_NS    (2 * NS_PER_S)
#define START_NS    (1700000000 * NS_PER_S)

static struct window_span close_one(struct windows *windows)
{
	struct window_span span;

	windows_close(windows, &span);
	return span;
}

static void test_grid(void **state UNUSED)
{
	struct windows windows;
	struct window_span span;

	windows_init(&windows, INTERVAL_NS, GRACE_NS, START_NS + 3 * NS_PER_S, true);
	assert_true(windows_due_ns(&windows) == START_NS + INTERVAL_NS + GRACE_NS);
	for (int i = 0; i < 3; i++) {
		span = close_one(&windows);
		assert_true(span.start_ns == START_NS + i * INTERVAL_NS);
		assert_true(span.end_ns == span.start_ns + INTERVAL_NS);
		assert_true(span.time_ms == span.start_ns / NS_PER_MS);
		assert_true(span.index == span.start_ns / INTERVAL_NS);
		assert_false(span.partial);
	}
}

static void test_times_before_1970(void **state UNUSED)
{
	struct windows windows;

	windows_init(&windows, INTERVAL_NS, GRACE_NS, -1, true);
	assert_true(windows_index(&windows, -1) == -1);
	assert_true(windows_index(&windows, -INTERVAL_NS) == -1);
	assert_true(windows_index(&windows, -INTERVAL_NS - 1) == -2);
	assert_true(windows_index(&windows, 0) == 0);
	assert_true(close_one(&windows).start_ns == -INTERVAL_NS);
}

static void test_a_start_is_off_the_grid(void **state UNUSED)
{
	struct windows windows;
	struct window_span span;

	windows_init(&windows, INTERVAL_NS, GRACE_NS, START_NS + 3004 * NS_PER_MS + 7, false);
	span = close_one(&windows);
	assert_true(span.partial);
	assert_true(span.start_ns == START_NS);
	assert_true(span.time_ms == START_NS / NS_PER_MS + 3004);
	span = close_one(&windows);
	assert_false(span.partial);
	assert_true(span.time_ms == START_NS / NS_PER_MS + 10000);
}

/* The predecessor's window began on the grid: its points must not be overwritten. */
static void test_a_start_on_the_grid_moves_off_it(void **state UNUSED)
{
	struct windows windows;

	windows_init(&windows, INTERVAL_NS, GRACE_NS, START_NS, false);
	assert_true(close_one(&windows).time_ms == START_NS / NS_PER_MS + 1);
}

static void test_backward_steps_add_milliseconds(void **state UNUSED)
{
	const int64_t start_ms = START_NS / NS_PER_MS;
	struct windows windows;

	windows_init(&windows, INTERVAL_NS, GRACE_NS, START_NS, true);
	for (int i = 0; i < 5; i++)
		close_one(&windows);
	assert_false(windows_stepped_back(&windows, START_NS + 5 * INTERVAL_NS));
	assert_true(windows_stepped_back(&windows, START_NS + 5 * INTERVAL_NS - 1));
	windows_reopen(&windows, START_NS + 2 * INTERVAL_NS + 4321 * NS_PER_MS);
	assert_true(close_one(&windows).time_ms == start_ms + 20000 + 4321 + 1);
	assert_true(close_one(&windows).time_ms == start_ms + 30000 + 1);
	windows_reopen(&windows, START_NS + 3 * INTERVAL_NS + 5 * NS_PER_MS);
	assert_true(close_one(&windows).time_ms == start_ms + 30000 + 5 + 2);
	assert_true(close_one(&windows).time_ms == start_ms + 40000 + 2);
	/* The clock has passed the newest time written. */
	assert_true(close_one(&windows).time_ms == start_ms + 50000);
	/* The next step does not meet the +1 of the first one. */
	windows_reopen(&windows, START_NS + 2 * INTERVAL_NS + 4321 * NS_PER_MS);
	assert_true(close_one(&windows).time_ms == start_ms + 20000 + 4321 + 3);
	assert_true(close_one(&windows).time_ms == start_ms + 30000 + 3);
}

/* A step that begins just where an earlier pass wrote. */
static void test_a_partial_window_avoids_what_passes_wrote(void **state UNUSED)
{
	const int64_t start_ms = START_NS / NS_PER_MS;
	struct windows windows;

	windows_init(&windows, INTERVAL_NS, GRACE_NS, START_NS, true);
	for (int i = 0; i < 3; i++)
		close_one(&windows);
	windows_reopen(&windows, START_NS + INTERVAL_NS - NS_PER_MS); /* + 1 ms is window 1's */
	assert_true(close_one(&windows).time_ms == start_ms + 10002);
	assert_true(close_one(&windows).time_ms == start_ms + 10001);
}

static void test_skip(void **state UNUSED)
{
	struct windows windows;
	const int64_t first = START_NS / INTERVAL_NS;

	windows_init(&windows, INTERVAL_NS, GRACE_NS, START_NS, true);
	windows_skip(&windows, first + 1000);
	assert_true(close_one(&windows).index == first + 1000);
	windows_skip(&windows, first); /* never back */
	assert_true(close_one(&windows).index == first + 1001);
}

/* Killed, and started again after the clock was set back over what it had written. */
static void test_a_successor_goes_on(void **state UNUSED)
{
	const int64_t start_ms = START_NS / NS_PER_MS;
	struct windows killed, windows;

	windows_init(&killed, INTERVAL_NS, GRACE_NS, START_NS, true);
	for (int i = 0; i < 4; i++)
		close_one(&killed);
	windows_init(&windows, INTERVAL_NS, GRACE_NS, START_NS + 12345 * NS_PER_MS, false);
	windows_continue(&windows, &killed.written);
	assert_true(close_one(&windows).time_ms == start_ms + 12345 + 1);
	assert_true(close_one(&windows).time_ms == start_ms + 20000 + 1);
	/* And its successor; it began where that one did. */
	killed = windows;
	windows_init(&windows, INTERVAL_NS, GRACE_NS, START_NS + 12344 * NS_PER_MS, false);
	windows_continue(&windows, &killed.written);
	assert_true(close_one(&windows).time_ms == start_ms + 12344 + 3);
	assert_true(close_one(&windows).time_ms == start_ms + 20000 + 2);
	assert_true(close_one(&windows).time_ms == start_ms + 30000 + 2);
	assert_true(close_one(&windows).time_ms == start_ms + 40000);
}

static void test_a_successor_in_time_is_on_the_grid(void **state UNUSED)
{
	const int64_t start_ms = START_NS / NS_PER_MS;
	struct windows killed, windows;

	windows_init(&killed, INTERVAL_NS, GRACE_NS, START_NS, true);
	close_one(&killed);
	windows_init(&windows, INTERVAL_NS, GRACE_NS, START_NS + 13 * NS_PER_S, false);
	windows_continue(&windows, &killed.written);
	assert_true(close_one(&windows).time_ms == start_ms + 13000);
	assert_true(close_one(&windows).time_ms == start_ms + 20000);
	assert_int_equal(windows.written.steps, 0);
}

static int compare_times(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* A clock that walks, leaps ahead and steps back, as the live report follows it: no time is
 * written twice. Steps of a few ms make near misses likely. */
static void walk_clock(uint64_t random, int64_t interval_ns)
{
	static int64_t times[20000];
	struct windows windows;
	int64_t now = START_NS + random_below(&random, 1000) * NS_PER_MS;
	int64_t newest = now;
	size_t n = 0;
	int back = 0;

	windows_init(&windows, interval_ns, interval_ns / 5, now, false);
	for (int turn = 0; turn < 20000 && n < 19000; turn++) {
		struct window_span span;
		const uint32_t what = random_below(&random, 400);

		if (what == 0)
			now += random_below(&random, 20) * interval_ns;
		else if (what == 1 && back < 50 && ++back)
			now -= random_below(&random, 40) * interval_ns +
			    (int64_t)random_below(&random, 5) * NS_PER_MS;
		else if (what == 2 && back < 50 && ++back) /* to just around the grid */
			now = windows_index(&windows, now - 3 * interval_ns) * interval_ns +
			    ((int64_t)random_below(&random, 9) - 4) * NS_PER_MS;
		else
			now += random_below(&random, 300) * NS_PER_MS;
		if (windows_stepped_back(&windows, now)) {
			/* Two windows are open at most: the oldest, and the newest seen. */
			while (windows.oldest <= windows_index(&windows, newest)) {
				windows_close(&windows, &span);
				times[n++] = span.time_ms;
			}
			windows_reopen(&windows, now);
			newest = now;
		}
		if (newest < now)
			newest = now;
		while (now >= windows_due_ns(&windows)) {
			windows_close(&windows, &span);
			times[n++] = span.time_ms;
			assert_true(span.time_ms >= span.start_ns / NS_PER_MS);
			assert_true(span.time_ms <= span.end_ns / NS_PER_MS + 200);
		}
	}
	assert_true(n > 500);
	qsort(times, n, sizeof(times[0]), compare_times);
	for (size_t i = 1; i < n; i++)
		assert_true(times[i] != times[i - 1]);
}

static void test_no_time_is_written_twice(void **state UNUSED)
{
	for (uint64_t seed = 1; seed <= 150; seed++) {
		walk_clock(seed * 7919, NS_PER_S);
		walk_clock(seed * 104729, 10 * NS_PER_S);
	}
}

/* The clock was set back, and a reload comes before anybody looks at it. */
static void test_a_new_length_after_a_step_back(void **state UNUSED)
{
	struct windows windows;
	int64_t times[40];
	int n = 0;

	windows_init(&windows, INTERVAL_NS, GRACE_NS, START_NS, true);
	for (int i = 0; i < 4; i++)
		times[n++] = close_one(&windows).time_ms;
	windows_regrid(&windows, 2 * NS_PER_S, NS_PER_S, START_NS + 8 * NS_PER_S + 7 * NS_PER_MS);
	for (int i = 0; i < 20; i++)
		times[n++] = close_one(&windows).time_ms;
	for (int i = 0; i < n; i++) {
		for (int j = 0; j < i; j++)
			assert_true(times[i] != times[j]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_grid),
	    cmocka_unit_test(test_times_before_1970),
	    cmocka_unit_test(test_a_start_is_off_the_grid),
	    cmocka_unit_test(test_a_start_on_the_grid_moves_off_it),
	    cmocka_unit_test(test_backward_steps_add_milliseconds),
	    cmocka_unit_test(test_a_partial_window_avoids_what_passes_wrote),
	    cmocka_unit_test(test_a_new_length_after_a_step_back),
	    cmocka_unit_test(test_skip),
	    cmocka_unit_test(test_a_successor_goes_on),
	    cmocka_unit_test(test_a_successor_in_time_is_on_the_grid),
	    cmocka_unit_test(test_no_time_is_written_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
