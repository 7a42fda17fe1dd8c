/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/encode.h"

#include "base/clock.h"
#include "encode/histogram.h"
#include "encode/row.h"
#include "measure/margin_tag.h"
#include "measure/rows.h"
#include "measure/size_bin.h"

#include <stdio.h>
#include <string.h>

/* What every encoder below needs to know. */
struct job {
	struct points *points;
	const struct window_view *view;
	const struct zone_view *zone;
	const struct encode_context *context;
};

const char *encode_rank(const struct encode_context *context, size_t rank, const char *value,
    char buffer[ENCODE_RANK_BYTES])
{
	snprintf(buffer, ENCODE_RANK_BYTES, "%zu", rank + 1);
	return context->top_key == TOP_KEY_VALUE ? value : buffer;
}

/* `tags` after the zone. */
static void put(const struct job *job, enum measurement_id id, const char *tag, const char *next,
    const void *row)
{
	row_point(job->points, &measurements[id], job->view->span.time_ms,
	    (const char *[MEASURE_MAX_TAGS]){job->zone->label, tag, next}, row, 0);
}

static bool is_always(const struct job *job)
{
	for (size_t i = 0; i < job->context->n_always; i++) {
		if (job->context->always[i] == job->zone->zone)
			return true;
	}
	return false;
}

/* The sum of its margin that the field stands for. */
static uint64_t sum_of(
    const struct job *job, const struct measure_field *field, unsigned transport, unsigned family)
{
	const bool any = field->direction == MEASURE_ANY;
	uint64_t sum = 0;

	for (unsigned d = any ? 0 : field->direction; d <= (any ? 1 : field->direction); d++) {
		const struct cell *cell = margin_at(&job->zone->margins[field->margin],
		    job->zone->zone, field->margin, d, transport, family, 0);

		sum += field->amount ? cell->amount : cell->count;
	}
	return sum;
}

static void fill(const struct job *job, enum measurement_id id, unsigned transport, unsigned family,
    struct dns_row *ret)
{
	for (size_t i = 0; i < measurements[id].n_fields; i++) {
		const struct measure_field *field = &measurements[id].fields[i];
		const uint64_t sum = field->margin ? sum_of(job, field, transport, family) : 0;

		memcpy((char *)ret + field->offset, &sum, sizeof(sum));
	}
}

static void encode_messages(const struct job *job)
{
	const bool always = is_always(job);
	struct dns_row row;

	for (unsigned t = 0; t < TRANSPORT_COUNT; t++) {
		for (unsigned f = 0; f < 2; f++) {
			fill(job, M_DNS, t, f, &row);
			if (!row.queries && !row.responses && !(always && t <= TRANSPORT_TCP))
				continue;
			row.sources = job->zone->sources[f][t];
			put(job, M_DNS, mnemonic_transport(t), mnemonic_family(f), &row);
		}
	}
}

static void encode_sources(const struct job *job)
{
	const bool always = is_always(job);

	for (unsigned f = 0; f < 2; f++) {
		const struct count_row row = {job->zone->sources_all[f]};

		if (row.count || always)
			put(job, M_DNS_SOURCES, mnemonic_family(f), NULL, &row);
	}
}

static const char *code_text(
    const struct job *job, enum measure_tag tag, uint64_t key, char buffer[MNEMONIC_BYTES])
{
	if (tag == TAG_QTYPE && job->context->unassigned)
		return unassigned_qtype(job->context->unassigned, job->view->span.time_ms,
		    (uint16_t)margin_value(key), buffer);
	return margin_tag_text(tag, key, buffer);
}

/* A point for each value of a margin. Types that are not to have a series of their own are sent as
 * one point. */
static void encode_codes(const struct job *job, enum measurement_id id)
{
	const enum measure_tag tag = measurements[id].tags[1];
	const struct margin_slice *slice = &job->zone->margins[measurements[id].fields[0].margin];
	struct count_row other = {0};
	char buffer[MNEMONIC_BYTES];

	for (size_t i = 0; i < slice->n; i++) {
		const struct count_row row = {slice->cells[i].count};
		const char *text = code_text(job, tag, slice->cells[i].key, buffer);

		if (strcmp(text, UNASSIGNED_OTHER) == 0)
			other.count += row.count;
		else
			put(job, id, text, NULL, &row);
	}
	if (other.count)
		put(job, id, UNASSIGNED_OTHER, NULL, &other);
}

static void encode_all_codes(const struct job *job)
{
	for (int id = 0; id < MEASUREMENT_COUNT; id++) {
		const struct measurement *measurement = &measurements[id];

		if (measurement->fields[0].margin && measurement->n_tags == 2 &&
		    margin_tag_is_code(measurement->tags[1]))
			encode_codes(job, (enum measurement_id)id);
	}
}

static void encode_flags(const struct job *job)
{
	for (unsigned d = 0; d < 2; d++) {
		const struct margin_slice slice = margin_of(&job->zone->margins[MARGIN_FLAG], d);
		struct flags_row row = {0};

		if (!slice.n)
			continue;
		for (size_t i = 0; i < slice.n; i++)
			row.flags[margin_value(slice.cells[i].key) % DNS_FLAG_COUNT] =
			    slice.cells[i].count;
		put(job, M_DNS_FLAGS, mnemonic_direction(d), NULL, &row);
	}
}

static void encode_size(const struct job *job, unsigned direction, unsigned transport)
{
	const struct margin_slice slice =
	    margin_of_transport(&job->zone->margins[MARGIN_SIZE], direction, transport);

	if (!slice.n)
		return;
	row_begin(job->points, &measurements[M_DNS_SIZE], job->view->span.time_ms,
	    (const char *[]){
		job->zone->label, mnemonic_direction(direction), mnemonic_transport(transport)});
	for (size_t i = 0; i < slice.n;) {
		const unsigned bin = size_bin_coarse(margin_value(slice.cells[i].key));
		uint64_t count = 0;
		char field[16];

		while (i < slice.n && size_bin_coarse(margin_value(slice.cells[i].key)) == bin)
			count += slice.cells[i++].count;
		snprintf(field, sizeof(field), "b%u", bin);
		points_uint(job->points, field, count);
	}
	points_end(job->points);
}

static void encode_outgoing(const struct job *job)
{
	struct dns_row row;

	if (!job->zone->margins[MARGIN_OUTGOING].n)
		return;
	fill(job, M_DNS_OUTGOING, 0, 0, &row);
	put(job, M_DNS_OUTGOING, NULL, NULL, &row);
}

static void encode_latency(const struct job *job, unsigned transport)
{
	const struct margin_slice slice =
	    margin_of_transport(&job->zone->margins[MARGIN_LATENCY], 0, transport);
	const struct measurement *measurement = &measurements[M_DNS_LATENCY];
	struct histogram histogram = {0};
	struct view_latency latency;

	if (!slice.n || view_latency(&slice, &latency) < 0)
		return;
	row_begin(job->points, measurement, job->view->span.time_ms,
	    (const char *[]){job->zone->label, mnemonic_transport(transport)});
	row_fields(job->points, measurement,
	    &(struct latency_row){
		.p50_us = latency.p50_ns / NS_PER_US,
		.p90_us = latency.p90_ns / NS_PER_US,
		.p99_us = latency.p99_ns / NS_PER_US,
		.max_us = latency.max_ns / NS_PER_US,
		.count = latency.count,
	    },
	    0);
	for (size_t i = 0; i < slice.n; i++)
		histogram_add(&histogram, margin_value(slice.cells[i].key), 1.0 / NS_PER_S,
		    slice.cells[i].count);
	points_histogram(job->points, "seconds", &histogram);
	points_end(job->points);
}

static void encode_names(const struct job *job, enum shard_names kind)
{
	for (size_t i = 0; i < job->zone->n_names[kind]; i++) {
		const struct view_name *name = &job->zone->names[kind][i];
		char text[PRIVACY_NAME_SIZE], rank[ENCODE_RANK_BYTES];

		if (privacy_name(
			job->context->privacy, name->name, name->length, text, sizeof(text)) < 0 ||
		    !*text)
			continue;
		put(job, M_DNS_NAME, kind == NAMES_QUERY ? "query" : "nxdomain",
		    encode_rank(job->context, i, text, rank),
		    &(struct name_row){text, name->count});
	}
}

static void encode_zone(const struct job *job)
{
	encode_messages(job);
	encode_sources(job);
	encode_all_codes(job);
	encode_flags(job);
	for (unsigned t = 0; t < TRANSPORT_COUNT; t++) {
		encode_size(job, DIR_QUERY, t);
		encode_size(job, DIR_RESPONSE, t);
		encode_latency(job, t);
	}
	encode_outgoing(job);
	for (int kind = 0; kind < NAMES_KINDS; kind++)
		encode_names(job, (enum shard_names)kind);
}

void encode_dns(
    struct points *points, const struct window_view *view, const struct encode_context *context)
{
	for (size_t i = 0; i < view->n_zones; i++)
		encode_zone(&(struct job){points, view, &view->zones[i], context});
}
