/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/distinct.h"
#include "base/hash.h"
#include "base/unused.h"

#include "../random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct hash_seed seed = {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9};

static struct distinct *make(uint32_t from, uint32_t to)
{
	struct distinct *distinct = NULL;

	assert_int_equal(distinct_new(&distinct), 0);
	for (uint32_t i = from; i < to; i++)
		assert_int_equal(distinct_add(distinct, hash_u64x3(&seed, i, 7, 1)), 0);
	return distinct;
}

static void assert_near(const struct distinct *distinct, double exact)
{
	const double off = (double)distinct_count(distinct) - exact;

	if (off > exact * 0.02 || off < exact * -0.02)
		fail_msg(
		    "%.0f counted as %llu", exact, (unsigned long long)distinct_count(distinct));
}

static void test_is_exact_to_its_limit(void **state UNUSED)
{
	struct distinct *distinct = make(0, 0);

	assert_int_equal(distinct_count(distinct), 0);
	for (uint32_t i = 0; i < DISTINCT_EXACT; i++) {
		for (int again = 0; again < 2; again++)
			assert_int_equal(distinct_add(distinct, hash_u64(&seed, i)), 0);
		assert_int_equal(distinct_count(distinct), i + 1);
	}
	distinct_free(distinct);
}

/* 0 is what free slots are marked with. */
static void test_counts_the_hash_0(void **state UNUSED)
{
	struct distinct *distinct = make(0, 0);

	assert_int_equal(distinct_add(distinct, 0), 0);
	assert_int_equal(distinct_add(distinct, 0), 0);
	assert_int_equal(distinct_count(distinct), 1);
	distinct_free(distinct);
	distinct_free(NULL);
}

/* Around where linear counting ends (2.5 registers) as well, with several draws each. */
static void test_is_within_two_percent_beyond(void **state UNUSED)
{
	static const uint32_t sizes[] = {
	    4097, 5000, 20000, 60000, 80000, 85000, 100000, 130000, 200000, 1000000};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (uint32_t draw = 0; draw < (sizes[i] > 200000 ? 2 : 10); draw++) {
			struct distinct *distinct = make(draw * 2000000, draw * 2000000 + sizes[i]);

			assert_near(distinct, sizes[i]);
			distinct_free(distinct);
		}
	}
}

static void test_merges_unions(void **state UNUSED)
{
	/* exact + exact, exact + registers, registers + exact, registers + registers */
	static const uint32_t parts[][3] = {{2000, 1000, 4096}, {4000, 2000, 9000},
	    {3000, 1000, 100000}, {90000, 88000, 92000}, {100000, 50000, 300000}};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct distinct *a = make(0, parts[i][0]), *b = make(parts[i][1], parts[i][2]);

		assert_int_equal(distinct_merge(a, b), 0);
		if (parts[i][2] <= DISTINCT_EXACT)
			assert_int_equal(distinct_count(a), parts[i][2]);
		else
			assert_near(a, parts[i][2]);
		/* Nothing new in it. */
		assert_int_equal(distinct_merge(a, a), 0);
		distinct_free(a);
		distinct_free(b);
	}
}

static void test_merge_is_the_same_as_adding(void **state UNUSED)
{
	struct distinct *whole = make(0, 50000), *parts = make(0, 0);

	for (uint32_t i = 0; i < 50; i++) {
		struct distinct *part = make(i * 1000, i * 1000 + 1000);

		assert_int_equal(distinct_merge(parts, part), 0);
		distinct_free(part);
	}
	assert_int_equal(distinct_count(parts), distinct_count(whole));
	distinct_free(parts);
	distinct_free(whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_is_exact_to_its_limit),
	    cmocka_unit_test(test_counts_the_hash_0),
	    cmocka_unit_test(test_is_within_two_percent_beyond),
	    cmocka_unit_test(test_merges_unions),
	    cmocka_unit_test(test_merge_is_the_same_as_adding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
