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
#define DNS_TYPE_A         1
#define DNS_TYPE_NS        2
#define DNS_TYPE_PTR       12
#define DNS_TYPE_OPT       41
#define DNS_TYPE_IXFR      251
#define DNS_TYPE_AXFR      252
#define DNS_TYPE_DS        43
#define DNS_TYPE_DNSKEY    48
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
	u8 labels;       /* of the name, the root not counted */
	u8 last_label;   /* where in the name the last of them begins; 0 for the root */
	u32 opt;         /* offset of the OPT record, its data inside the message; 0: none */
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
 * `ret_labels`: how many a whole name has, the root not counted, and `ret_last`: where in it the
 * last of them begins; both 0 where nobody wants to know.
 */
CT_INLINE u64 dns_walk_labels(
    const struct ct_view *view, u64 at, u64 end, u64 used, u32 turns, u8 *ret_labels, u8 *ret_last)
{
	const u64 limit = at + DNS_MAX_NAME_BYTES - used, start = at;
	u64 last = at;

	for (u32 turn = 0; turn < turns; turn++) {
		const u8 *p;

		if (at >= end)
			return (u64)DNS_WALK_END << 32 | at;
		p = ct_bytes(view, at, 1);
		if (!p)
			return (u64)DNS_WALK_VIEW << 32 | at;
		if (*p == 0) {
			if (ret_labels)
				*ret_labels = (u8)turn;
			if (ret_last)
				*ret_last = (u8)(last - start);
			return at + 1;
		}
		if (*p > DNS_MAX_LABEL)
			return (u64)(*p >= 0xc0 ? DNS_MALFORMED_POINTER : DNS_MALFORMED_LABEL)
			    << 32;
		last = at;
		at += 1 + (u64)*p;
		CT_FORGET(at);
		if (at >= limit)
			return (u64)DNS_MALFORMED_NAME_LENGTH << 32;
	}
	return (u64)DNS_WALK_MORE << 32 | at;
}

CT_INLINE u64 dns_walk(const struct ct_view *view, u64 at, u64 end, u64 used, u32 turns)
{
	return dns_walk_labels(view, at, end, used, turns, 0, 0);
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

/* Byte by byte: the record may be on the stack of a BPF program, which has no odd places for two.
 */
CT_INLINE u16 dns_opt_data_bytes(const u8 *record)
{
	return (u16)(record[DNS_OPT_BYTES - 2] << 8 | record[DNS_OPT_BYTES - 1]);
}

#ifndef __bpf__
/* The options of an OPT record (RFC 6891 section 6.1.2) one after another. One that overruns its
 * data ends them and is none itself. */
struct dns_option {
	const u8 *next; /* where the following one begins */
	u32 left;       /* bytes from there on */
	u16 code;
	u16 length;
	const u8 *data;
};

/* `record`: from the owner on, its data inside the message. */
static inline struct dns_option dns_options(const u8 *record)
{
	return (struct dns_option){
	    .next = record + DNS_OPT_BYTES, .left = dns_opt_data_bytes(record)};
}

static inline bool dns_next_option(struct dns_option *option)
{
	u32 size;

	if (option->left < 4)
		return false;
	option->code = ct_load_be16(option->next);
	option->length = ct_load_be16(option->next + 2);
	size = 4u + option->length;
	if (size > option->left)
		return false;
	option->data = option->next + 4;
	option->next += size;
	option->left -= size;
	return true;
}

#define DNS_OPTION_NSID   3  /* RFC 5001 */
#define DNS_OPTION_ECS    8  /* RFC 7871 */
#define DNS_OPTION_COOKIE 10 /* RFC 7873 */
#define DNS_OPTION_EDE    15 /* RFC 8914 */

static inline u16 dns_opt_options(const u8 *record)
{
	struct dns_option option = dns_options(record);
	u16 flags = 0;

	while (dns_next_option(&option)) {
		if (option.code == DNS_OPTION_NSID)
			flags |= DNS_FLAG_NSID;
		else if (option.code == DNS_OPTION_ECS)
			flags |= DNS_FLAG_ECS;
		else if (option.code == DNS_OPTION_COOKIE)
			flags |= DNS_FLAG_COOKIE;
	}
	return flags;
}

/* `record` is an OPT record with the root as owner, its data inside the message. */
static inline void dns_take_opt(const u8 *record, struct dns_facts *facts)
{
	facts->flags |= DNS_FLAG_EDNS;
	if (record[7] & 0x80)
		facts->flags |= DNS_FLAG_DO;
	facts->rcode |= dns_opt_rcode(record);
	facts->flags |= dns_opt_options(record);
}

/* The first question's name in linear memory. Returns the offset behind its root label, or 0 and
 * says why in *facts. */
static inline u32 dns_walk_qname(const u8 *message, u32 length, u32 at, struct dns_facts *facts)
{
	const struct ct_view view = {.data = message, .end = message + length};
	const u64 walk = dns_walk_labels(
	    &view, at, length, 0, DNS_WALK_TURNS, &facts->labels, &facts->last_label);

	if (DNS_WALK_STATUS(walk) == DNS_WALK_DONE)
		return DNS_WALK_AT(walk);
	facts->malformed = DNS_WALK_STATUS(walk) >= DNS_WALK_END ? DNS_MALFORMED_QNAME_OVERRUN
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
				facts->opt = owner;
				dns_take_opt(message + owner, facts);
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
		at = dns_walk_qname(message, length, at, facts);
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

/*
 * What only some want to know of a message, read when they ask. `facts` is what dns_parse() found
 * in it; what is asked about the question needs facts->has_question. Without an OPT record, all of
 * EDNS is 0.
 */

static inline u16 dns_class(const u8 *message, const struct dns_facts *facts)
{
	return ct_load_be16(message + DNS_HEADER_BYTES + facts->qname_length + 2);
}

/* The OPT record, or one without anything: whether there is one is a coin's toss for a processor
 * that guesses branches. */
static inline const u8 *dns_opt_record(const u8 *message, const struct dns_facts *facts)
{
	static const u8 none[DNS_OPT_BYTES] = {0};

	return facts->opt ? message + facts->opt : none;
}

/* The UDP payload size that the sender takes (RFC 6891 section 6.2.3). */
static inline u16 dns_udp_size(const u8 *message, const struct dns_facts *facts)
{
	return ct_load_be16(dns_opt_record(message, facts) + 3);
}

static inline u8 dns_edns_version(const u8 *message, const struct dns_facts *facts)
{
	return dns_opt_record(message, facts)[6];
}

/* Whether its OPT record has any data. */
static inline bool dns_has_options(const u8 *message, const struct dns_facts *facts)
{
	const u8 *record = dns_opt_record(message, facts);

	return record[9] | record[10];
}

enum dns_ecs_family { DNS_ECS_IPV4 = 1, DNS_ECS_IPV6 = 2 }; /* IANA address families */

/* The source prefix of the first client subnet option (RFC 7871 section 6). False where there is
 * none, or its family or length is none that the standard has. */
static inline bool dns_ecs(
    const u8 *message, const struct dns_facts *facts, u8 *ret_family, u8 *ret_prefix)
{
	struct dns_option option = dns_options(dns_opt_record(message, facts));

	while (dns_next_option(&option)) {
		u16 family;

		if (option.code != DNS_OPTION_ECS)
			continue;
		if (option.length < 4)
			return false;
		family = ct_load_be16(option.data);
		if (!(family == DNS_ECS_IPV4 && option.data[2] <= 32) &&
		    !(family == DNS_ECS_IPV6 && option.data[2] <= 128))
			return false;
		*ret_family = (u8)family;
		*ret_prefix = option.data[2];
		return true;
	}
	return false;
}

#define DNS_MAX_EDE 8

/* The codes of the message's extended errors (RFC 8914 section 2), each once, the first DNS_MAX_EDE
 * of them. Returns how many. */
static inline u32 dns_ede(const u8 *message, const struct dns_facts *facts, u16 ret[DNS_MAX_EDE])
{
	struct dns_option option = dns_options(dns_opt_record(message, facts));
	u32 n = 0;

	while (n < DNS_MAX_EDE && dns_next_option(&option)) {
		u32 i = 0;

		if (option.code != DNS_OPTION_EDE || option.length < 2)
			continue;
		ret[n] = ct_load_be16(option.data);
		while (ret[i] != ret[n])
			i++;
		n += i == n;
	}
	return n;
}

/* What a name looks like. */
enum dns_name_trait {
	DNS_NAME_IDN = 1,     /* a label begins with xn-- (RFC 5890 section 2.3.1) */
	DNS_NAME_MIXED = 2,   /* letters of both cases */
	DNS_NAME_REVERSE = 4, /* in in-addr.arpa or ip6.arpa, or one of these */
};

/* Is `label`, from its length on, this one of `n` lower case bytes, length included? */
static inline bool dns_is_label(const u8 *label, const char *lower, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		const u8 byte = label[i];

		if ((byte >= 'A' && byte <= 'Z' ? byte + 32 : byte) != (u8)lower[i])
			return false;
	}
	return true;
}

/* Label by label. */
static inline u8 dns_name_labels(const u8 *name)
{
	const u8 *before = name, *label = name;
	u8 traits = 0;

	for (; *label; label += 1 + *label) {
		if (*label >= 4 && dns_is_label(label + 1, "xn--", 4))
			traits |= DNS_NAME_IDN;
		if (dns_is_label(label, "\4arpa", 6) && label != name &&
		    (dns_is_label(before, "\7in-addr", 8) || dns_is_label(before, "\3ip6", 4)))
			traits |= DNS_NAME_REVERSE;
		before = label;
	}
	return traits;
}

/* Eight bytes of a name in lower case: sets bit 5 of each byte from 'A' to 'Z'. Length bytes, at
 * most 63, are below 'A'. */
static inline u64 dns_lower8(u64 v)
{
	const u64 ones = 0x0101010101010101;
	const u64 low7 = v & ones * 0x7f;
	const u64 from_a = low7 + ones * (0x80 - 'A'), past_z = low7 + ones * (0x80 - 'Z' - 1);

	return v | ((from_a & ~past_z & ~v & ones * 0x80) >> 2);
}

/* Sixteen bytes of a name, each -1 where it may be a capital (0x40 to 0x5f) or a hyphen (0x20 to
 * 0x2f), else 0: with 0x60 turned these are one range. Small letters, digits and the lengths of
 * most labels are outside. */
typedef u8 dns_bytes __attribute__((vector_size(16)));
typedef signed char dns_signed_bytes __attribute__((vector_size(16)));

static inline dns_bytes dns_load_bytes(const u8 *p)
{
	dns_bytes v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline dns_bytes dns_unusual(dns_bytes v)
{
	return (dns_bytes)((dns_signed_bytes)((v ^ 0x60) + 0x30) > 0x4f);
}

/* Letters of both cases. */
static inline bool dns_name_is_mixed(const u8 *name, u32 length)
{
	bool upper = false, lower = false;

	for (u32 i = 0; i < length; i++) {
		upper |= name[i] >= 'A' && name[i] <= 'Z';
		lower |= name[i] >= 'a' && name[i] <= 'z';
	}
	return upper && lower;
}

/* enum dns_name_trait of the question's name. */
static inline u8 dns_name_traits(const u8 *message, const struct dns_facts *facts)
{
	const u8 *name = message + DNS_HEADER_BYTES;

	return dns_name_labels(name) |
	    (dns_name_is_mixed(name, facts->qname_length) ? DNS_NAME_MIXED : 0);
}
#endif

#endif
