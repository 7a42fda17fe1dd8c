/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/running.h"

#include "encode/histogram.h"
#include "encode/running_line.h"
#include "measure/measurement.h"
#include "measure/size_bin.h"
#include "text/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#define AGAIN_MS        60000 /* a count that stays is said after so long */
#define SLOTS_LEAST     1024
#define HISTOGRAM_SLOTS (1 + HISTOGRAM_BOUNDS + 1) /* its sum, and the counts */
#define FIELDS_MAX      64

/* As points.c has them in every line. */
#define BEFORE_NAME   "{\"measurement\":\""
#define BEFORE_FIELDS "},\"fields\":"

union value {
	uint64_t count;
	int64_t gauge;
	double real;
};

struct series {
	struct series *next; /* the one that came after it */
	const struct measurement *measurement;
	uint64_t hash;
	int64_t said_ms;
	uint64_t seen; /* fields that had a value, by their number */
	uint64_t now;  /* those that have one in this window */
	uint64_t real; /* those of `now` that are no integers */
	union value *values;
	size_t key_length;
	char *key; /* the line up to its fields */
};

struct running {
	enum points_format format;
	size_t max, n, n_slots;
	struct series **slots;       /* a hash table: a power of two, at most half full */
	struct series *first, **end; /* all of them, in the order in which they came */
	uint64_t seed;
	int64_t start_ms, last_ms;
	bool begun; /* start_ms holds */
	struct buffer out;
};

int running_new(struct running **ret, enum points_format format, size_t series_max)
{
	struct running *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->format = format;
	r->max = series_max;
	r->n_slots = SLOTS_LEAST;
	r->end = &r->first;
	r->slots = calloc(r->n_slots, sizeof(*r->slots));
	if (!r->slots) {
		free(r);
		return -ENOMEM;
	}
	/* The seed keeps strangers from choosing collisions; without one, the table is only slower.
	 */
	if (getrandom(&r->seed, sizeof(r->seed), GRND_NONBLOCK) < 0)
		r->seed = (uintptr_t)r;
	*ret = r;
	return 0;
}

void running_restart(struct running *r)
{
	while (r->first) {
		struct series *series = r->first;

		r->first = series->next;
		free(series);
	}
	r->end = &r->first;
	memset(r->slots, 0, r->n_slots * sizeof(*r->slots));
	r->n = 0;
	r->begun = false;
}

void running_free(struct running *r)
{
	if (!r)
		return;
	running_restart(r);
	buffer_free(&r->out);
	free(r->slots);
	free(r);
}

const struct measurement *running_measurement(const char *name, size_t length)
{
	for (size_t i = 0; i < MEASUREMENT_COUNT; i++) {
		if (strlen(measurements[i].name) == length &&
		    memcmp(measurements[i].name, name, length) == 0)
			return &measurements[i];
	}
	return NULL;
}

/* --- Where a series keeps the values of a field --- */

static size_t slots_of(const struct measure_field *field)
{
	switch (field->type) {
	case MEASURE_COUNTER:
	case MEASURE_GAUGE:
	case MEASURE_FLOAT:
		return 1;
	case MEASURE_HISTOGRAM:
		return HISTOGRAM_SLOTS;
	case MEASURE_BINS:
		return SIZE_BINS;
	case MEASURE_TEXT:
		break;
	}
	return 0;
}

static bool runs(const struct measure_field *field)
{
	return field->type != MEASURE_GAUGE && field->type != MEASURE_FLOAT;
}

static size_t slots_before(const struct measurement *measurement, size_t field)
{
	size_t n = 0;

	for (size_t i = 0; i < field && i < measurement->n_fields; i++)
		n += slots_of(&measurement->fields[i]);
	return n;
}

/* --- The table --- */

static struct series **find(const struct running *r, uint64_t hash, const char *key, size_t length)
{
	size_t at = hash & (r->n_slots - 1);

	while (r->slots[at] &&
	    (r->slots[at]->hash != hash || r->slots[at]->key_length != length ||
		memcmp(r->slots[at]->key, key, length) != 0))
		at = (at + 1) & (r->n_slots - 1);
	return &r->slots[at];
}

static int grow(struct running *r)
{
	struct series **slots = calloc(2 * r->n_slots, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	free(r->slots);
	r->slots = slots;
	r->n_slots *= 2;
	for (struct series *series = r->first; series; series = series->next)
		*find(r, series->hash, series->key, series->key_length) = series;
	return 0;
}

static struct series *new_series(
    const struct measurement *measurement, uint64_t hash, const char *key, size_t length)
{
	const size_t n = slots_before(measurement, measurement->n_fields);
	struct series *series = calloc(1, sizeof(*series) + n * sizeof(union value) + length);

	if (!series)
		return NULL;
	series->measurement = measurement;
	series->hash = hash;
	series->values = (union value *)(series + 1);
	series->key = (char *)(series->values + n);
	series->key_length = length;
	memcpy(series->key, key, length);
	return series;
}

/* -ENOSPC: a new one, and the table is full; `always` takes it all the same. */
static int get_series(struct running *r, const struct measurement *measurement, const char *key,
    size_t length, bool always, struct series **ret)
{
	const uint64_t hash = XXH64(key, length, r->seed);
	struct series **slot = find(r, hash, key, length);

	if (!*slot) {
		if (r->n >= r->max && !always)
			return -ENOSPC;
		if (2 * (r->n + 1) > r->n_slots) {
			if (grow(r) < 0)
				return -ENOMEM;
			slot = find(r, hash, key, length);
		}
		*slot = new_series(measurement, hash, key, length);
		if (!*slot)
			return -ENOMEM;
		*r->end = *slot;
		r->end = &(*slot)->next;
		r->n++;
	}
	*ret = *slot;
	return 0;
}

static bool has_tag(const struct measurement *measurement, const struct line_text *key)
{
	for (size_t i = 0; i < measurement->n_tags; i++) {
		if (line_text_is(key, measure_tags[measurement->tags[i]].name))
			return true;
	}
	return false;
}

static void put_raw(struct buffer *to, const struct line_text *text)
{
	buffer_text(to, "\"");
	buffer_put(to, text->at, text->length);
	buffer_text(to, "\"");
}

/* The one for all that find no place: the same measurement and common tags. */
static int get_overflow(struct running *r, const struct measurement *measurement,
    struct line_text tags, struct series **ret)
{
	struct buffer text = {0};
	struct line_text key;
	struct line_value value;
	int error = -ENOMEM;

	buffer_text(&text, BEFORE_NAME);
	buffer_text(&text, measurement->name);
	buffer_text(&text, "\",\"tags\":{\"" RUNNING_OVERFLOW "\":\"true\"");
	while (line_next(&tags, &key, &value)) {
		if (value.kind != LINE_TEXT || has_tag(measurement, &key))
			continue;
		buffer_text(&text, ",");
		put_raw(&text, &key);
		buffer_text(&text, ":");
		put_raw(&text, &value.text);
	}
	if (!buffer_failed(&text))
		error = get_series(r, measurement, text.at, text.length, true, ret);
	buffer_free(&text);
	return error;
}

/* --- Taking a window --- */

static void take_number(struct series *series, size_t field, const struct line_value *value)
{
	union value *slot = &series->values[slots_before(series->measurement, field)];
	const uint64_t bit = 1ull << field;

	if (value->kind != LINE_INTEGER && value->kind != LINE_REAL)
		return;
	if (runs(&series->measurement->fields[field])) {
		slot->count += value->integer > 0 ? (uint64_t)value->integer : 0;
	} else if (value->kind == LINE_REAL) {
		slot->real = value->real;
		series->real |= bit;
	} else {
		slot->gauge = value->integer;
		series->real &= ~bit;
	}
	series->seen |= bit;
	series->now |= bit;
}

static void take_histogram(struct series *series, size_t field, const struct line_value *value)
{
	union value *slots = &series->values[slots_before(series->measurement, field)];

	if (value->kind != LINE_LIST || value->n + 1 != HISTOGRAM_SLOTS)
		return;
	slots[0].real += value->real;
	for (size_t i = 0; i < value->n; i++)
		slots[i + 1].count += value->counts[i];
	series->seen |= 1ull << field;
	series->now |= 1ull << field;
}

/* `b512` */
static void take_bin(struct series *series, size_t field, const struct line_text *name,
    const struct line_value *value)
{
	union value *slots = &series->values[slots_before(series->measurement, field)];
	unsigned bytes = 0;

	if (value->kind != LINE_INTEGER || value->integer < 0)
		return;
	for (size_t i = 1; i < name->length && i < 6; i++)
		bytes = bytes * 10 + (unsigned)(name->at[i] - '0') % 10;
	slots[size_bin_index(bytes)].count += (uint64_t)value->integer;
	series->seen |= 1ull << field;
	series->now |= 1ull << field;
}

static void take_field(
    struct series *series, const struct line_text *name, const struct line_value *value)
{
	const struct measurement *m = series->measurement;

	for (size_t i = 0; i < m->n_fields && i < FIELDS_MAX; i++) {
		const struct measure_field *field = &m->fields[i];

		if (field->type == MEASURE_BINS && name->length && name->at[0] == 'b') {
			take_bin(series, i, name, value);
			return;
		}
		if (field->type == MEASURE_TEXT || !line_text_is(name, field->name))
			continue;
		if (field->type == MEASURE_HISTOGRAM)
			take_histogram(series, i, value);
		else
			take_number(series, i, value);
		return;
	}
}

/* Gauges of many series are no gauge of all. */
static void take_fields(struct series *series, struct line_text fields, bool overflow)
{
	struct line_text name;
	struct line_value value;

	while (line_next(&fields, &name, &value))
		take_field(series, &name, &value);
	for (size_t i = 0; overflow && i < series->measurement->n_fields && i < FIELDS_MAX; i++) {
		if (!runs(&series->measurement->fields[i]))
			series->now &= ~(1ull << i);
	}
}

static int take_line(struct running *r, const char *line, size_t length)
{
	const struct measurement *measurement;
	struct line_head head;
	struct series *series;
	bool overflow;
	int error;

	if (!line_read(line, length, &head))
		return -EINVAL;
	measurement = running_measurement(head.measurement.at, head.measurement.length);
	if (!measurement)
		return -EINVAL;
	/* The line up to its fields is what tells a series from others. */
	error = get_series(r, measurement, line, (size_t)(head.tags.at + head.tags.length - line),
	    !measurement->n_tags, &series);
	overflow = error == -ENOSPC;
	if (overflow)
		error = get_overflow(r, measurement, head.tags, &series);
	if (error == 0)
		take_fields(series, head.fields, overflow);
	return error;
}

/* --- Saying it --- */

static void put_slots(struct buffer *out, const union value *counts, size_t n, const double *sum)
{
	buffer_text(out, "[");
	if (sum)
		buffer_real(out, *sum);
	else
		buffer_text(out, "null");
	for (size_t i = 0; i < n; i++) {
		buffer_text(out, ",");
		buffer_count(out, counts[i].count);
	}
	buffer_text(out, "]");
}

static void put_value(struct buffer *out, const struct series *series, size_t field)
{
	const union value *slots = &series->values[slots_before(series->measurement, field)];

	switch (series->measurement->fields[field].type) {
	case MEASURE_HISTOGRAM:
		put_slots(out, slots + 1, HISTOGRAM_SLOTS - 1, &slots[0].real);
		break;
	case MEASURE_BINS:
		put_slots(out, slots, SIZE_BINS, NULL);
		break;
	case MEASURE_COUNTER:
		buffer_count(out, slots->count > INT64_MAX ? INT64_MAX : slots->count);
		break;
	default:
		if (series->real & 1ull << field)
			buffer_real(out, slots->real);
		else
			buffer_integer(out, slots->gauge);
	}
}

static bool is_said(const struct running *r, const struct series *series, size_t field)
{
	const bool running = runs(&series->measurement->fields[field]);

	return (r->format == POINTS_CUMULATIVE && running ? series->seen : series->now) >> field &
	    1;
}

/* Whether there was anything to say. */
static bool put_series(struct running *r, const struct series *series)
{
	const size_t n = series->measurement->n_fields;
	bool first = true;

	for (size_t i = 0; i < n && i < FIELDS_MAX; i++) {
		const struct measure_field *field = &series->measurement->fields[i];

		if (!is_said(r, series, i))
			continue;
		if (first) {
			buffer_put(&r->out, series->key, series->key_length);
			buffer_text(&r->out, BEFORE_FIELDS "{");
		}
		buffer_text(&r->out, first ? "\"" : ",\"");
		buffer_text(&r->out, field->type == MEASURE_BINS ? "bytes" : field->name);
		buffer_text(&r->out, "\":");
		put_value(&r->out, series, i);
		first = false;
	}
	if (first)
		return false;
	buffer_text(&r->out, "},\"start\":");
	buffer_integer(&r->out, r->start_ms);
	buffer_text(&r->out, ",\"time\":");
	buffer_integer(&r->out, r->last_ms);
	buffer_text(&r->out, "}\n");
	return true;
}

static size_t put_all(struct running *r)
{
	size_t n = 0;

	for (const struct series *series = r->first; series; series = series->next) {
		if (series->now ||
		    (r->format == POINTS_CUMULATIVE && r->last_ms - series->said_ms >= AGAIN_MS))
			n += put_series(r, series);
	}
	return n;
}

/* Once all of it is written: what was not is still to be said. */
static void settle(struct running *r)
{
	for (struct series *series = r->first; series; series = series->next) {
		if (!series->now && r->last_ms - series->said_ms < AGAIN_MS)
			continue;
		series->said_ms = r->last_ms;
		series->now = 0;
		if (r->format == POINTS_DELTA)
			memset(series->values, 0,
			    slots_before(series->measurement, series->measurement->n_fields) *
				sizeof(union value));
	}
	r->begun = r->format == POINTS_CUMULATIVE;
}

/* A point is later than the one before and than its start, whatever the clock did. */
static void set_times(struct running *r, int64_t start_ms, int64_t end_ms)
{
	if (!r->begun)
		r->start_ms = start_ms;
	r->begun = true;
	if (end_ms <= r->last_ms)
		end_ms = r->last_ms + 1;
	if (end_ms <= r->start_ms)
		end_ms = r->start_ms + 1;
	r->last_ms = end_ms;
}

int running_window(struct running *r, const char *text, size_t length, int64_t start_ms,
    int64_t end_ms, const char **ret_text, size_t *ret_length, size_t *ret_points)
{
	size_t used = 0, points;
	int error = 0;

	set_times(r, start_ms, end_ms);
	while (used < length) {
		const char *newline = memchr(text + used, '\n', length - used);
		const size_t next = newline ? (size_t)(newline - text) + 1 : length;
		const int taken = take_line(r, text + used, next - used);

		error = taken < 0 ? taken : error;
		used = next;
	}
	buffer_reset(&r->out);
	points = put_all(r);
	buffer_put(&r->out, "", 1);
	if (buffer_failed(&r->out)) {
		points = 0;
		error = -ENOMEM;
	} else {
		settle(r);
	}
	*ret_text = r->out.at;
	*ret_length = points ? r->out.length - 1 : 0;
	*ret_points = points;
	return error;
}
