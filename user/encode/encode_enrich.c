/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/encode.h"

#include "encode/origins.h"
#include "encode/row.h"
#include "encode/unite.h"

#include <errno.h>
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

static void resolver_text(struct privacy *privacy, const void *row, char *text)
{
	const struct view_source *source = row;

	privacy_address(
	    privacy, (const uint8_t *)source->address, source->family == FAMILY_IPV4 ? 4 : 6, text);
}

static void add_resolver(void *to, const void *row)
{
	const struct view_source *source = row;
	struct view_source *sum = to;

	sum->queries += source->queries;
	sum->nxdomain += source->nxdomain;
}

/* False: it may not be told. */
static bool encode_resolver(const struct job *job, const struct view_source *source, size_t rank)
{
	char text[INET6_ADDRSTRLEN], buffer[ENCODE_RANK_BYTES];
	struct enrich_resolver known;
	struct resolver_row row;
	uint32_t bits;

	resolver_text(job->context->privacy, source, text);
	if (!*text)
		return false;
	bits = resolver_row(source, text, job->enrich, &known, &row);
	put_resolver(job, encode_rank(job->context, rank, text, buffer), &row, bits);
	return true;
}

static void put_rest(const struct job *job, const struct view_source *rest)
{
	if (rest->queries || rest->nxdomain)
		put_resolver(job, "other",
		    &(struct resolver_row){.queries = rest->queries,
			.nxdomain = rest->nxdomain,
			.icmp_rtt_ms = NAN,
			.tcp_rtt_ms = NAN},
		    0);
}

static void encode_resolvers(const struct job *job)
{
	static const struct unite_rows rows = {
	    sizeof(struct view_source), resolver_text, add_resolver};
	struct view_source *top = calloc(job->zone->n_resolvers + 1, sizeof(*top));
	struct view_source *united = NULL, rest = {.queries = 0};
	size_t n = 0;

	if (!top) {
		points_fail(job->points, -ENOMEM);
	} else {
		resolver_top(job->zone, top, &rest);
		united =
		    encode_unite(job->points, job->context, &rows, top, job->zone->n_resolvers, &n);
	}
	for (size_t i = 0; united && i < n; i++) {
		if (encode_resolver(job, &united[i], i))
			continue;
		rest.queries += united[i].queries;
		rest.nxdomain += united[i].nxdomain;
	}
	if (united)
		put_rest(job, &rest);
	free(united);
	free(top);
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
		if (view->lists_resolvers)
			encode_resolvers(&job);
	}
}
