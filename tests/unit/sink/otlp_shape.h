/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a JSON text is an ExportMetricsServiceRequest, as strictly as a receiver may be: the
 * names and types of opentelemetry/proto/metrics/v1 in the JSON mapping of Protocol Buffers 3,
 * where 64-bit integers are strings of digits, and what OTLP/HTTP adds (lowerCamelCase, no other
 * keys).
 */
#ifndef TESTS_UNIT_SINK_OTLP_SHAPE_H
#define TESTS_UNIT_SINK_OTLP_SHAPE_H

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct otlp_member {
	const char *name;
	bool (*holds)(const json_t *value);
	bool needed;
};

/* An object with these members and no others. */
static inline bool otlp_object(const json_t *object, const struct otlp_member *members)
{
	const char *key;
	const json_t *value;

	if (!json_is_object(object))
		return false;
	for (const struct otlp_member *m = members; m->name; m++) {
		if (m->needed && !json_object_get(object, m->name))
			return false;
	}
	json_object_foreach((json_t *)object, key, value)
	{
		const struct otlp_member *m = members;

		while (m->name && strcmp(m->name, key) != 0)
			m++;
		if (!m->name || !m->holds(value))
			return false;
	}
	return true;
}

static inline bool otlp_array(const json_t *array, bool (*holds)(const json_t *item))
{
	const json_t *item;
	size_t i;

	if (!json_is_array(array))
		return false;
	json_array_foreach(array, i, item)
	{
		if (!holds(item))
			return false;
	}
	return true;
}

static inline bool otlp_string(const json_t *value)
{
	return json_is_string(value);
}

static inline bool otlp_name(const json_t *value)
{
	return json_is_string(value) && json_string_length(value) > 0;
}

/* fixed64: a string of digits, which fits. */
static inline bool otlp_fixed64(const json_t *value)
{
	const char *text = json_string_value(value);
	char *end;

	if (!text || !*text || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	strtoull(text, &end, 10);
	return errno == 0;
}

static inline bool otlp_sfixed64(const json_t *value)
{
	const char *text = json_string_value(value);
	char *end;

	if (!text || !*text || strspn(text + (*text == '-'), "0123456789") == 0)
		return false;
	errno = 0;
	strtoll(text, &end, 10);
	return errno == 0 && !*end;
}

static inline bool otlp_double(const json_t *value)
{
	return json_is_number(value);
}

static inline bool otlp_any_value(const json_t *value)
{
	static const struct otlp_member members[] = {
	    {"stringValue", otlp_string, true}, {NULL, NULL, false}};

	return otlp_object(value, members);
}

static inline bool otlp_key_value(const json_t *value)
{
	static const struct otlp_member members[] = {
	    {"key", otlp_name, true}, {"value", otlp_any_value, true}, {NULL, NULL, false}};

	return otlp_object(value, members);
}

/* "Attribute keys MUST be unique" (common.proto). */
static inline bool otlp_attributes(const json_t *value)
{
	json_t *seen = json_object();
	const json_t *item;
	bool good = otlp_array(value, otlp_key_value);
	size_t i;

	json_array_foreach(value, i, item)
	{
		const char *key = json_string_value(json_object_get(item, "key"));

		if (!key || json_object_get(seen, key))
			good = false;
		else
			json_object_set_new(seen, key, json_true());
	}
	json_decref(seen);
	return good;
}

static inline bool otlp_data_point(const json_t *value)
{
	static const struct otlp_member members[] = {{"attributes", otlp_attributes, false},
	    {"startTimeUnixNano", otlp_fixed64, false}, {"timeUnixNano", otlp_fixed64, true},
	    {"asInt", otlp_sfixed64, false}, {"asDouble", otlp_double, false}, {NULL, NULL, false}};

	return otlp_object(value, members) &&
	    !json_object_get(value, "asInt") != !json_object_get(value, "asDouble");
}

/* What counts something has a beginning. */
static inline bool otlp_sum_point(const json_t *value)
{
	return otlp_data_point(value) && json_object_get(value, "startTimeUnixNano");
}

static inline bool otlp_counts(const json_t *value)
{
	return otlp_array(value, otlp_fixed64);
}

static inline bool otlp_is_double(const json_t *value)
{
	return otlp_double(value);
}

static inline bool otlp_bounds(const json_t *value)
{
	return otlp_array(value, otlp_is_double);
}

static inline bool otlp_histogram_point(const json_t *value)
{
	static const struct otlp_member members[] = {{"attributes", otlp_attributes, false},
	    {"startTimeUnixNano", otlp_fixed64, true}, {"timeUnixNano", otlp_fixed64, true},
	    {"count", otlp_fixed64, false}, {"sum", otlp_double, false},
	    {"bucketCounts", otlp_counts, true}, {"explicitBounds", otlp_bounds, true},
	    {NULL, NULL, false}};

	return otlp_object(value, members) &&
	    json_array_size(json_object_get(value, "bucketCounts")) ==
	    json_array_size(json_object_get(value, "explicitBounds")) + 1;
}

static inline bool otlp_some(const json_t *value, bool (*holds)(const json_t *item))
{
	return otlp_array(value, holds) && json_array_size(value) > 0;
}

static inline bool otlp_gauge_points(const json_t *value)
{
	return otlp_some(value, otlp_data_point);
}

static inline bool otlp_sum_points(const json_t *value)
{
	return otlp_some(value, otlp_sum_point);
}

static inline bool otlp_histogram_points(const json_t *value)
{
	return otlp_some(value, otlp_histogram_point);
}

static inline bool otlp_gauge(const json_t *value)
{
	static const struct otlp_member members[] = {
	    {"dataPoints", otlp_gauge_points, true}, {NULL, NULL, false}};

	return otlp_object(value, members);
}

static inline bool otlp_temporality(const json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) >= 1 &&
	    json_integer_value(value) <= 2;
}

static inline bool otlp_true(const json_t *value)
{
	return json_is_true(value);
}

static inline bool otlp_sum(const json_t *value)
{
	static const struct otlp_member members[] = {{"dataPoints", otlp_sum_points, true},
	    {"aggregationTemporality", otlp_temporality, true}, {"isMonotonic", otlp_true, true},
	    {NULL, NULL, false}};

	return otlp_object(value, members);
}

static inline bool otlp_histogram(const json_t *value)
{
	static const struct otlp_member members[] = {{"dataPoints", otlp_histogram_points, true},
	    {"aggregationTemporality", otlp_temporality, true}, {NULL, NULL, false}};

	return otlp_object(value, members);
}

static inline bool otlp_metric(const json_t *value)
{
	static const struct otlp_member members[] = {{"name", otlp_name, true},
	    {"description", otlp_string, true}, {"unit", otlp_string, false},
	    {"gauge", otlp_gauge, false}, {"sum", otlp_sum, false},
	    {"histogram", otlp_histogram, false}, {NULL, NULL, false}};
	const int kinds = !!json_object_get(value, "gauge") + !!json_object_get(value, "sum") +
	    !!json_object_get(value, "histogram");

	return otlp_object(value, members) && kinds == 1;
}

static inline bool otlp_metrics(const json_t *value)
{
	return otlp_array(value, otlp_metric);
}

static inline bool otlp_scope(const json_t *value)
{
	static const struct otlp_member members[] = {{"name", otlp_name, true},
	    {"version", otlp_string, false}, {"attributes", otlp_attributes, false},
	    {NULL, NULL, false}};

	return otlp_object(value, members);
}

static inline bool otlp_scope_metrics_item(const json_t *value)
{
	static const struct otlp_member members[] = {{"scope", otlp_scope, true},
	    {"metrics", otlp_metrics, true}, {"schemaUrl", otlp_string, false},
	    {NULL, NULL, false}};

	return otlp_object(value, members);
}

static inline bool otlp_scope_metrics(const json_t *value)
{
	return otlp_array(value, otlp_scope_metrics_item);
}

static inline bool otlp_resource(const json_t *value)
{
	static const struct otlp_member members[] = {
	    {"attributes", otlp_attributes, true}, {NULL, NULL, false}};

	return otlp_object(value, members);
}

static inline bool otlp_resource_metrics_item(const json_t *value)
{
	static const struct otlp_member members[] = {{"resource", otlp_resource, true},
	    {"scopeMetrics", otlp_scope_metrics, true}, {"schemaUrl", otlp_string, false},
	    {NULL, NULL, false}};

	return otlp_object(value, members);
}

static inline bool otlp_resource_metrics(const json_t *value)
{
	return otlp_array(value, otlp_resource_metrics_item) && json_array_size(value) > 0;
}

static inline bool otlp_is_request(const char *text)
{
	static const struct otlp_member members[] = {
	    {"resourceMetrics", otlp_resource_metrics, true}, {NULL, NULL, false}};
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	bool good = otlp_object(root, members);

	json_decref(root);
	return good;
}

#endif
