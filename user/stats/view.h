/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A closed window, arranged for reading: its margins sorted and divided by zone, its sources
 * counted, its most frequent names and sources ranked. The report's thread makes it; every encoder
 * (points, JSON, Prometheus) reads this and nothing below it.
 */
#ifndef CROSSTAP_STATS_VIEW_H
#define CROSSTAP_STATS_VIEW_H

#include "base/arena.h"
#include "base/hist.h"
#include "stats/place_names.h"
#include "stats/ranked.h"
#include "stats/shard.h"
#include "stats/windows.h"
#include "zones/zones.h"

struct margin_slice {
	const struct cell *cells;
	size_t n;
};

struct view_source { /* a top resolver */
	uint64_t address[2];
	uint64_t queries, responses, nxdomain;
	uint8_t family;
	bool estimated; /* found the table full: queries is an upper bound of its messages */
};

struct view_name {
	const uint8_t *name; /* wire format, case as it was first seen */
	size_t length;
	uint64_t count;
};

/* What domains are ranked by. */
enum domains_by { DOMAINS_QUERIES, DOMAINS_NXDOMAIN, DOMAINS_SOURCES, DOMAINS_BYS };

struct view_domain {
	const uint8_t *name; /* wire format, lower case */
	size_t length;
	uint64_t queries, nxdomain;
	uint64_t sources, names; /* distinct clients, and names at and below it */
	double magnitude;        /* 0 to 10; NaN: the zone was asked by less than two clients */
};

struct view_subnet { /* /24 of IPv4, /48 of IPv6 */
	uint64_t address[2];
	uint64_t queries, response_bytes, nxdomain;
	uint8_t family;
};

struct view_latency {
	uint64_t count;
	double p50_ns, p90_ns, p99_ns, max_ns;
};

struct zone_view {
	uint16_t zone;
	const char *label;
	struct margin_slice
	    margins[MARGIN_COUNT];            /* sorted by direction, transport, family, value */
	uint64_t sources[2][TRANSPORT_COUNT]; /* distinct, by family and transport */
	uint64_t sources_all[2];              /* distinct over transports */
	struct view_source *resolvers;        /* most queries first */
	size_t n_resolvers;
	struct view_name *names[NAMES_KINDS]; /* most frequent first */
	size_t n_names[NAMES_KINDS];
	struct view_domain *domains[DOMAINS_BYS]; /* most first; those of 0 are not listed */
	size_t n_domains[DOMAINS_BYS];
	struct view_subnet *subnets; /* most queries first */
	size_t n_subnets;
	struct ranked *talkers[TALKER_COUNT]; /* greatest count first */
	size_t n_talkers[TALKER_COUNT];
	struct ranked *subnet_ranks;   /* where `subnets` are from */
	const struct clients *clients; /* by trait; NULL: not known. Whoever judges them sets it. */
};

struct window_view {
	struct window_span span;
	struct zone_view *zones; /* those with traffic or `always`, by number */
	size_t n_zones;
	const struct shard *total;
	uint8_t facts;                    /* enum facts_wanted; margins of others say nothing */
	const struct place_names *places; /* of the limits */
	struct margin_slice compared[MARGIN_COUNT]; /* MARGIN_COMPARED_*: of all zones */
	/* Which lists zones have. Where the tables had no place for any of a zone's, its own is
	 * empty. */
	bool lists_resolvers, lists_domains[DOMAINS_BYS];
};

struct view_limits {
	size_t resolvers, names[NAMES_KINDS], domains[DOMAINS_BYS], subnets, talkers; /* per zone */
	struct place_names *places; /* NULL: addresses and identities of servers have no margins */
	uint8_t facts;              /* enum facts_wanted: which were counted */
};

/*
 * Arranges `total` (which is then good for reading only). `always`: zones that appear without
 * traffic as well. Everything in the view lives in `arena` or in `total`. -ENOMEM.
 */
int view_make(struct window_view *ret, struct shard *total, const struct window_span *span,
    struct zone_registry *registry, const struct hash_seed *seed, const uint16_t *always,
    size_t n_always, const struct view_limits *limits, struct arena *arena);

/* The cells of a slice with this direction (and transport). */
struct margin_slice margin_of(const struct margin_slice *slice, unsigned direction);
struct margin_slice margin_of_transport(
    const struct margin_slice *slice, unsigned direction, unsigned transport);
/* The margin's cell, or one of zeros. */
const struct cell *margin_at(const struct margin_slice *slice, uint16_t zone, enum margin margin,
    unsigned direction, unsigned transport, unsigned family, unsigned value);
/* Over the transports of `slice`, a part of MARGIN_LATENCY; room for its n cells in `scratch`. */
int view_latency(const struct margin_slice *slice, struct view_latency *ret);

#endif
