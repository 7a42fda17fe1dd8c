/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "counting.h"
#include "zones/zones.h"

#include "../random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void fill(struct cells *cells, uint64_t first, uint64_t n)
{
	for (uint64_t key = first; key < first + n; key++) {
		struct cell *cell = cells_at(cells, cells_hash(cells, key), key);

		assert_non_null(cell);
		assert_true(cell->key == key);
		cell->count += key;
	}
}

static void test_a_table_has_a_limit(void **state UNUSED)
{
	struct cells cells;

	assert_int_equal(cells_init(&cells, 0, &test_seed), 0);
	fill(&cells, 1, cells.limit);
	assert_null(cells_at(&cells, cells_hash(&cells, 100000), 100000));
	assert_null(cells_find(&cells, 100000));
	/* Those that are there are found still. */
	fill(&cells, 1, cells.limit);
	for (uint64_t key = 1; key <= cells.limit; key++)
		assert_true(cells_find(&cells, key)->count == 2 * key);
	cells_done(&cells);
}

static void test_resize_keeps_everything(void **state UNUSED)
{
	struct cells cells;
	uint32_t used;

	assert_int_equal(cells_init(&cells, 1024, &test_seed), 0);
	fill(&cells, 1, cells.limit);
	used = cells.used;
	assert_int_equal(cells_resize(&cells, 4096), 0);
	assert_int_equal(cells.used, used);
	for (uint64_t key = 1; key <= used; key++)
		assert_true(cells_find(&cells, key)->count == key);
	assert_true(cells_resize(&cells, 256) < 0); /* too small: as it was */
	assert_int_equal(cells.used, used);
	assert_true(cells_find(&cells, used)->count == used);
	cells_done(&cells);
}

static void test_clear_doubles_a_busy_table(void **state UNUSED)
{
	struct cells cells;

	assert_int_equal(cells_init(&cells, 256, &test_seed), 0);
	fill(&cells, 1, cells.limit);
	assert_int_equal(cells_clear(&cells, 512), 0);
	assert_int_equal(cells.mask, 511);
	assert_int_equal(cells.used, 0);
	assert_null(cells_find(&cells, 1));
	fill(&cells, 1, cells.limit);
	assert_int_equal(cells_clear(&cells, 512), 0);
	assert_int_equal(cells.mask, 511); /* no further */
	assert_null(cells_find(&cells, 1));
	cells_done(&cells);
}

static void test_sort(void **state UNUSED)
{
	const struct cell *list;
	struct cells cells;
	uint64_t random = 61;
	size_t n;

	assert_int_equal(cells_init(&cells, 4096, &test_seed), 0);
	for (int i = 0; i < 2000; i++) {
		const uint64_t key = random_next(&random) | 1;

		cells_at(&cells, cells_hash(&cells, key), key)->count = key;
	}
	n = cells_sort(&cells, &list);
	assert_int_equal(n, 2000);
	for (size_t i = 0; i < n; i++) {
		assert_true(list[i].count == list[i].key);
		if (i)
			assert_true(list[i - 1].key < list[i].key);
	}
	cells_done(&cells);
}

/* Of bytes the sum, of response times the largest; and they grow without end. */
static void test_margins_add_and_merge(void **state UNUSED)
{
	const uint64_t bytes = margin_key(3, MARGIN_MESSAGES, 1, 2, 1, 0);
	const uint64_t latency = margin_key(3, MARGIN_LATENCY, 0, 2, 0, 77);
	struct cells a, b;

	assert_int_equal(cells_init(&a, 0, &test_seed), 0);
	assert_int_equal(cells_init(&b, 0, &test_seed), 0);
	assert_int_equal(margins_add(&a, bytes, 2, 100), 0);
	assert_int_equal(margins_add(&b, bytes, 3, 50), 0);
	assert_int_equal(margins_add(&a, latency, 2, 100), 0);
	assert_int_equal(margins_add(&b, latency, 3, 50), 0);
	for (uint32_t value = 0; value < 5000; value++)
		assert_int_equal(
		    margins_add(&b, margin_key(1, MARGIN_QTYPE, 0, 0, 0, value), 1, 0), 0);
	assert_int_equal(margins_merge(&a, &b), 0);
	assert_int_equal(cells_find(&a, bytes)->count, 5);
	assert_int_equal(cells_find(&a, bytes)->amount, 150);
	assert_int_equal(cells_find(&a, latency)->count, 5);
	assert_int_equal(cells_find(&a, latency)->amount, 100);
	for (uint32_t value = 0; value < 5000; value++)
		assert_int_equal(
		    cells_find(&a, margin_key(1, MARGIN_QTYPE, 0, 0, 0, value))->count, 1);
	assert_int_equal(a.used, 5002);
	cells_done(&a);
	cells_done(&b);
}

static void test_margin_keys_hold_their_parts(void **state UNUSED)
{
	uint64_t random = 62;

	for (int i = 0; i < 100000; i++) {
		const uint32_t zone = random_below(&random, ZONES_MAX);
		const enum margin margin = (enum margin)(1 + random_below(&random, 12));
		const uint32_t direction = random_below(&random, 2);
		const uint32_t transport = random_below(&random, TRANSPORT_COUNT);
		const uint32_t family = random_below(&random, 2);
		const uint32_t value = random_below(&random, 65536);
		const uint64_t key = margin_key(zone, margin, direction, transport, family, value);

		assert_int_equal(margin_zone(key), zone);
		assert_int_equal(margin_kind(key), margin);
		assert_int_equal(margin_direction(key), direction);
		assert_int_equal(margin_transport(key), transport);
		assert_int_equal(margin_family(key), family);
		assert_int_equal(margin_value(key), value);
		assert_true(key != 0);
	}
}

static void test_size_bins(void **state UNUSED)
{
	assert_int_equal(key_size_bin(0), 0);
	assert_int_equal(key_size_bin(15), 0);
	assert_int_equal(key_size_bin(16), 1);
	assert_int_equal(key_size_bin(4095), 255);
	assert_int_equal(key_size_bin(4096), 256);
	assert_int_equal(key_size_bin(UINT32_MAX), 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_table_has_a_limit),
	    cmocka_unit_test(test_resize_keeps_everything),
	    cmocka_unit_test(test_clear_doubles_a_busy_table),
	    cmocka_unit_test(test_sort),
	    cmocka_unit_test(test_margins_add_and_merge),
	    cmocka_unit_test(test_margin_keys_hold_their_parts),
	    cmocka_unit_test(test_size_bins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
