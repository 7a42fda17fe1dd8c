/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap schema. */
#include "base/unused.h"
#include "command/command.h"
#include "run_command.h"

#include <string.h>

#define RUN(result, ...) RUN_COMMAND(result, command_schema, "schema", __VA_ARGS__)

static void of_clickhouse(void **state UNUSED)
{
	static struct result result;

	RUN(&result, "clickhouse");
	assert_int_equal(result.status, 0);
	assert_string_equal(result.err, "");
	assert_non_null(strstr(result.out, "CREATE TABLE IF NOT EXISTS dns\n"));
}

static void of_nothing_else(void **state UNUSED)
{
	static struct result result;

	RUN(&result, "--help");
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.out, "usage: crosstap schema"));
	RUN(&result, "oracle");
	assert_int_equal(result.status, 2);
	assert_string_equal(result.out, "");
	assert_non_null(strstr(result.err, "usage: crosstap schema"));
	RUN(&result, "clickhouse", "more");
	assert_int_equal(result.status, 2);
	RUN(&result, "--no-such-option");
	assert_int_equal(result.status, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(of_clickhouse),
	    cmocka_unit_test(of_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
