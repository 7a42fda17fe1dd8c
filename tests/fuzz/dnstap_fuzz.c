/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the walker takes a frame, protobuf-c gives the same record; with an empty cache and with
 * one that the frame itself, or its beginning, has filled. */
#include "dnstap/decode.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct decode_cache empty = {.prefix_length = 0}, cache = {.prefix_length = 0};
	bool taken;

	if (size > UINT32_MAX)
		return 0;
	taken = compare(&empty, data, size);
	compare(&cache, data, size / 2);
	/* The cache changes nothing but speed. */
	for (int i = 0; i < 2; i++) {
		if (compare(&cache, data, size) != taken)
			abort();
	}
	return 0;
}
