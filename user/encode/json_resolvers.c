/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/documents.h"

#include "base/clock.h"
#include "encode/origins.h"
#include "encode/row.h"
#include "text/json_text.h"

#include <netinet/in.h>
#include <stdlib.h>

struct job {
	struct json_build *build;
	struct enrich *enrich;
	const struct enrich_view *enriched;
	struct privacy *privacy;
	const struct zone_view *zone;
};

static void put_org(const struct job *job, json_t *object, uint32_t asn)
{
	char org[GEO_ORG_SIZE];

	if (asn && geo_as_org(enrich_geo(job->enrich), asn, org, sizeof(org)))
		json_put_text(job->build, object, "as_org", org);
}

static void put_resolver(
    const struct job *job, json_t *list, const struct view_source *source, size_t rank)
{
	const unsigned family = source->family == FAMILY_IPV4 ? 4 : 6;
	json_t *object = json_add_object(job->build, list);
	struct enrich_resolver known;
	struct resolver_row row;
	char text[INET6_ADDRSTRLEN];
	uint32_t bits;

	privacy_address(job->privacy, (const uint8_t *)source->address, family, text);
	bits = resolver_row(source, text, job->enrich, &known, &row);
	json_put_count(job->build, object, "rank", rank + 1);
	row_members(job->build, object, &measurements[M_DNS_RESOLVER], &row, bits);
	put_org(job, object, known.geo.asn);
}

static void put_top(const struct job *job, json_t *zone)
{
	struct view_source *top = calloc(job->zone->n_resolvers + 1, sizeof(*top)), rest;
	json_t *list = json_put_array(job->build, zone, "resolvers");

	if (!top) {
		job->build->failed = true;
		return;
	}
	resolver_top(job->zone, top, &rest);
	for (size_t i = 0; i < job->zone->n_resolvers; i++)
		put_resolver(job, list, &top[i], i);
	free(top);
}

static void put_row(const struct job *job, json_t *parent, const struct breakdown_row *row)
{
	char value[ORIGIN_VALUE_BYTES], org[GEO_ORG_SIZE];
	struct origin_row fields;

	origin_row(row, job->enrich, org, &fields);
	row_members(job->build, json_put_object(job->build, parent, origin_value(row, value)),
	    origin_measurement((enum breakdown_kind)row->kind), &fields, 0);
}

static void put_kind(const struct job *job, json_t *zone, const char *key, enum breakdown_kind kind)
{
	size_t n;
	const struct breakdown_row *rows = enrich_rows(job->enriched, job->zone->zone, kind, &n);
	struct breakdown_row rest;
	json_t *object;

	if (!job->enriched->has[kind])
		return;
	object = json_put_object(job->build, zone, key);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].value != BREAKDOWN_OTHER)
			put_row(job, object, &rows[i]);
	}
	origin_rest(job->zone, rows, n, &rest);
	rest.kind = (uint8_t)kind;
	if (rest.queries || rest.responses)
		put_row(job, object, &rest);
}

static void put_names_of(
    const struct job *job, json_t *names, const char *key, enum shard_names kind)
{
	json_t *list = json_put_array(job->build, names, key);

	for (size_t i = 0; i < job->zone->n_names[kind]; i++) {
		const struct view_name *name = &job->zone->names[kind][i];
		char text[PRIVACY_NAME_SIZE];
		json_t *object;

		if (privacy_name(job->privacy, name->name, name->length, text, sizeof(text)) < 0 ||
		    !*text)
			continue;
		object = json_add_object(job->build, list);
		json_put_text(job->build, object, "name", text);
		json_put_count(job->build, object, "count", name->count);
	}
}

/* As `dns_name` has them: nothing where they are not counted or privacy leaves none. */
static void put_names(const struct job *job, json_t *zone)
{
	json_t *names;

	if (!job->zone->n_names[NAMES_QUERY] && !job->zone->n_names[NAMES_NXDOMAIN])
		return;
	names = json_put_object(job->build, zone, "names");
	put_names_of(job, names, "query", NAMES_QUERY);
	put_names_of(job, names, "nxdomain", NAMES_NXDOMAIN);
}

static void put_zone(const struct job *job, json_t *zones)
{
	json_t *zone = json_put_object(job->build, zones, job->zone->label);

	put_top(job, zone);
	put_names(job, zone);
	put_kind(job, zone, "countries", BREAKDOWN_COUNTRY);
	put_kind(job, zone, "asns", BREAKDOWN_ASN);
}

static void put_agreement(
    struct json_build *build, json_t *document, const struct breakdown_agreement *agreement)
{
	json_t *object = json_put_object(build, document, "agreement");

	json_put_count(build, object, "queries", agreement->queries);
	json_put_count(build, object, "queries_icmp", agreement->queries_by[BREAKDOWN_ICMP]);
	json_put_count(build, object, "queries_tcp", agreement->queries_by[BREAKDOWN_TCP]);
	json_put_count(build, object, "queries_both", agreement->queries_both);
	json_put_count(build, object, "resolvers_both", agreement->sources_both);
	if (!agreement->sources_both)
		return;
	json_put_real(build, object, "tcp_less_icmp_ms_p10", agreement->difference_p10_ms);
	json_put_real(build, object, "tcp_less_icmp_ms_p50", agreement->difference_p50_ms);
	json_put_real(build, object, "tcp_less_icmp_ms_p90", agreement->difference_p90_ms);
}

static void put_database(struct json_build *build, json_t *databases, const char *key,
    const struct geo *geo, enum geo_database database, int64_t now_s)
{
	struct geo_status status;
	json_t *object;

	geo_get_status(geo, database, &status);
	if (!*status.path)
		return;
	object = json_put_object(build, databases, key);
	json_put_text(build, object, "path", status.path);
	json_put_bool(build, object, "loaded", status.loaded);
	if (status.loaded) {
		json_put_text(build, object, "type", status.type);
		json_put_int(
		    build, object, "age_s", now_s > status.built_s ? now_s - status.built_s : 0);
	}
	if (*status.reason)
		json_put_text(build, object, "reason", status.reason);
}

static void put_table(struct json_build *build, json_t *document, const struct enrich_stats *stats)
{
	json_t *object = json_put_object(build, document, "table");

	json_put_count(build, object, "known", stats->known);
	json_put_count(build, object, "limit", stats->limit);
	json_put_count(build, object, "memory_bytes", stats->memory_bytes);
	json_put_count(build, object, "evicted", stats->evicted);
	json_put_count(build, object, "refused", stats->refused);
}

static void put_ping(struct json_build *build, json_t *document, const struct enrich_stats *stats)
{
	json_t *object = json_put_object(build, document, "ping");

	json_put_bool(build, object, "enabled", stats->ping);
	if (!stats->ping)
		return;
	json_put_text(build, object, "status", stats->ping_status);
	json_put_count(build, object, "sent", stats->ping_stats.sent);
	json_put_count(build, object, "received", stats->ping_stats.received);
	json_put_count(build, object, "timeouts", stats->ping_stats.timeouts);
	json_put_count(build, object, "errors", stats->ping_stats.errors);
	json_put_count(build, object, "known", stats->ping_stats.known);
}

static void put_agent(
    struct json_build *build, json_t *document, struct enrich *enrich, int64_t now_s)
{
	const struct geo *geo = enrich_geo(enrich);
	json_t *databases = json_put_object(build, document, "databases");
	struct enrich_stats stats;

	put_database(build, databases, "country", geo, GEO_COUNTRY, now_s);
	put_database(build, databases, "asn", geo, GEO_ASN, now_s);
	enrich_get_stats(enrich, &stats);
	put_table(build, document, &stats);
	put_ping(build, document, &stats);
}

char *json_resolvers(const struct window_view *view, struct enrich *enrich,
    const struct enrich_view *enriched, struct privacy *privacy, int64_t now_s)
{
	struct json_build build = {0};
	json_t *document = json_build_object(&build), *zones;
	char *text;

	json_put_int(&build, document, "start_ms", view->span.start_ns / NS_PER_MS);
	json_put_int(&build, document, "end_ms", view->span.end_ns / NS_PER_MS);
	zones = json_put_object(&build, document, "zones");
	for (size_t i = 0; i < view->n_zones; i++) {
		const struct job job = {&build, enrich, enriched, privacy, &view->zones[i]};

		put_zone(&job, zones);
	}
	put_agreement(&build, document, &enriched->agreement);
	put_agent(&build, document, enrich, now_s);
	document = json_build_finish(&build, document);
	text = json_text(document);
	json_decref(document);
	return text;
}
