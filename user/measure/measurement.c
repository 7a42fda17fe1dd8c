/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/measurement.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A member of a row; memcpy: rows are of many types. */
#define READ(type, ret, field, row)                                                                \
	memcpy(&(ret), (const char *)(row) + (field)->offset, sizeof(type))

const struct measurement *measurement_find(const char *name)
{
	for (size_t i = 0; i < MEASUREMENT_COUNT; i++) {
		if (strcmp(measurements[i].name, name) == 0)
			return measurements[i].when == WHEN_METRICS ? NULL : &measurements[i];
	}
	return NULL;
}

const struct measure_field *measurement_field(
    const struct measurement *measurement, const char *name)
{
	for (size_t i = 0; i < measurement->n_fields; i++) {
		const struct measure_field *field = &measurement->fields[i];

		if (!(field->not_in & NOT_IN_POINTS) && strcmp(field->name, name) == 0)
			return field;
	}
	return NULL;
}

int64_t measure_integer(const struct measure_field *field, const void *row)
{
	uint64_t count = 0;
	bool flag;

	if (field->form == FORM_BOOL) {
		READ(bool, flag, field, row);
		return flag;
	}
	READ(uint64_t, count, field, row);
	return count > INT64_MAX && field->form == FORM_U64 ? INT64_MAX : (int64_t)count;
}

double measure_number(const struct measure_field *field, const void *row)
{
	double value;

	if (field->form != FORM_DOUBLE)
		return (double)measure_integer(field, row);
	READ(double, value, field, row);
	return isfinite(value) ? value : NAN;
}

const char *measure_text(
    const struct measure_field *field, const void *row, char buffer[MEASURE_TEXT_BYTES])
{
	const char *text;
	uint64_t value;

	if (field->form == FORM_HEX) {
		READ(uint64_t, value, field, row);
		snprintf(buffer, MEASURE_TEXT_BYTES, "%016" PRIx64, value);
		return buffer;
	}
	READ(const char *, text, field, row);
	return text;
}

static size_t size_of(enum measure_form form)
{
	switch (form) {
	case FORM_U64:
	case FORM_I64:
	case FORM_HEX:
		return sizeof(uint64_t);
	case FORM_BOOL:
		return sizeof(bool);
	case FORM_DOUBLE:
		return sizeof(double);
	case FORM_TEXT:
		return sizeof(const char *);
	case FORM_NONE:
		break;
	}
	return 0;
}

void measure_add(const struct measurement *measurement, void *sum, const void *row, uint32_t known)
{
	for (size_t i = 0; i < measurement->n_fields; i++) {
		const struct measure_field *field = &measurement->fields[i];
		char *to = (char *)sum + field->offset;
		uint64_t count, total;

		if (!measure_known(field, known))
			continue;
		if (field->type != MEASURE_COUNTER || field->form == FORM_NONE) {
			memcpy(to, (const char *)row + field->offset, size_of(field->form));
			continue;
		}
		READ(uint64_t, count, field, row);
		READ(uint64_t, total, field, sum);
		total += count;
		memcpy(to, &total, sizeof(total));
	}
}

bool measure_metric(const struct measurement *measurement, const struct measure_field *field,
    char out[MEASURE_METRIC_BYTES])
{
	static const char prefix[] = "crosstap";
	const bool ours = strncmp(measurement->name, prefix, sizeof(prefix) - 1) == 0;
	const bool number = field->type == MEASURE_COUNTER || field->type == MEASURE_GAUGE;

	if (measurement->metrics == METRICS_NONE || (!field->metric && !number))
		return false;
	if (field->metric)
		snprintf(out, MEASURE_METRIC_BYTES, "%s", field->metric);
	else
		snprintf(out, MEASURE_METRIC_BYTES, "%s%s%s_%s%s", ours ? "" : prefix,
		    ours ? "" : "_", measurement->name, field->name,
		    field->type == MEASURE_COUNTER ? "_total" : "");
	return *out;
}

const char *measure_metric_type(const struct measure_field *field)
{
	return field->type == MEASURE_COUNTER  ? "counter"
	    : field->type == MEASURE_HISTOGRAM ? "histogram"
					       : "gauge";
}

bool measure_margin_is_kept(enum margin margin)
{
	char name[MEASURE_METRIC_BYTES];

	for (size_t i = 0; i < MEASUREMENT_COUNT; i++) {
		for (size_t k = 0; k < measurements[i].n_fields; k++) {
			const struct measure_field *field = &measurements[i].fields[k];

			if (field->margin == margin &&
			    measure_metric(&measurements[i], field, name))
				return true;
		}
	}
	return false;
}
