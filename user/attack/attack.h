/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This room names attacks while they last, from what a window has counted:
 *
 *   random-subdomain  a domain that is asked for very many names, which do not exist, or of which
 *                     there are many times as many as in its last hour
 *   reflection        a client that is sent much more than it sends, nearly all of it the answer to
 *                     one question: somebody else asks with its address
 *   flood             a subnet or AS that has a large share of all queries, and many times as many
 *                     as in its last hour
 *
 * An attack is named at the end of the first window whose rates are over the limits, and is over
 * after two windows below half of them: so that it is named within two windows after it has begun,
 * wherever in a window that was, and is over within two after its end, and does not flicker. What
 * is compared with an hour waits until ten minutes of it are known. A window shorter than five
 * seconds has to have what five may have, so that a client's burst, or the part of a window after a
 * start, is not taken for the rate of a minute. The hour is a running mean in arrays of fixed size,
 * by keyed hashes; those that share a place have too much of it, and are named later, not earlier.
 * It does not learn from what is under attack.
 *
 * At most ATTACKS_MAX of a kind are named at a time. The report's thread calls everything, once a
 * window.
 */
#ifndef CROSSTAP_ATTACK_ATTACK_H
#define CROSSTAP_ATTACK_ATTACK_H

#include "base/hash.h"
#include "stats/domains.h"
#include "stats/sources.h"

#include <stddef.h>
#include <stdint.h>

#define ATTACKS_MAX 8

#define ATTACK_KIND_NAMES(X)                                                                       \
	X(RANDOM_SUBDOMAIN, "random-subdomain")                                                    \
	X(REFLECTION, "reflection")                                                                \
	X(FLOOD, "flood")
#define ATTACK_KIND_(id, name) ATTACK_##id,
enum attack_kind { ATTACK_KIND_NAMES(ATTACK_KIND_) ATTACK_KINDS };
#undef ATTACK_KIND_
const char *attack_kind_name(enum attack_kind kind);

struct attack_limits {
	uint64_t names;          /* random-subdomain: distinct names a minute, */
	double nxdomain_share;   /* of whose queries so many are answered NXDOMAIN */
	uint64_t response_bytes; /* reflection: a minute, */
	double amplification;    /* so many times as many as the queries' bytes, */
	double question_share;   /* so much of the answers to one question; over a half */
	double query_share;      /* flood: of all queries, */
	uint64_t queries;        /* and a minute */
	double times;            /* as many as in the hour before */
};

enum attack_form { SUBJECT_DOMAIN, SUBJECT_ADDRESS, SUBJECT_SUBNET, SUBJECT_ASN };

struct attack_subject {
	uint8_t form;   /* enum attack_form */
	uint8_t family; /* 4 or 6 */
	uint8_t prefix; /* of a subnet */
	uint8_t length; /* of a domain */
	uint32_t asn;   /* of an AS; of a subnet, if it is known */
	union {
		uint64_t address[2];            /* as in struct source */
		uint8_t name[DOMAIN_MAX_BYTES]; /* of a domain, wire format */
	};
};

#define ATTACK_KNOWS_BYTES 1u
struct attack {
	struct attack_subject subject;
	uint64_t key;
	int64_t since_ns;                 /* start of the window in which it was named */
	uint64_t queries, response_bytes; /* of the window; of an AS, what no subnet explains */
	double share;                     /* of all queries; of a reflection: of all bytes sent */
	uint32_t known;
	uint8_t kind;
	uint8_t cold; /* windows below half of the limits, running */
};

struct attacks;

int attacks_new(struct attacks **ret, const struct hash_seed *seed);
void attacks_free(struct attacks *attacks);

/* A window of that length. */
void attacks_begin(struct attacks *attacks, int64_t start_ns, uint64_t length_ns,
    const struct attack_limits *limits);
/* Each source of it; `traits` NULL: not known, as `asn` 0. */
void attacks_source(struct attacks *attacks, const struct source *source,
    const struct source_traits *traits, uint32_t asn);
/* All of them, after each has been told: what the clients of reflections have in all zones. */
void attacks_sum(struct attacks *attacks, const struct sources *sources);
/* Its domains. */
void attacks_domains(struct attacks *attacks, const struct domains *domains);
/* The window is complete. Those that go on, by kind, the largest first; those that began are among
 * them (since_ns is the window's start), those that ended are in another list. Lists are valid
 * until the next window. */
struct attacks_now {
	const struct attack *list;
	size_t n;
	const struct attack *ended;
	size_t n_ended;
};
void attacks_finish(struct attacks *attacks, struct attacks_now *ret);

#endif
