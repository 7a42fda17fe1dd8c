/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes small MMDB files for tests, after "MaxMind DB File Format Specification" 2.0: search tree,
 * sixteen zero bytes, data section, marker, metadata.
 */
#ifndef CROSSTAP_TESTS_MMDB_WRITER_H
#define CROSSTAP_TESTS_MMDB_WRITER_H

#include <arpa/inet.h>
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITER_NODES 8192
#define WRITER_BYTES (1 << 20)

#define WRITER_EMPTY        (-1)
#define WRITER_DATA(offset) (-2 - (int64_t)(offset))

struct writer {
	int64_t (*nodes)[2]; /* a node, WRITER_EMPTY or WRITER_DATA */
	uint32_t n_nodes;
	uint32_t claimed_nodes; /* what the metadata says instead, if not 0 */
	uint8_t *data;
	size_t n_data;
	unsigned ip_version, record_size;
	const char *type;
};

static inline void writer_init(
    struct writer *w, const char *type, unsigned ip_version, unsigned record_size)
{
	*w = (struct writer){.ip_version = ip_version, .record_size = record_size, .type = type};
	w->nodes = malloc(WRITER_NODES * sizeof(*w->nodes));
	w->data = malloc(WRITER_BYTES);
	assert(w->nodes && w->data);
	w->nodes[0][0] = w->nodes[0][1] = WRITER_EMPTY;
	w->n_nodes = 1;
}

static inline void writer_free(struct writer *w)
{
	free(w->nodes);
	free(w->data);
}

static inline void put_byte(struct writer *w, unsigned byte)
{
	assert(w->n_data < WRITER_BYTES);
	w->data[w->n_data++] = (uint8_t)byte;
}

static inline void put_header(struct writer *w, unsigned type, size_t size)
{
	unsigned low = size < 29 ? (unsigned)size : size < 285 ? 29 : 30;

	put_byte(w, (type <= 7 ? type << 5 : 0) | low);
	if (type > 7)
		put_byte(w, type - 7);
	if (low == 29) {
		put_byte(w, (unsigned)size - 29);
	} else if (low == 30) {
		put_byte(w, (unsigned)(size - 285) >> 8);
		put_byte(w, (unsigned)(size - 285) & 0xff);
	}
}

/* Followed by that many pairs of a string and a value. Returns the map's place in the data. */
static inline uint32_t put_map(struct writer *w, size_t pairs)
{
	uint32_t at = (uint32_t)w->n_data;

	put_header(w, 7, pairs);
	return at;
}

static inline void put_string(struct writer *w, const char *text)
{
	put_header(w, 2, strlen(text));
	while (*text)
		put_byte(w, (unsigned char)*text++);
}

/* 5: uint16, 6: uint32, 9: uint64 */
static inline void put_uint(struct writer *w, unsigned type, uint64_t value)
{
	unsigned bytes = type == 5 ? 2 : type == 6 ? 4 : 8;

	put_header(w, type, bytes);
	while (bytes-- > 0)
		put_byte(w, value >> (8 * bytes) & 0xff);
}

static inline void put_array(struct writer *w, size_t items)
{
	put_header(w, 11, items);
}

static inline void insert_bits(
    struct writer *w, const uint8_t *address, unsigned bits, uint32_t record)
{
	int64_t node = 0;

	for (unsigned i = 0;; i++) {
		int64_t *side = &w->nodes[node][address[i / 8] >> (7 - i % 8) & 1];

		if (i + 1 == bits) {
			*side = WRITER_DATA(record);
			return;
		}
		if (*side < 0) {
			assert(w->n_nodes < WRITER_NODES);
			w->nodes[w->n_nodes][0] = w->nodes[w->n_nodes][1] = *side;
			*side = w->n_nodes++;
		}
		node = *side;
	}
}

/* An IPv4 network in a tree for IPv6 is below ::/96. */
static inline void insert(struct writer *w, const char *network, uint32_t record)
{
	char text[64];
	uint8_t address[16] = {0};
	unsigned bits;
	char *slash;

	snprintf(text, sizeof(text), "%s", network);
	slash = strchr(text, '/');
	assert(slash);
	*slash = '\0';
	bits = (unsigned)strtoul(slash + 1, NULL, 10);
	if (strchr(text, ':')) {
		assert(inet_pton(AF_INET6, text, address) == 1 && w->ip_version == 6);
	} else if (w->ip_version == 4) {
		assert(inet_pton(AF_INET, text, address) == 1);
	} else {
		assert(inet_pton(AF_INET, text, address + 12) == 1);
		bits += 96;
	}
	insert_bits(w, address, bits, record);
}

static inline uint64_t record_value(const struct writer *w, int64_t side)
{
	if (side >= 0)
		return (uint64_t)side;
	if (side == WRITER_EMPTY)
		return w->n_nodes;
	return w->n_nodes + 16 + (uint64_t)(-2 - side);
}

static inline uint8_t *put_node(const struct writer *w, uint8_t *out, const int64_t node[2])
{
	uint64_t left = record_value(w, node[0]), right = record_value(w, node[1]);
	unsigned bytes = w->record_size / 8;

	for (unsigned i = 0; i < bytes; i++)
		*out++ = (uint8_t)(left >> (8 * (bytes - 1 - i)));
	if (w->record_size == 28)
		*out++ = (uint8_t)((left >> 24 & 0xf) << 4 | (right >> 24 & 0xf));
	for (unsigned i = 0; i < bytes; i++)
		*out++ = (uint8_t)(right >> (8 * (bytes - 1 - i)));
	return out;
}

static inline void put_metadata(struct writer *w, uint64_t built_s)
{
	put_map(w, 9);
	put_string(w, "binary_format_major_version");
	put_uint(w, 5, 2);
	put_string(w, "binary_format_minor_version");
	put_uint(w, 5, 0);
	put_string(w, "build_epoch");
	put_uint(w, 9, built_s);
	put_string(w, "database_type");
	put_string(w, w->type);
	put_string(w, "description");
	put_map(w, 1);
	put_string(w, "en");
	put_string(w, "made by a test");
	put_string(w, "ip_version");
	put_uint(w, 5, w->ip_version);
	put_string(w, "languages");
	put_array(w, 1);
	put_string(w, "en");
	put_string(w, "node_count");
	put_uint(w, 6, w->claimed_nodes ? w->claimed_nodes : w->n_nodes);
	put_string(w, "record_size");
	put_uint(w, 5, w->record_size);
}

/* The file's bytes, for the caller to free. */
static inline uint8_t *writer_finish(const struct writer *w, uint64_t built_s, size_t *ret_size)
{
	static const char marker[] = "\xab\xcd\xefMaxMind.com";
	size_t tree = (size_t)w->n_nodes * w->record_size / 4;
	struct writer metadata = *w;
	uint8_t *file, *out;

	metadata.data = malloc(WRITER_BYTES);
	assert(metadata.data);
	metadata.n_data = 0;
	put_metadata(&metadata, built_s);
	*ret_size = tree + 16 + w->n_data + sizeof(marker) - 1 + metadata.n_data;
	file = out = calloc(1, *ret_size);
	assert(file);
	for (uint32_t i = 0; i < w->n_nodes; i++)
		out = put_node(w, out, w->nodes[i]);
	out += 16;
	memcpy(out, w->data, w->n_data);
	out += w->n_data;
	memcpy(out, marker, sizeof(marker) - 1);
	memcpy(out + sizeof(marker) - 1, metadata.data, metadata.n_data);
	free(metadata.data);
	return file;
}

/* The records of the makers whose files are in use. */
static inline uint32_t geolite2_country(struct writer *w, const char *code)
{
	uint32_t at = put_map(w, 2);

	put_string(w, "continent");
	put_map(w, 1);
	put_string(w, "code");
	put_string(w, "EU");
	put_string(w, "country");
	put_map(w, 3);
	put_string(w, "geoname_id");
	put_uint(w, 6, 2750405);
	put_string(w, "iso_code");
	put_string(w, code);
	put_string(w, "names");
	put_map(w, 1);
	put_string(w, "en");
	put_string(w, "Somewhere");
	return at;
}

static inline uint32_t registered_country(struct writer *w, const char *code)
{
	uint32_t at = put_map(w, 1);

	put_string(w, "registered_country");
	put_map(w, 1);
	put_string(w, "iso_code");
	put_string(w, code);
	return at;
}

static inline uint32_t flat_country(struct writer *w, const char *key, const char *code)
{
	uint32_t at = put_map(w, 1);

	put_string(w, key);
	put_string(w, code);
	return at;
}

static inline uint32_t geolite2_asn(struct writer *w, unsigned type, uint64_t asn, const char *org)
{
	uint32_t at = put_map(w, 2);

	put_string(w, "autonomous_system_number");
	put_uint(w, type, asn);
	put_string(w, "autonomous_system_organization");
	put_string(w, org);
	return at;
}

/* Newer ones have as_name and country_code beside the country's name, older ones name. */
static inline uint32_t ipinfo(
    struct writer *w, const char *asn, const char *name_key, const char *org, const char *code)
{
	uint32_t at = put_map(w, 4);

	put_string(w, "asn");
	put_string(w, asn);
	put_string(w, name_key);
	put_string(w, org);
	put_string(w, "country");
	put_string(w, "A Country");
	put_string(w, "country_code");
	put_string(w, code);
	return at;
}

#endif
