/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a client is like: what its messages of a window say (beside its entry in stats/sources.h),
 * summed over a UTC day, and judged. A trait that a day's few queries say nothing of yet is that of
 * the day before.
 *
 * The traits and their measures: validating resolvers ask for DS or DNSKEY with DO (Wullink et al.,
 * "ENTRADA: enabling DNS big data applications", SIDN's charts); query name minimisation (RFC 9156)
 * shows in names of one label below the zone (ITHI metric M8); random case, "0x20"
 * (draft-vixie-dnsext-dns0x20), in names with enough letters; DNS flag day 2020 asks for EDNS sizes
 * up to 1232; a resolver that keeps its source port can be spoofed (RFC 5452 section 9.2).
 */
#ifndef CROSSTAP_STATS_TRAITS_H
#define CROSSTAP_STATS_TRAITS_H

#include "base/saturate.h"

#include <stdbool.h>
#include <stdint.h>

#define CLIENT_TRAITS(X)                                                                           \
	X(ALL, "all")                                                                              \
	X(VALIDATING, "validating")                                                                \
	X(MINIMISING, "minimising")                                                                \
	X(MIXED_CASE, "mixed_case")                                                                \
	X(COOKIE, "cookie")                                                                        \
	X(EDNS, "edns")                                                                            \
	X(LARGE_EDNS, "large_edns")                                                                \
	X(TCP, "tcp")                                                                              \
	X(TCP_AFTER_TC, "tcp_after_tc")                                                            \
	X(FIXED_PORT, "fixed_port")                                                                \
	X(NXDOMAIN, "nxdomain")                                                                    \
	X(IPV6, "ipv6")
#define CLIENT_TRAIT_(id, name) CLIENT_##id,
enum client_trait { CLIENT_TRAITS(CLIENT_TRAIT_) CLIENT_TRAIT_COUNT };
#undef CLIENT_TRAIT_

/* `all`, `validating`, ... */
const char *client_trait_name(enum client_trait trait);

/* What was seen of a client, ever. */
enum client_sign {
	SIGN_EDNS = 1,
	SIGN_COOKIE = 2,
	SIGN_LARGE_EDNS = 4,
	SIGN_TRUNCATED = 8, /* it was sent TC over UDP */
	SIGN_TCP = 16,
	SIGN_TCP_AFTER_TC = 32,
	SIGN_MANY_PORTS = 64, /* more than two */
};
#define CLIENT_SIGNS 127u /* all of them */
/* Of a day, while a window is added to it: TC of this window. Whether TCP in another zone came
 * before or behind it nobody knows; in the same zone it is with TCP_AFTER_TC already. */
#define SIGN_TRUNCATED_NOW 128u

/* Of a window. Counters stop at their greatest value. */
struct source_traits {
	uint32_t narrow;   /* queries for names of one label below the zone, and fewer */
	uint16_t dnssec;   /* queries for DS and DNSKEY with DO */
	uint16_t lettered; /* names with enough letters; */
	uint16_t mixed;    /* those of them that have both cases */
	uint16_t ports[2]; /* of UDP queries; 0: none yet */
	uint8_t udp;       /* queries over UDP from a port that is told, and is one */
	uint8_t signs;     /* enum client_sign */
	/* What is sent to it, and on which question (reflection). */
	uint32_t query_bytes, response_bytes;
	uint32_t question; /* hash of the one that has most votes */
	uint32_t votes;    /* answers to it less answers to others (Boyer and Moore 1981) */
};
_Static_assert(sizeof(struct source_traits) == 32, "half a cache line beside a source's own");

/* Of a day. Files have it as it is: another layout is another version (enrich/resolvers_file.c). */
struct client_day {
	uint32_t queries, responses, nxdomain, narrow;
	uint16_t dnssec, lettered, mixed;
	uint16_t ports[2];
	uint16_t day;    /* since 1970, modulo 2^16 */
	uint16_t before; /* 1 << enum client_trait, of the day before */
	uint8_t udp, signs;
};
_Static_assert(sizeof(struct client_day) == 32, "what a resolver may take more");

/* From what on a client has a trait. */
struct trait_limits {
	unsigned validating_queries; /* a day; */
	double validating_share;     /* and of its queries */
	unsigned
	    least_queries; /* a day, to be judged by shares: minimising, fixed_port; at most 255 */
	double minimising_share, mixed_case_share, nxdomain_share;
	uint8_t letters;     /* a name needs so many to show its case */
	uint16_t large_edns; /* bytes; above */
};

struct source;
/* Adds what was done in a zone and window to the day in which it lies; a later day begins with what
 * is known of the one that was. */
void client_day_add(struct client_day *day, const struct source *source,
    const struct source_traits *traits, int64_t day_number, const struct trait_limits *limits);
/* All zones of a window are added. */
void client_day_end_window(struct client_day *day);
/* Bits 1 << enum client_trait, CLIENT_ALL always. */
uint16_t client_day_judge(
    const struct client_day *day, bool ipv6, const struct trait_limits *limits);

/* Two windows, or two threads' parts of one. */
void source_traits_merge(struct source_traits *into, const struct source_traits *from);

/* Who has a trait, in a zone and window. */
struct clients {
	uint64_t sources[CLIENT_TRAIT_COUNT], queries[CLIENT_TRAIT_COUNT];
};

static inline void clients_add(struct clients *clients, uint16_t traits, uint64_t queries)
{
	for (uint32_t left = traits; left; left &= left - 1) {
		const unsigned trait = (unsigned)__builtin_ctz(left);

		clients->sources[trait]++;
		clients->queries[trait] += queries;
	}
}

static inline void traits_port(uint16_t ports[2], uint8_t *signs, uint16_t port)
{
	if (!port || ports[0] == port || ports[1] == port)
		return;
	if (!ports[0])
		ports[0] = port;
	else if (!ports[1])
		ports[1] = port;
	else
		*signs |= SIGN_MANY_PORTS;
}

/* An answer to a question, of so many. */
static inline void traits_vote(uint32_t *question, uint32_t *votes, uint32_t hash, uint32_t n)
{
	if (*question == hash) {
		saturating_add(votes, n);
	} else if (*votes >= n) {
		*votes -= n;
	} else {
		*question = hash;
		*votes = n - *votes;
	}
}

/* The same of one, without a branch: what is asked next is nothing that a processor can guess. */
static inline void traits_vote_once(uint32_t *question, uint32_t *votes, uint32_t hash)
{
	const bool is_for = *question == hash || *votes == 0;

	*question = is_for ? hash : *question;
	*votes += is_for ? *votes != UINT32_MAX : UINT32_MAX;
}

#endif
