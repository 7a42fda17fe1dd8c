/* SPDX-License-Identifier: BSD-2-Clause */
/* How many points a partial write left out, whether or not there is memory to read its answer. */
#include "base/unused.h"
#include "sink/influx_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../scarce.h"

#define POINTS 34

static size_t rejected_of(const char *body, bool memory)
{
	/* Not ended by a NUL: as curl gives it. */
	const size_t length = strlen(body);
	char *exact = malloc(length ? length : 1);
	struct influx_reply reply;

	assert_non_null(exact);
	memcpy(exact, body, length);
	scarce_from_there = !memory;
	scarce_left = memory ? -1 : 0;
	influx_reply_read(&reply, exact, length, POINTS, NULL);
	scarce_left = -1;
	scarce_from_there = false;
	free(exact);
	return reply.rejected;
}

static void test_rejected(void **state UNUSED)
{
	static const struct {
		const char *body;
		size_t rejected;
	} answers[] = {
	    {"{\"error\":\"partial write: field type conflict: it is a string dropped=27\"}", 27},
	    {"{\"error\":\"partial write: field type conflict: it is a string dropped=27\"}\r\n\n",
		27},
	    {"{\"code\":\"invalid\",\"message\":\"partial write: beyond retention dropped=3\"}", 3},
	    {"{\"error\":\"partial write: unable to parse 'a': no\\nunable to parse 'b': no "
	     "dropped=1\"}",
		3},
	    {"partial write: points beyond retention policy dropped=5", 5},
	    {"{\"error\":\"partial write: field type conflict: it is a string dropped=2", POINTS},
	    {"{\"error\":\"partial write: the field \\\"{}", POINTS},
	    {"{\"error\":\"database not found\"}", POINTS},
	    {"{", POINTS},
	    {" \n", POINTS},
	    {"", POINTS},
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		assert_int_equal(rejected_of(answers[i].body, true), answers[i].rejected);
		assert_int_equal(rejected_of(answers[i].body, false), answers[i].rejected);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(test_rejected)};

	return cmocka_run_group_tests_name("influx_reply", tests, NULL, NULL);
}
