/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/clickhouse/inserts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#define TIME_BYTES 32

static bool has_tag(const struct measurement *measurement, const char *key)
{
	if (strcmp(key, "server") == 0)
		return true;
	for (size_t i = 0; i < measurement->n_tags; i++) {
		if (strcmp(key, measure_tags[measurement->tags[i]].name) == 0)
			return true;
	}
	return false;
}

static void put_key(struct buffer *body, const char *key)
{
	buffer_text(body, ",");
	buffer_json_string(body, key);
	buffer_text(body, ":");
}

/* Own tags are columns, the others go into one. */
static void put_tags(struct buffer *body, const struct measurement *measurement, json_t *tags)
{
	const char *key;
	json_t *value;
	size_t others = 0;

	json_object_foreach(tags, key, value)
	{
		if (!json_is_string(value) || !has_tag(measurement, key))
			continue;
		put_key(body, key);
		buffer_json_string(body, json_string_value(value));
	}
	json_object_foreach(tags, key, value)
	{
		if (!json_is_string(value) || has_tag(measurement, key))
			continue;
		buffer_text(body, others++ ? "," : ",\"tags\":{");
		buffer_json_string(body, key);
		buffer_text(body, ":");
		buffer_json_string(body, json_string_value(value));
	}
	if (others)
		buffer_text(body, "}");
}

static void put_fields(struct buffer *body, json_t *fields)
{
	const char *key;
	json_t *value;

	json_object_foreach(fields, key, value)
	{
		if (json_is_object(value) || json_is_array(value) || json_is_null(value))
			continue;
		put_key(body, key);
		if (json_is_integer(value))
			buffer_integer(body, json_integer_value(value));
		else if (json_is_real(value))
			buffer_real(body, json_real_value(value));
		else if (json_is_string(value))
			buffer_json_string(body, json_string_value(value));
		else
			buffer_integer(body, json_is_true(value));
	}
}

/* Seconds, with the milliseconds of a window that begins off the grid. */
static void put_time(struct buffer *body, int64_t time_ms)
{
	char text[TIME_BYTES];

	if (time_ms % 1000)
		snprintf(text, sizeof(text), "{\"time\":%" PRId64 ".%03d", time_ms / 1000,
		    (int)(time_ms % 1000));
	else
		snprintf(text, sizeof(text), "{\"time\":%" PRId64, time_ms / 1000);
	buffer_text(body, text);
}

static bool is_point(json_t *point, const struct measurement **ret, int64_t *ret_ms)
{
	const char *name = json_string_value(json_object_get(point, "measurement"));
	const json_t *time = json_object_get(point, "time");

	*ret = name ? measurement_find(name) : NULL;
	*ret_ms = json_integer_value(time);
	return *ret && json_is_integer(time) && *ret_ms >= 0 &&
	    json_is_object(json_object_get(point, "tags")) &&
	    json_is_object(json_object_get(point, "fields"));
}

static void add_row(
    struct insert *insert, const struct measurement *measurement, json_t *point, int64_t time_ms)
{
	struct buffer *body = &insert->body;

	if (!insert->rows) {
		buffer_text(body, "INSERT INTO ");
		buffer_text(body, measurement->name);
		buffer_text(body, " FORMAT JSONEachRow\n");
		insert->statement = body->length;
	}
	put_time(body, time_ms);
	put_tags(body, measurement, json_object_get(point, "tags"));
	put_fields(body, json_object_get(point, "fields"));
	buffer_text(body, "}\n");
	insert->rows++;
}

static int add_line(struct inserts *inserts, const char *line, size_t length)
{
	const struct measurement *measurement;
	json_t *point = NULL;
	int64_t time_ms;

	if (json_read_with(&inserts->reserve, &point, line, length) == -ENOMEM)
		return -ENOMEM;
	if (is_point(point, &measurement, &time_ms))
		add_row(&inserts->of[measurement - measurements], measurement, point, time_ms);
	else
		inserts->unreadable++;
	json_decref(point);
	return 0;
}

int inserts_make(struct inserts *inserts, const char *text, size_t length, size_t max_bytes)
{
	for (size_t i = 0; i < MEASUREMENT_COUNT; i++) {
		buffer_reset(&inserts->of[i].body);
		inserts->of[i].rows = 0;
	}
	inserts->unreadable = inserts->bytes = 0;
	while (inserts->bytes < length) {
		const char *line = text + inserts->bytes,
			   *newline = memchr(line, '\n', length - inserts->bytes);
		const size_t bytes =
		    newline ? (size_t)(newline - line) + 1 : length - inserts->bytes;
		int r;

		if (inserts->bytes && inserts->bytes + bytes > max_bytes)
			break;
		r = add_line(inserts, line, bytes);
		if (r < 0)
			return r;
		inserts->bytes += bytes;
	}
	for (size_t i = 0; i < MEASUREMENT_COUNT; i++) {
		if (buffer_failed(&inserts->of[i].body))
			return -ENOMEM;
	}
	return 0;
}

void inserts_free(struct inserts *inserts)
{
	for (size_t i = 0; i < MEASUREMENT_COUNT; i++)
		buffer_free(&inserts->of[i].body);
	json_reserve_free(&inserts->reserve);
}
