/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "geo/admission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct hash_seed seed = {0xd6e8feb86659fd93, 0xbf58476d1ce4e5b9};

/* Asks for the values 1 to n of a zone; how many are admitted. */
static unsigned ask(struct admission *admission, uint16_t zone, uint32_t n, uint64_t limit)
{
	unsigned admitted = 0;

	for (uint32_t value = 1; value <= n; value++)
		admitted += admission_ask(admission, zone, 1, value, limit);
	return admitted;
}

/* What was admitted to a label is not to the one that has its number next; others keep theirs. */
static void test_numbers_are_used_again(void **state UNUSED)
{
	struct zone_numbers gone = {0};
	struct admission *admission;

	zone_numbers_add(&gone, 3);
	assert_int_equal(admission_new(&admission, &seed), 0);
	for (int window = 0; window < 3; window++) {
		admission_begin(admission, 20000, 3);
		assert_int_equal(ask(admission, 3, 10, 10), window < 2 ? 0 : 10);
		assert_int_equal(ask(admission, 4, 10, 10), window < 2 ? 0 : 10);
	}
	assert_int_equal(admission_forget(admission, &gone), 0);
	admission_begin(admission, 20000, 3);
	assert_int_equal(ask(admission, 4, 10, 10), 10);
	assert_int_equal(ask(admission, 3, 10, 10), 0);
	admission_begin(admission, 20000, 3);
	assert_int_equal(ask(admission, 3, 10, 10), 0);
	admission_begin(admission, 20000, 3);
	assert_int_equal(ask(admission, 3, 20, 10), 10); /* a day's bound of its own */
	admission_free(admission);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers_are_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
