/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/encode_dns.h"

#include "base/clock.h"
#include "measure/size_bin.h"
#include "crosstap/dns.h"

#include <stdio.h>
#include <string.h>

/* What every encoder below needs to know. */
struct job {
	struct points *points;
	const struct window_view *view;
	const struct zone_view *zone;
	const struct encode_context *context;
};

static void begin(const struct job *job, const char *measurement)
{
	points_begin(job->points, measurement, job->view->span.time_ms);
	points_tag(job->points, "zone", job->zone->label);
}

static bool is_always(const struct job *job)
{
	for (size_t i = 0; i < job->context->n_always; i++) {
		if (job->context->always[i] == job->zone->zone)
			return true;
	}
	return false;
}

static const struct cell *messages(
    const struct job *job, unsigned direction, unsigned transport, unsigned family)
{
	return margin_at(&job->zone->margins[MARGIN_MESSAGES], job->zone->zone, MARGIN_MESSAGES,
	    direction, transport, family, 0);
}

static uint64_t malformed(
    const struct job *job, unsigned direction, unsigned transport, unsigned family)
{
	return margin_at(&job->zone->margins[MARGIN_MALFORMED], job->zone->zone, MARGIN_MALFORMED,
	    direction, transport, family, 0)
	    ->count;
}

static void encode_messages(const struct job *job)
{
	const bool always = is_always(job);

	for (unsigned t = 0; t < TRANSPORT_COUNT; t++) {
		for (unsigned f = 0; f < 2; f++) {
			const struct cell *queries = messages(job, DIR_QUERY, t, f);
			const struct cell *responses = messages(job, DIR_RESPONSE, t, f);

			if (!queries->count && !responses->count && !(always && t <= TRANSPORT_TCP))
				continue;
			begin(job, "dns");
			points_tag(job->points, "transport", mnemonic_transport(t));
			points_tag(job->points, "family", mnemonic_family(f));
			points_uint(job->points, "queries", queries->count);
			points_uint(job->points, "responses", responses->count);
			points_uint(job->points, "query_bytes", queries->amount);
			points_uint(job->points, "response_bytes", responses->amount);
			points_uint(job->points, "sources", job->zone->sources[f][t]);
			points_uint(job->points, "malformed",
			    malformed(job, DIR_QUERY, t, f) + malformed(job, DIR_RESPONSE, t, f));
			points_end(job->points);
		}
	}
}

static void encode_sources(const struct job *job)
{
	const bool always = is_always(job);

	for (unsigned f = 0; f < 2; f++) {
		if (!job->zone->sources_all[f] && !always)
			continue;
		begin(job, "dns_sources");
		points_tag(job->points, "family", mnemonic_family(f));
		points_uint(job->points, "sources", job->zone->sources_all[f]);
		points_end(job->points);
	}
}

static void encode_one(const struct job *job, const char *measurement, const char *tag,
    const char *name, const char *field, uint64_t count)
{
	begin(job, measurement);
	points_tag(job->points, tag, name);
	points_uint(job->points, field, count);
	points_end(job->points);
}

/* Types that are not to have a series of their own are sent as one point. */
static void encode_qtypes(const struct job *job)
{
	const struct margin_slice *slice = &job->zone->margins[MARGIN_QTYPE];
	char buffer[MNEMONIC_BYTES];
	uint64_t other = 0;

	for (size_t i = 0; i < slice->n; i++) {
		const uint16_t type = (uint16_t)margin_value(slice->cells[i].key);
		const char *name = job->context->unassigned
		    ? unassigned_qtype(
			  job->context->unassigned, job->view->span.time_ms, type, buffer)
		    : mnemonic_qtype(type, buffer);

		if (strcmp(name, UNASSIGNED_OTHER) == 0)
			other += slice->cells[i].count;
		else
			encode_one(
			    job, "dns_qtype", "qtype", name, "queries", slice->cells[i].count);
	}
	if (other)
		encode_one(job, "dns_qtype", "qtype", UNASSIGNED_OTHER, "queries", other);
}

static void encode_codes(const struct job *job, enum margin margin, const char *measurement,
    const char *tag, const char *field, const char *(*name)(uint16_t, char *))
{
	const struct margin_slice *slice = &job->zone->margins[margin];
	char buffer[MNEMONIC_BYTES];

	for (size_t i = 0; i < slice->n; i++)
		encode_one(job, measurement, tag,
		    name((uint16_t)margin_value(slice->cells[i].key), buffer), field,
		    slice->cells[i].count);
}

static void encode_flags(const struct job *job)
{
	for (unsigned d = 0; d < 2; d++) {
		const struct margin_slice slice = margin_of(&job->zone->margins[MARGIN_FLAG], d);

		if (!slice.n)
			continue;
		begin(job, "dns_flags");
		points_tag(job->points, "direction", mnemonic_direction(d));
		for (unsigned bit = 0; bit < DNS_FLAG_COUNT; bit++)
			points_uint(job->points, mnemonic_flag(bit),
			    margin_at(&slice, job->zone->zone, MARGIN_FLAG, d, 0, 0, bit)->count);
		points_end(job->points);
	}
}

static void encode_size(const struct job *job, unsigned direction, unsigned transport)
{
	const struct margin_slice slice =
	    margin_of_transport(&job->zone->margins[MARGIN_SIZE], direction, transport);

	if (!slice.n)
		return;
	begin(job, "dns_size");
	points_tag(job->points, "direction", mnemonic_direction(direction));
	points_tag(job->points, "transport", mnemonic_transport(transport));
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
	const struct margin_slice *slice = &job->zone->margins[MARGIN_OUTGOING];

	if (!slice->n)
		return;
	begin(job, "dns_outgoing");
	points_uint(job->points, "queries",
	    margin_at(slice, job->zone->zone, MARGIN_OUTGOING, DIR_QUERY, 0, 0, 0)->count);
	points_uint(job->points, "responses",
	    margin_at(slice, job->zone->zone, MARGIN_OUTGOING, DIR_RESPONSE, 0, 0, 0)->count);
	points_end(job->points);
}

static void encode_latency(const struct job *job, unsigned transport)
{
	const struct margin_slice slice =
	    margin_of_transport(&job->zone->margins[MARGIN_LATENCY], 0, transport);
	struct view_latency latency;

	if (!slice.n || view_latency(&slice, &latency) < 0)
		return;
	begin(job, "dns_latency");
	points_tag(job->points, "transport", mnemonic_transport(transport));
	points_float(job->points, "p50_us", latency.p50_ns / NS_PER_US);
	points_float(job->points, "p90_us", latency.p90_ns / NS_PER_US);
	points_float(job->points, "p99_us", latency.p99_ns / NS_PER_US);
	points_float(job->points, "max_us", latency.max_ns / NS_PER_US);
	points_uint(job->points, "count", latency.count);
	points_end(job->points);
}

/* The tag holds the rank, or the value itself where the operator wants to follow it over time. */
static void rank_tag(const struct job *job, size_t rank, const char *value)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", rank + 1);
	points_tag(job->points, "rank", job->context->top_key == TOP_KEY_VALUE ? value : text);
}

static void encode_names(const struct job *job, enum shard_names kind)
{
	for (size_t i = 0; i < job->zone->n_names[kind]; i++) {
		const struct view_name *name = &job->zone->names[kind][i];
		char text[PRIVACY_NAME_SIZE];

		if (privacy_name(
			job->context->privacy, name->name, name->length, text, sizeof(text)) < 0 ||
		    !*text)
			continue;
		begin(job, "dns_name");
		points_tag(job->points, "kind", kind == NAMES_QUERY ? "query" : "nxdomain");
		rank_tag(job, i, text);
		points_string(job->points, "name", text, strlen(text));
		points_uint(job->points, "count", name->count);
		points_end(job->points);
	}
}

static void encode_zone(const struct job *job)
{
	encode_messages(job);
	encode_sources(job);
	encode_qtypes(job);
	encode_codes(job, MARGIN_RCODE, "dns_rcode", "rcode", "responses", mnemonic_rcode);
	encode_codes(job, MARGIN_OPCODE, "dns_opcode", "opcode", "queries", mnemonic_opcode);
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
