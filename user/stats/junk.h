/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queries that should not have come, by the kinds of DSC's indexer query_classification: what its
 * manual dsc.conf(5) says of each, and their order in its code. A query is of the first kind below
 * that it fits, so that kinds add up and what is left of dns_qtype's queries is DSC's `ok`; its
 * `malformed` is counted in `malformed` of dns. Looked at are queries with a question, whatever
 * their opcode, and names without case.
 *
 *   src-port-zero     over UDP from port 0, where the producer tells the port
 *   funny-class       of a class that IANA has not assigned: none of IN, CH, HS, NONE, ANY
 *   funny-qtype       of a type that IANA has not assigned. DSC's code has a list of 2003, to which
 *                     DS, DNSKEY, SVCB and HTTPS are funny
 *   a-for-a           type A, and the name is an IPv4 address as inet_aton(3) reads it
 *   a-for-root        type A, and the name is the root
 *   localhost         localhost (RFC 6761 section 6.3), and names below it
 *   root-servers.net  that name, and names below it
 *   non-auth-tld      the last label is no TLD of the root zone (zones/tlds.h)
 *   rfc1918-ptr       type PTR, for a name at or below those of 10/8, 172.16/12 and 192.168/16
 *
 * DSC compares texts, so that a name that only ends with the letters of localhost is localhost to
 * it; here labels are compared.
 */
#ifndef CROSSTAP_STATS_JUNK_H
#define CROSSTAP_STATS_JUNK_H

#include "zones/tlds.h"

#include "crosstap/dns.h"

#include <stdbool.h>
#include <stdint.h>

#define JUNK_KINDS(X)                                                                              \
	X(SRC_PORT_ZERO, "src-port-zero")                                                          \
	X(FUNNY_CLASS, "funny-class")                                                              \
	X(FUNNY_QTYPE, "funny-qtype")                                                              \
	X(A_FOR_A, "a-for-a")                                                                      \
	X(A_FOR_ROOT, "a-for-root")                                                                \
	X(LOCALHOST, "localhost")                                                                  \
	X(ROOT_SERVERS_NET, "root-servers.net")                                                    \
	X(NON_AUTH_TLD, "non-auth-tld")                                                            \
	X(RFC1918_PTR, "rfc1918-ptr")
#define JUNK_(id, name) JUNK_##id,
enum junk { JUNK_KINDS(JUNK_) JUNK_COUNT, JUNK_NONE = JUNK_COUNT };
#undef JUNK_

struct junk_rules {
	const struct tlds *tlds;               /* NULL: no name is non-auth-tld */
	bool (*qtype_assigned)(uint16_t type); /* NULL: all are */
};

/* What is below a TLD, where type, class and port are usual. */
enum junk_below {
	BELOW_UNKNOWN, /* 0 */
	BELOW_USUAL,   /* no junk */
	BELOW_NO_TLD,
	BELOW_LOCALHOST,
	BELOW_NET,
	BELOW_ARPA
};

/* A TLD that was seen. */
struct junk_tld {
	uint64_t first, last; /* its length byte and its bytes, in lower case */
	uint8_t below;        /* enum junk_below */
};

#define JUNK_TLD_BITS 6
#define JUNK_TLD_MOST 15 /* bytes of a TLD that is kept */

/* Each TLD has one place; another one may be there. All zeros: none. */
struct junk_seen {
	struct junk_tld tlds[1 << JUNK_TLD_BITS];
	uint64_t latest; /* junk_tld_raw() of the one that was seen last; 0: none */
	uint8_t latest_below;
};

/* Which kind the query is; JUNK_NONE: it is as it should be. `facts` with a question. */
enum junk junk_find(const struct junk_rules *rules, const uint8_t *message,
    const struct dns_facts *facts, bool port_zero);
/* Keeps what is below the TLD at `tld`, of a query with a question. */
void junk_remember(struct junk_seen *seen, const struct junk_rules *rules, const uint8_t *tld);

/* Types that nearly all queries have, so that nobody need ask the registry: those below 64 but 0
 * and 54, and SVCB and HTTPS. */
static inline bool junk_is_usual_type(uint16_t qtype)
{
	return qtype < 64 ? 0xffbffffffffffffe >> qtype & 1 : qtype < 66;
}

/* Of a TLD of at least two bytes, behind which there are type and class of a question. */
static inline struct junk_tld junk_tld_words(const uint8_t *tld)
{
	const uint8_t length = tld[0];

	if (length < 8)
		return (struct junk_tld){
		    .first = dns_lower8(ct_load_le64(tld)) << (8 * (7 - length))};
	return (struct junk_tld){.first = dns_lower8(ct_load_le64(tld)),
	    .last = dns_lower8(ct_load_le64(tld + length - 7))};
}

/* As it stands in the message; 0: too short or too long for that. */
static inline uint64_t junk_tld_raw(const uint8_t *tld)
{
	const uint32_t length = tld[0];

	return length - 2 < 6 ? ct_load_le64(tld) << (8 * (7 - length)) : 0;
}

static inline size_t junk_tld_place(const struct junk_tld *words)
{
	return (words->first ^ words->last << 3) * 0x9e3779b97f4a7c15 >> (64 - JUNK_TLD_BITS);
}

/* Whether a name below in-addr.arpa can be one of RFC 1918's: 10, 172 or 192, at the only places
 * where their last digits can be. `before`: bytes of the name before arpa. */
static inline bool junk_may_be_private(const uint8_t *arpa, size_t before)
{
	return before >= 11 && arpa[-8] == 7 &&
	    (arpa[-11] == '0' || (arpa[-11] == '1' && arpa[-9] == '2') ||
		(arpa[-11] == 2 && arpa[-10] == '1'));
}

/* Whether type and class are those of nearly all queries, so that the name tells. */
static inline bool junk_is_usual(const uint8_t *message, const struct dns_facts *facts)
{
	return junk_is_usual_type(facts->qtype) && dns_class(message, facts) == DNS_CLASS_IN;
}

/* What is below a TLD that was seen, its last label at `tld`. */
static inline enum junk_below junk_below_seen(const struct junk_seen *seen, const uint8_t *tld)
{
	const struct junk_tld *known;
	struct junk_tld words;

	if (tld[0] < 2 || tld[0] > JUNK_TLD_MOST)
		return BELOW_UNKNOWN;
	words = junk_tld_words(tld);
	known = &seen->tlds[junk_tld_place(&words)];
	return (words.first ^ known->first) | (words.last ^ known->last)
	    ? BELOW_UNKNOWN
	    : (enum junk_below)known->below;
}

/* The same, where it is the TLD of the query before, in the same letters. */
static inline enum junk_below junk_below_latest(const struct junk_seen *seen, const uint8_t *tld)
{
	const uint64_t raw = junk_tld_raw(tld);

	return raw && raw == seen->latest ? (enum junk_below)seen->latest_below : BELOW_UNKNOWN;
}

/* Most usual queries are told by this; false: ask junk_find(). `tld`: the last label of the
 * question's name. */
static inline bool junk_is_known(enum junk_below below, const uint8_t *message,
    const struct dns_facts *facts, const uint8_t *tld, enum junk *ret)
{
	const size_t before = (size_t)(tld - message) - DNS_HEADER_BYTES;

	*ret = JUNK_NONE;
	switch (below) {
	case BELOW_USUAL:
		return true;
	case BELOW_NO_TLD:
		*ret = JUNK_NON_AUTH_TLD;
		return true;
	case BELOW_LOCALHOST:
		*ret = JUNK_LOCALHOST;
		return true;
	case BELOW_NET: /* root-servers has twelve bytes */
		return before < 13 || tld[-13] != 12;
	case BELOW_ARPA:
		return facts->qtype != DNS_TYPE_PTR || !junk_may_be_private(tld, before);
	default:
		return false;
	}
}

#endif
