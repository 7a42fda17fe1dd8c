/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * OTLP/HTTP with JSON (opentelemetry.io/docs/specs/otlp, "OTLP/HTTP"). A numeric field becomes a
 * gauge named measurement.field: counts are per window, and many receivers refuse sums with delta
 * temporality. Tags are the attributes of its data point, and so are the point's strings; a point
 * of strings alone is a gauge of 1.
 */
#include "base/arena.h"
#include "base/unused.h"
#include "config/option_row.h"
#include "config/parse/texts.h"
#include "text/json_text.h"
#include "sink/batch.h"
#include "sink/http/post.h"
#include "sink/http/probe.h"
#include "sink/http/url.h"
#include "sink/kinds.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_LINES 1000 /* some ten thousand data points */
#define REQUEST_BYTES (1 << 20)

struct settings {
	const char *url;
	const char *ca; /* PEM file, empty: the system's */
	uint64_t timeout_ns;
};

#define P struct settings

static const struct config_option options[] = {
    {"url", OPTION_TEXT, .fallback = "http://127.0.0.1:4318/v1/metrics", RANGE(1, MAX_PATH),
	AT(P, url), .check = text_check_url, .is_url = true,
	.help = "The collector's OTLP/HTTP endpoint for metrics."},
    {"ca", OPTION_TEXT, .fallback = "\"\"", RANGE(0, MAX_PATH), AT(P, ca),
	.help = HTTP_POST_CA_HELP},
    {"timeout", OPTION_TIME, .fallback = "10s", RANGE(100 * MS, 600 * S), AT(P, timeout_ns),
	.help = HTTP_POST_TIMEOUT_HELP},
};

static enum points_format otlp_format(const void *settings UNUSED)
{
	return POINTS_JSON;
}

static int otlp_describe(struct arena *arena, const void *settings, struct sink_place *ret)
{
	const struct settings *s = settings;
	const char *url = http_url_public(arena, s->url);

	ret->name = url ? arena_printf(arena, "otlp %s", url) : NULL;
	ret->realm = "";
	return ret->name ? 0 : -ENOMEM;
}

/* OTLP answers POST alone; that it answers is all there is to see. */
static void otlp_probe(const void *settings, struct sink_finding *ret)
{
	const struct settings *s = settings;
	const struct http_probe probe = {.url = s->url,
	    .path = "",
	    .ca = s->ca,
	    .timeout_ns = s->timeout_ns,
	    .any_answer = true,
	    .advice = "see outputs.otlp.url"};

	http_probe_ask(&probe, ret);
}

static void otlp_close(void *backend)
{
	http_post_free(backend);
}

static int otlp_open(void **ret, const void *settings, const struct sink_control *control)
{
	const struct settings *s = settings;
	CURLU *url = curl_url();
	const struct http_post_options post_options = {.url = url,
	    .content_type = sink_otlp_ops.content_type,
	    .ca = s->ca,
	    .timeout_ns = s->timeout_ns};
	struct http_post *post;
	int r = 0;

	if (!url)
		return -ENOMEM;
	if (curl_url_set(url, CURLUPART_URL, s->url, 0))
		r = -EINVAL;
	if (r == 0)
		r = http_post_new(&post, &post_options, control);
	curl_url_cleanup(url);
	if (r == 0)
		*ret = post;
	return r;
}

static json_t *attribute(const char *key, const char *value)
{
	return json_pack("{s:s, s:{s:s}}", "key", key, "value", "stringValue", value);
}

static json_t *attributes_of(json_t *tags, json_t *fields)
{
	json_t *attributes = json_array(), *value;
	const char *key;

	json_object_foreach(tags, key, value)
	    json_array_append_new(attributes, attribute(key, json_string_value(value)));
	json_object_foreach(fields, key, value)
	{
		/* Keys of attributes are unique. */
		if (json_is_string(value) && !json_object_get(tags, key))
			json_array_append_new(attributes, attribute(key, json_string_value(value)));
	}
	return attributes;
}

/* The array of data points of the metric of this name, made when it is new. */
static json_t *points_of(json_t *metrics, const char *measurement, const char *field)
{
	json_t *points;
	char *name;

	if (asprintf(&name, "%s%s%s", measurement, field ? "." : "", field ? field : "") < 0)
		return NULL;
	points = json_object_get(metrics, name);
	if (!points) {
		points = json_array();
		json_object_set_new(metrics, name, points);
	}
	free(name);
	return points;
}

/* 64-bit integers are strings in OTLP's JSON. */
static void add_point(json_t *points, const char *time_ns, json_t *attributes, const json_t *value)
{
	json_t *point = json_pack("{s:O, s:s}", "attributes", attributes, "timeUnixNano", time_ns);
	char digits[24];

	if (json_is_real(value)) {
		json_object_set_new(point, "asDouble", json_real(json_real_value(value)));
	} else {
		snprintf(digits, sizeof(digits), "%" JSON_INTEGER_FORMAT,
		    json_is_integer(value) ? json_integer_value(value) : !json_is_false(value));
		json_object_set_new(point, "asInt", json_string(digits));
	}
	json_array_append_new(points, point);
}

/* One line of our own JSON (points.h). */
static void add_line(json_t *metrics, json_t *line)
{
	json_t *tags = json_object_get(line, "tags"), *fields = json_object_get(line, "fields"),
	       *value;
	json_t *attributes = attributes_of(tags, fields);
	const char *measurement = json_string_value(json_object_get(line, "measurement")), *key;
	json_int_t time_ms = json_integer_value(json_object_get(line, "time"));
	char time_ns[32];
	size_t numbers = 0;

	snprintf(
	    time_ns, sizeof(time_ns), "%" JSON_INTEGER_FORMAT, time_ms > 0 ? time_ms * 1000000 : 0);
	json_object_foreach(fields, key, value)
	{
		if (json_is_string(value))
			continue;
		add_point(points_of(metrics, measurement, key), time_ns, attributes, value);
		numbers++;
	}
	if (numbers == 0)
		add_point(points_of(metrics, measurement, NULL), time_ns, attributes, NULL);
	json_decref(attributes);
}

/* ExportMetricsServiceRequest. */
static char *wrap(json_t *metrics)
{
	json_t *list = json_array(), *points, *root;
	const char *name;
	char *text;

	json_object_foreach(metrics, name, points) json_array_append_new(
	    list, json_pack("{s:s, s:{s:O}}", "name", name, "gauge", "dataPoints", points));
	root = json_pack("{s:[{s:{s:[o]}, s:[{s:{s:s, s:s}, s:o}]}]}", "resourceMetrics",
	    "resource", "attributes", attribute("service.name", "crosstap"), "scopeMetrics",
	    "scope", "name", "crosstap", "version", CROSSTAP_VERSION, "metrics", list);
	text = json_text(root);
	json_decref(root);
	return text;
}

/* What of a batch is in a request. */
struct piece {
	size_t bytes, lines;
	size_t unreadable; /* lines that are no JSON of ours (from a spool) */
};

/* Translates up to `max_lines` lines; NULL: no memory. */
static char *translate(const char *text, size_t length, size_t max_lines, struct piece *ret)
{
	json_t *metrics = json_object();
	size_t used = 0, lines = 0, unreadable = 0;
	char *request;

	while (used < length && lines < max_lines) {
		const char *newline = memchr(text + used, '\n', length - used);
		size_t next = newline ? (size_t)(newline - text) + 1 : length;
		json_t *line;

		if (lines && next > REQUEST_BYTES)
			break;
		line = json_loadb(text + used, next - used, 0, NULL);
		if (json_is_string(json_object_get(line, "measurement")))
			add_line(metrics, line);
		else
			unreadable++;
		json_decref(line);
		used = next;
		lines++;
	}
	request = wrap(metrics);
	json_decref(metrics);
	*ret = (struct piece){used, lines, unreadable};
	return request;
}

/* The JSON mapping of Protocol Buffers writes lowerCamelCase; its readers take both. */
static json_t *member(const json_t *object, const char *camel, const char *snake)
{
	json_t *value = json_object_get(object, camel);

	return value ? value : json_object_get(object, snake);
}

/* An int64 of that mapping: a string, or a number. */
static long long int64_of(const json_t *value)
{
	const double number = json_number_value(value);

	if (json_is_string(value))
		return strtoll(json_string_value(value), NULL, 10);
	if (json_is_integer(value))
		return json_integer_value(value);
	return number >= (double)LLONG_MAX ? LLONG_MAX : number > 0 ? (long long)number : 0;
}

/* A 200 may still say that some were refused; they are data points, of which a line has several. */
static size_t partially_rejected(
    const struct http_post *post, size_t lines, struct send_result *ret)
{
	size_t length;
	const char *body = http_post_body(post, &length);
	json_t *root = json_loadb(body, length, 0, NULL);
	const json_t *partial = member(root, "partialSuccess", "partial_success");
	const char *message = json_string_value(member(partial, "errorMessage", "error_message"));
	long long rejected =
	    int64_of(member(partial, "rejectedDataPoints", "rejected_data_points"));

	if (rejected > 0) {
		char words[HTTP_POST_WORDS_SIZE] = "";

		if (message)
			http_post_quote(post, message, words);
		snprintf(ret->error, sizeof(ret->error), "data points refused: %lld%s%s", rejected,
		    *words ? ": " : "", words);
	}
	json_decref(root);
	if (rejected <= 0)
		return 0;
	return (unsigned long long)rejected < lines ? (size_t)rejected : lines;
}

/* One request; its status, or 0 without memory. */
static long post_lines(
    struct http_post *post, const char *text, size_t length, size_t max_lines, struct piece *ret)
{
	char *request = translate(text, length, max_lines, ret);
	long status;

	if (!request)
		return 0;
	status = http_post_send(post, request, strlen(request));
	free(request);
	return status;
}

static void otlp_send(void *backend, const char *text, size_t length, struct send_result *ret)
{
	struct http_post *post = backend;
	struct piece piece = {0};
	long status = post_lines(post, text, length, REQUEST_LINES, &piece);

	while (status == 413 && piece.lines > 1)
		status = post_lines(post, text, length, piece.lines / 2, &piece);
	if (status >= 200 && status < 300)
		ret->rejected = partially_rejected(post, piece.lines, ret);
	else
		http_post_explain(post, status, piece.lines, ret);
	if (ret->retry)
		return;
	if (ret->rejected < piece.unreadable)
		ret->rejected = piece.unreadable;
	ret->taken = piece.bytes;
	ret->accepted = piece.lines - ret->rejected;
}

static void otlp_wake(void *backend)
{
	http_post_wake(backend);
}

const struct sink_ops sink_otlp_ops = {
    .kind = {.name = "otlp",
	.table = TABLE(options, "OpenTelemetry metrics over HTTP."),
	.size = sizeof(struct settings)},
    .thread_name = "sink-otlp",
    .remote = true,
    .content_type = "application/json",
    .format = otlp_format,
    .describe = otlp_describe,
    .probe = otlp_probe,
    .open = otlp_open,
    .send = otlp_send,
    .wake = otlp_wake,
    .close = otlp_close,
};
