/* SPDX-License-Identifier: BSD-2-Clause */
/* Who asked, as rows (measure/rows.h): what points and the document of resolvers have in common. */
#ifndef CROSSTAP_ENCODE_ORIGINS_H
#define CROSSTAP_ENCODE_ORIGINS_H

#include "enrich/enrich.h"
#include "measure/measurement.h"
#include "measure/rows.h"
#include "stats/view.h"

/* dns_country, dns_asn. */
const struct measurement *origin_measurement(enum breakdown_kind kind);
/* The tag's text of a row. */
#define ORIGIN_VALUE_BYTES 16
const char *origin_value(const struct breakdown_row *row, char buffer[ORIGIN_VALUE_BYTES]);
/* Returns what it knows. `org` is where the row keeps the name of an AS's holder. */
uint32_t origin_row(const struct breakdown_row *row, struct enrich *enrich, char org[GEO_ORG_SIZE],
    struct origin_row *ret);
/* Of `other`: its row among `rows`, if there is one, and what in the zone no row has. */
void origin_rest(const struct zone_view *zone, const struct breakdown_row *rows, size_t n,
    struct breakdown_row *ret);

/* What is known of a resolver; returns the bits. `address` as it may leave; "": not at all. `known`
 * is where the row keeps its texts. */
uint32_t resolver_row(const struct view_source *source, const char *address, struct enrich *enrich,
    struct enrich_resolver *known, struct resolver_row *ret);
/* The zone's top resolvers with counts that add up: estimated ones take no more than is left, and
 * *ret_rest is what none of them has. */
void resolver_top(
    const struct zone_view *zone, struct view_source *ret, struct view_source *ret_rest);

#endif
