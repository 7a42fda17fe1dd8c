/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resolvers as points: dns_country, dns_asn, dns_resolver. In each zone and window the queries of
 * the countries, of the ASes and of the resolvers add up to those of `dns`, as do responses: the
 * tag `other` holds whatever has no point of its own, queries of no known address included.
 *
 * A country is `unknown` where the database does not name one; an AS that it does not name is
 * `other`. queries_icmp and queries_tcp include queries_both; with queries_unmeasured,
 * icmp + tcp - both + unmeasured = queries.
 */
#ifndef CROSSTAP_ENCODE_ENCODE_ENRICH_H
#define CROSSTAP_ENCODE_ENCODE_ENRICH_H

#include "enrich/enrich.h"
#include "encode/encode_dns.h"

/* dns_country and dns_asn, each where its database is loaded; dns_resolver always. */
void encode_enrich(struct points *points, const struct window_view *view,
    const struct encode_context *context, struct enrich *enrich,
    const struct enrich_view *enriched);

/* Of `other`: its row, if there is one, and what in the zone no row has. */
void enrich_rest(const struct zone_view *zone, const struct breakdown_row *rows, size_t n,
    struct breakdown_row *ret);
/* The tag's text of a row. */
#define ENRICH_VALUE_BYTES 16
const char *enrich_value(const struct breakdown_row *row, char buffer[ENRICH_VALUE_BYTES]);

/* The zone's top resolvers with counts that add up: estimated ones take no more than is left, and
 * *ret_rest is what none of them has. */
void enrich_top(
    const struct zone_view *zone, struct view_source *ret, struct view_source *ret_rest);

#endif
