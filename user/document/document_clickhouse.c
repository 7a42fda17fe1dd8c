/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables of ClickHouse for the clickhouse output: one a measurement, in the columns that
 * sink/clickhouse/inserts.c writes, and sums of its counters by minute and by hour. Statements of
 * 23.3 and later. What was not measured is NULL, never 0.
 */
#include "document/document.h"

#include "document/quote.h"

#include "measure/measurement.h"
#include "measure/size_bin.h"

#include <errno.h>
#include <string.h>

#define KEEP_DAYS        30
#define KEEP_MINUTE_DAYS 400
#define BLOCKS           1000 /* of the last inserts, that are known again when one comes twice */

static bool has_points(const struct measurement *measurement)
{
	for (size_t i = 0; i < measurement->n_fields; i++) {
		if (measure_in_points(measurement, &measurement->fields[i]))
			return true;
	}
	return false;
}

/* A row of a ranking says nothing without its texts: they take the place of the rank in sums. */
static bool is_rank(enum measure_tag tag)
{
	return strcmp(measure_tags[tag].name, "rank") == 0;
}

static bool is_ranking(const struct measurement *measurement)
{
	for (size_t i = 0; i < measurement->n_tags; i++) {
		if (is_rank(measurement->tags[i]))
			return true;
	}
	return false;
}

static bool is_sum(const struct measure_field *field)
{
	return field->type == MEASURE_COUNTER || field->type == MEASURE_BINS;
}

static void write_field(FILE *out, const struct measure_field *field)
{
	const char *type = field->type == MEASURE_TEXT ? "String"
	    : field->type == MEASURE_FLOAT             ? "Float64"
	    : field->type == MEASURE_GAUGE             ? "Int64"
						       : "UInt64";
	const char *codec = field->type == MEASURE_TEXT ? "ZSTD(1)"
	    : field->type == MEASURE_FLOAT              ? "Gorilla, ZSTD(1)"
							: "T64, ZSTD(1)";
	const bool absent =
	    field->type == MEASURE_FLOAT || field->type == MEASURE_TEXT || field->needs;

	for (unsigned i = 0; i < (field->type == MEASURE_BINS ? SIZE_BINS : 1); i++) {
		if (field->type == MEASURE_BINS)
			fprintf(out, ",\n    b%u", size_bin_lower(i));
		else
			fprintf(out, ",\n    `%s`", field->name);
		fprintf(out, " %s%s%s CODEC(%s) COMMENT ", absent ? "Nullable(" : "", type,
		    absent ? ")" : "", codec);
		quote_text(out, field->help);
	}
}

/* One table of what a batch brings. */
static void write_table(FILE *out, const struct measurement *measurement)
{
	fprintf(out,
	    "CREATE TABLE IF NOT EXISTS %s\n(\n"
	    "    time DateTime64(3) CODEC(DoubleDelta, ZSTD(1)) COMMENT 'Start of the window.',\n"
	    "    server LowCardinality(String) COMMENT 'As the configuration names the agent.',\n"
	    "    tags Map(LowCardinality(String), String) COMMENT 'Those of the configuration.'",
	    measurement->name);
	for (size_t i = 0; i < measurement->n_tags; i++) {
		const struct measure_tag_info *tag = &measure_tags[measurement->tags[i]];

		fprintf(out, ",\n    `%s` LowCardinality(String) COMMENT ", tag->name);
		quote_text(out, tag->help);
	}
	for (size_t i = 0; i < measurement->n_fields; i++) {
		if (measure_in_points(measurement, &measurement->fields[i]))
			write_field(out, &measurement->fields[i]);
	}
	fputs(
	    "\n)\nENGINE = ReplacingMergeTree\nPARTITION BY toYYYYMM(time)\nORDER BY (server", out);
	for (size_t i = 0; i < measurement->n_tags; i++)
		fprintf(out, ", `%s`", measure_tags[measurement->tags[i]].name);
	fprintf(out,
	    ", time)\nTTL toDateTime(time) + INTERVAL %d DAY\n"
	    "SETTINGS non_replicated_deduplication_window = %d\nCOMMENT ",
	    KEEP_DAYS, BLOCKS);
	quote_text(out, measurement->help);
	fputs(";\n\n", out);
}

static size_t sums(const struct measurement *measurement)
{
	size_t n = 0;

	for (size_t i = 0; i < measurement->n_fields; i++)
		n += measure_in_points(measurement, &measurement->fields[i]) &&
		    is_sum(&measurement->fields[i]);
	return n;
}

enum key_form { KEY_DECLARED, KEY_NAMED, KEY_SELECTED };

static void write_key(FILE *out, const char *name, bool absent, enum key_form form)
{
	if (form == KEY_DECLARED)
		fprintf(out, ",\n    `%s` LowCardinality(String)", name);
	else if (form == KEY_NAMED)
		fprintf(out, ", `%s`", name);
	else
		fprintf(out,
		    absent ? ",\n    ifNull(source.`%s`, '') AS `%s`"
			   : ",\n    source.`%s` AS `%s`",
		    name, name);
}

/* The columns that tell rows of sums apart. */
static void write_keys(FILE *out, const struct measurement *measurement, enum key_form form)
{
	const bool ranking = is_ranking(measurement);

	for (size_t i = 0; i < measurement->n_tags; i++) {
		if (!is_rank(measurement->tags[i]))
			write_key(out, measure_tags[measurement->tags[i]].name, false, form);
	}
	for (size_t i = 0; ranking && i < measurement->n_fields; i++) {
		const struct measure_field *field = &measurement->fields[i];

		if (measure_in_points(measurement, field) && field->type == MEASURE_TEXT)
			write_key(out, field->name, true, form);
	}
}

static void write_sum_column(FILE *out, const char *name, bool select)
{
	if (select)
		fprintf(out, ",\n    sum(ifNull(source.`%s`, 0)) AS `%s`", name, name);
	else
		fprintf(out, ",\n    `%s` UInt64 CODEC(T64, ZSTD(1))", name);
}

static void write_sums(FILE *out, const struct measurement *measurement, bool select)
{
	char name[MEASURE_METRIC_BYTES];

	for (size_t i = 0; i < measurement->n_fields; i++) {
		const struct measure_field *field = &measurement->fields[i];

		if (!measure_in_points(measurement, field) || !is_sum(field))
			continue;
		for (unsigned k = 0; k < (field->type == MEASURE_BINS ? SIZE_BINS : 1); k++) {
			if (field->type == MEASURE_BINS)
				snprintf(name, sizeof(name), "b%u", size_bin_lower(k));
			else
				snprintf(name, sizeof(name), "%s", field->name);
			write_sum_column(out, name, select);
		}
	}
}

/* A table of sums, and the view that fills it at each insert. */
static void write_rollup(
    FILE *out, const struct measurement *measurement, const char *span, const char *function)
{
	fprintf(out,
	    "CREATE TABLE IF NOT EXISTS %s_%s\n(\n    time DateTime CODEC(DoubleDelta, ZSTD(1)),\n"
	    "    server LowCardinality(String)",
	    measurement->name, span);
	write_keys(out, measurement, KEY_DECLARED);
	write_sums(out, measurement, false);
	fputs("\n)\nENGINE = SummingMergeTree\nPARTITION BY toYYYYMM(time)\nORDER BY (server", out);
	write_keys(out, measurement, KEY_NAMED);
	fputs(", time)\n", out);
	if (strcmp(span, "minute") == 0)
		fprintf(out, "TTL time + INTERVAL %d DAY\n", KEEP_MINUTE_DAYS);
	fprintf(out,
	    "SETTINGS non_replicated_deduplication_window = %d;\n\n"
	    "CREATE MATERIALIZED VIEW IF NOT EXISTS %s_%s_view TO %s_%s AS\nSELECT\n"
	    "    %s(toDateTime(source.time)) AS time,\n    server",
	    BLOCKS, measurement->name, span, measurement->name, span, function);
	write_keys(out, measurement, KEY_SELECTED);
	write_sums(out, measurement, true);
	fprintf(out, "\nFROM %s AS source\nGROUP BY time, server", measurement->name);
	write_keys(out, measurement, KEY_NAMED);
	fputs(";\n\n", out);
}

int document_write_clickhouse(FILE *out)
{
	fprintf(out,
	    "-- Tables for the clickhouse output: one for each measurement, kept %d days, and sums "
	    "of\n"
	    "-- counters by minute (%d days) and hour. Change the times as you like.\n\n",
	    KEEP_DAYS, KEEP_MINUTE_DAYS);
	for (size_t i = 0; i < MEASUREMENT_COUNT; i++) {
		const struct measurement *measurement = &measurements[i];

		if (!has_points(measurement))
			continue;
		write_table(out, measurement);
		if (!sums(measurement))
			continue;
		write_rollup(out, measurement, "minute", "toStartOfMinute");
		write_rollup(out, measurement, "hour", "toStartOfHour");
	}
	return ferror(out) ? -EIO : 0;
}
