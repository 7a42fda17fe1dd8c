/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers as gzip, there and back. */
#include "base/unused.h"
#include "http/gzip.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../scarce.h"

#define LENGTH 100000

static char text[LENGTH];

static bool there_and_back(void *context UNUSED)
{
	char *packed = NULL, *whole = NULL;
	size_t length = 0;
	int r = gzip_make(text, LENGTH, &packed, &length);

	if (r == 0) {
		assert_in_range(length, 20, LENGTH / 2);
		r = gzip_undo(packed, length, &whole, LENGTH);
	}
	if (r == 0)
		assert_memory_equal(whole, text, LENGTH);
	else
		assert_int_equal(r, -ENOMEM);
	free(packed);
	free(whole);
	return r == 0;
}

static void whole_or_not_at_all(void **state UNUSED)
{
	/* What is packed, and what is unpacked; zlib has its own memory. */
	assert_int_equal(scarce_each(there_and_back, NULL), 2);
}

static void nothing_is_something(void **state UNUSED)
{
	char *packed, *whole;
	size_t length;

	assert_int_equal(gzip_make("", 0, &packed, &length), 0);
	assert_int_equal(gzip_undo(packed, length, &whole, 0), 0);
	free(packed);
	free(whole);
}

static void only_what_was_packed_comes_out(void **state UNUSED)
{
	char *packed, *whole = NULL;
	size_t length;

	assert_int_equal(gzip_make(text, LENGTH, &packed, &length), 0);
	assert_int_equal(gzip_undo(packed, length, &whole, LENGTH - 1), -EBADMSG);
	assert_int_equal(gzip_undo(packed, length, &whole, LENGTH + 1), -EBADMSG);
	assert_int_equal(gzip_undo(packed, length - 1, &whole, LENGTH), -EBADMSG);
	assert_int_equal(gzip_undo("no gzip at all", 14, &whole, LENGTH), -EBADMSG);
	packed[length / 2] ^= 0x55;
	assert_int_equal(gzip_undo(packed, length, &whole, LENGTH), -EBADMSG);
	assert_null(whole);
	free(packed);
}

static void too_long_for_zlib(void **state UNUSED)
{
	char *packed = NULL;
	size_t length;

	/* Nothing is read of it. */
	assert_int_equal(gzip_make(text, (size_t)1 << 32, &packed, &length), -EFBIG);
	assert_null(packed);
}

static int setup(void **state UNUSED)
{
	for (size_t i = 0; i + 16 < LENGTH; i += 16)
		snprintf(text + i, 17, "%015zu\n", i * i);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_or_not_at_all),
	    cmocka_unit_test(nothing_is_something),
	    cmocka_unit_test(only_what_was_packed_comes_out),
	    cmocka_unit_test(too_long_for_zlib),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
