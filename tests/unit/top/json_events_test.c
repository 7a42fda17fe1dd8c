/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "top/json_events.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct seen {
	char text[2048];
};

/* A line for each event: the keys to it and what it is. */
static void note(void *context, const struct json_events *at, const struct json_value *value)
{
	struct seen *seen = context;
	size_t n = strlen(seen->text);

	for (unsigned i = 0; i < at->depth; i++)
		n += (size_t)snprintf(
		    seen->text + n, sizeof(seen->text) - n, "/%s", at->levels[i].key);
	if (value->event == JSON_EVENT_NUMBER)
		snprintf(seen->text + n, sizeof(seen->text) - n, "=%g\n", value->number);
	else if (value->event == JSON_EVENT_OBJECT_END)
		snprintf(seen->text + n, sizeof(seen->text) - n, " ends\n");
	else
		snprintf(seen->text + n, sizeof(seen->text) - n, "=%s\n", value->text);
}

/* 1: read to its end; 0: not whole; -errno. Also in pieces of one byte. */
static int read_text(const char *text, struct seen *ret)
{
	struct json_events events;
	struct seen pieces = {0};
	int whole, r = 0;

	memset(ret, 0, sizeof(*ret));
	json_events_begin(&events, note, ret);
	whole = json_events_feed(&events, text, strlen(text));
	if (whole == 0)
		whole = json_events_done(&events);
	json_events_begin(&events, note, &pieces);
	for (size_t i = 0; text[i] && r == 0; i++)
		r = json_events_feed(&events, text + i, 1);
	assert_string_equal(ret->text, pieces.text);
	assert_int_equal(whole < 0 ? whole : 0, r);
	return whole;
}

static void test_values(void **state UNUSED)
{
	struct seen seen;

	assert_int_equal(read_text(" {\"a\" : [1, {\"b\":\"x\"} ,true],\"c\":-1.5e+2,\"d\":{},"
				   "\"e\":null} \n",
			     &seen),
	    1);
	assert_string_equal(
	    seen.text, "/a/=1\n/a//b=x\n/a/ ends\n/a/=true\n/c=-150\n/d ends\n/e=null\n");
}

static void test_strings(void **state UNUSED)
{
	struct seen seen;

	assert_int_equal(
	    read_text("[\"\\u00e9\\ud83d\\ude00\\n\\u0000\\ud800x\\udc00\\/\"]", &seen), 1);
	assert_string_equal(seen.text, "/=\xc3\xa9\xf0\x9f\x98\x80\n\\u0000\\ud800x\\udc00/\n");
}

/* A key or text of any length is cut, and costs nothing more. */
static void test_long(void **state UNUSED)
{
	static char text[100 * 1024];
	struct json_events events;
	struct seen seen = {0};

	memset(text, 'x', sizeof(text));
	json_events_begin(&events, note, &seen);
	assert_int_equal(json_events_feed(&events, "[\"", 2), 0);
	assert_int_equal(json_events_feed(&events, text, sizeof(text)), 0);
	assert_int_equal(json_events_feed(&events, "\"]", 2), 0);
	assert_true(json_events_done(&events));
	assert_int_equal(strlen(seen.text), strlen("/=\n") + JSON_EVENTS_TEXT - 1);
}

static void test_refused(void **state UNUSED)
{
	static const char *const bad[] = {"1", "\"x\"", "{]", "[}", "[1 2]", "[01]", "[1.]", "[-]",
	    "[1e]", "[+1]", "[.5]", "[1e999]", "[nan]", "[tru]", "[\"\\x\"]", "[\"\\u12g4\"]",
	    "[\"a\nb\"]", "{1:2}", "{\"a\" 1}", "{\"a\":1,}", "[1,]", "{} x", "[[[[[[[[[[[[["};
	static const char *const cut[] = {"", "{", "[1", "{\"a\":", "[\"x", "[{}"};
	struct seen seen;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (read_text(bad[i], &seen) != -EPROTO)
			fail_msg("%s is taken", bad[i]);
	}
	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++)
		assert_int_equal(read_text(cut[i], &seen), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_strings),
	    cmocka_unit_test(test_long),
	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("top/json_events", tests, NULL, NULL);
}
