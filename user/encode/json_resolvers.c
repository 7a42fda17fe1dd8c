/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/json_resolvers.h"

#include "base/clock.h"
#include "encode/encode_enrich.h"
#include "encode/json_text.h"

#include <jansson.h>
#include <netinet/in.h>
#include <stdlib.h>

struct job {
	struct enrich *enrich;
	const struct enrich_view *enriched;
	struct privacy *privacy;
	const struct zone_view *zone;
};

static void set_uint(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

/* Names in databases are strangers' text: what is not UTF-8 is left out. */
static void set_org(const struct job *job, json_t *object, uint32_t asn)
{
	char org[GEO_ORG_SIZE];

	if (geo_as_org(enrich_geo(job->enrich), asn, org, sizeof(org)))
		json_object_set_new(object, "as_org", json_string(org));
}

static json_t *make_resolver(const struct job *job, const struct view_source *source, size_t rank)
{
	const unsigned family = source->family == FAMILY_IPV4 ? 4 : 6;
	json_t *object = json_object();
	struct enrich_resolver known;
	char text[INET6_ADDRSTRLEN];

	privacy_address(job->privacy, (const uint8_t *)source->address, family, text);
	enrich_resolver(job->enrich, source->address, family, &known);
	set_uint(object, "rank", rank + 1);
	if (*text)
		json_object_set_new(object, "address", json_string(text));
	if (*known.geo.country)
		json_object_set_new(object, "country", json_string(known.geo.country));
	if (known.geo.asn) {
		set_uint(object, "asn", known.geo.asn);
		set_org(job, object, known.geo.asn);
	}
	set_uint(object, "queries", source->queries);
	set_uint(object, "nxdomain", source->nxdomain);
	if (known.icmp_rtt_ms > 0)
		json_object_set_new(object, "icmp_rtt_ms", json_real(known.icmp_rtt_ms));
	if (known.tcp_rtt_ms > 0)
		json_object_set_new(object, "tcp_rtt_ms", json_real(known.tcp_rtt_ms));
	return object;
}

static json_t *make_top(const struct job *job)
{
	struct view_source *top = calloc(job->zone->n_resolvers + 1, sizeof(*top)), rest;
	json_t *list = json_array();

	if (top)
		enrich_top(job->zone, top, &rest);
	for (size_t i = 0; top && i < job->zone->n_resolvers; i++)
		json_array_append_new(list, make_resolver(job, &top[i], i));
	free(top);
	return list;
}

static json_t *make_row(const struct job *job, const struct breakdown_row *row)
{
	static const char *const p50[] = {"icmp_rtt_ms_p50", "tcp_rtt_ms_p50"};
	static const char *const p90[] = {"icmp_rtt_ms_p90", "tcp_rtt_ms_p90"};
	static const char *const queries[] = {"queries_icmp", "queries_tcp"};
	json_t *object = json_object();

	set_uint(object, "queries", row->queries);
	set_uint(object, "responses", row->responses);
	set_uint(object, "sources", row->sources);
	for (int rtt = 0; rtt < BREAKDOWN_RTTS; rtt++) {
		set_uint(object, queries[rtt], row->queries_by[rtt]);
		if (!row->measured[rtt])
			continue;
		json_object_set_new(object, p50[rtt], json_real(row->p50_ms[rtt]));
		json_object_set_new(object, p90[rtt], json_real(row->p90_ms[rtt]));
	}
	set_uint(object, "queries_both", row->queries_both);
	if (row->kind == BREAKDOWN_ASN && row->value != BREAKDOWN_OTHER)
		set_org(job, object, row->value);
	return object;
}

static json_t *make_kind(const struct job *job, enum breakdown_kind kind)
{
	size_t n;
	const struct breakdown_row *rows = enrich_rows(job->enriched, job->zone->zone, kind, &n);
	json_t *object = json_object();
	char buffer[ENRICH_VALUE_BYTES];
	struct breakdown_row rest;

	for (size_t i = 0; i < n; i++) {
		if (rows[i].value != BREAKDOWN_OTHER)
			json_object_set_new(
			    object, enrich_value(&rows[i], buffer), make_row(job, &rows[i]));
	}
	enrich_rest(job->zone, rows, n, &rest);
	rest.kind = (uint8_t)kind;
	if (rest.queries || rest.responses)
		json_object_set_new(object, "other", make_row(job, &rest));
	return object;
}

static json_t *make_zone(const struct job *job)
{
	json_t *object = json_object();

	json_object_set_new(object, "resolvers", make_top(job));
	if (job->enriched->has[BREAKDOWN_COUNTRY])
		json_object_set_new(object, "countries", make_kind(job, BREAKDOWN_COUNTRY));
	if (job->enriched->has[BREAKDOWN_ASN])
		json_object_set_new(object, "asns", make_kind(job, BREAKDOWN_ASN));
	return object;
}

static json_t *make_agreement(const struct breakdown_agreement *agreement)
{
	json_t *object = json_object();

	set_uint(object, "queries", agreement->queries);
	set_uint(object, "queries_icmp", agreement->queries_by[BREAKDOWN_ICMP]);
	set_uint(object, "queries_tcp", agreement->queries_by[BREAKDOWN_TCP]);
	set_uint(object, "queries_both", agreement->queries_both);
	set_uint(object, "resolvers_both", agreement->sources_both);
	if (!agreement->sources_both)
		return object;
	json_object_set_new(
	    object, "tcp_less_icmp_ms_p10", json_real(agreement->difference_p10_ms));
	json_object_set_new(
	    object, "tcp_less_icmp_ms_p50", json_real(agreement->difference_p50_ms));
	json_object_set_new(
	    object, "tcp_less_icmp_ms_p90", json_real(agreement->difference_p90_ms));
	return object;
}

static json_t *make_database(const struct geo *geo, enum geo_database database, int64_t now_s)
{
	struct geo_status status;
	json_t *object;

	geo_get_status(geo, database, &status);
	if (!*status.path)
		return NULL;
	object = json_object();
	json_object_set_new(object, "path", json_string(status.path));
	json_object_set_new(object, "loaded", json_boolean(status.loaded));
	if (status.loaded) {
		json_object_set_new(object, "type", json_string(status.type));
		json_object_set_new(object, "age_s",
		    json_integer(now_s > status.built_s ? now_s - status.built_s : 0));
	}
	if (*status.reason)
		json_object_set_new(object, "reason", json_string(status.reason));
	return object;
}

static json_t *make_table(const struct enrich_stats *stats)
{
	json_t *object = json_object();

	set_uint(object, "known", stats->known);
	set_uint(object, "limit", stats->limit);
	set_uint(object, "memory_bytes", stats->memory_bytes);
	set_uint(object, "evicted", stats->evicted);
	set_uint(object, "refused", stats->refused);
	return object;
}

static json_t *make_ping(const struct enrich_stats *stats)
{
	json_t *object = json_object();

	json_object_set_new(object, "enabled", json_boolean(stats->ping));
	if (!stats->ping)
		return object;
	json_object_set_new(object, "status", json_string(stats->ping_status));
	set_uint(object, "sent", stats->ping_stats.sent);
	set_uint(object, "received", stats->ping_stats.received);
	set_uint(object, "timeouts", stats->ping_stats.timeouts);
	set_uint(object, "errors", stats->ping_stats.errors);
	set_uint(object, "known", stats->ping_stats.known);
	return object;
}

static void add_agent(json_t *document, struct enrich *enrich, int64_t now_s)
{
	const struct geo *geo = enrich_geo(enrich);
	json_t *country = make_database(geo, GEO_COUNTRY, now_s);
	json_t *asn = make_database(geo, GEO_ASN, now_s);
	json_t *databases = json_object();
	struct enrich_stats stats;

	if (country)
		json_object_set_new(databases, "country", country);
	if (asn)
		json_object_set_new(databases, "asn", asn);
	enrich_get_stats(enrich, &stats);
	json_object_set_new(document, "databases", databases);
	json_object_set_new(document, "table", make_table(&stats));
	json_object_set_new(document, "ping", make_ping(&stats));
}

char *json_resolvers(const struct window_view *view, struct enrich *enrich,
    const struct enrich_view *enriched, struct privacy *privacy, int64_t now_s)
{
	json_t *document = json_object(), *zones = json_object();
	char *text;

	for (size_t i = 0; i < view->n_zones; i++) {
		const struct job job = {enrich, enriched, privacy, &view->zones[i]};

		json_object_set_new(zones, view->zones[i].label, make_zone(&job));
	}
	set_uint(document, "start_ms", (uint64_t)(view->span.start_ns / NS_PER_MS));
	set_uint(document, "end_ms", (uint64_t)(view->span.end_ns / NS_PER_MS));
	json_object_set_new(document, "zones", zones);
	json_object_set_new(document, "agreement", make_agreement(&enriched->agreement));
	add_agent(document, enrich, now_s);
	text = json_text(document);
	json_decref(document);
	return text;
}
