/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/tops.h"

#include "encode/addresses.h"
#include "encode/attacks.h"
#include "encode/domains.h"
#include "encode/origins.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DOMAIN_BYTES 256

struct job {
	struct tops *tops;
	const struct zone_view *zone;
	const char *label; /* the zone's, among the texts */
	struct enrich *enrich;
	const struct enrich_view *enriched;
	struct privacy *privacy;
	size_t share; /* rows of a kind that a zone may have */
	size_t left[TOP_KINDS];
};

/* A row of the zone, already counted; NULL: no more of this kind, or no memory. */
static struct top_row *add(struct job *job, enum top_kind kind, unsigned rank, const char *value)
{
	struct tops *tops = job->tops;
	struct top_row *row;

	if (!job->left[kind])
		return NULL;
	if (!job->label)
		job->label = arena_strdup(tops->texts, job->zone->label);
	if (*value)
		value = arena_strdup(tops->texts, value);
	if (!job->label || !value)
		return NULL;
	job->left[kind]--;
	row = &tops->rows[tops->n++];
	*row = (struct top_row){.kind = kind,
	    .rank = rank,
	    .zone = job->label,
	    .value = value,
	    .detail = "",
	    .icmp_rtt_ms = NAN,
	    .tcp_rtt_ms = NAN};
	return row;
}

static void set_detail(struct job *job, struct top_row *row, const char *detail)
{
	const char *copy = detail ? arena_strdup(job->tops->texts, detail) : NULL;

	if (copy)
		row->detail = copy;
}

static void add_origin(
    struct job *job, enum top_kind kind, const struct breakdown_row *from, unsigned rank)
{
	char value[ORIGIN_VALUE_BYTES], org[GEO_ORG_SIZE];
	struct top_row *row = add(job, kind, rank, origin_value(from, value));
	struct origin_row fields;

	if (!row)
		return;
	(void)origin_row(from, job->enrich, org, &fields);
	set_detail(job, row, fields.as_org);
	row->queries = fields.queries;
	row->icmp_rtt_ms = fields.icmp_rtt_ms_p50;
	row->tcp_rtt_ms = fields.tcp_rtt_ms_p50;
}

/* The rows come with the greatest first; what has no row of its own has no rank. */
static void add_origins(struct job *job, enum top_kind kind)
{
	const enum breakdown_kind of = kind == TOP_ASN ? BREAKDOWN_ASN : BREAKDOWN_COUNTRY;
	unsigned rank = 0;
	size_t n;
	const struct breakdown_row *rows = enrich_rows(job->enriched, job->zone->zone, of, &n);

	for (size_t i = 0; i < n && rank < job->share; i++) {
		if (rows[i].value != BREAKDOWN_OTHER)
			add_origin(job, kind, &rows[i], ++rank);
	}
}

static void enrich_row(struct job *job, const struct view_source *source, struct top_row *row)
{
	struct enrich_resolver known;
	struct resolver_row fields;

	if (!job->enrich)
		return;
	(void)resolver_row(source, row->value, job->enrich, &known, &fields);
	set_detail(job, row, fields.country);
	row->icmp_rtt_ms = fields.icmp_rtt_ms;
	row->tcp_rtt_ms = fields.tcp_rtt_ms;
}

static void add_resolvers(struct job *job)
{
	for (size_t i = 0; i < job->zone->n_resolvers && i < job->share; i++) {
		const struct view_source *source = &job->zone->resolvers[i];
		const unsigned family = source->family == FAMILY_IPV4 ? 4 : 6;
		char text[INET6_ADDRSTRLEN];
		struct top_row *row;

		privacy_address(job->privacy, (const uint8_t *)source->address, family, text);
		row = *text ? add(job, TOP_RESOLVER, (unsigned)i + 1, text) : NULL;
		if (!row)
			continue;
		row->queries = source->queries;
		enrich_row(job, source, row);
	}
}

static void add_domains(struct job *job, enum domains_by by)
{
	const size_t share = job->share / DOMAINS_BYS ? job->share / DOMAINS_BYS : 1;

	for (size_t i = 0; i < job->zone->n_domains[by] && i < share; i++) {
		char text[PRIVACY_NAME_SIZE];
		struct domain_row domain;
		struct top_row *row;

		/* One that is too long for a label in any case. */
		if (!domain_row(&job->zone->domains[by][i], job->privacy, text, &domain) ||
		    strlen(text) >= MOST_DOMAIN_BYTES)
			continue;
		row = add(job, TOP_DOMAIN, (unsigned)i + 1, text);
		if (!row)
			return;
		row->by = domains_by_name(by);
		row->domain = domain;
		row->domain.domain = NULL; /* it is in `value` */
	}
}

static void add_subnets(struct job *job)
{
	for (size_t i = 0; i < job->zone->n_subnets && i < job->share; i++) {
		const struct view_subnet *subnet = &job->zone->subnets[i];
		char text[SUBNET_TEXT_BYTES];
		struct top_row *row;

		subnet_text(job->privacy, subnet, text);
		row = *text ? add(job, TOP_SUBNET, (unsigned)i + 1, text) : NULL;
		if (!row)
			continue;
		row->queries = subnet->queries;
		row->response_bytes = subnet->response_bytes;
		row->nxdomain = subnet->nxdomain;
	}
}

static void add_talkers(struct job *job, enum talker by)
{
	const size_t share = job->share > TALKER_COUNT ? job->share / TALKER_COUNT : 1;

	for (size_t i = 0; i < job->zone->n_talkers[by] && i < share; i++) {
		const struct ranked *talker = &job->zone->talkers[by][i];
		char text[INET6_ADDRSTRLEN];
		struct top_row *row;

		privacy_address(job->privacy, (const uint8_t *)talker->address,
		    talker->family == FAMILY_IPV4 ? 4 : 6, text);
		row = *text ? add(job, TOP_TALKER, (unsigned)i + 1, text) : NULL;
		if (!row)
			continue;
		row->by = talker_name(by);
		row->queries = talker->count;
	}
}

static void add_clients(struct job *job)
{
	const struct clients *clients = job->zone->clients;

	for (int trait = 0; clients && trait < CLIENT_TRAIT_COUNT; trait++) {
		struct top_row *row = add(job, TOP_TRAIT, 1, "");

		if (!row)
			return;
		row->by = client_trait_name((enum client_trait)trait);
		row->domain.sources = clients->sources[trait];
		row->domain.queries = clients->queries[trait];
	}
}

/* Without a subject, which has no place among labels. */
static void add_attacks(struct job *job, const struct attacks_now *attacks)
{
	for (size_t i = 0; i < attacks->n; i++) {
		struct top_row *row = &job->tops->rows[job->tops->n++];

		*row = (struct top_row){.kind = TOP_ATTACK,
		    .rank = attack_rank(attacks, i),
		    .zone = "",
		    .value = "",
		    .detail = "",
		    .by = attack_kind_name((enum attack_kind)attacks->list[i].kind),
		    .icmp_rtt_ms = NAN,
		    .tcp_rtt_ms = NAN,
		    .domain = {.queries = attacks->list[i].queries}};
	}
}

/* Few windows have as many rows as there may be. */
static struct tops *fitted(struct tops *tops)
{
	struct tops *less = realloc(tops, sizeof(*tops) + tops->n * sizeof(tops->rows[0]));

	if (!less)
		return tops;
	return less;
}

struct tops *tops_make(const struct window_view *view, struct enrich *enrich,
    const struct enrich_view *enriched, const struct attacks_now *attacks, struct privacy *privacy)
{
	struct job job = {.enrich = enrich, .enriched = enriched, .privacy = privacy};

	if (!view->n_zones)
		return NULL;
	for (int kind = 0; kind < TOP_KINDS; kind++)
		job.left[kind] = TOPS_ROWS;
	job.share = view->n_zones < TOPS_ROWS ? TOPS_ROWS / view->n_zones : 1;
	job.tops = malloc(sizeof(*job.tops) + TOP_KINDS * TOPS_ROWS * sizeof(job.tops->rows[0]));
	if (!job.tops)
		return NULL;
	if (arena_new(&job.tops->texts) < 0) {
		free(job.tops);
		return NULL;
	}
	atomic_init(&job.tops->refs, 1);
	job.tops->n = 0;
	for (size_t i = 0; i < view->n_zones; i++) {
		job.zone = &view->zones[i];
		job.label = NULL;
		if (enrich && enriched->has[BREAKDOWN_COUNTRY])
			add_origins(&job, TOP_COUNTRY);
		if (enrich && enriched->has[BREAKDOWN_ASN])
			add_origins(&job, TOP_ASN);
		add_resolvers(&job);
		for (int by = 0; by < DOMAINS_BYS; by++)
			add_domains(&job, (enum domains_by)by);
		add_subnets(&job);
		for (int by = 0; by < TALKER_COUNT; by++)
			add_talkers(&job, (enum talker)by);
		add_clients(&job);
	}
	add_attacks(&job, attacks);
	return fitted(job.tops);
}

struct tops *tops_ref(struct tops *tops)
{
	if (tops)
		atomic_fetch_add(&tops->refs, 1);
	return tops;
}

void tops_unref(struct tops *tops)
{
	if (tops && atomic_fetch_sub(&tops->refs, 1) == 1) {
		arena_free(tops->texts);
		free(tops);
	}
}
