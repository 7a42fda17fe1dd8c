/* SPDX-License-Identifier: BSD-2-Clause */
/* A text is read whole or not at all, wherever memory ends. */
#include "base/unused.h"
#include "text/json_read.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../scarce.h"

#define LONG_BYTES 300

/* The buffer of a token grows at 15 bytes, 31, 63 …: with a string's last quote, within a number,
 * between a backslash and what it escapes, within a character; and tables of all kinds grow. */
static const char *const texts[] = {
    "{\"fourteen_bytes\": \"fourteen bytes\"}",
    "[1234567890123456, 12345678901234.5e10, -123456789012345]",
    "[\"fourteen_byte\\\"s\", \"thirteen byte\\\\\", \"thirteen_byte\\u00e9\", \"thirteen "
    "byte\xc3\xa9\"]",
    "[[[[[[[[[[{\"a\":{\"b\":{\"c\":[true,false,null,\"x\"]}}}]]]]]]]]]]",
    "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33]",
    "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,"
    "\"l\":1}",
};

static bool read_whole(void *context)
{
	const char *text = context;
	json_t *root = NULL, *expected;
	const int r = json_read(&root, text, strlen(text));

	if (r < 0) {
		assert_int_equal(r, -ENOMEM);
		assert_null(root);
		return false;
	}
	scarce_left = scarce_left < 0 ? -1 : SCARCE_MOST;
	expected = json_loadb(text, strlen(text), 0, NULL);
	assert_true(json_equal(root, expected));
	json_decref(expected);
	json_decref(root);
	return true;
}

static void test_every_allocation_fails(void **state UNUSED)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		/* A tree of each text has more than six blocks: they are jansson's. */
		assert_true(scarce_each(read_whole, (void *)(uintptr_t)texts[i]) > 6);
	}
}

/* From an allocation on nothing is left but the reserve. */
static void test_no_memory_from_there(void **state UNUSED)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *root = NULL;
		int r;

		scarce_from_there = true;
		for (long left = 0;; left++) {
			assert_true(left < SCARCE_MOST);
			scarce_left = left;
			r = json_read(&root, texts[i], strlen(texts[i]));
			scarce_left = -1;
			if (r == 0)
				break;
			assert_int_equal(r, -ENOMEM);
		}
		scarce_from_there = false;
		json_decref(root);
	}
}

/* Strings of each length, so that a token ends at each place of its buffer. */
static void test_each_length(void **state UNUSED)
{
	char text[LONG_BYTES + 8];

	for (int n = 0; n < LONG_BYTES; n++) {
		snprintf(text, sizeof(text), "[\"%0*d\"]", n, 0);
		assert_true(scarce_each(read_whole, text) > 3);
	}
}

/* What is kept serves all that are no longer than the longest yet. */
static void test_reserve_is_kept(void **state UNUSED)
{
	struct json_reserve kept = {0};
	const char *const longer = texts[5], *const shorter = texts[0];
	json_t *root = NULL;
	void *first;

	assert_int_equal(json_read_with(&kept, &root, shorter, strlen(shorter)), 0);
	json_decref(root);
	first = kept.at;
	assert_non_null(first);
	assert_int_equal(json_read_with(&kept, &root, "[]", 2), 0);
	json_decref(root);
	assert_ptr_equal(kept.at, first);
	scarce_left = 0;
	assert_int_equal(json_read_with(&kept, &root, longer, strlen(longer)), -ENOMEM);
	scarce_left = -1;
	assert_ptr_equal(kept.at, first);
	assert_int_equal(json_read_with(&kept, &root, longer, strlen(longer)), 0);
	assert_int_equal(json_object_size(root), 12);
	json_decref(root);
	json_reserve_free(&kept);
	assert_null(kept.at);
}

static void test_no_document(void **state UNUSED)
{
	static const char *const bad[] = {
	    "", " ", "{", "[1,]", "\"x", "{\"a\" 1}", "[1] [2]", "01", "x"};
	json_t *root = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(json_read(&root, bad[i], strlen(bad[i])), -EINVAL);
	assert_int_equal(json_read(&root, "[\"a\0b\"]", 7), -EINVAL);
	assert_null(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_allocation_fails),
	    cmocka_unit_test(test_no_memory_from_there),
	    cmocka_unit_test(test_each_length),
	    cmocka_unit_test(test_reserve_is_kept),
	    cmocka_unit_test(test_no_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
