/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "http_server.h"
#include "otlp_shape.h"
#include "sink_fixture.h"

#include <errno.h>
#include <jansson.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

struct run {
	struct server *server;
	struct sink *sink;
};

static struct run start(const struct answer *script, size_t n)
{
	struct run run = {.server = server_new(script, n)};

	run.server->takes = "application/json";
	run.server->is_good = otlp_is_request;
	server_start(run.server);
	run.sink = start_sink(
	    config_with("  - otlp: {url: \"http://127.0.0.1:%u/v1/metrics\"}\n", run.server->port),
	    &quick);
	assert_int_equal(sink_format(run.sink), POINTS_JSON);
	return run;
}

static void end(struct run *run)
{
	sink_free(run->sink);
	server_free(run->server);
}

static void push(struct sink *sink, struct points *points)
{
	struct batch *batch;
	const char *text;
	size_t length;

	assert_int_equal(points_finish(points, &text, &length), 0);
	assert_int_equal(batch_new(&batch, text, length, points_count(points), 0), 0);
	sink_push(sink, batch);
	batch_unref(batch);
}

static struct points *new_points(void)
{
	struct points *points;

	assert_int_equal(points_new(&points, POINTS_JSON, 1 << 20), 0);
	points_common_tag(points, "server", "ns1");
	return points;
}

/* The metrics of the last request. */
static json_t *metrics_of(struct server *s, json_t **ret_root)
{
	json_t *metrics = NULL;
	const char *service;

	pthread_mutex_lock(&s->lock);
	*ret_root = json_loads(s->text, 0, NULL);
	pthread_mutex_unlock(&s->lock);
	assert_non_null(*ret_root);
	assert_int_equal(json_unpack(*ret_root, "{s:[{s:{s:[{s:{s:s}}]}, s:[{s:o}]}]}",
			     "resourceMetrics", "resource", "attributes", "value", "stringValue",
			     &service, "scopeMetrics", "metrics", &metrics),
	    0);
	assert_string_equal(service, "crosstap");
	return metrics;
}

static void test_request(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 200, .body = "{}"}};
	static const char want[] =
	    "[{\"name\": \"dns.queries\", \"gauge\": {\"dataPoints\": ["
	    "{\"attributes\": [{\"key\": \"server\", \"value\": {\"stringValue\": \"ns1\"}},"
	    " {\"key\": \"zone\", \"value\": {\"stringValue\": \"nl\"}},"
	    " {\"key\": \"as_org\", \"value\": {\"stringValue\": \"O\\\"rg\"}}],"
	    " \"timeUnixNano\": \"1700000000123000000\", \"asInt\": \"9223372036854775807\"},"
	    "{\"attributes\": [{\"key\": \"server\", \"value\": {\"stringValue\": \"ns1\"}}],"
	    " \"timeUnixNano\": \"1700000000123000000\", \"asInt\": \"2\"}]}},"
	    "{\"name\": \"dns.rtt\", \"gauge\": {\"dataPoints\": ["
	    "{\"attributes\": [{\"key\": \"server\", \"value\": {\"stringValue\": \"ns1\"}},"
	    " {\"key\": \"zone\", \"value\": {\"stringValue\": \"nl\"}},"
	    " {\"key\": \"as_org\", \"value\": {\"stringValue\": \"O\\\"rg\"}}],"
	    " \"timeUnixNano\": \"1700000000123000000\", \"asDouble\": 1.0}]}},"
	    "{\"name\": \"dns.ok\", \"gauge\": {\"dataPoints\": ["
	    "{\"attributes\": [{\"key\": \"server\", \"value\": {\"stringValue\": \"ns1\"}}],"
	    " \"timeUnixNano\": \"1700000000123000000\", \"asInt\": \"0\"}]}},"
	    "{\"name\": \"event\", \"gauge\": {\"dataPoints\": ["
	    "{\"attributes\": [{\"key\": \"server\", \"value\": {\"stringValue\": \"ns1\"}},"
	    " {\"key\": \"text\", \"value\": {\"stringValue\": \"hello\"}}],"
	    " \"timeUnixNano\": \"1700000000123000000\", \"asInt\": \"1\"}]}}]";
	struct run run = start(script, N_OF(script));
	struct points *points = new_points();
	json_t *root, *expected;

	points_begin(points, "dns", 1700000000123);
	points_tag(points, "zone", "nl");
	points_uint(points, "queries", UINT64_MAX);
	points_float(points, "rtt", 1);
	points_string(points, "as_org", "O\"rg", 4);
	points_begin(points, "dns", 1700000000123);
	points_uint(points, "queries", 2);
	points_bool(points, "ok", 0);
	points_begin(points, "event", 1700000000123);
	points_string(points, "text", "hello", 5);
	push(run.sink, points);
	assert_int_equal(wait_settled(run.sink, 3).points, 3);
	assert_string_equal(run.server->request_line, "POST /v1/metrics HTTP/1.1");
	assert_string_equal(run.server->content_type, "application/json");
	assert_string_equal(run.server->content_encoding, "gzip");
	assert_string_equal(run.server->accept, "application/json");
	assert_string_equal(run.server->authorization, "");
	assert_int_equal(run.server->refused, 0);
	expected = json_loads(want, 0, NULL);
	assert_non_null(expected);
	assert_true(json_equal(metrics_of(run.server, &root), expected));
	json_decref(root);
	json_decref(expected);
	points_free(points);
	end(&run);
}

static size_t data_points(json_t *metrics)
{
	json_t *metric;
	size_t i, n = 0;

	json_array_foreach(metrics, i, metric) n +=
	    json_array_size(json_object_get(json_object_get(metric, "gauge"), "dataPoints"));
	return n;
}

static void test_refusals(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 503}, {.status = 413}, {.status = 200},
	    {.status = 200, .body = "{\"partialSuccess\":{\"rejectedDataPoints\":\"1\"}}"},
	    {.status = 400, .body = "{\"message\":\"no\"}"}, {.status = 200}};
	struct run run = start(script, N_OF(script));
	struct points *points = new_points();
	struct sink_stats stats;
	struct batch *batch;
	json_t *root;

	for (int i = 0; i < 4; i++) {
		points_begin(points, "m", i);
		points_int(points, "n", i);
	}
	push(run.sink, points);
	stats = wait_settled(run.sink, 4);
	/* After the 503 all four, refused as too large; two; two with one of them rejected. */
	assert_int_equal(stats.points, 3);
	assert_int_equal(stats.points_rejected, 1);
	assert_int_equal(run.server->requests, 4);
	assert_int_equal(data_points(metrics_of(run.server, &root)), 2);
	json_decref(root);
	push(run.sink, points);
	stats = wait_settled(run.sink, 8);
	assert_int_equal(stats.points_rejected, 5);
	assert_string_equal(stats.last_error, "HTTP 400: no");
	assert_int_equal(batch_new(&batch, "no json\n", 8, 1, 0), 0);
	sink_push(run.sink, batch);
	batch_unref(batch);
	stats = wait_settled(run.sink, 9);
	assert_int_equal(stats.points_rejected, 6);
	points_free(points);
	end(&run);
}

/* A receiver that takes another media type: somebody must mend that, and the points wait. */
static void test_media_type(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 200, .body = "{}"}};
	struct run run = start(script, N_OF(script));
	struct points *points = new_points();
	struct sink_stats stats;

	run.server->takes = "application/x-protobuf";
	points_begin(points, "m", 1);
	points_int(points, "n", 1);
	push(run.sink, points);
	stats = wait_errors(run.sink, 1);
	assert_int_equal(stats.points_rejected, 0);
	assert_string_equal(stats.last_error, "HTTP 415");
	points_free(points);
	end(&run);
}

/* A 200 that takes a part of the points. */
static void test_partial_success(void **state UNUSED)
{
	static const struct {
		const char *body;
		size_t rejected;
		const char *error;
	} cases[] = {
	    {"{\"partialSuccess\":{}}", 0, ""},
	    {"{\"partialSuccess\":{\"rejectedDataPoints\":\"0\",\"errorMessage\":\"hm\"}}", 0, ""},
	    {"{\"partialSuccess\":{\"rejectedDataPoints\":\"1\",\"errorMessage\":\"too\\nold\"}}",
		1, "data points refused: 1: too\\x0aold"},
	    {"{\"partialSuccess\":{\"rejectedDataPoints\":2}}", 2, "data points refused: 2"},
	    {"{\"partial_success\":{\"rejected_data_points\":\"3\",\"error_message\":\"no\"}}", 3,
		"data points refused: 3: no"},
	    {"{\"partialSuccess\":{\"rejectedDataPoints\":\"99999999999999999999\"}}", 3,
		"data points refused: 9223372036854775807"},
	    {"{\"partialSuccess\":{\"rejectedDataPoints\":\"-1\"}}", 0, ""},
	    {"{\"partialSuccess\":{\"rejectedDataPoints\":1e300}}", 3,
		"data points refused: 9223372036854775807"},
	    {"{\"partialSuccess\":[1]}", 0, ""},
	    {"[", 0, ""},
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		const struct answer script[] = {{.status = 200, .body = cases[i].body}};
		struct run run = start(script, N_OF(script));
		struct points *points = new_points();
		struct sink_stats stats;

		for (int k = 0; k < 3; k++) {
			points_begin(points, "m", k);
			points_int(points, "n", k);
		}
		push(run.sink, points);
		stats = wait_settled(run.sink, 3);
		assert_int_equal(stats.points_rejected, cases[i].rejected);
		assert_int_equal(stats.points, 3 - cases[i].rejected);
		assert_string_equal(stats.last_error, cases[i].error);
		points_free(points);
		end(&run);
	}
}

/* Every measurement's worth of odd points keeps the shape: the receiver says 400 otherwise. */
static void test_shape(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 200, .body = "{}"}};
	struct run run = start(script, N_OF(script));
	struct points *points = new_points();

	points_begin(points, "edges", -5);
	points_int(points, "min", INT64_MIN);
	points_uint(points, "max", UINT64_MAX);
	points_float(points, "small", 5e-324);
	points_float(points, "large", -1.7976931348623157e308);
	points_float(points, "nan", 0.0 / 0.0);
	points_bool(points, "yes", 1);
	points_begin(points, "twice", INT64_MAX / 2000000);
	points_tag(points, "name", "a tag");
	points_string(points, "name", "and a string", 12);
	points_uint(points, "n", 1);
	points_begin(points, "bytes", 1);
	points_string(points, "raw", "\xff\xfe\x00\n\"\\", 6);
	points_string(points, "none", "", 0);
	push(run.sink, points);
	assert_int_equal(wait_settled(run.sink, 3).points, 3);
	assert_int_equal(run.server->refused, 0);
	points_free(points);
	end(&run);
}

/* What the check of the shape is worth. */
static void test_shape_is_strict(void **state UNUSED)
{
#define REQUEST(point)                                                                             \
	"{\"resourceMetrics\":[{\"resource\":{\"attributes\":[]},\"scopeMetrics\":[{\"scope\":{"   \
	"\"name\":\"x\"},\"metrics\":[{\"name\":\"m\",\"gauge\":{\"dataPoints\":[" point           \
	"]}}]}]}]}"
#define POINT(time, value) "{\"attributes\":[],\"timeUnixNano\":" time "," value "}"
	assert_true(otlp_is_request(REQUEST(POINT("\"1\"", "\"asInt\":\"-1\""))));
	assert_true(otlp_is_request(REQUEST(POINT("\"1\"", "\"asDouble\":1.5"))));
	assert_false(otlp_is_request(REQUEST(POINT("1", "\"asInt\":\"1\""))));
	assert_false(otlp_is_request(REQUEST(POINT("\"1\"", "\"asInt\":1"))));
	assert_false(otlp_is_request(REQUEST(POINT("\"1\"", "\"asInt\":\"1.5\""))));
	assert_false(otlp_is_request(REQUEST(POINT("\"1\"", "\"as_int\":\"1\""))));
	assert_false(otlp_is_request(REQUEST(POINT("\"1\"", "\"asInt\":\"1\",\"asDouble\":1"))));
	assert_false(otlp_is_request(REQUEST(POINT("\"1\"", "\"asDouble\":\"1\""))));
	assert_false(otlp_is_request(REQUEST("")));
	assert_false(otlp_is_request("{\"resource_metrics\":[]}"));
	assert_false(otlp_is_request("[]"));
#undef REQUEST
#undef POINT
}

static void test_many_lines(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 200}};
	struct run run = start(script, N_OF(script));
	struct points *points = new_points();

	for (int i = 0; i < 2500; i++) {
		points_begin(points, "m", i);
		points_int(points, "n", i);
	}
	push(run.sink, points);
	assert_int_equal(wait_settled(run.sink, 2500).points, 2500);
	assert_int_equal(run.server->requests, 3);
	points_free(points);
	end(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_request),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_media_type),
	    cmocka_unit_test(test_partial_success),
	    cmocka_unit_test(test_shape),
	    cmocka_unit_test(test_shape_is_strict),
	    cmocka_unit_test(test_many_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
