/* SPDX-License-Identifier: BSD-2-Clause */
/* The cube: its sizes, and what its cells cannot hold. */
#include "base/hist.h"
#include "base/unused.h"
#include "counting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void fill(struct cube *cube, uint64_t n)
{
	for (uint64_t key = 1; key <= n; key++) {
		struct cube_cell *cell = cube_at(cube, cube_hash(cube, key), key);

		assert_non_null(cell);
		assert_true(cell->key == key);
		cell->count++;
	}
}

static void test_growing_keeps_everything(void **state UNUSED)
{
	struct cube cube;
	uint32_t used;

	assert_int_equal(cube_init(&cube, 256, &test_seed), 0);
	used = cube.limit;
	fill(&cube, used);
	assert_null(cube_at(&cube, cube_hash(&cube, 100000), 100000));
	assert_int_equal(cube_grow(&cube), 0);
	assert_int_equal(cube.mask, 511);
	fill(&cube, used);
	assert_int_equal(cube.used, used);
	for (uint64_t key = 1; key <= used; key++)
		assert_int_equal(cube_at(&cube, cube_hash(&cube, key), key)->count, 2);
	cube_done(&cube);
}

/* The slots after a window in which so many cells were used, `rest` of them after a restart. */
static size_t slots_after(size_t slots, uint64_t used, uint64_t rest, size_t most)
{
	struct cube cube;
	size_t left;

	assert_int_equal(cube_init(&cube, slots, &test_seed), 0);
	fill(&cube, used);
	cube_restart(&cube);
	fill(&cube, rest);
	cube_clear(&cube, most);
	left = (size_t)cube.mask + 1;
	assert_int_equal(cube.used, 0);
	assert_int_equal(cube.most, 0);
	for (size_t i = 0; i < left; i++)
		assert_true(cube.cells[i].key == 0);
	cube_done(&cube);
	return left;
}

static void test_a_window_sizes_the_next_one(void **state UNUSED)
{
	const uint64_t limit = 8192 / 8 * 5;

	assert_int_equal(slots_after(8192, limit, 0, 16384), 16384);
	assert_int_equal(slots_after(8192, 0, limit, 16384), 16384);
	assert_int_equal(slots_after(8192, limit, 7, 8192), 8192); /* no further */
	assert_int_equal(slots_after(8192, limit - 1, limit / 8, 16384), 8192);
	assert_int_equal(slots_after(8192, limit / 8, 0, 16384), 8192);
	assert_int_equal(slots_after(8192, limit / 8 - 1, 1, 16384), 4096);
	assert_int_equal(slots_after(CUBE_LEAST_SLOTS, 0, 0, 16384), CUBE_LEAST_SLOTS);
}

/* A report sums every window's cube: that alone says nothing of its size. */
static void test_a_report_does_not_make_it_grow(void **state UNUSED)
{
	struct collector_config config = test_config();
	struct shard *shard;

	config.limits.cube_slots = 1 << 20;
	assert_int_equal(shard_new(&shard, &config.limits, &test_seed), 0);
	for (int i = 0; i < 3; i++) {
		shard_fold(shard);
		shard_clear(shard, &config.limits);
		assert_int_equal(shard->cube.mask + 1, CUBE_LEAST_SLOTS);
	}
	shard_free(shard);
}

static struct cube_cell *cell_of(struct shard *shard, enum cube_kind kind)
{
	for (size_t i = 0; i <= shard->cube.mask; i++)
		if (shard->cube.cells[i].key && cube_kind(shard->cube.cells[i].key) == kind)
			return &shard->cube.cells[i];
	return NULL;
}

/* A response to a query of `latency_ns` before. */
static void respond(struct collector *collector, int64_t latency_ns)
{
	struct sample s;

	sample_init(&s, RECORD_AUTH_RESPONSE, 1, 1, T0_NS);
	s.record.has |= RECORD_QUERY_TIME;
	s.record.query_time_ns = T0_NS - latency_ns;
	take_one(collector, &s, T0_NS);
}

static const struct cell *latency_cell(const struct shard *total, int64_t latency_ns)
{
	return cells_find(&total->margins,
	    margin_key(0, MARGIN_LATENCY, 0, 0, 0, hist_bucket((uint64_t)latency_ns)));
}

/* Counters that are full are carried to the margins. */
static void full_counters(uint32_t count, uint32_t bytes)
{
	const struct collector_config config = test_config();
	struct collector *collector = NULL;
	struct shard *shards[COLLECTOR_MAX_SHARDS], *total;
	const struct cell *cell;

	assert_int_equal(collector_new(&collector, &config), 0);
	respond(collector, 1000);
	assert_int_equal(collector_close(collector, T0_NS / config.interval_ns + 1, shards), 1);
	cell_of(shards[0], CUBE_MESSAGE)->count = count;
	cell_of(shards[0], CUBE_MESSAGE)->amount = bytes;
	cell_of(shards[0], CUBE_OTHER)->count = count;
	collector_reopen(collector, INT64_MIN);
	collector_give(collector, shards[0]);
	for (int i = 0; i < 2; i++)
		respond(collector, 1000);
	total = collect(collector);
	cell = cells_find(&total->margins, margin_key(0, MARGIN_MESSAGES, DIR_RESPONSE, 0, 0, 0));
	assert_true(cell->count == (uint64_t)count + 2);
	assert_true(cell->amount == (uint64_t)bytes + 2 * 12);
	assert_true(latency_cell(total, 1000)->count == (uint64_t)count + 2);
	assert_int_equal(latency_cell(total, 1000)->amount, 1000);
	assert_int_equal(total->lost, 0);
	shard_free(total);
	collector_free(collector);
}

static void test_full_counters_are_carried(void **state UNUSED)
{
	full_counters(5, 100);
	full_counters(UINT32_MAX, 0);
	full_counters(UINT32_MAX - 1, 100);
	full_counters(5, UINT32_MAX);
	full_counters(5, UINT32_MAX - 11);
	full_counters(5, UINT32_MAX - 12);
	full_counters(UINT32_MAX, UINT32_MAX);
}

/* Over four seconds do not fit into a cell. */
static void test_long_response_times_are_exact(void **state UNUSED)
{
	const int64_t times[] = {UINT32_MAX, (int64_t)UINT32_MAX + 1, 4400000000, 60 * NS_PER_S};
	const struct collector_config config = test_config();
	struct collector *collector = NULL;
	struct shard *total;

	assert_int_equal(collector_new(&collector, &config), 0);
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		respond(collector, times[i]);
	respond(collector, 60 * NS_PER_S);
	total = collect(collector);
	assert_int_equal(latency_cell(total, 4400000000)->amount, 4400000000);
	assert_int_equal(latency_cell(total, 60 * NS_PER_S)->amount, 60 * NS_PER_S);
	assert_int_equal(latency_cell(total, 60 * NS_PER_S)->count, 2);
	assert_true(latency_cell(total, UINT32_MAX)->amount >= UINT32_MAX);
	shard_free(total);
	collector_free(collector);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_growing_keeps_everything),
	    cmocka_unit_test(test_a_window_sizes_the_next_one),
	    cmocka_unit_test(test_a_report_does_not_make_it_grow),
	    cmocka_unit_test(test_full_counters_are_carried),
	    cmocka_unit_test(test_long_response_times_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
