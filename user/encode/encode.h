/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A window as points: each of these takes one part of it and writes the measurements that come from
 * there, by the table (measure/measurement.h). The report's thread calls them, once a window and
 * format of output.
 */
#ifndef CROSSTAP_ENCODE_ENCODE_H
#define CROSSTAP_ENCODE_ENCODE_H

#include "base/arena.h"
#include "crosscheck/crosscheck.h"
#include "encode/points.h"
#include "enrich/enrich.h"
#include "measure/unassigned.h"
#include "privacy/privacy.h"
#include "privacy/source_key.h"
#include "stats/view.h"
#include "wire/window/window.h"

struct encode_context {
	struct privacy *privacy;
	struct unassigned *unassigned;       /* NULL: every type keeps its number */
	const struct source_key *source_key; /* of registers; NULL: there are none */
	enum top_key top_key;
	const uint16_t *always; /* zones that send `dns` for udp and tcp in every window */
	size_t n_always;
};

/* What dnstap says. */
void encode_dns(
    struct points *points, const struct window_view *view, const struct encode_context *context);

/*
 * Resolvers: dns_country and dns_asn, each where its database is loaded; dns_resolver always. In
 * each zone and window the queries of the countries, of the ASes and of the resolvers add up to
 * those of `dns`, as do responses: the tag `other` holds whatever has no point of its own, queries
 * of no known address included.
 *
 * A country or AS that the database does not name is `unknown`. queries_icmp and queries_tcp
 * include queries_both; with queries_unmeasured, icmp + tcp - both + unmeasured = queries.
 */
void encode_enrich(struct points *points, const struct window_view *view,
    const struct encode_context *context, struct enrich *enrich,
    const struct enrich_view *enriched);

/* What the wire saw; nothing where it was not watched. `unassigned` NULL: every type keeps its
 * number. Scratch memory comes from `arena`. -ENOMEM: some codes are missing. */
int encode_wire(struct points *points, int64_t time_ms, const struct wire_window *wire,
    struct unassigned *unassigned, struct arena *arena);

/* The cross-check. Without a wire there are no rows, and of the funnel what dnstap says, verdict
 * and complete. Of `context`: privacy, unassigned, top_key. */
void encode_crosscheck(struct points *points, int64_t time_ms,
    const struct crosscheck_result *result, const struct encode_context *context);

/* The tag `rank`: the rank from 1 on, or the value itself where the operator wants to follow it
 * over time. */
#define ENCODE_RANK_BYTES 24
const char *encode_rank(const struct encode_context *context, size_t rank, const char *value,
    char buffer[ENCODE_RANK_BYTES]);

#endif
