/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the walker takes a frame, protobuf-c gives the same record; with an empty cache and with
 * one that the frame itself, or its beginning, has filled. */
#include "dnstap/decode.h"

#include "pieces.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same_bytes(const uint8_t *a, uint32_t a_length, const uint8_t *b, uint32_t b_length)
{
	return a_length == b_length && (a_length == 0 || memcmp(a, b, a_length) == 0);
}

static bool same(const struct record *a, const struct record *b)
{
	return same_bytes(a->query_message, a->query_length, b->query_message, b->query_length) &&
	    same_bytes(
		a->response_message, a->response_length, b->response_message, b->response_length) &&
	    same_bytes(a->query_address, a->query_address_length, b->query_address,
		b->query_address_length) &&
	    same_bytes(a->response_address, a->response_address_length, b->response_address,
		b->response_address_length) &&
	    same_bytes(a->identity, a->identity_length, b->identity, b->identity_length) &&
	    a->query_time_ns == b->query_time_ns && a->response_time_ns == b->response_time_ns &&
	    a->has == b->has && a->query_port == b->query_port &&
	    a->response_port == b->response_port && a->type == b->type && a->family == b->family &&
	    a->protocol == b->protocol;
}

static bool inside(const uint8_t *p, uint32_t length, const uint8_t *frame, size_t size)
{
	return length == 0 || (p >= frame && length <= size && p <= frame + size - length);
}

static bool compare(struct decode_cache *cache, const uint8_t *frame, size_t size)
{
	struct record walked, decoded;
	const bool taken = dnstap_walk(cache, frame, (uint32_t)size, &walked);
	const bool known = dnstap_authority(frame, (uint32_t)size, &decoded) == 0;

	if (taken &&
	    (!known || !same(&walked, &decoded) || walked.owner || walked.type < 1 ||
		walked.type > RECORD_TYPE_MAX ||
		!inside(walked.identity, walked.identity_length, frame, size) ||
		!inside(walked.query_message, walked.query_length, frame, size) ||
		!inside(walked.response_message, walked.response_length, frame, size)))
		abort();
	if (known)
		dnstap_release(&decoded);
	return taken;
}

/* It is printed. */
static void check_version(const char *version, size_t size)
{
	const size_t length = strnlen(version, size);

	for (size_t i = 0; i < size; i++) {
		if (i < length ? version[i] < ' ' || version[i] > '~' : version[i])
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct decode_cache empty = {.prefix_length = 0}, cache = {.prefix_length = 0};
	struct record record;
	char version[16];
	bool taken;

	if (size > UINT32_MAX)
		return 0;
	taken = compare(&empty, data, size);
	if (decode_cache_version(&empty, version, sizeof(version)))
		check_version(version, sizeof(version));
	compare(&cache, data, size / 2);
	/* The cache changes nothing but speed. */
	for (int i = 0; i < 2; i++) {
		if (compare(&cache, data, size) != taken)
			abort();
	}
	if (dnstap_decode(&empty, data, (uint32_t)size, &record) == 0)
		dnstap_release(&record);
	else if (taken)
		abort();
	return 0;
}

/* -- mutations: fields of a protobuf message, and of the Message within it */

#define MESSAGE_TAG     0x72 /* field 14, with a length */
#define ONE_BYTE_LENGTH 127

static size_t read_varint(const uint8_t *data, size_t size, size_t *at)
{
	size_t value = 0;

	for (unsigned shift = 0; *at < size && shift < 63; shift += 7) {
		const uint8_t byte = data[(*at)++];

		value |= (size_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			break;
	}
	return value;
}

static size_t split(const uint8_t *data, size_t size, struct piece pieces[PIECES_MAX])
{
	size_t n = 0, at = 0;

	while (at < size && n < PIECES_MAX) {
		const size_t start = at, tag = read_varint(data, size, &at);
		size_t head, length = 0;

		if ((tag & 7) == 2)
			length = read_varint(data, size, &at);
		head = at;
		if ((tag & 7) == 0)
			read_varint(data, size, &at);
		else if ((tag & 7) == 1 || (tag & 7) == 5)
			length = (tag & 7) == 1 ? 8 : 4;
		at = length < size - at ? at + length : size;
		pieces[n++] = (struct piece){start, at - start, head - start};
	}
	return n;
}

/* Only lengths of one byte are written anew. */
static void fit(uint8_t *piece, const struct piece *is)
{
	if (is->head == 2 && (piece[0] & 7) == 2 && is->length - is->head <= ONE_BYTE_LENGTH)
		piece[1] = (uint8_t)(is->length - is->head);
}

static const struct pieces_format format = {split, fit, ONE_BYTE_LENGTH};

/* The Message of a frame, with a length of two bytes again; 0: there is none. */
static size_t mutate_within(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static uint8_t inner[1 << 14];
	struct piece list[PIECES_MAX];
	const size_t n = split(data, size, list);

	for (size_t i = 0; i < n; i++) {
		const size_t after = list[i].at + list[i].length, rest = size - after;
		size_t length = list[i].length - list[i].head;

		if (data[list[i].at] != MESSAGE_TAG || length > sizeof(inner) / 2)
			continue;
		memcpy(inner, data + list[i].at + list[i].head, length);
		length = pieces_mutate(&format, inner, length, sizeof(inner) - 1, seed);
		if (list[i].at + 3 + length + rest > max_size)
			return 0;
		memmove(data + list[i].at + 3 + length, data + after, rest);
		data[list[i].at + 1] = (uint8_t)(length | 0x80);
		data[list[i].at + 2] = (uint8_t)(length >> 7);
		memcpy(data + list[i].at + 3, inner, length);
		return list[i].at + 3 + length + rest;
	}
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	size_t r = seed % 4 ? mutate_within(data, size, max_size, seed / 4) : 0;

	return r ? r : pieces_mutate(&format, data, size, max_size, seed / 4);
}
