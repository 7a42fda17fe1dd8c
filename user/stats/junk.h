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
#include <string.h>

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

/* A TLD that was seen, under which nothing is junk but by type, class and port; its length byte and
 * its bytes as they came. The first byte 0: none. */
struct junk_usual {
	uint8_t tld[1 + DNS_MAX_LABEL];
};

/* Which kind the query is; JUNK_NONE: it is as it should be. `facts` with a question. */
enum junk junk_find(const struct junk_rules *rules, const uint8_t *message,
    const struct dns_facts *facts, bool port_zero);
/* Keeps the last label of such a query, at `tld`, where all that is below it is as it should be. */
void junk_remember(struct junk_usual *usual, const struct junk_rules *rules, const uint8_t *tld);

/* Types that nearly all queries have, so that nobody need ask the registry: those below 64 but 0
 * and 54, and SVCB and HTTPS. */
static inline bool junk_is_usual_type(uint16_t qtype)
{
	return qtype < 64 ? 0xffbffffffffffffe >> qtype & 1 : qtype < 66;
}

/* Whether the query is surely none: nearly all are told by this. `tld`: its last label, followed by
 * the question's type and class. */
static inline bool junk_is_usual(const struct junk_usual *usual, const uint8_t *message,
    const struct dns_facts *facts, const uint8_t *tld)
{
	const uint8_t length = tld[0];
	uint64_t differ;

	if (length != usual->tld[0] || !junk_is_usual_type(facts->qtype) ||
	    dns_class(message, facts) != DNS_CLASS_IN)
		return false;
	if (length > 7)
		return memcmp(tld, usual->tld, 1u + length) == 0;
	/* Of one byte or none none is remembered: behind others there are eight bytes to load. */
	differ = length < 2 ? 1 : ct_load_le64(tld) ^ ct_load_le64(usual->tld);
	return differ << (8 * (7 - length)) == 0;
}

#endif
