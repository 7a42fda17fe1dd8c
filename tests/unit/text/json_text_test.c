/* SPDX-License-Identifier: BSD-2-Clause */
/* Documents as text: what is read back is what was written, and a float has one notation. */
#include "base/unused.h"

#include "encode/points.h"
#include "text/decimal.h"
#include "text/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Takes the reference. */
static void assert_text(json_t *value, const char *expected)
{
	char *text = json_text(value);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
	json_decref(value);
}

static void members_keep_their_order(void **state UNUSED)
{
	json_t *document = json_pack("{s:i, s:[i, s, b, n], s:{}, s:[], s:{s:b}}", "z", -5, "a", 1,
	    "two", 1, "e", "l", "o", "in", 0);

	assert_text(document,
	    "{\"z\":-5,\"a\":[1,\"two\",true,null],\"e\":{},\"l\":[],\"o\":{\"in\":false}}");
}

static void indentation_is_a_line_a_member(void **state UNUSED)
{
	json_t *document = json_pack("{s:[i, i], s:{}}", "a", 1, 2, "b");
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	assert_int_equal(json_print(document, 1, out), 0);
	fclose(out);
	assert_string_equal(text, "{\n \"a\": [\n  1,\n  2\n ],\n \"b\": {}\n}");
	free(text);
	json_decref(document);
}

static void hostile_text_is_read_back(void **state UNUSED)
{
	static const char hostile[] = "a\"b\\c\x01\x1f\n\t\x7f\xc3\xa9\0end";
	json_t *document = json_object(), *again;
	char *text;

	json_object_set_new(document, "\"\n", json_stringn(hostile, sizeof(hostile) - 1));
	text = json_text(document);
	for (const char *c = text; *c; c++)
		assert_true((unsigned char)*c >= 0x20);
	again = json_loads(text, JSON_ALLOW_NUL, NULL);
	assert_non_null(again);
	assert_true(json_equal(document, again));
	json_decref(again);
	json_decref(document);
	free(text);
}

static void assert_float(double value, const char *expected)
{
	struct points *points;
	const char *line;
	char field[64];
	size_t length;

	assert_text(json_real(value), expected);
	/* A point in JSON has the same digits. */
	assert_int_equal(points_new(&points, POINTS_JSON, 4096), 0);
	points_begin(points, "m", 0);
	points_float(points, "f", value);
	points_end(points);
	assert_int_equal(points_finish(points, &line, &length), 0);
	snprintf(field, sizeof(field), "\"f\":%s}", expected);
	assert_non_null(strstr(line, field));
	points_free(points);
}

static void floats_are_the_shortest_that_read_back(void **state UNUSED)
{
	assert_float(0.1, "0.1");
	assert_float(1, "1.0");
	assert_float(0, "0.0");
	assert_float(-2.5, "-2.5");
	assert_float(0.1 + 0.2, "0.30000000000000004");
	assert_float(1e300, "1e+300");
	assert_float(122.0703125, "122.0703125");
	assert_float(1.0 / 3, "0.3333333333333333");
	assert_float(5e-324, "5e-324");
}

/* No shorter precision reads back to the same value. */
static void no_digit_is_too_many(void **state UNUSED)
{
	uint64_t seed = 1;

	for (int i = 0; i < 100000; i++) {
		char text[DECIMAL_MAX + 1] = "", shorter[64];
		double value;
		size_t digits = 0, zeros = 0;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		value = (double)(seed >> 11) / (double)(1ull << (seed % 60));
		decimal_write(text, value);
		assert_true(strtod(text, NULL) == value);
		for (const char *c = text; *c && *c != 'e'; c++) {
			const bool digit = *c >= '0' && *c <= '9';

			digits += digit && (digits || *c != '0');
			zeros = !digit ? zeros : *c == '0' ? zeros + 1 : 0;
		}
		digits -= zeros < digits ? zeros : 0;
		if (digits < 2)
			continue;
		snprintf(shorter, sizeof(shorter), "%.*e", (int)digits - 2, value);
		assert_true(strtod(shorter, NULL) != value);
	}
}

#define PARTS 3000

/* Of `left`, the parts that are still to come, each third has no members. */
static json_t *next_part(void *left)
{
	size_t *n = left;
	json_t *part = *n ? json_object() : NULL;
	char key[32];

	if (!part || (*n)-- % 3 == 0)
		return part;
	snprintf(key, sizeof(key), "\"%zu", *n);
	json_object_set_new(part, key, json_pack("{s:[i, n], s:s}", "a", (int)*n, "b", "text"));
	return part;
}

static void check_parts(json_t *head, size_t n)
{
	json_t *whole = json_deep_copy(head), *parts = json_object(), *part;
	size_t left = n;
	char *text = json_text_with(head, "parts", &(struct json_parts){next_part, &left});

	assert_int_equal(left, 0);
	for (left = n; (part = next_part(&left));) {
		json_object_update(parts, part);
		json_decref(part);
	}
	json_object_set_new(whole, "parts", parts);
	assert_non_null(text);
	assert_text(whole, text);
	free(text);
}

/* As if it had been in memory as a whole. */
static void an_object_of_parts_is_one(void **state UNUSED)
{
	json_t *empty = json_object(), *head = json_pack("{s:i, s:{}}", "first", 1, "second");

	for (size_t n = 0; n < 5; n++) {
		check_parts(empty, n);
		check_parts(head, n);
	}
	check_parts(head, PARTS);
	json_decref(empty);
	json_decref(head);
}

static void nothing_is_no_text(void **state UNUSED)
{
	size_t left = 1;

	assert_null(json_text(NULL));
	assert_null(json_text_with(NULL, "parts", &(struct json_parts){next_part, &left}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(members_keep_their_order),
	    cmocka_unit_test(indentation_is_a_line_a_member),
	    cmocka_unit_test(hostile_text_is_read_back),
	    cmocka_unit_test(floats_are_the_shortest_that_read_back),
	    cmocka_unit_test(no_digit_is_too_many),
	    cmocka_unit_test(an_object_of_parts_is_one),
	    cmocka_unit_test(nothing_is_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
