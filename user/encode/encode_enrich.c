/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/encode.h"

#include "encode/origins.h"
#include "encode/ranking.h"
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

struct ranked_resolver {
	struct enrich_resolver known; /* where the row keeps its country */
	struct resolver_row row;
	uint32_t bits;
};

/* Of several under one text, what is known of the busiest. What may not be told counts in the
 * rest. */
static void rank_resolver(const struct job *job, const struct view_source *source,
    struct ranking *ranking, struct view_source *rest)
{
	const unsigned family = source->family == FAMILY_IPV4 ? 4 : 6;
	char text[INET6_ADDRSTRLEN];
	struct ranked_resolver *ranked;
	bool is_new;

	privacy_address(job->context->privacy, (const uint8_t *)source->address, family, text);
	ranked = *text ? ranking_take(ranking, text, &is_new) : NULL;
	if (!ranked) {
		rest->queries += source->queries;
		rest->nxdomain += source->nxdomain;
	} else if (is_new) {
		ranked->bits =
		    resolver_row(source, text, job->enrich, &ranked->known, &ranked->row);
	} else {
		ranked->row.queries += source->queries;
		ranked->row.nxdomain += source->nxdomain;
	}
}

static void put_resolvers(
    const struct job *job, const struct ranking *ranking, const struct view_source *rest)
{
	char rank[ENCODE_RANK_BYTES];

	for (size_t i = 0; i < ranking_rows(ranking); i++) {
		struct ranked_resolver *ranked = ranking_row(ranking, i);

		ranked->row.address = ranking_text(ranking, i);
		put_resolver(job, encode_rank(job->context, i, ranked->row.address, rank),
		    &ranked->row, ranked->bits);
	}
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
	const size_t n = job->zone->n_resolvers;
	struct view_source *top = n ? calloc(n, sizeof(*top)) : NULL, rest;
	struct ranking *ranking;

	if (!top)
		return;
	if (ranking_new(&ranking, job->context, n, sizeof(struct ranked_resolver)) == 0) {
		resolver_top(job->zone, top, &rest);
		for (size_t i = 0; i < n; i++)
			rank_resolver(job, &top[i], ranking, &rest);
		put_resolvers(job, ranking, &rest);
		ranking_free(ranking);
	}
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
		encode_resolvers(&job);
	}
}
