/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/encode.h"

#include "encode/origins.h"
#include "encode/row.h"

#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>

struct job {
	struct points *points;
	const struct window_view *view;
	const struct encode_context *context;
	struct enrich *enrich;
	const struct zone_view *zone;
};

static void encode_row(const struct job *job, const struct breakdown_row *row)
{
	char value[ORIGIN_VALUE_BYTES], org[GEO_ORG_SIZE];
	struct origin_row fields;
	const uint32_t known = origin_row(row, job->enrich, org, &fields);

	row_point(job->points, origin_measurement((enum breakdown_kind)row->kind),
	    job->view->span.time_ms, (const char *[]){job->zone->label, origin_value(row, value)},
	    &fields, known);
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
	origin_rest(job->zone, rows, n, &rest);
	rest.kind = (uint8_t)kind;
	if (rest.queries || rest.responses)
		encode_row(job, &rest);
}

static void put_resolver(
    const struct job *job, const char *rank, const struct resolver_row *row, uint32_t known)
{
	row_point(job->points, &measurements[M_DNS_RESOLVER], job->view->span.time_ms,
	    (const char *[]){job->zone->label, rank}, row, known);
}

static void encode_resolver(const struct job *job, const struct view_source *source, size_t rank)
{
	const unsigned family = source->family == FAMILY_IPV4 ? 4 : 6;
	char text[INET6_ADDRSTRLEN], buffer[ENCODE_RANK_BYTES];
	struct enrich_resolver known;
	struct resolver_row row;
	uint32_t bits;

	privacy_address(job->context->privacy, (const uint8_t *)source->address, family, text);
	if (!*text)
		return;
	bits = resolver_row(source, text, job->enrich, &known, &row);
	put_resolver(job, encode_rank(job->context, rank, text, buffer), &row, bits);
}

static void encode_resolvers(const struct job *job)
{
	struct view_source *top = calloc(job->zone->n_resolvers + 1, sizeof(*top)), rest;

	if (!top)
		return;
	resolver_top(job->zone, top, &rest);
	for (size_t i = 0; i < job->zone->n_resolvers; i++)
		encode_resolver(job, &top[i], i);
	free(top);
	if (job->zone->n_resolvers && (rest.queries || rest.nxdomain))
		put_resolver(job, "other",
		    &(struct resolver_row){.queries = rest.queries,
			.nxdomain = rest.nxdomain,
			.icmp_rtt_ms = NAN,
			.tcp_rtt_ms = NAN},
		    0);
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
