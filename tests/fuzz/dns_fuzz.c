/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Against a second reader of DNS messages, written from RFC 1035 section 4.1 and RFC 6891 section
 * 6.1 with no regard to speed: one cursor, one byte at a time, whole records.
 */
#include "crosstap/dns.h"

#include "pieces.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct cursor {
	const uint8_t *data;
	size_t size, at;
	bool over; /* something was read past the end */
};

static unsigned byte(struct cursor *c)
{
	if (c->at >= c->size) {
		c->over = true;
		c->at = c->size;
		return 0;
	}
	return c->data[c->at++];
}

static unsigned word(struct cursor *c)
{
	const unsigned upper = byte(c);

	return upper << 8 | byte(c);
}

static void skip(struct cursor *c, size_t n)
{
	while (n-- && !c->over)
		byte(c);
}

enum name_end { NAME_ROOT, NAME_POINTER, NAME_BAD_LABEL, NAME_TOO_LONG, NAME_CUT };

/* A name of which `used` bytes are read. It is too long as soon as its labels claim 255 bytes
 * without a root label, whether or not these bytes are there. */
static enum name_end read_name(struct cursor *c, size_t *used)
{
	for (*used = 0;;) {
		unsigned length;

		if (*used >= 255)
			return NAME_TOO_LONG;
		length = byte(c);
		if (c->over)
			return NAME_CUT;
		*used += 1;
		if (length == 0)
			return NAME_ROOT;
		if (length >> 6 == 3)
			return NAME_POINTER;
		if (length >> 6 != 0)
			return NAME_BAD_LABEL;
		*used += length;
		if (*used >= 255)
			return NAME_TOO_LONG;
		skip(c, length);
		if (c->over)
			return NAME_CUT;
	}
}

/* The owner of a record may end in a pointer of two bytes. */
static bool skip_owner(struct cursor *c, bool *root)
{
	size_t used;
	const enum name_end end = read_name(c, &used);

	*root = end == NAME_ROOT && used == 1;
	if (end == NAME_POINTER)
		byte(c);
	return (end == NAME_ROOT || end == NAME_POINTER) && !c->over;
}

static void read_options(struct dns_facts *facts, const uint8_t *data, size_t size)
{
	struct cursor c = {.data = data, .size = size};

	for (;;) {
		const unsigned code = word(&c), length = word(&c);

		skip(&c, length);
		if (c.over)
			return;
		facts->flags |= code == 3 ? DNS_FLAG_NSID : 0;
		facts->flags |= code == 8 ? DNS_FLAG_ECS : 0;
		facts->flags |= code == 10 ? DNS_FLAG_COOKIE : 0;
	}
}

/* Reads one record; true if it is the OPT. Unreadable ones set c->over. */
static bool read_record(struct cursor *c, bool additional, struct dns_facts *facts)
{
	unsigned type, upper, flags, length;
	const size_t start = c->at;
	size_t data;
	bool root;

	if (!skip_owner(c, &root)) {
		c->over = true;
		return false;
	}
	type = word(c);
	word(c);
	upper = byte(c);
	byte(c);
	flags = word(c);
	length = word(c);
	data = c->at;
	skip(c, length);
	if (c->over || !additional || !root || type != 41)
		return false;
	facts->flags |= DNS_FLAG_EDNS;
	facts->opt = (u32)start;
	facts->flags |= flags & 0x8000 ? DNS_FLAG_DO : 0;
	facts->rcode = (u16)(upper << 4 | facts->rcode);
	read_options(facts, c->data + data, length);
	return true;
}

static void read_header_flags(struct dns_facts *facts, unsigned flags)
{
	static const struct {
		unsigned mask;
		u16 flag;
	} bits[] = {{0x0400, DNS_FLAG_AA}, {0x0200, DNS_FLAG_TC}, {0x0100, DNS_FLAG_RD},
	    {0x0080, DNS_FLAG_RA}, {0x0020, DNS_FLAG_AD}, {0x0010, DNS_FLAG_CD}};

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		facts->flags |= flags & bits[i].mask ? bits[i].flag : 0;
	facts->rcode = flags & 15;
}

static u8 read_question(struct cursor *c, struct dns_facts *facts)
{
	static const u8 reasons[] = {DNS_MALFORMED_NONE, DNS_MALFORMED_POINTER, DNS_MALFORMED_LABEL,
	    DNS_MALFORMED_NAME_LENGTH, DNS_MALFORMED_QNAME_OVERRUN};
	size_t used;
	const enum name_end end = read_name(c, &used);

	if (end != NAME_ROOT)
		return reasons[end];
	facts->qtype = (u16)word(c);
	word(c);
	if (c->over)
		return DNS_MALFORMED_QUESTION_OVERRUN;
	facts->has_question = 1;
	facts->qname_length = (u8)used;
	return DNS_MALFORMED_NONE;
}

static struct dns_facts read_message(const uint8_t *data, size_t size)
{
	struct cursor c = {.data = data, .size = size};
	struct dns_facts facts = {0};
	unsigned flags, counts[4];
	bool root;

	facts.id = (u16)word(&c);
	flags = word(&c);
	for (int i = 0; i < 4; i++)
		counts[i] = word(&c);
	if (c.over)
		return (struct dns_facts){.malformed = DNS_MALFORMED_SHORT};
	facts.qr = flags >> 15;
	facts.opcode = flags >> 11 & 15;
	if (counts[0]) {
		facts.malformed = read_question(&c, &facts);
		if (facts.malformed)
			return facts;
	}
	read_header_flags(&facts, flags);
	for (unsigned i = 1; i < counts[0] && !c.over; i++) {
		if (!skip_owner(&c, &root))
			return facts;
		skip(&c, 4);
	}
	for (unsigned i = 0; i < counts[1] + counts[2] && !c.over; i++)
		read_record(&c, false, &facts);
	for (unsigned i = 0; i < counts[3] && !c.over; i++) {
		if (read_record(&c, true, &facts))
			break;
	}
	return facts;
}

static u8 count_labels(const uint8_t *name)
{
	u8 labels = 0;

	for (; *name; name += 1 + *name)
		labels++;
	return labels;
}

/* What is read on demand stays inside the message, and what it says is possible. */
static void ask_more(const uint8_t *data, const struct dns_facts *facts)
{
	u16 codes[DNS_MAX_EDE];
	u8 family, prefix;

	if (facts->has_question) {
		dns_class(data, facts);
		if (facts->labels != count_labels(data + DNS_HEADER_BYTES) ||
		    dns_name_traits(data, facts) > 7)
			abort();
	}
	if (!facts->opt)
		return;
	dns_udp_size(data, facts);
	dns_edns_version(data, facts);
	if (dns_ede(data, facts, codes) > (dns_has_options(data, facts) ? DNS_MAX_EDE : 0))
		abort();
	if (dns_ecs(data, facts, &family, &prefix) &&
	    (!(facts->flags & DNS_FLAG_ECS) || prefix > (family == DNS_ECS_IPV4 ? 32 : 128)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct dns_facts expected = read_message(data, size);
	struct dns_facts facts;

	if (size > UINT16_MAX)
		return 0;
	dns_parse(data, (u32)size, &facts);
	if (facts.malformed != expected.malformed || facts.id != expected.id ||
	    facts.qr != expected.qr || facts.opcode != expected.opcode)
		abort();
	if (facts.malformed)
		return 0;
	if (facts.flags != expected.flags || facts.rcode != expected.rcode ||
	    facts.has_question != expected.has_question || facts.qtype != expected.qtype ||
	    facts.qname_length != expected.qname_length || facts.opt != expected.opt)
		abort();
	ask_more(data, &facts);
	return 0;
}

/* -- mutations: the header, the question, then records, which the header counts */

static size_t split(const uint8_t *data, size_t size, struct piece pieces[PIECES_MAX])
{
	struct cursor c = {.data = data, .size = size, .at = DNS_HEADER_BYTES};
	struct dns_facts facts = {0};
	size_t n = 0, at = DNS_HEADER_BYTES;
	bool root;

	if (size <= DNS_HEADER_BYTES)
		return 0;
	if (skip_owner(&c, &root))
		skip(&c, 4);
	do {
		pieces[n++] = (struct piece){at, c.at - at, 0};
		at = c.at;
		if (n == PIECES_MAX || c.over)
			break;
		read_record(&c, true, &facts);
	} while (at < size && c.at > at);
	return n;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static const struct pieces_format format = {split, NULL, 0};
	struct piece pieces[PIECES_MAX];
	size_t n;

	size = pieces_mutate(&format, data, size, max_size, seed);
	n = split(data, size, pieces);
	if (n < 2 || seed & 0x100)
		return size;
	/* All records are additional ones: the OPT is looked for among these. */
	memset(data + 4, 0, 8);
	data[5] = 1;
	data[11] = (uint8_t)(n - 1);
	return size;
}
