/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/origins.h"

#include "base/saturate.h"

#include <math.h>
#include <stdio.h>

#define RCODE_NXDOMAIN 3

static uint64_t zone_messages(const struct zone_view *zone, unsigned direction)
{
	const struct margin_slice slice = margin_of(&zone->margins[MARGIN_MESSAGES], direction);
	uint64_t sum = 0;

	for (size_t i = 0; i < slice.n; i++)
		sum += slice.cells[i].count;
	return sum;
}

/* -- countries and ASes */

const struct measurement *origin_measurement(enum breakdown_kind kind)
{
	return &measurements[kind == BREAKDOWN_ASN ? M_DNS_ASN : M_DNS_COUNTRY];
}

const char *origin_value(const struct breakdown_row *row, char buffer[ORIGIN_VALUE_BYTES])
{
	if (row->value == BREAKDOWN_OTHER)
		return "other";
	if (row->value == BREAKDOWN_UNKNOWN)
		return "unknown";
	if (row->kind == BREAKDOWN_ASN)
		snprintf(buffer, ORIGIN_VALUE_BYTES, "%u", row->value);
	else
		snprintf(buffer, ORIGIN_VALUE_BYTES, "%c%c", (int)(row->value >> 8 & 0xff),
		    (int)(row->value & 0xff));
	return buffer;
}

uint32_t origin_row(const struct breakdown_row *row, struct enrich *enrich, char org[GEO_ORG_SIZE],
    struct origin_row *ret)
{
	const uint64_t *by = row->queries_by;
	const bool *measured = row->measured;

	*ret = (struct origin_row){
	    .queries = row->queries,
	    .responses = row->responses,
	    .sources = row->sources,
	    .icmp_rtt_ms_p50 = measured[BREAKDOWN_ICMP] ? row->p50_ms[BREAKDOWN_ICMP] : NAN,
	    .icmp_rtt_ms_p90 = measured[BREAKDOWN_ICMP] ? row->p90_ms[BREAKDOWN_ICMP] : NAN,
	    .tcp_rtt_ms_p50 = measured[BREAKDOWN_TCP] ? row->p50_ms[BREAKDOWN_TCP] : NAN,
	    .tcp_rtt_ms_p90 = measured[BREAKDOWN_TCP] ? row->p90_ms[BREAKDOWN_TCP] : NAN,
	    .clients = row->clients,
	    .queries_icmp = by[BREAKDOWN_ICMP],
	    .queries_tcp = by[BREAKDOWN_TCP],
	    .queries_both = row->queries_both,
	    .queries_unmeasured = saturating_less(
		row->queries, by[BREAKDOWN_ICMP] + by[BREAKDOWN_TCP] - row->queries_both),
	};
	if (row->kind == BREAKDOWN_ASN && row->value != BREAKDOWN_OTHER &&
	    row->value != BREAKDOWN_UNKNOWN &&
	    geo_as_org(enrich_geo(enrich), row->value, org, GEO_ORG_SIZE))
		ret->as_org = org;
	return row->clients.sources[CLIENT_ALL] ? ORIGIN_KNOWS_TRAITS : 0;
}

void origin_rest(const struct zone_view *zone, const struct breakdown_row *rows, size_t n,
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
	rest.queries += saturating_less(zone_messages(zone, DIR_QUERY), all.queries);
	rest.responses += saturating_less(zone_messages(zone, DIR_RESPONSE), all.responses);
	rest.sources += saturating_less(zone->sources_all[0] + zone->sources_all[1], all.sources);
	*ret = rest;
}

/* -- resolvers */

uint32_t resolver_row(const struct view_source *source, const char *address, struct enrich *enrich,
    struct enrich_resolver *known, struct resolver_row *ret)
{
	enrich_resolver(enrich, source->address, source->family == FAMILY_IPV4 ? 4 : 6, known);
	*ret = (struct resolver_row){
	    .address = *address ? address : NULL,
	    .country = *known->geo.country ? known->geo.country : NULL,
	    .asn = known->geo.asn,
	    .queries = source->queries,
	    .nxdomain = source->nxdomain,
	    .icmp_rtt_ms = known->icmp_rtt_ms > 0 ? known->icmp_rtt_ms : NAN,
	    .tcp_rtt_ms = known->tcp_rtt_ms > 0 ? known->tcp_rtt_ms : NAN,
	};
	return known->geo.asn ? RESOLVER_KNOWS_ASN : 0;
}

void resolver_top(
    const struct zone_view *zone, struct view_source *ret, struct view_source *ret_rest)
{
	const uint64_t queries = zone_messages(zone, DIR_QUERY);
	uint64_t exact = 0, nxdomain = 0, left;

	for (size_t i = 0; i < zone->n_resolvers; i++) {
		ret[i] = zone->resolvers[i];
		nxdomain += ret[i].nxdomain;
		if (!ret[i].estimated)
			exact += ret[i].queries;
	}
	left = saturating_less(queries, exact);
	for (size_t i = 0; i < zone->n_resolvers; i++) {
		if (!ret[i].estimated)
			continue;
		if (ret[i].queries > left)
			ret[i].queries = left;
		left -= ret[i].queries;
	}
	*ret_rest = (struct view_source){
	    .queries = left,
	    .nxdomain = saturating_less(margin_at(&zone->margins[MARGIN_RCODE], zone->zone,
					    MARGIN_RCODE, 0, 0, 0, RCODE_NXDOMAIN)
					    ->count,
		nxdomain),
	};
}
