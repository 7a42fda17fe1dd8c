/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/sketch.h"

#include "base/unused.h"

#include "../random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void add(struct sketch *sketch, struct sketch_budget *budget, uint64_t seed, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sketch_add(sketch, budget, (uint32_t)(random_next(&seed) >> 32));
}

static void assert_near(uint64_t got, uint64_t expected, unsigned permille)
{
	assert_in_range(
	    got, expected - expected * permille / 1000, expected + expected * permille / 1000 + 1);
}

static void is_exact_up_to_its_bound(void **unused UNUSED)
{
	struct sketch_budget budget = {.limit = SIZE_MAX};
	struct sketch sketch = {0};
	uint64_t state = 99;

	assert_int_equal(sketch_count(&sketch), 0);
	for (uint32_t n = 1; n <= SKETCH_EXACT; n++) {
		/* Twice, and 0 among them. */
		const uint32_t hash = n == 3 ? 0 : (uint32_t)(random_next(&state) >> 32);

		sketch_add(&sketch, &budget, hash);
		sketch_add(&sketch, &budget, hash);
		assert_int_equal(sketch_count(&sketch), n);
	}
	assert_int_equal(sketch.kind, SKETCH_SET);
	add(&sketch, &budget, 98, 1);
	assert_int_equal(sketch.kind, SKETCH_REGISTERS);
	assert_near(sketch_count(&sketch), SKETCH_EXACT + 1, 20);
	sketch_done(&sketch, &budget);
	assert_int_equal(budget.bytes, 0);
}

static void is_within_two_percent_beyond(void **state UNUSED)
{
	static const size_t sizes[] = {3000, 10000, 100000, 1000000, 5000000};

	for (size_t i = 0; i < 5; i++) {
		struct sketch_budget budget = {.limit = SIZE_MAX};
		struct sketch sketch = {0};

		add(&sketch, &budget, 88172645463325252ull + i, sizes[i]);
		assert_near(sketch_count(&sketch), sizes[i], 20);
		sketch_done(&sketch, &budget);
	}
}

static void a_budget_bounds_memory(void **state UNUSED)
{
	struct sketch_budget budget = {.limit = 40000};
	struct sketch sketches[64] = {0};

	for (size_t i = 0; i < 64; i++) {
		add(&sketches[i], &budget, 1234567 + i, 20000);
		assert_true(budget.bytes <= budget.limit);
		assert_near(sketch_count(&sketches[i]), 20000, 130);
	}
	assert_int_equal(sketches[0].bits, SKETCH_FINE);
	assert_int_equal(sketches[63].bits, SKETCH_COARSE);
	for (size_t i = 0; i < 64; i++)
		sketch_done(&sketches[i], &budget);
	assert_int_equal(budget.bytes, 0);
}

/* The union of two halves is the whole, whatever each is made of. */
static void merges_are_unions(void **state UNUSED)
{
	static const struct {
		size_t a, b;
		size_t limit_a, limit_b;
		unsigned permille;
	} cases[] = {
	    {2, 2, SIZE_MAX, SIZE_MAX, 0},
	    {3, 1000, SIZE_MAX, SIZE_MAX, 0},
	    {1000, 3, SIZE_MAX, SIZE_MAX, 0},
	    {0, 50000, SIZE_MAX, SIZE_MAX, 20},
	    {500, 50000, SIZE_MAX, SIZE_MAX, 20},
	    {50000, 500, SIZE_MAX, SIZE_MAX, 20},
	    {50000, 50000, SIZE_MAX, SIZE_MAX, 20},
	    {50000, 50000, 0, SIZE_MAX, 100},
	    {50000, 50000, SIZE_MAX, 0, 100},
	    {0, 50000, 0, SIZE_MAX, 100},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sketch_budget budgets[2] = {
		    {.limit = cases[i].limit_a}, {.limit = cases[i].limit_b}};
		struct sketch a = {0}, b = {0};

		add(&a, &budgets[0], 42, cases[i].a);
		add(&b, &budgets[1], 4242, cases[i].b);
		sketch_merge(&a, &budgets[0], &b);
		assert_near(sketch_count(&a), cases[i].a + cases[i].b, cases[i].permille);
		assert_true(budgets[0].bytes <= budgets[0].limit);
		sketch_done(&a, &budgets[0]);
		sketch_done(&b, &budgets[1]);
	}
}

/* A coarse sketch made of a fine one is the one that would have been made at once. */
static void folded_registers_are_equal(void **state UNUSED)
{
	struct sketch_budget much = {.limit = SIZE_MAX}, none = {0};
	struct sketch fine = {0}, folded = {0}, coarse = {0};

	add(&fine, &much, 7, 100000);
	add(&coarse, &none, 7, 100000);
	sketch_merge(&folded, &none, &fine);
	assert_int_equal(folded.bits, SKETCH_COARSE);
	assert_memory_equal(folded.registers, coarse.registers, 1u << SKETCH_COARSE);
	sketch_done(&fine, &much);
	sketch_done(&folded, &none);
	sketch_done(&coarse, &none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_exact_up_to_its_bound),
	    cmocka_unit_test(is_within_two_percent_beyond),
	    cmocka_unit_test(a_budget_bounds_memory),
	    cmocka_unit_test(merges_are_unions),
	    cmocka_unit_test(folded_registers_are_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
