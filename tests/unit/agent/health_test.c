/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/health.h"
#include "base/clock.h"
#include "base/unused.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define START_NS (1000 * (int64_t)NS_PER_S)

static char reasons[4096];

static struct health_facts good(void)
{
	return (struct health_facts){.now_ns = START_NS + 3600 * (int64_t)NS_PER_S,
	    .started_ns = START_NS,
	    .interval_ns = 10 * (uint64_t)NS_PER_S,
	    .inputs = 1,
	    .connected = true};
}

static void expect(const struct health_facts *facts, const char *json)
{
	assert_int_equal(health_judge(facts, reasons, sizeof(reasons)), strcmp(json, "[]") == 0);
	assert_string_equal(reasons, json);
}

static void test_a_producer_has_its_time(void **state UNUSED)
{
	struct health_facts facts = good();

	expect(&facts, "[]");
	facts.connected = false;
	expect(&facts, "[\"no producer has connected since the start\"]");
	facts.now_ns = START_NS + HEALTH_LEAST_START_NS;
	expect(&facts, "[]");
	facts.now_ns++;
	expect(&facts, "[\"no producer has connected since the start\"]");
	facts.interval_ns = 60 * (uint64_t)NS_PER_S;
	expect(&facts, "[]");
	facts.now_ns = START_NS + 120 * (int64_t)NS_PER_S + 1;
	expect(&facts, "[\"no producer has connected since the start\"]");
	facts.inputs = 0; /* the wire alone */
	expect(&facts, "[]");
}

static void test_a_late_window(void **state UNUSED)
{
	struct health_facts facts = good();

	facts.due_ns = facts.now_ns - 20 * (int64_t)NS_PER_S;
	expect(&facts, "[]");
	facts.due_ns--;
	expect(&facts, "[\"a window is over two intervals late\"]");
}

static void test_outputs(void **state UNUSED)
{
	struct output_status outputs[2] = {{.name = "a"}, {.name = "b"}};
	struct health_facts facts = good();

	facts.outputs = outputs;
	facts.n_outputs = 2;
	outputs[0].stats.failing = true;
	expect(&facts, "[]");
	outputs[1].stats.failing = true;
	expect(&facts, "[\"every output fails\"]");
	outputs[1].stats.failing = false;
	outputs[0].stats.refused = true;
	strcpy(outputs[0].stats.last_error, "HTTP 400 \"x\"\n");
	expect(&facts, "[\"a refuses all points: HTTP 400 \\\"x\\\"\\\\x0a\"]");
}

static void test_reasons_are_cut_whole(void **state UNUSED)
{
	struct output_status outputs[2] = {{.name = "first"}, {.name = "second"}};
	struct health_facts facts = good();

	facts.outputs = outputs;
	facts.n_outputs = 2;
	outputs[0].stats.refused = outputs[1].stats.refused = true;
	for (size_t size = 40; size < 90; size++) {
		assert_false(health_judge(&facts, reasons, size));
		assert_int_equal(reasons[strlen(reasons) - 1], ']');
		assert_int_equal(reasons[strlen(reasons) - 2], '"');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_producer_has_its_time),
	    cmocka_unit_test(test_a_late_window),
	    cmocka_unit_test(test_outputs),
	    cmocka_unit_test(test_reasons_are_cut_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
