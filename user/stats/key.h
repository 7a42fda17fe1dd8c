/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys of the cube and of its margins.
 *
 * The cube has one cell for each combination of everything that is counted of a message, so that a
 * message costs one update however many datasets there are. Its key is 64 bits:
 *
 *   kind 2 | figures 1 | compared 1 | no question 1 | type 16 | flags 11 | opcode 4 | size 9 |
 *   family 1 | transport 3 | direction 1 | zone 14          (most significant first)
 *
 * A margin is the cube summed over all but a few of these; zone first, so that sorted margins are
 * grouped by zone and, within it, by dataset:
 *
 *   zone 14 | margin 6 | direction 1 | transport 3 | family 1 | value 32, above a set lowest bit
 *
 * What the cube's key has no room for is counted beside it (stats/facts.h), in margins at once.
 */
#ifndef CROSSTAP_STATS_KEY_H
#define CROSSTAP_STATS_KEY_H

#include <stdbool.h>
#include <stdint.h>

#define KEY_ZONE_BITS 14
#define KEY_SIZE_STEP 16  /* RSSAC002 section 2.4: bins of 16 bytes */
#define KEY_SIZE_BINS 257 /* the last one holds everything from 4096 on */

enum key_direction { DIR_QUERY, DIR_RESPONSE };
enum key_family { FAMILY_IPV4, FAMILY_IPV6 };

/* dnstap SocketProtocol less 1; the last is all that came to dnstap.proto later. */
#define TRANSPORTS(X)                                                                              \
	X(UDP, "udp")                                                                              \
	X(TCP, "tcp")                                                                              \
	X(DOT, "dot")                                                                              \
	X(DOH, "doh")                                                                              \
	X(DNSCRYPT_UDP, "dnscrypt-udp")                                                            \
	X(DNSCRYPT_TCP, "dnscrypt-tcp")                                                            \
	X(DOQ, "doq")                                                                              \
	X(OTHER, "other")
#define TRANSPORT_(id, name) TRANSPORT_##id,
enum transport { TRANSPORTS(TRANSPORT_) TRANSPORT_COUNT };
#undef TRANSPORT_

/* Malformed: the reason is in the type's place. DNS_MALFORMED_NONE there is a frame without the
 * message: nothing is known of what it held. */
enum cube_kind { CUBE_FREE, CUBE_MESSAGE, CUBE_MALFORMED, CUBE_OTHER };
/* In the opcode's place where the kind is CUBE_OTHER. */
enum cube_other {
	OTHER_LATENCY,  /* type: histogram bucket; amount: the largest time, ns */
	OTHER_OUTGOING, /* the server's own queries and their responses */
};

#define CUBE_KIND_SHIFT      62
#define CUBE_FIGURES         (1ull << 61)
#define CUBE_COMPARED        (1ull << 60)
#define CUBE_NO_QUESTION     (1ull << 59)
#define CUBE_TYPE_SHIFT      43
#define CUBE_FLAGS_SHIFT     32
#define CUBE_OPCODE_SHIFT    28
#define CUBE_SIZE_SHIFT      19
#define CUBE_FAMILY_SHIFT    18
#define CUBE_TRANSPORT_SHIFT 15
#define CUBE_DIRECTION_SHIFT 14

/* In a response's type, beside its rcode: an answer to AXFR or IXFR. */
#define CUBE_XFR_BIT 0x8000u

#define CUBE_FIELD(key, shift, bits) ((uint32_t)((key) >> (shift) & ((1u << (bits)) - 1)))
#define cube_kind(key)               CUBE_FIELD(key, CUBE_KIND_SHIFT, 2)
#define cube_type(key)               CUBE_FIELD(key, CUBE_TYPE_SHIFT, 16)
#define cube_flags(key)              CUBE_FIELD(key, CUBE_FLAGS_SHIFT, 11)
#define cube_opcode(key)             CUBE_FIELD(key, CUBE_OPCODE_SHIFT, 4)
#define cube_size(key)               CUBE_FIELD(key, CUBE_SIZE_SHIFT, 9)
#define cube_family(key)             CUBE_FIELD(key, CUBE_FAMILY_SHIFT, 1)
#define cube_transport(key)          CUBE_FIELD(key, CUBE_TRANSPORT_SHIFT, 3)
#define cube_direction(key)          CUBE_FIELD(key, CUBE_DIRECTION_SHIFT, 1)
#define cube_zone(key)               CUBE_FIELD(key, 0, KEY_ZONE_BITS)

static inline uint32_t key_size_bin(uint32_t bytes)
{
	uint32_t bin = bytes / KEY_SIZE_STEP;

	return bin < KEY_SIZE_BINS ? bin : KEY_SIZE_BINS - 1;
}

/* Lower bounds of the bins of the UDP size that a query advertises: what resolvers really send, and
 * what lies in between (DNS flag day 2020: 1232). */
#define EDNS_SIZES(X)                                                                              \
	X(0)                                                                                       \
	X(512)                                                                                     \
	X(513) X(1220) X(1232) X(1233) X(1400) X(1452) X(1472) X(1500) X(2048) X(4096) X(4097)
#define EDNS_SIZE_(bytes) EDNS_SIZE_##bytes,
enum edns_size { EDNS_SIZES(EDNS_SIZE_) EDNS_SIZE_NONE, EDNS_SIZE_COUNT };
#undef EDNS_SIZE_

#define KEY_PORT_STEP   1024 /* of a client's ports */
#define KEY_PORT_RANGES 64

enum edns_version { EDNS_VERSION_NONE, EDNS_VERSION_0, EDNS_VERSION_OTHER };

#define KEY_QNAME_STEP   16 /* bytes on the wire, root label included */
#define KEY_QNAME_BINS   16
#define KEY_QNAME_LABELS 10 /* and more */

/* In the order of their bits in enum dns_name_trait. */
enum qname_trait { QNAME_IDN, QNAME_MIXED_CASE, QNAME_REVERSE, QNAME_TRAIT_COUNT };

/* Stands for the values that have no number of their own. */
#define KEY_OTHER 0x10000u
/* In a type's place: the response has no question, and so no type. */
#define KEY_NO_QUESTION 0x10001u
/* In the place of an address or identity: the producer does not tell. */
#define KEY_UNKNOWN 0x10002u

enum margin {
	MARGIN_MESSAGES = 1, /* direction, transport, family; amount: bytes */
	MARGIN_MALFORMED,    /* direction, transport, family */
	MARGIN_QTYPE,        /* value; queries; amount: bytes */
	MARGIN_RCODE,        /* value */
	MARGIN_OPCODE,       /* value */
	MARGIN_FLAG,         /* direction, value: enum dns_flag_bit */
	MARGIN_SIZE,         /* direction, transport, value: bin */
	MARGIN_LATENCY,      /* transport, value: bucket; amount: the largest, ns */
	MARGIN_OUTGOING,     /* direction */
	/* Further facts (stats/facts.h), of readable messages. */
	MARGIN_CLASS,           /* value: of the question, or KEY_OTHER; queries */
	MARGIN_EDNS,            /* value: enum edns_version; queries */
	MARGIN_EDNS_SIZE,       /* value: enum edns_size; queries */
	MARGIN_ECS,             /* family, value: source prefix; or KEY_OTHER; queries */
	MARGIN_EDE,             /* value: code, or KEY_OTHER; responses */
	MARGIN_QNAME_LENGTH,    /* value: bin of KEY_QNAME_STEP bytes; queries */
	MARGIN_QNAME_LABELS,    /* value: without the root, at most KEY_QNAME_LABELS; queries */
	MARGIN_QNAME_TRAIT,     /* value: enum qname_trait; queries */
	MARGIN_QTYPE_RESPONSES, /* value: type of the question, or KEY_OTHER; amount: bytes */
	MARGIN_QTYPE_RCODE,     /* value: key_qtype_rcode(), the type also KEY_OTHER or
				   KEY_NO_QUESTION; responses; amount: bytes */
	MARGIN_TRANSPORT_QTYPE, /* transport, value: of the question, or KEY_OTHER; queries */
	MARGIN_RCODE_SIZE,      /* value: key_rcode_size(); responses */
	MARGIN_JUNK,            /* value: enum junk (stats/junk.h); queries */
	MARGIN_PORTS,           /* value: of KEY_PORT_STEP ports of clients; queries */
	/* Of the root's NS records, class IN (RFC 9609); stats/item_junk.h. */
	MARGIN_PRIMING,      /* direction, transport; amount: bytes */
	MARGIN_PRIMING_DO,   /* direction, transport; of these, queries with DO */
	MARGIN_PRIMING_TC,   /* direction, transport; responses with TC */
	MARGIN_PRIMING_SIZE, /* transport, value: enum edns_size; queries */
	/* stats/places.h; value: number of stats/place_names.h, KEY_OTHER or KEY_UNKNOWN; amount:
	 * bytes */
	MARGIN_ADDRESS, /* queries */
	MARGIN_ADDRESS_RESPONSES,
	MARGIN_IDENTITY, /* queries */
	MARGIN_IDENTITY_RESPONSES,
	/* What the cross-check compares; of all zones, under zone 0. */
	MARGIN_COMPARED,           /* direction, transport, family */
	MARGIN_COMPARED_MALFORMED, /* direction, transport, family */
	MARGIN_COMPARED_QTYPE,     /* value; queries */
	MARGIN_COMPARED_REFUSED,   /* transport; responses */
	MARGIN_COMPARED_LATE,      /* direction, transport, family; of MARGIN_COMPARED */
	MARGIN_COMPARED_UNKNOWN,   /* the same: without the message, so that class and type are not
				      known */
	MARGIN_COUNT
};

#define MARGIN_ZONE_SHIFT      44
#define MARGIN_KIND_SHIFT      38
#define MARGIN_DIRECTION_SHIFT 37
#define MARGIN_TRANSPORT_SHIFT 34
#define MARGIN_FAMILY_SHIFT    33
#define MARGIN_VALUE_SHIFT     1

static inline uint64_t margin_key(uint32_t zone, enum margin margin, uint32_t direction,
    uint32_t transport, uint32_t family, uint32_t value)
{
	return (uint64_t)zone << MARGIN_ZONE_SHIFT | (uint64_t)margin << MARGIN_KIND_SHIFT |
	    (uint64_t)direction << MARGIN_DIRECTION_SHIFT |
	    (uint64_t)transport << MARGIN_TRANSPORT_SHIFT |
	    (uint64_t)family << MARGIN_FAMILY_SHIFT | (uint64_t)value << MARGIN_VALUE_SHIFT | 1;
}

/* 12 bits of rcode, or KEY_RCODE_OTHER. */
static inline uint32_t key_qtype_rcode(uint32_t qtype, uint32_t rcode)
{
	return qtype << 13 | rcode;
}

/* The bin of key_size_bin(). */
static inline uint32_t key_rcode_size(uint32_t rcode, uint32_t bin)
{
	return rcode << 9 | bin;
}

#define key_size_rcode(rcode_size) ((rcode_size) >> 9)
#define key_size_of(rcode_size)    ((rcode_size)&0x1ffu)

/* All the rcodes that have no series of their own. None of 12 bits: every one of these can be in a
 * message. */
#define KEY_RCODE_OTHER        0x1000u
#define key_qtype(qtype_rcode) ((qtype_rcode) >> 13)
#define key_rcode(qtype_rcode) ((qtype_rcode)&0x1fffu)

#define margin_zone(key)      CUBE_FIELD(key, MARGIN_ZONE_SHIFT, KEY_ZONE_BITS)
#define margin_kind(key)      CUBE_FIELD(key, MARGIN_KIND_SHIFT, 6)
#define margin_direction(key) CUBE_FIELD(key, MARGIN_DIRECTION_SHIFT, 1)
#define margin_transport(key) CUBE_FIELD(key, MARGIN_TRANSPORT_SHIFT, 3)
#define margin_family(key)    CUBE_FIELD(key, MARGIN_FAMILY_SHIFT, 1)
#define margin_value(key)     ((uint32_t)((key) >> MARGIN_VALUE_SHIFT))

#endif
