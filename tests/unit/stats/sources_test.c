/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "counting.h"
#include "stats/sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void fill(struct sources *sources, uint64_t n)
{
	for (uint64_t i = 1; i <= n; i++) {
		const uint64_t address[2] = {i, 0};
		struct source *source =
		    sources_at(sources, source_hash(&test_seed, address, 0), address, 0);

		assert_non_null(source);
		source->transports = 1;
		sources_add_bytes(sources, source, i);
		if (sources->has_traits)
			sources_traits(source)->narrow = 1;
	}
}

static void check_empty(const struct sources *sources)
{
	assert_int_equal(sources->used, 0);
	assert_false(sources->has_bytes);
	for (size_t i = 0; i < sources->size; i++) {
		assert_int_equal(sources_slot(sources, i)->transports, 0);
		assert_int_equal(sources->bytes[i], 0);
		assert_int_equal(sources_traits(sources_slot(sources, i))->narrow, 0);
	}
}

/* The slots of a table of `slots` after a window with `n` sources. */
static size_t slots_after(size_t slots, size_t n, size_t most)
{
	struct sources sources;
	size_t left;

	assert_int_equal(sources_init(&sources, slots), 0);
	assert_int_equal(sources_want_traits(&sources, true), 0);
	fill(&sources, n);
	assert_int_equal(sources_clear(&sources, most), 0);
	check_empty(&sources);
	left = sources.size;
	sources_done(&sources);
	return left;
}

static void test_a_small_table_grows_when_full(void **state UNUSED)
{
	assert_int_equal(slots_after(8192, 8192 / 4 * 3 - 1, 1 << 20), 8192);
	assert_int_equal(slots_after(8192, 8192 / 4 * 3, 1 << 20), 12288);
	assert_int_equal(slots_after(8192, 8192 / 4 * 3, 8192), 8192);
}

/* It cannot grow while its window is open. */
static void test_a_large_table_doubles_when_half_full(void **state UNUSED)
{
	const size_t half = SOURCES_GROW_SLOTS / 8 * 3;

	assert_int_equal(slots_after(SOURCES_GROW_SLOTS, half - 1, 1 << 20), SOURCES_GROW_SLOTS);
	assert_int_equal(slots_after(SOURCES_GROW_SLOTS, half, 1 << 20), 2 * SOURCES_GROW_SLOTS);
}

static void test_a_table_that_is_nearly_empty_halves(void **state UNUSED)
{
	assert_int_equal(slots_after(8192, 8192 / 32 * 3, 1 << 20), 8192);
	assert_int_equal(slots_after(8192, 8192 / 32 * 3 - 1, 1 << 20), 4096);
	assert_int_equal(slots_after(1024, 0, 1 << 20), 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_small_table_grows_when_full),
	    cmocka_unit_test(test_a_large_table_doubles_when_half_full),
	    cmocka_unit_test(test_a_table_that_is_nearly_empty_halves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
