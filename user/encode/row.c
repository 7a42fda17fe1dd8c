/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/row.h"

#include <math.h>
#include <string.h>

void row_begin(struct points *points, const struct measurement *measurement, int64_t time_ms,
    const char *const *tags)
{
	points_begin(points, measurement->name, time_ms);
	for (size_t i = 0; i < measurement->n_tags; i++) {
		if (tags[i])
			points_tag(points, measure_tags[measurement->tags[i]].name, tags[i]);
	}
}

static void put_text(struct points *points, const struct measure_field *field, const void *row)
{
	char buffer[MEASURE_TEXT_BYTES];
	const char *text = measure_text(field, row, buffer);

	if (text)
		points_string(points, field->name, text, strlen(text));
}

void row_fields(
    struct points *points, const struct measurement *measurement, const void *row, uint32_t known)
{
	for (size_t i = 0; i < measurement->n_fields; i++) {
		const struct measure_field *field = &measurement->fields[i];

		if (field->not_in & NOT_IN_POINTS || field->form == FORM_NONE ||
		    !measure_known(field, known))
			continue;
		if (field->type == MEASURE_TEXT)
			put_text(points, field, row);
		else if (field->type == MEASURE_FLOAT)
			points_float(points, field->name, measure_number(field, row));
		else
			points_int(points, field->name, measure_integer(field, row));
	}
}

void row_point(struct points *points, const struct measurement *measurement, int64_t time_ms,
    const char *const *tags, const void *row, uint32_t known)
{
	row_begin(points, measurement, time_ms, tags);
	row_fields(points, measurement, row, known);
	points_end(points);
}

static void put_member(
    struct json_build *build, json_t *object, const struct measure_field *field, const void *row)
{
	char buffer[MEASURE_TEXT_BYTES];
	const char *text;

	if (field->type == MEASURE_TEXT) {
		text = measure_text(field, row, buffer);
		if (text)
			json_put_text(build, object, field->name, text);
	} else if (field->type == MEASURE_FLOAT) {
		json_put_real(build, object, field->name, measure_number(field, row));
	} else {
		json_put_int(build, object, field->name, measure_integer(field, row));
	}
}

void row_members(struct json_build *build, json_t *object, const struct measurement *measurement,
    const void *row, uint32_t known)
{
	for (size_t i = 0; i < measurement->n_fields; i++) {
		const struct measure_field *field = &measurement->fields[i];

		if (!(field->not_in & NOT_IN_JSON) && field->form != FORM_NONE &&
		    measure_known(field, known))
			put_member(build, object, field, row);
	}
}
