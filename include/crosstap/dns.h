/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What crosstap wants to know of a DNS message: header (RFC 1035 section 4.1.1), first question
 * (4.1.2) and OPT record (RFC 6891 section 6.1). A message that cannot be read gets a reason, never
 * just "bad". Reads nothing outside message[0 .. length).
 */
#ifndef CROSSTAP_DNS_H
#define CROSSTAP_DNS_H

#include "crosstap/compat.h"

#define DNS_HEADER_BYTES   12
#define DNS_MAX_NAME_BYTES 255 /* wire format, root label included (RFC 1035 section 2.3.4) */
#define DNS_MAX_LABEL      63
#define DNS_TYPE_OPT       41
#define DNS_TYPE_IXFR      251
#define DNS_TYPE_AXFR      252
#define DNS_TYPE_DS        43
#define DNS_CLASS_IN       1
#define DNS_CLASS_CH       3
#define DNS_CLASS_ANY      255
#define DNS_OPCODE_QUERY   0
#define DNS_RCODE_FORMERR  1
#define DNS_RCODE_NXDOMAIN 3
#define DNS_RCODE_NOTIMP   4
#define DNS_RCODE_REFUSED  5
#define DNS_RCODE_NOTAUTH  9
#define DNS_RCODE_BADVERS  16

/* Flags of a message, in the order in which they are written out. */
#define DNS_FLAGS(X)                                                                               \
	X(AA, "aa")                                                                                \
	X(TC, "tc")                                                                                \
	X(RD, "rd")                                                                                \
	X(RA, "ra")                                                                                \
	X(AD, "ad")                                                                                \
	X(CD, "cd")                                                                                \
	X(DO, "do")                                                                                \
	X(EDNS, "edns")                                                                            \
	X(COOKIE, "cookie")                                                                        \
	X(ECS, "ecs")                                                                              \
	X(NSID, "nsid")

#define DNS_FLAG_BIT_(id, name) DNS_FLAG_BIT_##id,
enum dns_flag_bit { DNS_FLAGS(DNS_FLAG_BIT_) DNS_FLAG_COUNT };
#undef DNS_FLAG_BIT_
#define DNS_FLAG_(id, name) DNS_FLAG_##id = 1 << DNS_FLAG_BIT_##id,
enum dns_flag { DNS_FLAGS(DNS_FLAG_) };
#undef DNS_FLAG_

/* Why a message is malformed: no header, or a first question (QDCOUNT is not 0) that cannot be
 * read. */
#define DNS_MALFORMED(X)                                                                           \
	X(NONE, "none")                                                                            \
	X(SHORT, "short_header")                                                                   \
	X(QNAME_OVERRUN, "qname_overrun")                                                          \
	X(LABEL, "label_type")                                                                     \
	X(POINTER, "qname_pointer")                                                                \
	X(NAME_LENGTH, "qname_length")                                                             \
	X(QUESTION_OVERRUN, "question_overrun")

#define DNS_MALFORMED_(id, name) DNS_MALFORMED_##id,
enum dns_malformed { DNS_MALFORMED(DNS_MALFORMED_) DNS_MALFORMED_COUNT };
#undef DNS_MALFORMED_

struct dns_facts {
	u16 id;
	u16 flags; /* enum dns_flag */
	u16 qtype; /* of the first question; valid if has_question */
	u16 rcode; /* 12 bits: the OPT record's upper eight included (RFC 6891 section 6.1.3) */
	u8 opcode;
	u8 qr;
	u8 has_question;
	u8 malformed; /* enum dns_malformed; other fields but id, qr, opcode are then not valid */
	u8 qname_length; /* wire bytes, root label included; the name starts at DNS_HEADER_BYTES */
};

/* AA TC RD are bits 10..8 of the second header word, RA AD CD bits 7, 5, 4 (RFC 1035, RFC 4035). */
CT_INLINE u16 dns_header_flags(u16 word)
{
	return (u16)((word >> 10 & 1) << DNS_FLAG_BIT_AA | (word >> 9 & 1) << DNS_FLAG_BIT_TC |
	    (word >> 8 & 1) << DNS_FLAG_BIT_RD | (word >> 7 & 1) << DNS_FLAG_BIT_RA |
	    (word >> 5 & 1) << DNS_FLAG_BIT_AD | (word >> 4 & 1) << DNS_FLAG_BIT_CD);
}

/* How a walk over a name ended, in the upper half of what dns_walk returns; from DNS_WALK_END on. A
 * malformed name gives its enum dns_malformed instead. */
enum dns_walk {
	DNS_WALK_DONE = 0, /* lower half: offset behind the root label */
	DNS_WALK_END =
	    DNS_MALFORMED_COUNT, /* lower half: where the next label would begin, >= end */
	DNS_WALK_VIEW,           /* the same, but the view ended before `end` */
	DNS_WALK_MORE,           /* the same, but `turns` were not enough */
};

#define DNS_WALK_STATUS(result) ((u32)((result) >> 32))
#define DNS_WALK_AT(result)     ((u32)(result))

#define DNS_WALK_TURNS 128 /* enough for any name */

#define DNS_PAIRS_MASK   0x00ff00ff00ff00ff
#define DNS_PAIRS_LABELS 0x0001000100010001

/* Does p begin with n / 2 labels of one byte each? n: 8 or 32. */
CT_INLINE bool dns_is_pairs(const u8 *p, u32 n)
{
	u64 differ = (ct_load_le64(p) & DNS_PAIRS_MASK) ^ DNS_PAIRS_LABELS;

	if (n == 32) {
		differ |= (ct_load_le64(p + 8) & DNS_PAIRS_MASK) ^ DNS_PAIRS_LABELS;
		differ |= (ct_load_le64(p + 16) & DNS_PAIRS_MASK) ^ DNS_PAIRS_LABELS;
		differ |= (ct_load_le64(p + 24) & DNS_PAIRS_MASK) ^ DNS_PAIRS_LABELS;
	}
	return !differ;
}

/*
 * Walks an uncompressed name whose next label begins at `at`, in a message that ends at `end`;
 * `used` bytes of the name came before (a name may be cut by a TCP segment). A label a turn.
 */
CT_INLINE u64 dns_walk(const struct ct_view *view, u64 at, u64 end, u64 used, u32 turns)
{
	const u64 limit = at + DNS_MAX_NAME_BYTES - used;

	for (u32 turn = 0; turn < turns; turn++) {
		const u8 *p;

		if (at >= end)
			return (u64)DNS_WALK_END << 32 | at;
		p = ct_bytes(view, at, 1);
		if (!p)
			return (u64)DNS_WALK_VIEW << 32 | at;
		if (*p == 0)
			return at + 1;
		if (*p > DNS_MAX_LABEL)
			return (u64)(*p >= 0xc0 ? DNS_MALFORMED_POINTER : DNS_MALFORMED_LABEL)
			    << 32;
		at += 1 + (u64)*p;
		CT_FORGET(at);
		if (at >= limit)
			return (u64)DNS_MALFORMED_NAME_LENGTH << 32;
	}
	return (u64)DNS_WALK_MORE << 32 | at;
}

/*
 * The offset behind labels of one byte each, which is what the names of ip6.arpa are made of: some
 * at once, and not all that there are. The result may be past the longest name.
 */
CT_INLINE u64 dns_skip_pairs(const struct ct_view *view, u64 at, u64 end)
{
	for (u32 turn = 0; turn < DNS_MAX_NAME_BYTES / 32 + 1; turn++) {
		const u8 *p = at + 32 <= end ? ct_bytes(view, at, 32) : 0;

		if (!p || !dns_is_pairs(p, 32))
			break;
		at += 32;
		CT_FORGET(at);
	}
	for (u32 turn = 0; turn < 3; turn++) {
		const u8 *p = at + 8 <= end ? ct_bytes(view, at, 8) : 0;

		if (!p || !dns_is_pairs(p, 8))
			break;
		at += 8;
		CT_FORGET(at);
	}
	return at;
}

/* The same as dns_walk, for names that may have very many labels. */
CT_INLINE u64 dns_walk_long(const struct ct_view *view, u64 at, u64 end, u64 used, u32 turns)
{
	u64 behind = dns_skip_pairs(view, at, end);

	used += behind - at;
	CT_FORGET(behind);
	CT_FORGET(used);
	CT_FORGET(end);
	if (used >= DNS_MAX_NAME_BYTES)
		return (u64)DNS_MALFORMED_NAME_LENGTH << 32;
	return dns_walk(view, behind, end, used, turns);
}

/* Skips the name of a record, which may end in a compression pointer. Returns the offset behind it,
 * 0 if it cannot be read. */
CT_INLINE u32 dns_skip_name(const u8 *message, u32 length, u32 at)
{
	const u32 start = at;

	while (at < length && at - start < DNS_MAX_NAME_BYTES) {
		const u8 label = message[at];

		if (label == 0)
			return at + 1;
		if (label >= 0xc0)
			return at + 2 <= length ? at + 2 : 0;
		if (label > DNS_MAX_LABEL)
			return 0;
		at += 1 + label;
	}
	return 0;
}

/* Options of an OPT record (RFC 6891 section 6.1.2): NSID 3 (RFC 5001), ECS 8 (RFC 7871), COOKIE 10
 * (RFC 7873). One that overruns its data ends the options and does not count itself. */
CT_INLINE u16 dns_opt_options(const u8 *data, u32 length)
{
	u16 flags = 0;

	while (length >= 4) {
		const u16 code = ct_load_be16(data);
		const u32 size = 4u + ct_load_be16(data + 2);

		if (size > length)
			break;
		if (code == 3)
			flags |= DNS_FLAG_NSID;
		else if (code == 8)
			flags |= DNS_FLAG_ECS;
		else if (code == 10)
			flags |= DNS_FLAG_COOKIE;
		data += size;
		length -= size;
	}
	return flags;
}

/* Record from its owner on: 0: owner, 1: type, 3: class (payload size), 5: TTL = extended rcode,
 * version, DO and Z bits, 9: length of the data. */
#define DNS_OPT_BYTES 11

CT_INLINE bool dns_is_opt(const u8 *record)
{
	return record[0] == 0 && record[1] == 0 && record[2] == DNS_TYPE_OPT;
}

/* The upper eight bits of the rcode, in their place (RFC 6891 section 6.1.3). */
CT_INLINE u16 dns_opt_rcode(const u8 *record)
{
	return (u16)((u16)record[5] << 4);
}

/* `record` is an OPT record with the root as owner, its data inside the message. */
CT_INLINE void dns_take_opt(const u8 *record, u32 rdlength, struct dns_facts *facts)
{
	facts->flags |= DNS_FLAG_EDNS;
	if (record[7] & 0x80)
		facts->flags |= DNS_FLAG_DO;
	facts->rcode |= dns_opt_rcode(record);
	if (rdlength)
		facts->flags |= dns_opt_options(record + DNS_OPT_BYTES, rdlength);
}

#ifndef __bpf__
/* The first question's name in linear memory. Returns the offset behind its root label, or 0 and a
 * reason. */
static inline u32 dns_walk_qname(const u8 *message, u32 length, u32 at, u8 *reason)
{
	const struct ct_view view = {.data = message, .end = message + length};
	const u64 walk = dns_walk(&view, at, length, 0, DNS_WALK_TURNS);

	if (DNS_WALK_STATUS(walk) == DNS_WALK_DONE)
		return DNS_WALK_AT(walk);
	*reason = DNS_WALK_STATUS(walk) >= DNS_WALK_END ? DNS_MALFORMED_QNAME_OVERRUN
							: (u8)DNS_WALK_STATUS(walk);
	return 0;
}

/* Looks for the OPT: the first record of type 41 with the root as owner in the additional section.
 * `at` is behind the first question. An unreadable record ends the walk and makes nothing
 * malformed. */
static inline void dns_find_opt(const u8 *message, u32 length, u32 at, struct dns_facts *facts)
{
	u32 questions = ct_load_be16(message + 4);
	u32 skip = (u32)ct_load_be16(message + 6) + ct_load_be16(message + 8);
	u32 additional = ct_load_be16(message + 10);

	if (!additional)
		return;
	for (; questions > 1; questions--) {
		at = dns_skip_name(message, length, at);
		if (!at || length - at < 4)
			return;
		at += 4;
	}
	while (skip + additional) {
		const u32 owner = at;
		u32 rdlength;

		at = dns_skip_name(message, length, at);
		if (!at || length - at < 10)
			return;
		rdlength = ct_load_be16(message + at + 8);
		if (rdlength > length - at - 10)
			return;
		if (skip) {
			skip--;
		} else {
			if (at == owner + 1 && dns_is_opt(message + owner)) {
				dns_take_opt(message + owner, rdlength, facts);
				return;
			}
			additional--;
		}
		at += 10 + rdlength;
	}
}

/* The whole message, in linear memory. Writes every field of *facts. */
static inline void dns_parse(const u8 *message, u32 length, struct dns_facts *facts)
{
	u32 at = DNS_HEADER_BYTES;
	u16 word;

	*facts = (struct dns_facts){0};
	if (length < DNS_HEADER_BYTES) {
		facts->malformed = DNS_MALFORMED_SHORT;
		return;
	}
	word = ct_load_be16(message + 2);
	facts->id = ct_load_be16(message);
	facts->qr = (u8)(word >> 15);
	facts->opcode = (u8)(word >> 11 & 15);
	if (ct_load_be16(message + 4)) {
		at = dns_walk_qname(message, length, at, &facts->malformed);
		if (!at)
			return;
		if (length - at < 4) {
			facts->malformed = DNS_MALFORMED_QUESTION_OVERRUN;
			return;
		}
		facts->has_question = 1;
		facts->qname_length = (u8)(at - DNS_HEADER_BYTES);
		facts->qtype = ct_load_be16(message + at);
		at += 4;
	}
	facts->flags = dns_header_flags(word);
	facts->rcode = word & 15;
	dns_find_opt(message, length, at, facts);
}
#endif

#endif
