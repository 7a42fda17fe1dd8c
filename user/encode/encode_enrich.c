/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/encode_enrich.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RCODE_NXDOMAIN 3

struct job {
	struct points *points;
	const struct window_view *view;
	const struct encode_context *context;
	struct enrich *enrich;
	const struct zone_view *zone;
};

static const struct {
	const char *measurement, *tag;
} kinds[BREAKDOWN_KINDS] = {
    [BREAKDOWN_COUNTRY] = {"dns_country", "country"},
    [BREAKDOWN_ASN] = {"dns_asn", "asn"},
};

static const struct {
	const char *p50, *p90, *queries;
} rtt_fields[BREAKDOWN_RTTS] = {
    [BREAKDOWN_ICMP] = {"icmp_rtt_ms_p50", "icmp_rtt_ms_p90", "queries_icmp"},
    [BREAKDOWN_TCP] = {"tcp_rtt_ms_p50", "tcp_rtt_ms_p90", "queries_tcp"},
};

static uint64_t less(uint64_t all, uint64_t part)
{
	return all > part ? all - part : 0;
}

static uint64_t zone_messages(const struct zone_view *zone, unsigned direction)
{
	const struct margin_slice slice = margin_of(&zone->margins[MARGIN_MESSAGES], direction);
	uint64_t sum = 0;

	for (size_t i = 0; i < slice.n; i++)
		sum += slice.cells[i].count;
	return sum;
}

/* -- countries and ASes */

void enrich_rest(const struct zone_view *zone, const struct breakdown_row *rows, size_t n,
    struct breakdown_row *ret)
{
	struct breakdown_row all = {0}, rest = {.zone = zone->zone, .value = BREAKDOWN_OTHER};

	for (size_t i = 0; i < n; i++) {
		if (rows[i].value == BREAKDOWN_OTHER)
			rest = rows[i];
		all.queries += rows[i].queries;
		all.responses += rows[i].responses;
		all.sources += rows[i].sources;
	}
	rest.queries += less(zone_messages(zone, DIR_QUERY), all.queries);
	rest.responses += less(zone_messages(zone, DIR_RESPONSE), all.responses);
	rest.sources += less(zone->sources_all[0] + zone->sources_all[1], all.sources);
	*ret = rest;
}

const char *enrich_value(const struct breakdown_row *row, char buffer[ENRICH_VALUE_BYTES])
{
	if (row->value == BREAKDOWN_OTHER)
		return "other";
	if (row->kind == BREAKDOWN_ASN)
		snprintf(buffer, ENRICH_VALUE_BYTES, "%u", row->value);
	else if (row->value == BREAKDOWN_UNKNOWN)
		return "unknown";
	else
		snprintf(buffer, ENRICH_VALUE_BYTES, "%c%c", (int)(row->value >> 8 & 0xff),
		    (int)(row->value & 0xff));
	return buffer;
}

static void encode_row(const struct job *job, const struct breakdown_row *row)
{
	char buffer[ENRICH_VALUE_BYTES], org[GEO_ORG_SIZE];
	uint64_t measured = 0;
	size_t length = 0;

	points_begin(job->points, kinds[row->kind].measurement, job->view->span.time_ms);
	points_tag(job->points, "zone", job->zone->label);
	points_tag(job->points, kinds[row->kind].tag, enrich_value(row, buffer));
	points_uint(job->points, "queries", row->queries);
	points_uint(job->points, "responses", row->responses);
	points_uint(job->points, "sources", row->sources);
	for (int rtt = 0; rtt < BREAKDOWN_RTTS; rtt++) {
		if (row->measured[rtt]) {
			points_float(job->points, rtt_fields[rtt].p50, row->p50_ms[rtt]);
			points_float(job->points, rtt_fields[rtt].p90, row->p90_ms[rtt]);
		}
		points_uint(job->points, rtt_fields[rtt].queries, row->queries_by[rtt]);
		measured += row->queries_by[rtt];
	}
	points_uint(job->points, "queries_both", row->queries_both);
	points_uint(
	    job->points, "queries_unmeasured", less(row->queries, measured - row->queries_both));
	if (row->kind == BREAKDOWN_ASN && row->value != BREAKDOWN_OTHER)
		length = geo_as_org(enrich_geo(job->enrich), row->value, org, sizeof(org));
	if (length)
		points_string(job->points, "as_org", org, length);
	points_end(job->points);
}

static void encode_kind(
    const struct job *job, const struct enrich_view *enriched, enum breakdown_kind kind)
{
	size_t n;
	const struct breakdown_row *rows = enrich_rows(enriched, job->zone->zone, kind, &n);
	struct breakdown_row rest;

	for (size_t i = 0; i < n; i++) {
		if (rows[i].value != BREAKDOWN_OTHER)
			encode_row(job, &rows[i]);
	}
	enrich_rest(job->zone, rows, n, &rest);
	rest.kind = (uint8_t)kind;
	if (rest.queries || rest.responses)
		encode_row(job, &rest);
}

/* -- resolvers */

/* The tag holds the rank, or the value itself where the operator wants to follow it over time. */
static void rank_tag(const struct job *job, size_t rank, const char *value)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", rank + 1);
	points_tag(job->points, "rank", job->context->top_key == TOP_KEY_VALUE ? value : text);
}

void enrich_top(const struct zone_view *zone, struct view_source *ret, struct view_source *ret_rest)
{
	const uint64_t queries = zone_messages(zone, DIR_QUERY);
	uint64_t exact = 0, nxdomain = 0, left;

	for (size_t i = 0; i < zone->n_resolvers; i++) {
		ret[i] = zone->resolvers[i];
		nxdomain += ret[i].nxdomain;
		if (!ret[i].estimated)
			exact += ret[i].queries;
	}
	left = less(queries, exact);
	for (size_t i = 0; i < zone->n_resolvers; i++) {
		if (!ret[i].estimated)
			continue;
		if (ret[i].queries > left)
			ret[i].queries = left;
		left -= ret[i].queries;
	}
	*ret_rest = (struct view_source){
	    .queries = left,
	    .nxdomain = less(margin_at(&zone->margins[MARGIN_RCODE], zone->zone, MARGIN_RCODE, 0, 0,
				 0, RCODE_NXDOMAIN)
				 ->count,
		nxdomain),
	};
}

static void encode_resolver(const struct job *job, const struct view_source *source, size_t rank)
{
	const unsigned family = source->family == FAMILY_IPV4 ? 4 : 6;
	struct enrich_resolver known;
	char text[INET6_ADDRSTRLEN];

	privacy_address(job->context->privacy, (const uint8_t *)source->address, family, text);
	if (!*text)
		return;
	enrich_resolver(job->enrich, source->address, family, &known);
	points_begin(job->points, "dns_resolver", job->view->span.time_ms);
	points_tag(job->points, "zone", job->zone->label);
	rank_tag(job, rank, text);
	points_string(job->points, "address", text, strlen(text));
	if (*known.geo.country)
		points_string(job->points, "country", known.geo.country, strlen(known.geo.country));
	if (known.geo.asn)
		points_uint(job->points, "asn", known.geo.asn);
	points_uint(job->points, "queries", source->queries);
	points_uint(job->points, "nxdomain", source->nxdomain);
	if (known.icmp_rtt_ms > 0)
		points_float(job->points, "icmp_rtt_ms", known.icmp_rtt_ms);
	if (known.tcp_rtt_ms > 0)
		points_float(job->points, "tcp_rtt_ms", known.tcp_rtt_ms);
	points_end(job->points);
}

static void encode_resolvers(const struct job *job)
{
	struct view_source *top = calloc(job->zone->n_resolvers + 1, sizeof(*top)), rest;

	if (!top)
		return;
	enrich_top(job->zone, top, &rest);
	for (size_t i = 0; i < job->zone->n_resolvers; i++)
		encode_resolver(job, &top[i], i);
	free(top);
	if (!job->zone->n_resolvers || (!rest.queries && !rest.nxdomain))
		return;
	points_begin(job->points, "dns_resolver", job->view->span.time_ms);
	points_tag(job->points, "zone", job->zone->label);
	points_tag(job->points, "rank", "other");
	points_uint(job->points, "queries", rest.queries);
	points_uint(job->points, "nxdomain", rest.nxdomain);
	points_end(job->points);
}

void encode_enrich(struct points *points, const struct window_view *view,
    const struct encode_context *context, struct enrich *enrich, const struct enrich_view *enriched)
{
	for (size_t i = 0; i < view->n_zones; i++) {
		const struct job job = {points, view, context, enrich, &view->zones[i]};

		for (int kind = 0; kind < BREAKDOWN_KINDS; kind++) {
			if (enriched->has[kind])
				encode_kind(&job, enriched, (enum breakdown_kind)kind);
		}
		encode_resolvers(&job);
	}
}
