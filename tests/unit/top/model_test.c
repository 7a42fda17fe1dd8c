/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "top/model.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int setup(void **state)
{
	struct top_model *model = malloc(sizeof(*model));

	top_model_clear(model);
	*state = model;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static int feed(struct top_model *model, enum top_document document, const char *text)
{
	int r;

	top_model_begin(model, document);
	r = top_model_feed(model, text, strlen(text));
	return r < 0 ? r : top_model_end(model);
}

static const struct table_row *row_of(struct top_model *model, enum top_list list, const char *name)
{
	const size_t n = model->lists[list].n;
	struct table_row *row = top_table_find(&model->lists[list], name);

	assert_int_equal(model->lists[list].n, n); /* it was there */
	return row;
}

static void test_window(void **state)
{
	struct top_model *model = *state;
	const struct table_row *row;

	assert_int_equal(feed(model, TOP_WINDOW,
			     "{\"end_ms\":30000,\"interval_s\":10.0,\"zones\":{"
			     "\"nl\":{\"messages\":{\"udp\":{\"ipv4\":{\"queries\":9,"
			     "\"responses\":8}}},\"queries\":10,\"responses\":8,\"sources\":3,"
			     "\"outgoing\":{\"queries\":77},\"malformed\":{\"query\":1,"
			     "\"response\":2},\"qtype\":{\"A\":6,\"MX\":4},"
			     "\"rcode\":{\"NXDOMAIN\":8},"
			     "\"response_time_us\":{\"count\":8,\"p50\":61.5,\"p99\":90}},"
			     "\"org\":{\"queries\":5,\"qtype\":{\"A\":5}}}}"),
	    0);
	assert_float_equal(model->queries, 15, 0);
	assert_float_equal(model->responses, 8, 0);
	assert_float_equal(model->interval_s, 10, 0);
	assert_float_equal(model->window_end_ms, 30000, 0);
	row = row_of(model, TOP_ZONES, "nl");
	assert_float_equal(row->figures[TOP_QUERIES], 10, 0);
	assert_float_equal(row->figures[TOP_MALFORMED], 3, 0);
	assert_float_equal(row->figures[TOP_P50_US], 61.5, 0);
	assert_float_equal(row->figures[TOP_NXDOMAIN], 8, 0);
	row = row_of(model, TOP_ZONES, "org");
	assert_false(table_row_knows(row, TOP_P50_US));
	assert_false(table_row_knows(row, TOP_RESPONSES));
	assert_float_equal(row_of(model, TOP_TYPES, "A")->figures[TOP_QUERIES], 11, 0);
	assert_float_equal(row_of(model, TOP_TRANSPORTS, "udp ipv4")->figures[TOP_RESPONSES], 8, 0);
	assert_float_equal(row_of(model, TOP_RCODES, "NXDOMAIN")->figures[TOP_QUERIES], 8, 0);
}

static void test_resolvers(void **state)
{
	struct top_model *model = *state;
	const struct table_row *row;

	assert_int_equal(feed(model, TOP_RESOLVERS,
			     "{\"zones\":{\"a\":{\"resolvers\":[{\"address\":\"192.0.2.1\","
			     "\"country\":\"NL\",\"asn\":64496,\"queries\":3,\"icmp_rtt_ms\":7}],"
			     "\"countries\":{\"NL\":{\"queries\":3,\"sources\":1}},\"asns\":{"
			     "\"64496\":{\"queries\":3,\"as_org\":\"Example\"}}},"
			     "\"b\":{\"resolvers\":[{\"address\":\"192.0.2.1\",\"queries\":4},"
			     "{\"address\":\"192.0.2.2\",\"queries\":1}]}}}"),
	    0);
	row = row_of(model, TOP_CLIENTS, "192.0.2.1");
	assert_float_equal(row->figures[TOP_QUERIES], 7, 0);
	assert_float_equal(row->figures[TOP_ICMP_MS], 7, 0);
	assert_float_equal(row->figures[TOP_AS_NUMBER], 64496, 0);
	assert_string_equal(row->note, "NL");
	row = row_of(model, TOP_CLIENTS, "192.0.2.2");
	assert_false(table_row_knows(row, TOP_ICMP_MS));
	assert_string_equal(row->note, "");
	assert_string_equal(row_of(model, TOP_ASNS, "64496")->note, "Example");
	assert_float_equal(row_of(model, TOP_COUNTRIES, "NL")->figures[TOP_SOURCES], 1, 0);
}

/* Networks are within a zone, whose own figures go on after them; the rest of them has no row. */
static void test_subnets(void **state)
{
	struct top_model *model = *state;
	const struct table_row *row;

	assert_int_equal(
	    feed(model, TOP_WINDOW,
		"{\"zones\":{\"a\":{\"queries\":9,\"subnets\":[{\"rank\":1,\"subnet\":"
		"\"192.0.2.0/24\",\"queries\":4,\"response_bytes\":400,\"nxdomain\":1},"
		"{\"rank\":\"other\",\"queries\":5,\"response_bytes\":50}],"
		"\"responses\":8},\"b\":{\"queries\":3,\"subnets\":[{\"subnet\":"
		"\"192.0.2.0/24\",\"queries\":3,\"response_bytes\":30}]}}}"),
	    0);
	assert_int_equal(model->lists[TOP_SUBNETS].n, 1);
	row = row_of(model, TOP_SUBNETS, "192.0.2.0/24");
	assert_float_equal(row->figures[TOP_QUERIES], 7, 0);
	assert_float_equal(row->figures[TOP_RESPONSE_BYTES], 430, 0);
	assert_float_equal(row->figures[TOP_NXDOMAIN], 1, 0);
	assert_float_equal(model->lists[TOP_SUBNETS].left_out_weight, 5, 0);
	row = row_of(model, TOP_ZONES, "a");
	assert_float_equal(row->figures[TOP_QUERIES], 9, 0);
	assert_float_equal(row->figures[TOP_RESPONSES], 8, 0);
}

static void test_names(void **state)
{
	struct top_model *model = *state;
	const struct table_row *row;

	assert_int_equal(
	    feed(model, TOP_RESOLVERS,
		"{\"zones\":{\"a\":{\"names\":{\"query\":[{\"name\":\"www.a\",\"count\":5},"
		"{\"name\":\"x.a\",\"count\":2}],\"nxdomain\":[{\"name\":\"x.a\","
		"\"count\":2},{\"count\":7}]}},\"b\":{\"names\":{\"query\":["
		"{\"name\":\"www.a\",\"count\":1}]}}}}"),
	    0);
	assert_int_equal(model->lists[TOP_NAMES].n, 2);
	row = row_of(model, TOP_NAMES, "www.a");
	assert_float_equal(row->figures[TOP_QUERIES], 6, 0);
	assert_false(table_row_knows(row, TOP_NXDOMAIN));
	assert_float_equal(row_of(model, TOP_NAMES, "x.a")->figures[TOP_NXDOMAIN], 2, 0);
}

static void test_crosscheck_and_status(void **state)
{
	struct top_model *model = *state;

	assert_false(top_model_not_ok(model));
	assert_int_equal(feed(model, TOP_CROSSCHECK,
			     "{\"funnel\":{\"wire_queries\":100,\"socket_drops\":4},"
			     "\"verdict\":\"socket-loss\"}"),
	    0);
	assert_true(top_model_not_ok(model));
	assert_int_equal(model->funnel_known, 1u << STAGE_WIRE_QUERIES | 1u << STAGE_SOCKET_DROPS);
	assert_float_equal(model->funnel[STAGE_SOCKET_DROPS], 4, 0);
	assert_int_equal(feed(model, TOP_STATUS,
			     "{\"server\":\"ns1\",\"inputs\":[{\"address\":\"/a\",\"frames\":4},"
			     "{\"address\":\"/b\",\"frames\":5,\"last_frame_age_s\":1.5}],"
			     "\"outputs\":[{\"name\":\"o\",\"failing\":true,"
			     "\"last_error\":\"no\"}]}"),
	    0);
	assert_string_equal(model->server, "ns1");
	assert_float_equal(row_of(model, TOP_INPUTS, "/b")->figures[TOP_FRAMES], 5, 0);
	assert_false(table_row_knows(row_of(model, TOP_INPUTS, "/a"), TOP_AGE_S));
	assert_float_equal(row_of(model, TOP_OUTPUTS, "o")->figures[TOP_FAILING], 1, 0);
	assert_string_equal(row_of(model, TOP_OUTPUTS, "o")->note, "no");
	assert_int_equal(feed(model, TOP_CROSSCHECK, "{\"verdict\":\"ok\"}"), 0);
	assert_false(top_model_not_ok(model));
}

/* Members of other types, where others should be: nothing is taken of them. */
static void test_strange(void **state)
{
	static const char *const texts[] = {"{}", "[]", "{\"zones\":7}",
	    "{\"zones\":[1,{\"a\":2}]}", "{\"zones\":{\"a\":5,\"b\":[]}}",
	    "{\"interval_s\":\"x\",\"server\":[1],\"inputs\":{\"a\":1}}",
	    "{\"outputs\":\"x\",\"window\":3}", "{\"interval_s\":-5,\"funnel\":[1],\"verdict\":7}",
	    "{\"inputs\":[{\"frames\":1}]}", "{\"zones\":{\"a\":{\"subnets\":{\"x\":[1]}}}}",
	    "{\"zones\":{\"a\":{\"subnets\":[1,{\"queries\":\"x\"},{\"subnet\":{}}]}}}",
	    "{\"zones\":{\"a\":{\"names\":[{\"name\":\"x\"}]}}}",
	    "{\"zones\":{\"a\":{\"names\":{\"query\":[1,{\"name\":3}]}}}}"};
	struct top_model *model = *state;

	for (unsigned i = 0; i < TOP_DOCUMENTS; i++) {
		for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
			assert_int_equal(feed(model, i, texts[k]), 0);
	}
	assert_string_equal(model->server, "");
	assert_string_equal(model->verdict, "");
	assert_float_equal(model->interval_s, 1, 0);
	assert_float_equal(model->queries, 0, 0);
	assert_int_equal(model->lists[TOP_INPUTS].n, 0);
	assert_int_equal(model->lists[TOP_SUBNETS].n, 0);
	assert_int_equal(model->lists[TOP_NAMES].n, 0);
	assert_int_equal(feed(model, TOP_STATUS, "{\"server\":\"cut"), -EPROTO);
	assert_int_equal(feed(model, TOP_STATUS, "{\"server\":oops}"), -EPROTO);
}

/* The heaviest stay, whenever they come; all others are counted. */
static void test_many_zones(void **state)
{
	enum { MANY = 200000 };
	struct top_model *model = *state;
	struct top_table *table = &model->lists[TOP_ZONES];
	char text[96];

	top_model_begin(model, TOP_WINDOW);
	assert_int_equal(top_model_feed(model, "{\"zones\":{\"first\":{\"queries\":1000}", 34), 0);
	for (unsigned i = 0; i < MANY; i++) {
		const int n = snprintf(text, sizeof(text), ",\"z%u\":{\"queries\":%u}", i,
		    i == MANY / 2 ? 5000 : 1 + i % 7);

		assert_int_equal(top_model_feed(model, text, (size_t)n), 0);
	}
	assert_int_equal(top_model_feed(model, "}}", 2), 0);
	assert_int_equal(top_model_end(model), 0);
	assert_true(table->n >= TOP_TABLE_ROWS / 2 && table->n <= TOP_TABLE_ROWS);
	assert_int_equal(table->n + table->left_out, MANY + 1);
	assert_float_equal(row_of(model, TOP_ZONES, "first")->figures[TOP_QUERIES], 1000, 0);
	snprintf(text, sizeof(text), "z%u", MANY / 2);
	assert_float_equal(row_of(model, TOP_ZONES, text)->figures[TOP_QUERIES], 5000, 0);
	for (size_t i = 0; i < table->n; i++)
		table->left_out_weight += table->rows[i].figures[TOP_QUERIES];
	assert_float_equal(table->left_out_weight, model->queries, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_window, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_resolvers, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_subnets, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_names, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_crosscheck_and_status, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_strange, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_many_zones, setup, teardown),
	};

	return cmocka_run_group_tests_name("top/model", tests, NULL, NULL);
}
