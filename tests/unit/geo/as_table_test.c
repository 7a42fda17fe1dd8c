/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "geo/as_table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Numbers that are spread over the whole range, never 0. */
static uint32_t number(uint32_t i)
{
	return i * 32003 + 1;
}

static void test_fills_to_the_limit(void **state UNUSED)
{
	struct as_table *table = NULL;
	uint32_t record;

	assert_int_equal(as_table_new(&table), 0);
	assert_false(as_table_find(table, 1, &record));
	for (uint32_t i = 0; i < AS_TABLE_MAX; i++)
		assert_int_equal(as_table_add(table, number(i), i), 0);
	assert_int_equal(as_table_count(table), AS_TABLE_MAX);
	assert_int_equal(as_table_add(table, number(AS_TABLE_MAX), 7), -ENOSPC);
	assert_false(as_table_find(table, number(AS_TABLE_MAX), &record));
	/* Known ones are fine, and keep their first record. */
	assert_int_equal(as_table_add(table, number(5), 99), 0);
	for (uint32_t i = 0; i < AS_TABLE_MAX; i++) {
		assert_true(as_table_find(table, number(i), &record));
		assert_int_equal(record, i);
	}
	assert_false(as_table_find(table, 0, &record));
	as_table_reset(table);
	assert_int_equal(as_table_count(table), 0);
	assert_false(as_table_find(table, number(5), &record));
	assert_int_equal(as_table_add(table, number(5), 99), 0);
	as_table_free(table);
	as_table_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_fills_to_the_limit)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
