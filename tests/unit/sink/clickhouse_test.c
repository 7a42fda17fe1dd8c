/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows are as ClickHouse reads them, in the columns of their table. */
#include "base/unused.h"
#include "sink/clickhouse/inserts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct inserts *made(const char *text, size_t max_bytes)
{
	static struct inserts inserts;

	assert_int_equal(inserts_make(&inserts, text, strlen(text), max_bytes), 0);
	return &inserts;
}

static void assert_body(struct inserts *inserts, const char *measurement, const char *body)
{
	struct insert *insert = &inserts->of[measurement_find(measurement) - measurements];

	buffer_put(&insert->body, "", 1);
	assert_string_equal(insert->body.at, body);
}

static void test_rows(void **state UNUSED)
{
	struct inserts *inserts = made(
	    "{\"measurement\":\"dns\",\"tags\":{\"server\":\"a\\\"b\",\"site\":\"ams\",\"zone\":"
	    "\"nl\","
	    "\"rack\":\"3\"},\"fields\":{\"queries\":9223372036854775807},\"time\":1700000000000}\n"
	    "{\"measurement\":\"dns_latency\",\"tags\":{\"server\":\"s\",\"zone\":\"nl\"},"
	    "\"fields\":{\"p50_us\":1.5,\"count\":2},\"time\":1700000000007}\n"
	    "{\"measurement\":\"dns\",\"tags\":{\"server\":\"s\"},\"fields\":{\"queries\":1},"
	    "\"time\":1700000010000}\n",
	    1 << 20);

	assert_int_equal(inserts->unreadable, 0);
	assert_body(inserts, "dns",
	    "INSERT INTO dns FORMAT JSONEachRow\n"
	    "{\"time\":1700000000,\"server\":\"a\\\"b\",\"zone\":\"nl\",\"tags\":{\"site\":\"ams\","
	    "\"rack\":\"3\"},\"queries\":9223372036854775807}\n"
	    "{\"time\":1700000010,\"server\":\"s\",\"queries\":1}\n");
	assert_body(inserts, "dns_latency",
	    "INSERT INTO dns_latency FORMAT JSONEachRow\n"
	    "{\"time\":1700000000.007,\"server\":\"s\",\"zone\":\"nl\",\"p50_us\":1.5,\"count\":2}"
	    "\n");
	inserts_free(inserts);
	memset(inserts, 0, sizeof(*inserts));
}

/* What is no point of this version is counted, and stops nothing. */
static void test_unreadable(void **state UNUSED)
{
	struct inserts *inserts =
	    made("{\"measurement\":\"no such\",\"tags\":{},\"fields\":{},\"time\":1}\n"
		 "{\"measurement\":\"dns\",\"tags\":{},\"fields\":{},\"time\":-1}\n"
		 "{\"measurement\":\"dns\",\"tags\":[],\"fields\":{},\"time\":1}\n"
		 "{\"measurement\":\"dns\",\"tags\":{},\"fields\":{}}\n"
		 "{\"measurement\":\"dns\"\n\n[]\n"
		 "{\"measurement\":\"dns\",\"tags\":{},\"fields\":{\"queries\":4},\"time\":1000}",
		1 << 20);

	assert_int_equal(inserts->unreadable, 7);
	assert_body(
	    inserts, "dns", "INSERT INTO dns FORMAT JSONEachRow\n{\"time\":1,\"queries\":4}\n");
	inserts_free(inserts);
	memset(inserts, 0, sizeof(*inserts));
}

/* Whole lines within the limit, and one at least. */
static void test_limit(void **state UNUSED)
{
	static const char line[] =
	    "{\"measurement\":\"dns\",\"tags\":{},\"fields\":{\"queries\":4},\"time\":1000}\n";
	char text[3 * sizeof(line)];
	struct inserts *inserts;

	snprintf(text, sizeof(text), "%s%s%s", line, line, line);
	inserts = made(text, 2 * strlen(line) + 5);
	assert_int_equal(inserts->bytes, 2 * strlen(line));
	inserts = made(text, 1);
	assert_int_equal(inserts->bytes, strlen(line));
	inserts_free(inserts);
	memset(inserts, 0, sizeof(*inserts));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_unreadable),
	    cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
