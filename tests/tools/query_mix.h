/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queries for the load generator: a fixed mix of names, types, flags and EDNS options, the same for
 * the same seed. Knows nothing of crosstap's parsers on purpose: it is what they are held against.
 */
#ifndef CROSSTAP_TESTS_QUERY_MIX_H
#define CROSSTAP_TESTS_QUERY_MIX_H

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUERY_BYTES_MAX    512
#define QUERY_ZONES_MAX    64
#define QUERY_NAMES_MAX    100000
#define QUERY_HEADER_BYTES 12

enum query_flag {
	FLAG_RD,
	FLAG_AD,
	FLAG_CD,
	FLAG_DO,
	FLAG_EDNS,
	FLAG_COOKIE,
	FLAG_ECS,
	FLAG_NSID,
	FLAG_COUNT
};
static const char *const query_flag_names[FLAG_COUNT] = {
    "rd", "ad", "cd", "do", "edns", "cookie", "ecs", "nsid"};

struct query {
	uint8_t wire[QUERY_BYTES_MAX];
	size_t length;
	uint16_t qtype;
	uint8_t opcode;
	uint8_t flags;  /* bits of enum query_flag */
	bool malformed; /* as CONTRACT's replay report means it: header or first question unreadable
			 */
	size_t zone;
	bool apex; /* asks for the zone's own name */
};

struct query_mix {
	const char *zones[QUERY_ZONES_MAX];
	size_t n_zones;
	struct query_name {
		char *name;
		uint16_t qtype;
	} * names; /* from a file; none: the built-in mix */
	size_t n_names;
	bool chaos, opcodes, no_edns;
	unsigned malformed_percent;
	uint64_t state; /* of the generator */
};

/* splitmix64 (Steele, Lea, Flood, 2014) */
static inline uint64_t mix_next(struct query_mix *mix)
{
	uint64_t z = (mix->state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static inline unsigned mix_below(struct query_mix *mix, unsigned n)
{
	return (unsigned)(mix_next(mix) % n);
}

static inline bool mix_percent(struct query_mix *mix, unsigned percent)
{
	return mix_below(mix, 100) < percent;
}

struct query_type {
	const char *name;
	uint16_t type;
	uint8_t weight; /* in the built-in mix */
};

static const struct query_type query_types[] = {
    {"A", 1, 40},
    {"AAAA", 28, 22},
    {"HTTPS", 65, 8},
    {"NS", 2, 6},
    {"DS", 43, 5},
    {"MX", 15, 4},
    {"TXT", 16, 4},
    {"SOA", 6, 3},
    {"DNSKEY", 48, 2},
    {"CNAME", 5, 1},
    {"SRV", 33, 1},
    {"CAA", 257, 1},
    {"SVCB", 64, 1},
    {"PTR", 12, 1},
    {"TLSA", 52, 1},
    {"ANY", 255, 0},
    {"AXFR", 252, 0},
};

static inline const struct query_type *query_type_find(uint16_t type)
{
	for (size_t i = 0; i < sizeof(query_types) / sizeof(*query_types); i++)
		if (query_types[i].type == type)
			return &query_types[i];
	return NULL;
}

/* Mnemonic or TYPE65534 (RFC 3597). Returns 0 for what is neither. */
static inline uint16_t query_type_parse(const char *text)
{
	for (size_t i = 0; i < sizeof(query_types) / sizeof(*query_types); i++)
		if (!strcasecmp(query_types[i].name, text))
			return query_types[i].type;
	if (!strncasecmp(text, "TYPE", 4)) {
		long n = strtol(text + 4, NULL, 10);

		return n > 0 && n <= UINT16_MAX ? (uint16_t)n : 0;
	}
	return 0;
}

/* One `name [type]` a line; # starts a comment. */
static inline int query_names_read(struct query_mix *mix, const char *path)
{
	char line[512];
	FILE *file = fopen(path, "re");

	if (!file)
		return -errno;
	mix->names = calloc(QUERY_NAMES_MAX, sizeof(*mix->names));
	while (mix->names && fgets(line, sizeof(line), file) && mix->n_names < QUERY_NAMES_MAX) {
		char name[256], type[32] = "A";
		struct query_name *entry = &mix->names[mix->n_names];

		line[strcspn(line, "#")] = 0;
		if (sscanf(line, "%255s %31s", name, type) < 1)
			continue;
		entry->qtype = query_type_parse(type);
		entry->name = strdup(name);
		if (!entry->qtype || !entry->name) {
			fclose(file);
			return -EINVAL;
		}
		mix->n_names++;
	}
	fclose(file);
	return mix->n_names ? 0 : -EINVAL;
}

static inline void put16(struct query *q, uint16_t value)
{
	q->wire[q->length++] = value >> 8;
	q->wire[q->length++] = value & 255;
}

/* Appends a name in presentation form without escapes; labels over 63 bytes are refused. */
static inline int put_name(struct query *q, const char *name)
{
	while (*name && strcmp(name, ".") != 0) {
		size_t n = strcspn(name, ".");

		if (!n || n > 63 || q->length + n + 64 > QUERY_BYTES_MAX)
			return -EINVAL;
		q->wire[q->length++] = (uint8_t)n;
		memcpy(q->wire + q->length, name, n);
		q->length += n;
		name += n + (name[n] == '.');
	}
	q->wire[q->length++] = 0;
	return 0;
}

static inline uint16_t mix_type(struct query_mix *mix)
{
	unsigned pick = mix_below(mix, 100);

	for (size_t i = 0; i < sizeof(query_types) / sizeof(*query_types); i++) {
		if (pick < query_types[i].weight)
			return query_types[i].type;
		pick -= query_types[i].weight;
	}
	return 1;
}

/* Existing names are those of tests/e2e/lib/nameservers/zones; one in five does not exist. */
static inline void mix_name(struct query_mix *mix, const char *zone, char *buf, size_t size)
{
	static const char *const known[] = {
	    "", "www.", "mail.", "ns1.", "ns2.", "manya.", "deleg0.", "WwW.", "svc."};
	unsigned pick = mix_below(mix, 100);

	if (pick < 20)
		snprintf(buf, size, "nx%u.%s", mix_below(mix, 100000), zone);
	else if (pick < 30)
		snprintf(buf, size, "h%u.wild.%s", mix_below(mix, 100000), zone);
	else if (pick < 40)
		snprintf(
		    buf, size, "a.b%u.deleg%u.%s", mix_below(mix, 1000), mix_below(mix, 20), zone);
	else
		snprintf(
		    buf, size, "%s%s", known[mix_below(mix, sizeof(known) / sizeof(*known))], zone);
}

static inline void put_option(struct query *q, uint16_t code, const void *data, size_t n)
{
	put16(q, code);
	put16(q, (uint16_t)n);
	memcpy(q->wire + q->length, data, n);
	q->length += n;
}

/* An OPT record (RFC 6891) with, by chance, DO, COOKIE (RFC 7873), ECS (RFC 7871), NSID (RFC 5001).
 */
static inline void put_opt(struct query_mix *mix, struct query *q)
{
	static const uint8_t ecs[] = {0, 1, 24, 0, 198, 51, 100};
	uint8_t cookie[8];
	size_t rdlength_at;
	uint64_t random = mix_next(mix);

	q->flags |= 1 << FLAG_EDNS;
	q->wire[11] = 1; /* ARCOUNT */
	q->wire[q->length++] = 0;
	put16(q, 41);
	put16(q, 1232);
	put16(q, 0);
	if (mix_percent(mix, 50))
		q->flags |= 1 << FLAG_DO;
	put16(q, q->flags & 1 << FLAG_DO ? 0x8000 : 0);
	rdlength_at = q->length;
	put16(q, 0);
	if (mix_percent(mix, 20)) {
		q->flags |= 1 << FLAG_COOKIE;
		memcpy(cookie, &random, sizeof(cookie));
		put_option(q, 10, cookie, sizeof(cookie));
	}
	if (mix_percent(mix, 5)) {
		q->flags |= 1 << FLAG_ECS;
		put_option(q, 8, ecs, sizeof(ecs));
	}
	if (mix_percent(mix, 5)) {
		q->flags |= 1 << FLAG_NSID;
		put_option(q, 3, "", 0);
	}
	q->wire[rdlength_at + 1] = (uint8_t)(q->length - rdlength_at - 2);
}

/* Breaks a good query in one of the ways that make a message malformed. */
static inline void break_query(struct query_mix *mix, struct query *q)
{
	q->malformed = true;
	switch (mix_below(mix, 3)) {
	case 0: /* the question runs past the end */
		q->length = QUERY_HEADER_BYTES + 3;
		q->wire[QUERY_HEADER_BYTES] = 40;
		break;
	case 1: /* a compression pointer in the first question */
		q->wire[QUERY_HEADER_BYTES] = 0xc0;
		break;
	default: /* a label over 63 bytes: 0x40 is no length (RFC 6891, 5) */
		q->wire[QUERY_HEADER_BYTES] = 0x47;
	}
}

static inline int mix_question(struct query_mix *mix, struct query *q)
{
	char name[512];
	uint16_t class = 1;

	if (mix->chaos && mix_percent(mix, 2)) {
		q->qtype = 16;
		class = 3;
		snprintf(name, sizeof(name), "id.server");
	} else if (mix->n_names) {
		const struct query_name *entry =
		    &mix->names[mix_below(mix, (unsigned)mix->n_names)];

		q->qtype = entry->qtype;
		snprintf(name, sizeof(name), "%s", entry->name);
	} else {
		q->zone = mix_below(mix, (unsigned)mix->n_zones);
		q->qtype = mix_type(mix);
		mix_name(mix, mix->zones[q->zone], name, sizeof(name));
		q->apex = strcmp(name, mix->zones[q->zone]) == 0;
	}
	if (put_name(q, name))
		return -EINVAL;
	put16(q, q->qtype);
	put16(q, class);
	return 0;
}

/* The next query, its id 0. */
static inline int mix_query(struct query_mix *mix, struct query *q)
{
	int r;

	memset(q, 0, sizeof(*q));
	q->length = QUERY_HEADER_BYTES;
	q->wire[5] = 1; /* QDCOUNT */
	r = mix_question(mix, q);
	if (r)
		return r;
	if (mix_percent(mix, 30))
		q->flags |= 1 << FLAG_RD;
	if (mix_percent(mix, 10))
		q->flags |= 1 << FLAG_AD;
	if (mix_percent(mix, 10))
		q->flags |= 1 << FLAG_CD;
	if (mix->opcodes && mix_percent(mix, 2))
		q->opcode = 2; /* STATUS: everybody answers NOTIMP */
	q->wire[2] = (uint8_t)(q->opcode << 3 | (q->flags & 1 << FLAG_RD ? 1 : 0));
	q->wire[3] =
	    (uint8_t)((q->flags & 1 << FLAG_AD ? 0x20 : 0) | (q->flags & 1 << FLAG_CD ? 0x10 : 0));
	if (!mix->no_edns && mix_percent(mix, 70))
		put_opt(mix, q);
	if (mix->malformed_percent && mix_percent(mix, mix->malformed_percent))
		break_query(mix, q);
	return 0;
}

/* Where the name at `at` ends; past `length` for one that does not. */
static inline size_t answer_skip_name(const uint8_t *wire, size_t length, size_t at)
{
	while (at < length && wire[at] && wire[at] < 0xc0)
		at += wire[at] + 1u;
	return at + (at < length && wire[at] ? 2 : 1);
}

static inline unsigned answer_u16(const uint8_t *wire, size_t at)
{
	return (unsigned)(wire[at] << 8 | wire[at + 1]);
}

/* The whole rcode, with the OPT record's upper bits (RFC 6891, 6.1.3); -1 for what is no response.
 */
static inline int answer_rcode(const uint8_t *wire, size_t length)
{
	size_t at = QUERY_HEADER_BYTES;
	unsigned records;
	int rcode;

	if (length < QUERY_HEADER_BYTES || !(wire[2] & 0x80))
		return -1;
	rcode = wire[3] & 15;
	for (unsigned n = answer_u16(wire, 4); n && at < length; n--)
		at = answer_skip_name(wire, length, at) + 4;
	records = answer_u16(wire, 6) + answer_u16(wire, 8) + answer_u16(wire, 10);
	for (; records; records--) {
		at = answer_skip_name(wire, length, at);
		if (at + 10 > length)
			return rcode;
		if (answer_u16(wire, at) == 41)
			return rcode | wire[at + 4] << 4;
		at += 10 + answer_u16(wire, at + 8);
	}
	return rcode;
}

#endif
