/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

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
		pace_add(&pace, row, (int64_t)(500 * MS), shift);
	for (int i = 0; i < 4; i++)
		pace_add(&pace, row, (int64_t)(1000 * MS) - 1, shift);
	for (int i = 0; i < 3; i++)
		pace_add(&pace, row, 0, shift);
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
	struct pace pace = none;

	pace_add(&pace, 0, -1, 24);
	pace_add(&pace, 0, INT64_MIN, 24);
	pace_add(&pace, 0, INT64_MAX, 24);
	pace_add(&pace, 0, INT64_C(64) << 24, 24);
	assert_memory_equal(&pace, &none, sizeof(pace));
	pace_add(&pace, PACE_ROWS - 1, (INT64_C(64) << 24) - 1, 24);
	assert_int_equal(pace.slices[PACE_ROWS - 1][PACE_SLICES - 1], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_window_has_room_for_its_slices),
	    cmocka_unit_test(the_busiest_slice_is_found),
	    cmocka_unit_test(what_is_of_another_window_is_in_no_slice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
