/* SPDX-License-Identifier: BSD-2-Clause */
/* No input and no address takes all; nobody goes beyond the whole. */
#include "base/unused.h"
#include "dnstap/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* As many as one input gets beside others that have nothing. */
static int take_all(struct budget *budget, int places, int inputs)
{
	int own = 0, n = 0;

	for (;; n++) {
		const enum budget_place place = budget_take(budget, places, inputs, own);

		if (place == BUDGET_NONE)
			return n;
		own += place == BUDGET_OWN;
	}
}

static void test_every_input_has_a_share(void **state UNUSED)
{
	for (int places = 1; places < 200; places++) {
		for (int inputs = 1; inputs < 12; inputs++) {
			struct budget budget = {0};
			int total = take_all(&budget, places, inputs);

			for (int i = 1; i < inputs; i++) {
				const int late = take_all(&budget, places, inputs);

				assert_true(late >= 1 && late == budget_share(places, inputs));
				total += late;
			}
			assert_int_equal(total, places > inputs ? places : inputs);
			assert_true(budget_of_address(places, inputs) >= 1);
		}
	}
}

static void test_one_input_has_all(void **state UNUSED)
{
	struct budget budget = {0};

	assert_int_equal(take_all(&budget, 1024, 1), 1024);
	for (int i = 0; i < 512; i++)
		budget_leave(&budget, BUDGET_POOL);
	budget_leave(&budget, BUDGET_OWN);
	assert_int_equal(budget.pool, 0);
	assert_int_equal(budget_of_address(1024, 1), 512);
	assert_int_equal(budget_of_address(1024, 4), 320);
}

static void test_bytes(void **state UNUSED)
{
	struct budget budget = {0};

	assert_true(budget_charge(&budget, 60, 100));
	assert_false(budget_charge(&budget, 41, 100));
	assert_true(budget_charge(&budget, 40, 100));
	assert_false(budget_charge(&budget, SIZE_MAX, 100));
	assert_false(budget_charge(&budget, 1, 50)); /* the limit has become less */
	budget_uncharge(&budget, 100);
	assert_int_equal(budget.bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_input_has_a_share),
	    cmocka_unit_test(test_one_input_has_all),
	    cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
