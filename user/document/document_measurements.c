/* SPDX-License-Identifier: BSD-2-Clause */
/* What is measured, for people and for programs: from the table of measure/measurement.h. */
#include "document/document.h"

#include "document/roff.h"
#include "measure/measurement.h"
#include "text/json_build.h"
#include "text/json_text.h"

#include <errno.h>
#include <string.h>

static const char *type_name(enum measure_type type)
{
	static const char *const names[] = {
	    [MEASURE_COUNTER] = "counter",
	    [MEASURE_GAUGE] = "gauge",
	    [MEASURE_FLOAT] = "float",
	    [MEASURE_TEXT] = "text",
	    [MEASURE_BINS] = "bins",
	    [MEASURE_HISTOGRAM] = "histogram",
	};

	return names[type];
}

/* -- JSON */

static void put_tags(
    struct json_build *build, json_t *object, const struct measurement *measurement)
{
	json_t *list = json_put_array(build, object, "tags");

	for (size_t i = 0; i < measurement->n_tags; i++) {
		const struct measure_tag_info *tag = &measure_tags[measurement->tags[i]];
		json_t *entry = json_add_object(build, list);

		json_put_text(build, entry, "name", tag->name);
		json_put_text(build, entry, "help", tag->help);
		if (tag->bound)
			json_put_count(build, entry, "values", tag->bound);
	}
}

static void put_field(struct json_build *build, json_t *list, const struct measurement *measurement,
    const struct measure_field *field)
{
	json_t *entry = json_add_object(build, list), *metric;
	char name[MEASURE_METRIC_BYTES];

	json_put_text(build, entry, "name", field->name);
	json_put_text(build, entry, "type", type_name(field->type));
	json_put_text(build, entry, "unit", field->unit);
	json_put_text(build, entry, "help", field->help);
	json_put_bool(build, entry, "points", measure_in_points(measurement, field));
	if (!measure_metric(measurement, field, name))
		return;
	metric = json_put_object(build, entry, "metric");
	json_put_text(build, metric, "name", name);
	json_put_text(build, metric, "type", measure_metric_type(field));
}

int document_write_measurements(FILE *out)
{
	struct json_build build = {0};
	json_t *document = json_build_object(&build);
	json_t *list = json_put_array(&build, document, "measurements");
	int r;

	for (size_t i = 0; i < MEASUREMENT_COUNT; i++) {
		const struct measurement *measurement = &measurements[i];
		json_t *object = json_add_object(&build, list), *fields;

		json_put_text(&build, object, "name", measurement->name);
		json_put_text(&build, object, "help", measurement->help);
		json_put_bool(&build, object, "points", measurement->when != WHEN_METRICS);
		put_tags(&build, object, measurement);
		fields = json_put_array(&build, object, "fields");
		for (size_t k = 0; k < measurement->n_fields; k++)
			put_field(&build, fields, measurement, &measurement->fields[k]);
	}
	document = json_build_finish(&build, document);
	if (!document)
		return -ENOMEM;
	r = json_print(document, 1, out);
	if (r == 0 && fputc('\n', out) == EOF)
		r = -EIO;
	json_decref(document);
	return r;
}

/* -- mdoc(7) */

static void write_field(
    FILE *out, const struct measurement *measurement, const struct measure_field *field)
{
	char metric[MEASURE_METRIC_BYTES];
	const bool has_metric = measure_metric(measurement, field, metric);

	if (measure_in_points(measurement, field))
		fprintf(out, ".It Cm %s\n", field->name);
	else if (has_metric)
		fprintf(out, ".It Li %s\n", metric);
	else
		return;
	roff_text(out, field->help);
	fprintf(out, "A %s%s%s", type_name(field->type), *field->unit ? ", " : "", field->unit);
	if (measure_in_points(measurement, field) && has_metric)
		fprintf(out, "; in Prometheus\n.Li %s .\n", metric);
	else
		fprintf(out, "%s.\n",
		    has_metric && measurement->when != WHEN_METRICS ? ", in Prometheus alone" : "");
}

static void write_measurement(FILE *out, const struct measurement *measurement)
{
	fprintf(out, ".Ss %s\n%s.\n", measurement->name, measurement->help);
	if (measurement->when == WHEN_METRICS)
		fputs("In Prometheus alone.\n", out);
	if (measurement->n_tags) {
		fputs("Tags:\n.Cm", out);
		for (size_t i = 0; i < measurement->n_tags; i++)
			fprintf(
			    out, "%s %s", i ? " ," : "", measure_tags[measurement->tags[i]].name);
		fputs(" .\n", out);
	}
	fputs(".Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < measurement->n_fields; i++)
		write_field(out, measurement, &measurement->fields[i]);
	fputs(".El\n", out);
}

static bool is_ambiguous(size_t tag)
{
	for (size_t i = 0; i < TAG_COUNT; i++) {
		if (i != tag && strcmp(measure_tags[i].name, measure_tags[tag].name) == 0)
			return true;
	}
	return false;
}

static bool has_tag(const struct measurement *measurement, size_t tag)
{
	for (size_t i = 0; i < measurement->n_tags; i++) {
		if (measurement->tags[i] == tag)
			return true;
	}
	return false;
}

/* Of tags that share a name, who has it. roff joins a line that ends with a backslash to the next.
 */
static void write_tag(FILE *out, size_t tag)
{
	const char *separator = " No of";
	size_t names = 0;

	fprintf(out, ".It Cm %s", measure_tags[tag].name);
	for (size_t i = 0; is_ambiguous(tag) && i < MEASUREMENT_COUNT; i++) {
		if (!has_tag(&measurements[i], tag))
			continue;
		fprintf(out, "%s %s", separator, measurements[i].name);
		separator = ++names % 3 ? " ," : " ,\\\n";
	}
	fputc('\n', out);
	roff_text(out, measure_tags[tag].help);
}

int document_write_metrics(FILE *out)
{
	fputs(".Sh TAGS\n.Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < TAG_COUNT; i++)
		write_tag(out, i);
	fputs(".El\n.Sh MEASUREMENTS\n", out);
	for (size_t i = 0; i < MEASUREMENT_COUNT; i++)
		write_measurement(out, &measurements[i]);
	return ferror(out) ? -EIO : 0;
}
