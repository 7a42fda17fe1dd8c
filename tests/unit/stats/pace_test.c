/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/unused.h"
#include "stats/pace.h"

#define MS UINT64_C(1000000)

/* A window has at most PACE_SLICES of them, and more than half of that. */
static void a_window_has_room_for_its_slices(void **state UNUSED)
{
	for (uint64_t interval = 1000 * MS; interval <= 3600000 * MS; interval += 977 * MS) {
		const uint64_t slice = UINT64_C(1) << pace_shift(interval);

		assert_true(slice * PACE_SLICES >= interval);
		assert_true(slice / 2 * PACE_SLICES < interval);
	}
	assert_int_equal(pace_shift(1000 * MS), 24);
	assert_int_equal(pace_shift(10000 * MS), 28);
	assert_int_equal(pace_shift(UINT64_C(64) << 24), 24);
}

static void the_busiest_slice_is_found(void **state UNUSED)
{
	const uint32_t shift = pace_shift(1000 * MS), row = pace_row(1, 0, 1);
	struct pace pace, other;

	memset(&pace, 0, sizeof(pace));
	for (int i = 0; i < 10; i++)
		pace_add(&pace, row, (int64_t)(500 * MS), 1000 * MS, shift);
	for (int i = 0; i < 4; i++)
		pace_add(&pace, row, (int64_t)(1000 * MS) - 1, 1000 * MS, shift);
	for (int i = 0; i < 3; i++)
		pace_add(&pace, row, 0, 1000 * MS, shift);
	assert_int_equal(pace_peak(&pace, row, 0), 10);
	assert_int_equal(pace_tail(&pace, row, 1000 * MS), 4);
	assert_int_equal(pace_peak(&pace, pace_row(0, 0, 1), 0), 0);
	other = pace;
	pace_merge(&pace, &other);
	assert_int_equal(pace_peak(&pace, row, 0), 20);
}

/* Late and skewed ones. */
static void what_is_of_another_window_is_in_no_slice(void **state UNUSED)
{
	static const struct pace none;
	const uint64_t interval = UINT64_C(64) << 24;
	struct pace pace = none;

	pace_add(&pace, 0, -1, interval, 24);
	pace_add(&pace, 0, INT64_MIN, interval, 24);
	pace_add(&pace, 0, INT64_MAX, interval, 24);
	pace_add(&pace, 0, (int64_t)interval, interval, 24);
	pace_add(&pace, 0, (int64_t)(1000 * MS), 1000 * MS, 24); /* the last slice is cut */
	assert_memory_equal(&pace, &none, sizeof(pace));
	pace_add(&pace, PACE_ROWS - 1, (int64_t)interval - 1, interval, 24);
	assert_int_equal(pace.slices[PACE_ROWS - 1][PACE_SLICES - 1], 1);
}

static void expect_first(const struct pace *pace, uint64_t span_ns, uint64_t messages)
{
	assert_int_equal(pace_first(pace, 1, span_ns, 10000 * MS), messages);
	assert_int_equal(pace_last(pace, 1, span_ns, 10000 * MS), messages * 10);
}

/* One message at each distance from the start, ten from the end: none that lies within a span is
 * left out, and of others no more than share its slice. */
static void what_is_near_an_edge_is_counted(void **state UNUSED)
{
	static const int64_t near[] = {0, 4 * MS, 6 * MS, 11 * MS, 20 * MS, 300 * MS, 900 * MS};
	const int64_t interval = 10000 * MS;
	const uint32_t shift = pace_shift((uint64_t)interval);
	struct pace pace, other;

	memset(&pace, 0, sizeof(pace));
	for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
		pace_add(&pace, 1, near[i], (uint64_t)interval, shift);
		for (int n = 0; n < 10; n++)
			pace_add(&pace, 1, interval - 1 - near[i], (uint64_t)interval, shift);
	}
	expect_first(&pace, 0, 1);
	expect_first(&pace, 2 * MS, 1);
	expect_first(&pace, 5 * MS, 2);
	expect_first(&pace, 10 * MS, 3);
	expect_first(&pace, 15 * MS, 4);
	expect_first(&pace, 25 * MS, 5); /* the first of the 64 slices, 268 ms */
	assert_int_equal(pace_first(&pace, 1, 300 * MS, 10000 * MS), 6);
	assert_int_equal(pace_first(&pace, 1, 20000 * MS, 10000 * MS), 77);
	assert_int_equal(pace_last(&pace, 1, 20000 * MS, 10000 * MS), 77);
	other = pace;
	pace_merge(&pace, &other);
	expect_first(&pace, 10 * MS, 6);
	assert_int_equal(pace_first(&pace, 0, 10 * MS, 10000 * MS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_window_has_room_for_its_slices),
	    cmocka_unit_test(the_busiest_slice_is_found),
	    cmocka_unit_test(what_is_of_another_window_is_in_no_slice),
	    cmocka_unit_test(what_is_near_an_edge_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
