/* SPDX-License-Identifier: BSD-2-Clause */
/* The output over HTTP: what is asked, and what answers come to. */
#include "base/unused.h"
#include "http_server.h"
#include "otlp_shape.h"
#include "sink_fixture.h"

#include "sink/otlp/proto.h"

#include <errno.h>
#include <jansson.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

struct run {
	struct server *server;
	struct sink *sink;
};

static struct run start_as(const struct answer *script, size_t n, const char *more)
{
	struct run run = {.server = server_new(script, n)};

	run.server->takes = "application/x-protobuf";
	if (strstr(more, "json")) {
		run.server->takes = "application/json";
		run.server->is_good = otlp_is_request;
	}
	server_start(run.server);
	run.sink = start_sink(config_with("  - otlp: {url: \"http://127.0.0.1:%u/v1/metrics\"%s}\n",
				  run.server->port, more),
	    &quick);
	return run;
}

static struct run start(const struct answer *script, size_t n)
{
	return start_as(script, n, ", encoding: json");
}

static void end(struct run *run)
{
	sink_free(run->sink);
	server_free(run->server);
}

/* Lines of encode/running.h: `n` of a series each. */
static void push_lines(struct sink *sink, size_t n)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	struct batch *batch;

	assert_non_null(out);
	for (size_t i = 0; i < n; i++)
		fprintf(out,
		    "{\"measurement\":\"dns_qtype\",\"tags\":{\"qtype\":\"TYPE%zu\",\"server\":"
		    "\"ns1\"},\"fields\":{\"queries\":%zu},\"start\":1000,\"time\":2000}\n",
		    i, i);
	fclose(out);
	assert_int_equal(batch_new(&batch, text, length, n, 0), 0);
	free(text);
	sink_push(sink, batch);
	batch_unref(batch);
}

static void test_formats(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 200}};
	struct run run = start_as(script, N_OF(script), "");

	assert_int_equal(sink_format(run.sink), POINTS_CUMULATIVE);
	end(&run);
	run = start_as(script, N_OF(script), ", temporality: delta");
	assert_int_equal(sink_format(run.sink), POINTS_DELTA);
	end(&run);
}

static OtlpRequest *request_of(struct server *s)
{
	OtlpRequest *request;

	pthread_mutex_lock(&s->lock);
	request =
	    opentelemetry__proto__collector__metrics__v1__export_metrics_service_request__unpack(
		NULL, s->text_length, (const uint8_t *)s->text);
	pthread_mutex_unlock(&s->lock);
	assert_non_null(request);
	return request;
}

static void test_protobuf(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 200}};
	struct run run = start_as(
	    script, N_OF(script), ", token: s3cr3t, headers: {X-Scope-OrgID: \"1\", X-Key: abcd}");
	const OtlpMetric *metric;
	OtlpRequest *request;

	push_lines(run.sink, 3);
	assert_int_equal(wait_settled(run.sink, 3).points, 3);
	assert_string_equal(run.server->request_line, "POST /v1/metrics HTTP/1.1");
	assert_string_equal(run.server->content_type, "application/x-protobuf");
	assert_string_equal(run.server->content_encoding, "gzip");
	assert_string_equal(run.server->accept, "application/x-protobuf");
	assert_string_equal(run.server->authorization, "Bearer s3cr3t");
	assert_non_null(strstr(run.server->in, "\r\nX-Scope-OrgID: 1\r\n"));
	assert_non_null(strstr(run.server->in, "\r\nX-Key: abcd\r\n"));
	request = request_of(run.server);
	assert_int_equal(request->n_resource_metrics, 1);
	metric = request->resource_metrics[0]->scope_metrics[0]->metrics[0];
	assert_string_equal(metric->name, "crosstap.dns_qtype.queries");
	assert_int_equal(metric->sum->n_data_points, 3);
	assert_int_equal(metric->sum->data_points[2]->as_int, 2);
	opentelemetry__proto__collector__metrics__v1__export_metrics_service_request__free_unpacked(
	    request, NULL);
	end(&run);
}

static void test_json(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 200, .body = "{}"}};
	struct run run = start(script, N_OF(script));

	push_lines(run.sink, 3);
	assert_int_equal(wait_settled(run.sink, 3).points, 3);
	assert_string_equal(run.server->content_type, "application/json");
	assert_string_equal(run.server->accept, "application/json");
	assert_string_equal(run.server->authorization, "");
	assert_int_equal(run.server->refused, 0);
	end(&run);
}

/* A header twice, once by each option. */
static void test_two_authorizations(void **state UNUSED)
{
	struct config *config = config_with("  - otlp: {headers: {authorization: Basic}}\n");
	struct sink *sink;

	set_text(config, "token", "s3cr3t");
	assert_int_equal(sink_new_tuned(&sink, &config->outputs[0], config, &quick), -EINVAL);
	config_unref(config);
}

static void test_refusals(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 503}, {.status = 413}, {.status = 200},
	    {.status = 200, .body = "{\"partialSuccess\":{\"rejectedDataPoints\":\"1\"}}"},
	    {.status = 400, .body = "{\"message\":\"no\"}"}, {.status = 413}};
	struct run run = start(script, N_OF(script));
	struct sink_stats stats;
	struct batch *batch;

	push_lines(run.sink, 4);
	stats = wait_settled(run.sink, 4);
	/* After the 503 all four, refused as too large; two; two with one of them rejected. */
	assert_int_equal(stats.points, 3);
	assert_int_equal(stats.points_rejected, 1);
	assert_int_equal(run.server->requests, 4);
	push_lines(run.sink, 4);
	stats = wait_settled(run.sink, 8);
	assert_int_equal(stats.points_rejected, 5);
	assert_string_equal(stats.last_error, "HTTP 400: no");
	/* One that is too large alone. */
	push_lines(run.sink, 1);
	assert_int_equal(wait_settled(run.sink, 9).points_rejected, 6);
	/* Of a spool that somebody wrote to: nothing is sent. */
	assert_int_equal(batch_new(&batch, "no json\n", 8, 1, 0), 0);
	sink_push(run.sink, batch);
	batch_unref(batch);
	stats = wait_settled(run.sink, 10);
	assert_int_equal(stats.points_rejected, 7);
	assert_string_equal(stats.last_error, "unreadable lines of a spool: 1");
	assert_int_equal(run.server->requests, 6);
	end(&run);
}

/* Words of a google.rpc.Status, which is what a refusal is in Protocol Buffers. */
static void test_status(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 400,
	    .headers = "Content-Type: application/x-protobuf\r\n",
	    .body = "\x08\x03\x12\x11no \x01 s3cr3t words"}};
	struct run run = start_as(script, N_OF(script), ", token: s3cr3t");

	push_lines(run.sink, 1);
	assert_string_equal((wait_settled(run.sink, 1).last_error), "HTTP 400: no \\x01 *** words");
	end(&run);
}

/* A receiver that takes another media type: somebody must mend that, and the points wait. */
static void test_media_type(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 200, .body = "{}"}};
	struct run run = start(script, N_OF(script));
	struct sink_stats stats;

	run.server->takes = "application/x-protobuf";
	push_lines(run.sink, 1);
	stats = wait_errors(run.sink, 1);
	assert_int_equal(stats.points_rejected, 0);
	assert_string_equal(stats.last_error, "HTTP 415");
	end(&run);
}

static void test_retry_after(void **state UNUSED)
{
	static const struct answer script[] = {
	    {.status = 429, .headers = "Retry-After: 1\r\n"}, {.status = 200}};
	struct run run = start(script, N_OF(script));
	const uint64_t start_ns = clock_monotonic_ns();

	push_lines(run.sink, 2);
	assert_int_equal(wait_settled(run.sink, 2).points, 2);
	assert_true(clock_monotonic_ns() - start_ns >= NS_PER_S);
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
	    {"{\"partialSuccess\":{\"rejectedDataPoints\":\"0\",\"errorMessage\":\"hm\"}}", 0,
		"all taken, with a warning: hm"},
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
	    /* In Protocol Buffers. */
	    {"\x0a\x06\x08\x02\x12\x02no", 2, "data points refused: 2: no"},
	    {"\x0a\x05\x12\x03old", 0, "all taken, with a warning: old"},
	    {"\x0a\x7f\x08", 0, ""},
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		const struct answer script[] = {{.status = 200,
		    .body = cases[i].body,
		    .headers = cases[i].body[0] == '\x0a'
			? "Content-Type: application/x-protobuf; x=y\r\n"
			: "Content-Type: application/json\r\n"}};
		struct run run = start(script, N_OF(script));
		struct sink_stats stats;

		push_lines(run.sink, 3);
		stats = wait_settled(run.sink, 3);
		assert_int_equal(stats.points_rejected, cases[i].rejected);
		assert_int_equal(stats.points, 3 - cases[i].rejected);
		assert_string_equal(stats.last_error, cases[i].error);
		end(&run);
	}
}

/* What the check of the shape is worth. */
static void test_shape_is_strict(void **state UNUSED)
{
#define REQUEST(data)                                                                              \
	"{\"resourceMetrics\":[{\"resource\":{\"attributes\":[]},\"scopeMetrics\":[{\"scope\":{"   \
	"\"name\":\"x\"},\"metrics\":[{\"name\":\"m\",\"description\":\"d\"," data "}]}]}]}"
#define GAUGE(point) "\"gauge\":{\"dataPoints\":[" point "]}"
#define SUM(point)                                                                                 \
	"\"sum\":{\"aggregationTemporality\":2,\"isMonotonic\":true,\"dataPoints\":[" point "]}"
#define POINT(time, value) "{\"attributes\":[],\"timeUnixNano\":" time "," value "}"
	assert_true(otlp_is_request(REQUEST(GAUGE(POINT("\"1\"", "\"asInt\":\"-1\"")))));
	assert_true(otlp_is_request(REQUEST(GAUGE(POINT("\"1\"", "\"asDouble\":1.5")))));
	assert_true(otlp_is_request(
	    REQUEST(SUM(POINT("\"1\"", "\"startTimeUnixNano\":\"1\",\"asInt\":\"1\"")))));
	assert_false(otlp_is_request(REQUEST(SUM(POINT("\"1\"", "\"asInt\":\"1\"")))));
	assert_false(otlp_is_request(REQUEST(GAUGE(POINT("1", "\"asInt\":\"1\"")))));
	assert_false(otlp_is_request(REQUEST(GAUGE(POINT("\"1\"", "\"asInt\":1")))));
	assert_false(otlp_is_request(REQUEST(GAUGE(POINT("\"1\"", "\"asInt\":\"1.5\"")))));
	assert_false(otlp_is_request(REQUEST(GAUGE(POINT("\"1\"", "\"as_int\":\"1\"")))));
	assert_false(
	    otlp_is_request(REQUEST(GAUGE(POINT("\"1\"", "\"asInt\":\"1\",\"asDouble\":1")))));
	assert_false(otlp_is_request(REQUEST(GAUGE(POINT("\"1\"", "\"asDouble\":\"1\"")))));
	assert_false(otlp_is_request(REQUEST(GAUGE(""))));
	assert_false(otlp_is_request("{\"resource_metrics\":[]}"));
	assert_false(otlp_is_request("[]"));
#undef REQUEST
#undef GAUGE
#undef SUM
#undef POINT
}

static void test_many_lines(void **state UNUSED)
{
	static const struct answer script[] = {{.status = 200}};
	struct run run = start(script, N_OF(script));

	push_lines(run.sink, 2500);
	assert_int_equal(wait_settled(run.sink, 2500).points, 2500);
	assert_int_equal(run.server->requests, 3);
	end(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_formats),
	    cmocka_unit_test(test_protobuf),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_two_authorizations),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_status),
	    cmocka_unit_test(test_media_type),
	    cmocka_unit_test(test_retry_after),
	    cmocka_unit_test(test_partial_success),
	    cmocka_unit_test(test_shape_is_strict),
	    cmocka_unit_test(test_many_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
