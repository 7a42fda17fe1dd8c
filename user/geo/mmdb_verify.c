/* SPDX-License-Identifier: BSD-2-Clause */
#include "geo/mmdb_verify.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define METADATA_MAX_BYTES (128u << 10)
#define METADATA_MAX_DEPTH 8
#define SEPARATOR_BYTES    16 /* zeros between the search tree and the data section */

enum { TYPE_POINTER = 1, TYPE_TEXT = 2, TYPE_MAP = 7, TYPE_ARRAY = 11, TYPE_BOOLEAN = 14 };
enum { TYPE_UINT16 = 5, TYPE_UINT32 = 6, TYPE_UINT64 = 9 };

static const char marker[] = "\xab\xcd\xefMaxMind.com";
#define MARKER_BYTES (sizeof(marker) - 1)

struct reader {
	const uint8_t *at, *end;
};

struct value {
	unsigned type;
	uint32_t size; /* bytes, or entries of a map or an array, or a boolean's value */
	const uint8_t *bytes;
};

struct shape {
	uint64_t node_count;
	uint64_t record_bits;
};

static bool has_bytes(const struct reader *reader, size_t n)
{
	return (size_t)(reader->end - reader->at) >= n;
}

/* A size of 29, 30 or 31 says that one, two or three more bytes hold the rest of it. */
static bool read_size(struct reader *reader, uint32_t *size)
{
	static const uint32_t bases[] = {29, 29 + 256, 29 + 256 + 65536};
	uint32_t more = 0, n;

	if (*size < 29)
		return true;
	n = *size - 28;
	if (!has_bytes(reader, n))
		return false;
	for (uint32_t i = 0; i < n; i++)
		more = more << 8 | *reader->at++;
	*size = bases[n - 1] + more;
	return true;
}

/* A value's head, and for all but maps and arrays its bytes. Metadata has no use for pointers: none
 * is followed. */
static bool read_value(struct reader *reader, struct value *ret)
{
	uint8_t control;

	if (!has_bytes(reader, 1))
		return false;
	control = *reader->at++;
	ret->type = control >> 5;
	ret->size = control & 31;
	if (ret->type == 0) {
		if (!has_bytes(reader, 1))
			return false;
		ret->type = 7u + *reader->at++;
	}
	if (ret->type == TYPE_POINTER || !read_size(reader, &ret->size))
		return false;
	ret->bytes = reader->at;
	if (ret->type == TYPE_MAP || ret->type == TYPE_ARRAY || ret->type == TYPE_BOOLEAN)
		return true;
	if (!has_bytes(reader, ret->size))
		return false;
	reader->at += ret->size;
	return true;
}

/* Passes over what is inside a map or an array. */
static bool skip_entries(struct reader *reader, const struct value *outer)
{
	uint64_t left[METADATA_MAX_DEPTH];
	size_t depth = 0;

	if (outer->type != TYPE_MAP && outer->type != TYPE_ARRAY)
		return true;
	left[depth++] = (uint64_t)outer->size * (outer->type == TYPE_MAP ? 2 : 1);
	while (depth > 0) {
		struct value value;

		if (left[depth - 1] == 0) {
			depth--;
			continue;
		}
		left[depth - 1]--;
		if (!read_value(reader, &value))
			return false;
		if (value.type != TYPE_MAP && value.type != TYPE_ARRAY)
			continue;
		if (depth == METADATA_MAX_DEPTH)
			return false;
		left[depth++] = (uint64_t)value.size * (value.type == TYPE_MAP ? 2 : 1);
	}
	return true;
}

static bool is_text(const struct value *value, const char *text)
{
	return value->type == TYPE_TEXT && value->size == strlen(text) &&
	    memcmp(value->bytes, text, value->size) == 0;
}

static bool get_number(const struct value *value, uint64_t *ret)
{
	if ((value->type != TYPE_UINT16 && value->type != TYPE_UINT32 &&
		value->type != TYPE_UINT64) ||
	    value->size > 8)
		return false;
	*ret = 0;
	for (uint32_t i = 0; i < value->size; i++)
		*ret = *ret << 8 | value->bytes[i];
	return true;
}

static bool read_shape(struct reader *reader, struct shape *ret)
{
	bool has_count = false, has_size = false;
	struct value map, key, value;

	if (!read_value(reader, &map) || map.type != TYPE_MAP)
		return false;
	for (uint32_t i = 0; i < map.size; i++) {
		if (!read_value(reader, &key) || key.type != TYPE_TEXT ||
		    !read_value(reader, &value) || !skip_entries(reader, &value))
			return false;
		/* Of two equal keys one reader may believe the first, another the last. */
		if (is_text(&key, "node_count")) {
			if (has_count || !get_number(&value, &ret->node_count))
				return false;
			has_count = true;
		} else if (is_text(&key, "record_size")) {
			if (has_size || !get_number(&value, &ret->record_bits))
				return false;
			has_size = true;
		}
	}
	return has_count && has_size;
}

/* The last marker in the file's last 128 KiB; NULL if there is none. */
static const uint8_t *find_marker(const uint8_t *bytes, size_t size)
{
	size_t first = size > METADATA_MAX_BYTES ? size - METADATA_MAX_BYTES : 0;

	if (size < MARKER_BYTES)
		return NULL;
	for (size_t at = size - MARKER_BYTES + 1; at-- > first;)
		if (bytes[at] == (uint8_t)*marker && memcmp(bytes + at, marker, MARKER_BYTES) == 0)
			return bytes + at;
	return NULL;
}

static uint32_t big_endian(const uint8_t *bytes, size_t n)
{
	uint32_t value = 0;

	for (size_t i = 0; i < n; i++)
		value = value << 8 | bytes[i];
	return value;
}

static void read_node(const uint8_t *node, unsigned record_bits, uint32_t ret[2])
{
	switch (record_bits) {
	case 24:
		ret[0] = big_endian(node, 3);
		ret[1] = big_endian(node + 3, 3);
		break;
	case 28: /* the middle byte has the upper four bits of both */
		ret[0] = big_endian(node, 3) | (uint32_t)(node[3] & 0xf0) << 20;
		ret[1] = big_endian(node + 4, 3) | (uint32_t)(node[3] & 0x0f) << 24;
		break;
	default:
		ret[0] = big_endian(node, 4);
		ret[1] = big_endian(node + 4, 4);
	}
}

/* A record below the number of nodes is a node, equal to it nothing, above it a place in the data
 * section. */
static bool verify_tree(const uint8_t *tree, const struct shape *shape, uint64_t data_bytes)
{
	size_t node_bytes = shape->record_bits / 4;

	for (uint64_t i = 0; i < shape->node_count; i++) {
		uint32_t records[2];

		read_node(tree + i * node_bytes, (unsigned)shape->record_bits, records);
		for (size_t side = 0; side < 2; side++) {
			uint64_t beyond = records[side] > shape->node_count
			    ? records[side] - shape->node_count
			    : 0;

			if (beyond > 0 &&
			    (beyond < SEPARATOR_BYTES || beyond - SEPARATOR_BYTES >= data_bytes))
				return false;
		}
	}
	return true;
}

int mmdb_verify(const uint8_t *bytes, size_t size, const char **ret_why)
{
	const uint8_t *metadata = find_marker(bytes, size);
	struct reader reader = {.end = bytes + size};
	struct shape shape = {0};
	uint64_t tree_bytes, room;

	*ret_why = "no MMDB file: it has no metadata";
	if (!metadata)
		return -EBADMSG;
	reader.at = metadata + MARKER_BYTES;
	*ret_why = "the metadata is damaged";
	if (!read_shape(&reader, &shape))
		return -EBADMSG;
	if (shape.record_bits != 24 && shape.record_bits != 28 && shape.record_bits != 32)
		return -EBADMSG;
	*ret_why = "the search tree is larger than the file";
	room = (uint64_t)(metadata - bytes);
	if (shape.node_count == 0 || shape.node_count > UINT32_MAX)
		return -EBADMSG;
	tree_bytes = shape.node_count * (shape.record_bits / 4);
	if (room < SEPARATOR_BYTES || tree_bytes > room - SEPARATOR_BYTES)
		return -EBADMSG;
	*ret_why = "the search tree names data outside the file";
	return verify_tree(bytes, &shape, room - SEPARATOR_BYTES - tree_bytes) ? 0 : -EBADMSG;
}
