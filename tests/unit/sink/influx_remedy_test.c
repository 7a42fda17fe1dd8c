/* SPDX-License-Identifier: BSD-2-Clause */
/* What InfluxDB 1.x and 2.x answer to points that they do not take, and what mends it. */
#include "base/unused.h"
#include "sink/influx_remedy.h"
#include "sink/influx_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct influx_place v1 = {1, "dns", ""}, v2 = {2, "dns", "my org"};

static void expect(
    const struct influx_place *place, long status, const char *body, const char *expected)
{
	struct influx_reply reply;
	char remedy[256];

	influx_reply_read(&reply, body, strlen(body), 1, NULL);
	assert_int_equal(
	    influx_remedy(remedy, sizeof(remedy), place, status, reply.words), strlen(expected));
	assert_string_equal(remedy, expected);
}

static void what_is_missing(void **state UNUSED)
{
	expect(&v1, 404, "{\"error\":\"database not found: \\\"dns\\\"\"}\n",
	    "influx -execute 'CREATE DATABASE \"dns\"'");
	expect(&v2, 404, "{\"code\":\"not found\",\"message\":\"bucket \\\"dns\\\" not found\"}",
	    "influx bucket create --name 'dns' --org 'my org'");
	expect(&v2, 404,
	    "{\"code\":\"not found\",\"message\":\"organization name \\\"my org\\\" not found\"}",
	    "influx org create --name 'my org'");
	expect(&v2, 401, "{\"code\":\"unauthorized\",\"message\":\"unauthorized access\"}",
	    "influx auth create --write-buckets --org 'my org'");
}

static void the_other_version(void **state UNUSED)
{
	/* 2.x, asked at /write */
	expect(&v1, 404, "{\"code\":\"not found\",\"message\":\"unable to find DBRP\"}",
	    "version: 2?");
	expect(&v1, 401, "{\"code\":\"unauthorized\",\"message\":\"unauthorized access\"}",
	    "version: 2?");
	expect(&v1, 401, "{\"code\":\"unauthorized\",\"message\":\"Unauthorized\"}", "version: 2?");
	/* 1.7 and 1.8, asked at /api/v2/write */
	expect(&v2, 404, "404 page not found\n", "version: 1?");
	expect(&v2, 404, "{\"error\":\"database not found: \\\"dns\\\"\"}\n", "version: 1?");
	expect(&v2, 401, "{\"error\":\"unable to parse authentication credentials\"}\n",
	    "version: 1?");
	expect(&v2, 401, "{\"error\":\"authorization failed\"}\n", "version: 1?");
}

static void nothing_is_known(void **state UNUSED)
{
	expect(&v1, 401, "{\"error\":\"authorization failed\"}\n", "");
	expect(&v1, 404, "404 page not found\n", "");
	expect(&v1, 503, "{\"error\":\"database not found: \\\"dns\\\"\"}\n", "");
	expect(&v2, 404, "", "");
	expect(&v2, 400, "{\"code\":\"invalid\",\"message\":\"bucket \\\"dns\\\" not found\"}", "");
}

/* A shell and InfluxQL read them back as they were. */
static void names(void **state UNUSED)
{
	const struct influx_place odd = {1, "it's \"a\\b\" $(x)", ""}, plain = {2, "a'b", ""};
	char remedy[40];

	expect(&odd, 404, "database not found",
	    "influx -execute 'CREATE DATABASE \"it'\\''s \\\"a\\\\b\\\" $(x)\"'");
	expect(&plain, 404, "bucket \"x\" not found", "influx bucket create --name 'a'\\''b'");
	for (size_t size = 1; size <= sizeof(remedy); size++) {
		const size_t length =
		    influx_remedy(remedy, size, &v1, 404, "database not found: \"dns\"");

		assert_int_equal(length, size > 39 ? 39 : 0);
		assert_int_equal(strlen(remedy), length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_missing),
	    cmocka_unit_test(the_other_version),
	    cmocka_unit_test(nothing_is_known),
	    cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
