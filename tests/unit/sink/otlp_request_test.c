/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of encode/running.h as requests, in both encodings. */
#include "base/unused.h"
#include "otlp_shape.h"

#include "encode/running.h"
#include "sink/otlp/proto_json.h"
#include "sink/otlp/request.h"

#include <errno.h>
#include <stdio.h>

#include "../scarce.h"

#define LINE(tags, fields)                                                                         \
	"{\"measurement\":\"dns\",\"tags\":{" tags "},\"fields\":{" fields                         \
	"},\"start\":1000,\"time\":2000}\n"

static const char window[] = LINE("\"server\":\"ns1\",\"site\":\"ams\",\"zone\":\"nl\"",
    "\"queries\":9223372036854775807,\"responses\":3,\"sources\":2") LINE("\"server\":\"ns1\","
									  "\"site\":\"ams\",\"zone"
									  "\":\"de\"",
    "\"queries\":0,\"of_another_version\":1,\"query_bytes\":1.5") "{\"measurement\":\"dns_"
								  "latency\","
								  "\"tags\":{\"server\":\"ns1\","
								  "\"site\":\"ams\",\"zone\":"
								  "\"nl\",\"transport\":\"udp\"},"
								  "\"fields\":{\"p50_us\":12.5,"
								  "\"seconds\":[0.25,1,2,0,0,0,0,0,"
								  "0,0,0,0,0,0,0,0,0,0,0,0,0,4]},"
								  "\"start\":1000,\"time\":2000}"
								  "\n";

static const struct otlp_request_options cumulative = {
    .host = "h1", .cumulative = true, .lines = 100, .bytes = 1 << 20};

static OtlpRequest *make_with(struct arena *arena, const struct otlp_request_options *options,
    const char *text, struct otlp_piece *piece)
{
	OtlpRequest *request;

	assert_int_equal(otlp_request_make(arena, options, text, strlen(text), piece, &request), 0);
	return request;
}

static const OtlpMetric *metric(const OtlpRequest *request, const char *name)
{
	const OtlpScopeMetrics *scope = request->resource_metrics[0]->scope_metrics[0];

	for (size_t i = 0; i < scope->n_metrics; i++) {
		if (strcmp(scope->metrics[i]->name, name) == 0)
			return scope->metrics[i];
	}
	return NULL;
}

static void assert_attribute(
    OtlpKeyValue *const *attributes, size_t n, const char *key, const char *value)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(attributes[i]->key, key) == 0) {
			assert_string_equal(attributes[i]->value->string_value, value);
			return;
		}
	}
	fail_msg("no attribute %s", key);
}

static void assert_resource(const OtlpRequest *request)
{
	const OtlpResource *resource = request->resource_metrics[0]->resource;

	assert_int_equal(request->n_resource_metrics, 1);
	assert_int_equal(resource->n_attributes, 5);
	assert_attribute(resource->attributes, 5, "service.name", "crosstap");
	assert_attribute(resource->attributes, 5, "service.instance.id", "ns1");
	assert_attribute(resource->attributes, 5, "service.version", CROSSTAP_VERSION);
	assert_attribute(resource->attributes, 5, "host.name", "h1");
	assert_attribute(resource->attributes, 5, "site", "ams");
}

static void assert_window(const OtlpRequest *request)
{
	const OtlpMetric *queries = metric(request, "crosstap.dns.queries"),
			 *sources = metric(request, "crosstap.dns.sources"),
			 *seconds = metric(request, "crosstap.dns_latency.seconds");
	const OtlpNumber *point;
	const OtlpHistogramPoint *times;

	assert_true(queries && sources && seconds);
	assert_string_equal(queries->unit, "{query}");
	assert_string_equal(queries->description, "DNS queries received.");
	assert_int_equal(queries->data_case, OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_SUM);
	assert_true(queries->sum->is_monotonic);
	assert_int_equal(queries->sum->aggregation_temporality, 2);
	assert_int_equal(queries->sum->n_data_points, 2);
	point = queries->sum->data_points[0];
	assert_int_equal(point->as_int, INT64_MAX);
	assert_int_equal(point->start_time_unix_nano, 1000000000);
	assert_int_equal(point->time_unix_nano, 2000000000);
	assert_int_equal(point->n_attributes, 1);
	assert_attribute(point->attributes, 1, "zone", "nl");
	/* A count of nothing is a count. */
	assert_int_equal(queries->sum->data_points[1]->value_case,
	    OPENTELEMETRY__PROTO__METRICS__V1__NUMBER_DATA_POINT__VALUE_AS_INT);
	assert_int_equal(sources->data_case, OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_GAUGE);
	assert_int_equal(sources->gauge->data_points[0]->start_time_unix_nano, 0);
	/* A count that is none is left out, as is what this version does not know. */
	assert_null(metric(request, "crosstap.dns.query_bytes"));
	assert_string_equal(seconds->unit, "s");
	times = seconds->histogram->data_points[0];
	assert_int_equal(times->count, 7);
	assert_true(times->sum == 0.25);
	assert_int_equal(times->n_bucket_counts, times->n_explicit_bounds + 1);
	assert_int_equal(times->bucket_counts[1], 2);
	assert_true(times->explicit_bounds[0] == 5e-6);
}

static void messages(void **state UNUSED)
{
	struct otlp_piece piece;
	struct arena *arena;
	OtlpRequest *request, *read;
	uint8_t packed[8192];
	size_t length;

	assert_int_equal(arena_new(&arena), 0);
	request = make_with(arena, &cumulative, window, &piece);
	assert_int_equal(piece.lines, 3);
	assert_int_equal(piece.bytes, sizeof(window) - 1);
	assert_int_equal(piece.unreadable, 0);
	assert_int_equal(piece.points, 6);
	assert_resource(request);
	assert_window(request);
	length = protobuf_c_message_pack(&request->base, packed);
	assert_true(length < sizeof(packed));
	read = opentelemetry__proto__collector__metrics__v1__export_metrics_service_request__unpack(
	    NULL, length, packed);
	assert_non_null(read);
	assert_resource(read);
	assert_window(read);
	opentelemetry__proto__collector__metrics__v1__export_metrics_service_request__free_unpacked(
	    read, NULL);
	arena_free(arena);
}

/* The same in JSON, by the shape that OTLP/HTTP asks for. */
static void json(void **state UNUSED)
{
	static const char point[] = "{\"startTimeUnixNano\":\"1000000000\",\"timeUnixNano\":"
				    "\"2000000000\",\"asInt\":\"0\",\"attributes\":[{\"key\":"
				    "\"zone\",\"value\":{\"stringValue\":\"de\"}}]}";
	struct buffer text = {0};
	struct otlp_piece piece;
	struct arena *arena;

	assert_int_equal(arena_new(&arena), 0);
	proto_json_write(&text, &make_with(arena, &cumulative, window, &piece)->base);
	buffer_put(&text, "", 1);
	assert_false(buffer_failed(&text));
	assert_true(otlp_is_request(text.at));
	assert_non_null(strstr(text.at, point));
	assert_non_null(strstr(text.at, "\"aggregationTemporality\":2,\"isMonotonic\":true"));
	assert_non_null(
	    strstr(text.at, "\"count\":\"7\",\"sum\":0.25,\"bucketCounts\":[\"1\",\"2\""));
	assert_non_null(strstr(text.at, "\"asDouble\":12.5"));
	buffer_free(&text);
	arena_free(arena);
}

static void pieces(void **state UNUSED)
{
	static const char odd[] = "no json\n" LINE(
	    "", "\"queries\":1") "{\"measurement\":\"dns\"}\n"
				 "{\"measurement\":\"none\",\"tags\":{},\"fields\":{},\"start\":1,"
				 "\"time\":2}\n"
				 "{\"measurement\":\"dns\",\"tags\":{},\"fields\":{\"queries\":1},"
				 "\"start\":2,\"time\":2}\n"
				 "{\"measurement\":\"dns\",\"tags\":{},\"fields\":{\"queries\":1},"
				 "\"time\":2}\n[1]\n";
	static const struct otlp_request_options two = {.host = "",
						     .cumulative = false,
						     .lines = 2,
						     .bytes = 1 << 20},
						 small = {.host = "", .lines = 9, .bytes = 1};
	static const char servers[] =
	    LINE("\"server\":\"a\"", "\"queries\":1") LINE("\"server\":\"b\"", "\"queries\":1")
		LINE("\"server\":\"b\",\"" RUNNING_OVERFLOW "\":\"true\"", "\"queries\":1");
	OtlpRequest *request;
	struct otlp_piece piece;
	struct arena *arena;

	assert_int_equal(arena_new(&arena), 0);
	make_with(arena, &cumulative, odd, &piece);
	assert_int_equal(piece.lines, 7);
	assert_int_equal(piece.unreadable, 6);
	assert_int_equal(piece.points, 1);
	request = make_with(arena, &two, window, &piece);
	assert_int_equal(piece.lines, 2);
	assert_int_equal(metric(request, "crosstap.dns.queries")->sum->aggregation_temporality, 1);
	make_with(arena, &small, window, &piece);
	assert_int_equal(piece.lines, 1);
	request = make_with(arena, &cumulative, servers, &piece);
	assert_int_equal(request->n_resource_metrics, 2);
	assert_int_equal(request->resource_metrics[1]
			     ->scope_metrics[0]
			     ->metrics[0]
			     ->sum->data_points[1]
			     ->attributes[0]
			     ->value->value_case,
	    OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_BOOL_VALUE);
	arena_free(arena);
}

/* -- without memory */

static bool make_scarce(void *context)
{
	const char *text = context;
	struct buffer body = {0};
	struct otlp_piece piece;
	struct arena *arena;
	OtlpRequest *request;
	bool whole = false;
	int r;

	if (arena_new(&arena) < 0)
		return false;
	r = otlp_request_make(arena, &cumulative, text, strlen(text), &piece, &request);
	assert_true(r == 0 || r == -ENOMEM);
	if (r == 0) {
		/* All or nothing: no line is missing in silence. */
		assert_int_equal(piece.unreadable, 0);
		proto_json_write(&body, &request->base);
		buffer_put(&body, "", 1);
		whole = !buffer_failed(&body);
		if (whole)
			assert_true(otlp_is_request(body.at));
	}
	buffer_free(&body);
	arena_free(arena);
	return whole;
}

static void without_memory(void **state UNUSED)
{
	static char many[200 * sizeof(window)];

	for (int i = 0; i < 40; i++)
		strcat(many, window);
	assert_true(scarce_each(make_scarce, many) > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(messages),
	    cmocka_unit_test(json),
	    cmocka_unit_test(pieces),
	    cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
