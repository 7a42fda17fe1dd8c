/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A window's traffic by zone and country, and by zone and AS: counts, how much of it comes from
 * resolvers whose distance is known, and the quantiles of that distance, weighted by queries.
 * Whatever gets no row of its own is summed in the row `other` of its zone, so that rows add up to
 * what was added.
 */
#ifndef CROSSTAP_GEO_BREAKDOWN_H
#define CROSSTAP_GEO_BREAKDOWN_H

#include "geo/admission.h"
#include "stats/traits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum breakdown_kind { BREAKDOWN_COUNTRY, BREAKDOWN_ASN, BREAKDOWN_KINDS };
enum breakdown_rtt { BREAKDOWN_ICMP, BREAKDOWN_TCP, BREAKDOWN_RTTS };

#define BREAKDOWN_OTHER   UINT32_MAX /* value of the row that sums the rest; no AS has it */
#define BREAKDOWN_UNKNOWN 0u         /* what the database does not know; no AS has it either */
/* ISO 3166-1 has 249 countries. Files may say otherwise. */
#define BREAKDOWN_COUNTRIES 249

/* A country's value: its two letters. */
static inline uint32_t breakdown_country(const char code[3])
{
	return (uint32_t)(uint8_t)code[0] << 8 | (uint8_t)code[1];
}

struct breakdown_item { /* a source in a zone */
	uint16_t zone;
	uint32_t values[BREAKDOWN_KINDS]; /* BREAKDOWN_OTHER: straight to the rest */
	uint32_t queries, responses;
	uint32_t rtt_us[BREAKDOWN_RTTS]; /* 0: not measured */
	uint16_t traits;                 /* 1 << enum client_trait; 0: not known */
};

struct breakdown_row {
	uint16_t zone;
	uint8_t kind; /* enum breakdown_kind */
	uint32_t value;
	uint64_t queries, responses, sources;
	uint64_t queries_by[BREAKDOWN_RTTS]; /* of resolvers with that measurement */
	uint64_t queries_both;
	struct clients clients;        /* of those whose traits are known */
	bool measured[BREAKDOWN_RTTS]; /* else the quantiles mean nothing */
	double p50_ms[BREAKDOWN_RTTS], p90_ms[BREAKDOWN_RTTS];
};

struct breakdown_limits {
	size_t top_asns;     /* rows of a zone */
	uint64_t asns_a_day; /* of a zone */
};

/* Do the two measurements agree, and for whom are there any? Over all zones. */
struct breakdown_agreement {
	uint64_t queries, queries_by[BREAKDOWN_RTTS], queries_both;
	size_t sources_both;
	/* TCP handshake less ICMP echo: quantiles over the sources with both. */
	double difference_p10_ms, difference_p50_ms, difference_p90_ms;
};

struct breakdown;

int breakdown_new(struct breakdown **ret, const struct hash_seed *seed);
void breakdown_free(struct breakdown *breakdown);
/* `kinds`: bits 1 << enum breakdown_kind of those that are wanted. */
void breakdown_begin(struct breakdown *breakdown, unsigned kinds);
/* -ENOMEM: this source is not counted. */
int breakdown_add(struct breakdown *breakdown, const struct breakdown_item *item);
/* The rows, sorted by zone, kind, and queries with the greatest first; `other` comes last, where it
 * is not empty. They are valid until the next breakdown_begin(). -ENOMEM: no rows. */
int breakdown_finish(struct breakdown *breakdown, struct admission *admission,
    const struct breakdown_limits *limits, const struct breakdown_row **ret_rows, size_t *ret_n);
/* Of what was added, before or after the rows are made. -ENOMEM. */
int breakdown_get_agreement(const struct breakdown *breakdown, struct breakdown_agreement *ret);

#endif
