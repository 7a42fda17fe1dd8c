/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/otlp/request.h"

#include "base/clock.h"
#include "encode/histogram.h"
#include "encode/running.h"
#include "encode/running_line.h"
#include "measure/measurement.h"
#include "measure/size_bin.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* A metric of the request, for the field that it is of. */
struct metric {
	struct metric *next;
	const struct measurement *measurement;
	const struct measure_field *field;
	OtlpMetric *message;
};

struct builder {
	struct arena *arena;
	const struct otlp_request_options *options;
	OtlpRequest *request;
	OtlpResourceMetrics *resource; /* the last one; its tags are: */
	struct line_text resource_tags;
	struct metric *metrics; /* of the last one */
	size_t points;
};

/* A line while it is taken. */
struct line {
	const struct measurement *measurement;
	OtlpKeyValue **attributes;
	size_t n_attributes;
	uint64_t start_ns, time_ns;
};

/* --- Lists and texts in an arena --- */

/* Room for one more at the end of a list of pointers; lists double, so that their number is their
 * room. NULL: no memory. */
static void **grow(struct arena *arena, void **list, size_t n)
{
	void **more;

	if (n && (n & (n - 1)))
		return list; /* there is room up to the next power of two */
	more = arena_alloc(arena, (n ? 2 * n : 1) * sizeof(*list));
	if (more && n)
		memcpy(more, list, n * sizeof(*list));
	return more;
}

#define APPEND(arena, list, n, item) append((arena), (void ***)(void *)&(list), &(n), (item))
static int append(struct arena *arena, void ***list, size_t *n, void *item)
{
	void **more = item ? grow(arena, *list, *n) : NULL;

	if (!more)
		return -ENOMEM;
	*list = more;
	(*list)[(*n)++] = item;
	return 0;
}

/* A message, initialised. */
#define MAKE(arena, type, init)                                                                    \
	({                                                                                         \
		type *message_ = arena_alloc((arena), sizeof(type));                               \
		if (message_)                                                                      \
			init(message_);                                                            \
		message_;                                                                          \
	})

/* The strings of a message are never written to. */
static char *constant(const char *text)
{
	return (char *)(uintptr_t)text;
}

static char *unescaped(struct arena *arena, const struct line_text *text)
{
	char *copy = arena_alloc(arena, text->length + 1);

	if (copy)
		copy[line_unescape(text, copy)] = '\0';
	return copy;
}

static OtlpKeyValue *attribute(struct arena *arena, const char *key, const char *value)
{
	OtlpKeyValue *pair =
	    MAKE(arena, OtlpKeyValue, opentelemetry__proto__common__v1__key_value__init);
	OtlpAnyValue *any =
	    MAKE(arena, OtlpAnyValue, opentelemetry__proto__common__v1__any_value__init);
	bool flag;

	if (!pair || !any || !key || !value)
		return NULL;
	flag = strcmp(key, RUNNING_OVERFLOW) == 0;
	pair->key = constant(key);
	pair->value = any;
	if (flag) {
		any->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_BOOL_VALUE;
		any->bool_value = 1;
	} else {
		any->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE;
		any->string_value = constant(value);
	}
	return pair;
}

/* --- The resource --- */

/* A tag of all points stays with the points where its key is one that some measurement has, so that
 * all points of an agent have one resource. */
static bool is_of_points(const struct line_text *key)
{
	if (line_text_is(key, "server"))
		return false; /* it names the agent, also where a measurement of Prometheus has it
				 as a label */
	if (line_text_is(key, RUNNING_OVERFLOW))
		return true;
	for (size_t i = 0; i < TAG_COUNT; i++) {
		if (line_text_is(key, measure_tags[i].name))
			return true;
	}
	return false;
}

static bool is_convention(const struct line_text *key)
{
	static const char *const keys[] = {
	    "service.name", "service.instance.id", "service.version", "host.name"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (line_text_is(key, keys[i]))
			return true;
	}
	return false;
}

static int add_attribute(
    struct builder *b, OtlpResource *resource, const char *key, const char *value)
{
	return APPEND(b->arena, resource->attributes, resource->n_attributes,
	    attribute(b->arena, key, value));
}

static int fill_resource(struct builder *b, OtlpResource *resource, struct line_text tags)
{
	struct line_text key;
	struct line_value value;
	int r = add_attribute(b, resource, "service.name", "crosstap");

	if (r == 0)
		r = add_attribute(b, resource, "service.version", CROSSTAP_VERSION);
	if (r == 0 && *b->options->host)
		r = add_attribute(b, resource, "host.name", b->options->host);
	while (r == 0 && line_next(&tags, &key, &value)) {
		const char *name = line_text_is(&key, "server") ? "service.instance.id"
								: unescaped(b->arena, &key);

		if (value.kind == LINE_TEXT && !is_of_points(&key) && !is_convention(&key))
			r = add_attribute(b, resource, name, unescaped(b->arena, &value.text));
	}
	return r;
}

/* The next tag that is the resource's. */
static bool next_of_resource(
    struct line_text *tags, struct line_text *key, struct line_value *value)
{
	while (line_next(tags, key, value)) {
		if (!is_of_points(key))
			return true;
	}
	return false;
}

static bool equal(const struct line_text *a, const struct line_text *b)
{
	return a->length == b->length && memcmp(a->at, b->at, a->length) == 0;
}

/* Tags are sorted by key. */
static bool same_resource(struct line_text a, struct line_text b)
{
	struct line_text key_a, key_b;
	struct line_value value_a, value_b;

	for (;;) {
		const bool more_a = next_of_resource(&a, &key_a, &value_a),
			   more_b = next_of_resource(&b, &key_b, &value_b);

		if (!more_a || !more_b)
			return more_a == more_b;
		if (value_a.kind != LINE_TEXT || value_b.kind != LINE_TEXT ||
		    !equal(&key_a, &key_b) || !equal(&value_a.text, &value_b.text))
			return false;
	}
}

/* Makes the resource of these tags the last one. */
static int use_resource(struct builder *b, struct line_text tags)
{
	OtlpResourceMetrics *of;
	OtlpScopeMetrics *scope;
	int r;

	if (b->resource && same_resource(b->resource_tags, tags))
		return 0;
	of = MAKE(b->arena, OtlpResourceMetrics,
	    opentelemetry__proto__metrics__v1__resource_metrics__init);
	scope = MAKE(
	    b->arena, OtlpScopeMetrics, opentelemetry__proto__metrics__v1__scope_metrics__init);
	if (!of || !scope)
		return -ENOMEM;
	of->resource =
	    MAKE(b->arena, OtlpResource, opentelemetry__proto__resource__v1__resource__init);
	scope->scope = MAKE(
	    b->arena, OtlpScope, opentelemetry__proto__common__v1__instrumentation_scope__init);
	if (!of->resource || !scope->scope)
		return -ENOMEM;
	scope->scope->name = constant("crosstap");
	scope->scope->version = constant(CROSSTAP_VERSION);
	r = fill_resource(b, of->resource, tags);
	if (r == 0)
		r = APPEND(b->arena, of->scope_metrics, of->n_scope_metrics, scope);
	if (r == 0)
		r = APPEND(
		    b->arena, b->request->resource_metrics, b->request->n_resource_metrics, of);
	if (r < 0)
		return r;
	b->resource = of;
	b->resource_tags = tags;
	b->metrics = NULL;
	return 0;
}

/* --- Metrics --- */

static OtlpTemporality temporality(const struct builder *b)
{
	return b->options->cumulative
	    ? OPENTELEMETRY__PROTO__METRICS__V1__AGGREGATION_TEMPORALITY__AGGREGATION_TEMPORALITY_CUMULATIVE
	    : OPENTELEMETRY__PROTO__METRICS__V1__AGGREGATION_TEMPORALITY__AGGREGATION_TEMPORALITY_DELTA;
}

static int set_kind(struct builder *b, OtlpMetric *metric, enum measure_type type)
{
	if (type == MEASURE_COUNTER) {
		metric->sum = MAKE(b->arena, OtlpSum, opentelemetry__proto__metrics__v1__sum__init);
		if (!metric->sum)
			return -ENOMEM;
		metric->data_case = OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_SUM;
		metric->sum->is_monotonic = 1;
		metric->sum->aggregation_temporality = temporality(b);
	} else if (type == MEASURE_HISTOGRAM || type == MEASURE_BINS) {
		metric->histogram = MAKE(
		    b->arena, OtlpHistogram, opentelemetry__proto__metrics__v1__histogram__init);
		if (!metric->histogram)
			return -ENOMEM;
		metric->data_case = OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_HISTOGRAM;
		metric->histogram->aggregation_temporality = temporality(b);
	} else {
		metric->gauge =
		    MAKE(b->arena, OtlpGauge, opentelemetry__proto__metrics__v1__gauge__init);
		if (!metric->gauge)
			return -ENOMEM;
		metric->data_case = OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_GAUGE;
	}
	return 0;
}

static OtlpMetric *new_metric(
    struct builder *b, const struct measurement *measurement, const struct measure_field *field)
{
	OtlpScopeMetrics *scope = b->resource->scope_metrics[0];
	OtlpMetric *metric =
	    MAKE(b->arena, OtlpMetric, opentelemetry__proto__metrics__v1__metric__init);
	const bool bins = field->type == MEASURE_BINS;

	if (!metric || set_kind(b, metric, field->type) < 0)
		return NULL;
	metric->name = arena_printf(
	    b->arena, "crosstap.%s.%s", measurement->name, bins ? "bytes" : field->name);
	metric->description =
	    constant(bins ? "Messages by the size of the DNS message." : field->help);
	/* A histogram's unit is that of what is counted into it. */
	metric->unit = constant(bins ? "By" : field->unit);
	if (!metric->name || APPEND(b->arena, scope->metrics, scope->n_metrics, metric) < 0)
		return NULL;
	return metric;
}

static OtlpMetric *metric_of(
    struct builder *b, const struct measurement *measurement, const struct measure_field *field)
{
	struct metric *metric = b->metrics;

	while (metric && (metric->field != field || metric->measurement != measurement))
		metric = metric->next;
	if (metric)
		return metric->message;
	metric = arena_alloc(b->arena, sizeof(*metric));
	if (!metric)
		return NULL;
	*metric = (struct metric){b->metrics, measurement, field, NULL};
	metric->message = new_metric(b, measurement, field);
	if (metric->message)
		b->metrics = metric;
	return metric->message;
}

/* --- Data points --- */

static int add_number(
    struct builder *b, const struct line *line, OtlpMetric *metric, const struct line_value *value)
{
	OtlpNumber *point =
	    MAKE(b->arena, OtlpNumber, opentelemetry__proto__metrics__v1__number_data_point__init);

	if (!point)
		return -ENOMEM;
	point->time_unix_nano = line->time_ns;
	point->attributes = line->attributes;
	point->n_attributes = line->n_attributes;
	if (value->kind == LINE_REAL) {
		point->value_case =
		    OPENTELEMETRY__PROTO__METRICS__V1__NUMBER_DATA_POINT__VALUE_AS_DOUBLE;
		point->as_double = value->real;
	} else {
		point->value_case =
		    OPENTELEMETRY__PROTO__METRICS__V1__NUMBER_DATA_POINT__VALUE_AS_INT;
		point->as_int = value->integer;
	}
	if (metric->data_case == OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_GAUGE)
		return APPEND(
		    b->arena, metric->gauge->data_points, metric->gauge->n_data_points, point);
	point->start_time_unix_nano = line->start_ns;
	return APPEND(b->arena, metric->sum->data_points, metric->sum->n_data_points, point);
}

/* Those of sizes: a bin's last byte. */
static const double *size_bounds(struct arena *arena)
{
	double *bounds = arena_alloc(arena, (SIZE_BINS - 1) * sizeof(*bounds));

	for (unsigned i = 0; bounds && i < SIZE_BINS - 1; i++)
		bounds[i] = size_bin_lower(i + 1) - 1;
	return bounds;
}

static int add_histogram(struct builder *b, const struct line *line, OtlpMetric *metric,
    const struct line_value *value, size_t n_bounds, const double *bounds)
{
	OtlpHistogramPoint *point = MAKE(b->arena, OtlpHistogramPoint,
	    opentelemetry__proto__metrics__v1__histogram_data_point__init);
	uint64_t *counts = arena_alloc(b->arena, (n_bounds + 1) * sizeof(*counts));

	if (!point || !counts || !bounds)
		return -ENOMEM;
	point->start_time_unix_nano = line->start_ns;
	point->time_unix_nano = line->time_ns;
	point->attributes = line->attributes;
	point->n_attributes = line->n_attributes;
	point->explicit_bounds = (double *)(uintptr_t)bounds;
	point->n_explicit_bounds = n_bounds;
	point->bucket_counts = counts;
	point->n_bucket_counts = n_bounds + 1;
	for (size_t i = 0; i <= n_bounds; i++) {
		counts[i] = value->counts[i];
		point->count += counts[i];
	}
	if (value->has_first) {
		point->_sum_case =
		    OPENTELEMETRY__PROTO__METRICS__V1__HISTOGRAM_DATA_POINT___SUM_SUM;
		point->sum = value->real;
	}
	return APPEND(
	    b->arena, metric->histogram->data_points, metric->histogram->n_data_points, point);
}

static const struct measure_field *find_field(
    const struct measurement *measurement, const struct line_text *name)
{
	for (size_t i = 0; i < measurement->n_fields; i++) {
		const struct measure_field *field = &measurement->fields[i];

		if (field->type != MEASURE_TEXT &&
		    line_text_is(name, field->type == MEASURE_BINS ? "bytes" : field->name))
			return field;
	}
	return NULL;
}

static bool fits(const struct measure_field *field, const struct line_value *value)
{
	switch (field->type) {
	case MEASURE_COUNTER:
		return value->kind == LINE_INTEGER;
	case MEASURE_GAUGE:
	case MEASURE_FLOAT:
		return value->kind == LINE_INTEGER || value->kind == LINE_REAL;
	case MEASURE_HISTOGRAM:
		return value->kind == LINE_LIST && value->n == HISTOGRAM_BOUNDS + 1;
	case MEASURE_BINS:
		return value->kind == LINE_LIST && value->n == SIZE_BINS;
	case MEASURE_TEXT:
		break;
	}
	return false;
}

/* A field that another version wrote in another way is left out. */
static int add_field(struct builder *b, const struct line *line, const struct line_text *name,
    const struct line_value *value)
{
	const struct measure_field *field = find_field(line->measurement, name);
	OtlpMetric *metric;

	if (!field || !fits(field, value))
		return 0;
	metric = metric_of(b, line->measurement, field);
	if (!metric)
		return -ENOMEM;
	b->points++;
	if (field->type == MEASURE_HISTOGRAM)
		return add_histogram(b, line, metric, value, HISTOGRAM_BOUNDS, histogram_bounds);
	if (field->type == MEASURE_BINS)
		return add_histogram(b, line, metric, value, SIZE_BINS - 1, size_bounds(b->arena));
	return add_number(b, line, metric, value);
}

static int add_attributes(struct builder *b, struct line *line, struct line_text tags)
{
	struct line_text key;
	struct line_value value;
	int r = 0;

	while (r == 0 && line_next(&tags, &key, &value)) {
		if (is_of_points(&key) && value.kind == LINE_TEXT)
			r = APPEND(b->arena, line->attributes, line->n_attributes,
			    attribute(b->arena, unescaped(b->arena, &key),
				unescaped(b->arena, &value.text)));
	}
	return r;
}

/* -EINVAL: it is no line of running.h. */
static int add_line(struct builder *b, const char *text, size_t length)
{
	struct line_head head;
	struct line_text key;
	struct line_value value;
	int64_t start_ms, time_ms;
	struct line line = {0};
	int r;

	if (!line_read(text, length, &head) ||
	    !line_rest_integer(&head, text + length, "start", &start_ms) ||
	    !line_rest_integer(&head, text + length, "time", &time_ms) || start_ms < 0 ||
	    time_ms <= start_ms || time_ms > INT64_MAX / (int64_t)NS_PER_MS)
		return -EINVAL;
	line.measurement = running_measurement(head.measurement.at, head.measurement.length);
	if (!line.measurement)
		return -EINVAL;
	line.start_ns = (uint64_t)start_ms * NS_PER_MS;
	line.time_ns = (uint64_t)time_ms * NS_PER_MS;
	r = use_resource(b, head.tags);
	if (r == 0)
		r = add_attributes(b, &line, head.tags);
	while (r == 0 && line_next(&head.fields, &key, &value))
		r = add_field(b, &line, &key, &value);
	return r;
}

int otlp_request_make(struct arena *arena, const struct otlp_request_options *options,
    const char *text, size_t length, struct otlp_piece *ret_piece, OtlpRequest **ret)
{
	struct builder b = {.arena = arena, .options = options};
	struct otlp_piece piece = {0};
	int r = 0;

	b.request = MAKE(arena, OtlpRequest,
	    opentelemetry__proto__collector__metrics__v1__export_metrics_service_request__init);
	if (!b.request)
		return -ENOMEM;
	while (piece.bytes < length && piece.lines < options->lines) {
		const char *newline = memchr(text + piece.bytes, '\n', length - piece.bytes);
		const size_t next = newline ? (size_t)(newline - text) + 1 : length;

		if (piece.lines && next > options->bytes)
			break;
		r = add_line(&b, text + piece.bytes, next - piece.bytes);
		if (r == -ENOMEM)
			break;
		piece.unreadable += r < 0;
		piece.bytes = next;
		piece.lines++;
	}
	if (r == -ENOMEM)
		return r;
	piece.points = b.points;
	*ret_piece = piece;
	*ret = b.request;
	return 0;
}
