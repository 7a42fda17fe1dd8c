/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "crosscheck/verdict.h"
#include "text/json_text.h"
#include "top/once.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct top_model model;
static char text[65536];

static void feed(enum top_document document, const char *json)
{
	top_model_begin(&model, document);
	assert_int_equal(top_model_feed(&model, json, strlen(json)), 0);
	assert_int_equal(top_model_end(&model), 0);
}

static int setup(void **state UNUSED)
{
	top_model_clear(&model);
	feed(TOP_WINDOW,
	    "{\"interval_s\":2.0,\"end_ms\":4000,\"zones\":{\"nl\":{\"queries\":5,"
	    "\"responses\":3,\"response_time_us\":{\"p50\":1.5}}}}");
	return 0;
}

static void say(const char *verdict)
{
	char json[128];

	snprintf(
	    json, sizeof(json), "{\"funnel\":{\"socket_drops\":4},\"verdict\":\"%s\"}", verdict);
	feed(TOP_CROSSCHECK, json);
}

static int line(uint32_t warning, uint32_t critical)
{
	FILE *out = fmemopen(text, sizeof(text), "w");
	int status = plugin_line(out, &model, warning, critical);

	fclose(out);
	return status;
}

static void test_lists(void **state UNUSED)
{
	char error[64] = "";
	uint32_t verdicts = 0;

	assert_int_equal(plugin_verdicts(&verdicts, "ok,dnstap-loss", error, sizeof(error)), 0);
	assert_int_equal(verdicts, 1u << VERDICT_OK | 1u << VERDICT_DNSTAP_LOSS);
	assert_int_equal(plugin_verdicts(&verdicts, "any", error, sizeof(error)), 0);
	assert_int_equal(verdicts, ((1u << VERDICT_COUNT) - 1) & ~(1u << VERDICT_OK));
	assert_int_equal(plugin_verdicts(&verdicts, "ok,loss", error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "`loss` is no verdict");
	assert_int_equal(plugin_verdicts(&verdicts, "", error, sizeof(error)), -EINVAL);
	assert_int_equal(plugin_verdicts(&verdicts, "any,", error, sizeof(error)), -EINVAL);
}

static void test_line(void **state UNUSED)
{
	const uint32_t socket = 1u << VERDICT_SOCKET_LOSS, stack = 1u << VERDICT_STACK_LOSS;

	assert_int_equal(line(socket, 0), PLUGIN_UNKNOWN);
	assert_string_equal(text,
	    "CROSSTAP UNKNOWN - no verdict is made | queries_per_s=2.5;;;0 "
	    "responses_per_s=1.5;;;0\n");
	say("socket-loss");
	assert_int_equal(line(socket, stack), PLUGIN_WARNING);
	assert_string_equal(text,
	    "CROSSTAP WARNING - socket-loss: the nameserver's sockets were full and queries were "
	    "dropped | queries_per_s=2.5;;;0 responses_per_s=1.5;;;0 socket_drops=4\n");
	assert_int_equal(line(stack, socket), PLUGIN_CRITICAL);
	assert_int_equal(line(socket, socket), PLUGIN_CRITICAL);
	assert_int_equal(line(stack, stack), PLUGIN_OK);
	say("new|one\\n\\u001b");
	assert_int_equal(line(stack, stack), PLUGIN_UNKNOWN);
	assert_null(strchr(text, 27));
	assert_ptr_equal(strchr(text, '|'), strrchr(text, '|'));
}

/* Every verdict that there is has its word, its meaning and its place. */
static void test_each_verdict(void **state UNUSED)
{
	for (unsigned i = 0; i < VERDICT_COUNT; i++) {
		say(verdict_name(i));
		assert_int_equal(line(0, 1u << i), PLUGIN_CRITICAL);
		assert_non_null(strstr(text, verdict_meaning(i)));
		assert_int_equal(line(0, ~(1u << i)), PLUGIN_OK);
		assert_int_equal(top_model_not_ok(&model), i != VERDICT_OK);
	}
}

static void test_json(void **state UNUSED)
{
	json_t *document, *zone;

	document = once_json(&model);
	assert_true(json_is_null(json_object_get(document, "verdict")));
	json_decref(document);
	say("socket-loss");
	document = once_json(&model);
	assert_string_equal(json_string_value(json_object_get(document, "verdict")), "socket-loss");
	assert_int_equal(json_integer_value(
			     json_object_get(json_object_get(document, "funnel"), "socket_drops")),
	    4);
	zone = json_array_get(json_object_get(document, "zones"), 0);
	assert_string_equal(json_string_value(json_object_get(zone, "name")), "nl");
	assert_int_equal(json_integer_value(json_object_get(zone, "queries")), 5);
	assert_true(json_real_value(json_object_get(zone, "response_time_us_p50")) == 1.5);
	assert_null(json_object_get(zone, "sources"));
	assert_null(json_object_get(document, "left_out"));
	json_decref(document);
}

/* The same figures are the same bytes, in lines of 80 columns. */
static void test_table(void **state UNUSED)
{
	static char again[sizeof(text)];
	FILE *out;

	say("ok");
	for (unsigned i = 0; i < 2; i++) {
		out = fmemopen(i ? again : text, sizeof(text), "w");
		assert_int_equal(once_table(out, &model, false), 0);
		fclose(out);
	}
	assert_string_equal(text, again);
	assert_non_null(strstr(text, "\nok: both witnesses agree\n"));
	assert_non_null(strstr(text, "\nnl                       2.5       1.5"));
	for (const char *at = text; *at; at += strcspn(at, "\n") + 1)
		assert_true(strcspn(at, "\n") <= 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_lists, setup),
	    cmocka_unit_test_setup(test_line, setup),
	    cmocka_unit_test_setup(test_each_verdict, setup),
	    cmocka_unit_test_setup(test_json, setup),
	    cmocka_unit_test_setup(test_table, setup),
	};

	return cmocka_run_group_tests_name("top/once", tests, NULL, NULL);
}
