/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/hist.h"
#include "base/unused.h"

#include "../random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void check_value(uint64_t value)
{
	const uint32_t bucket = hist_bucket(value);
	const double off = fabs(hist_middle(bucket) - (double)value);

	assert_true(bucket < HIST_BUCKETS);
	assert_true(hist_lower(bucket) <= value);
	if (bucket + 1 < HIST_BUCKETS)
		assert_true(value < hist_lower(bucket + 1));
	assert_true(off <= (double)value * 0.008);
}

static void test_every_value_is_near_its_middle(void **state UNUSED)
{
	uint64_t seed = 1;

	for (uint64_t value = 0; value < 100000; value++)
		check_value(value);
	for (unsigned bit = 0; bit < 64; bit++) {
		check_value(1ull << bit);
		check_value((1ull << bit) - 1);
		check_value((1ull << bit) + 1);
		for (int i = 0; i < 1000; i++)
			check_value(random_next(&seed) >> bit);
	}
	check_value(UINT64_MAX);
	assert_int_equal(hist_bucket(UINT64_MAX), HIST_BUCKETS - 1);
}

static void test_buckets_are_contiguous(void **state UNUSED)
{
	for (uint32_t bucket = 0; bucket < HIST_BUCKETS; bucket++)
		assert_int_equal(hist_bucket(hist_lower(bucket)), bucket);
}

static int compare_values(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Against the sorted values themselves: nearest rank. */
static void test_quantiles_are_within_a_percent(void **state UNUSED)
{
	static const double quantiles[] = {0.001, 0.5, 0.9, 0.99, 0.999, 1};
	static struct hist_count counts[HIST_BUCKETS], list[HIST_BUCKETS];
	static uint64_t values[20001];
	const size_t n = sizeof(values) / sizeof(values[0]);
	uint64_t seed = 2;
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		values[i] = random_next(&seed) >> (20 + random_below(&seed, 40));
		counts[hist_bucket(values[i])].count++;
	}
	for (uint32_t bucket = 0; bucket < HIST_BUCKETS; bucket++) {
		if (counts[bucket].count)
			list[used++] = (struct hist_count){bucket, counts[bucket].count};
	}
	qsort(values, n, sizeof(values[0]), compare_values);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		const size_t rank = (size_t)ceil(quantiles[i] * (double)n);
		const double exact = (double)values[rank - 1];
		const double found = hist_quantile(list, used, quantiles[i]);

		assert_true(fabs(found - exact) <= exact * 0.01);
	}
}

static void test_quantiles_of_few(void **state UNUSED)
{
	const struct hist_count one = {5, 1}, two[] = {{5, 1}, {9, 1}};

	assert_true(hist_quantile(NULL, 0, 0.5) == 0);
	assert_true(hist_quantile(&one, 1, 0.01) == 5);
	assert_true(hist_quantile(&one, 1, 1) == 5);
	assert_true(hist_quantile(two, 2, 0.5) == 5);
	assert_true(hist_quantile(two, 2, 0.51) == 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_value_is_near_its_middle),
	    cmocka_unit_test(test_buckets_are_contiguous),
	    cmocka_unit_test(test_quantiles_are_within_a_percent),
	    cmocka_unit_test(test_quantiles_of_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
