/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frame to record. A bounds-checked walker over the wire format reads what producers send; whatever
 * it does not know or does not like goes to protobuf-c, which decides. So the walker may refuse,
 * but where it accepts, protobuf-c would have given the same record (tests/fuzz/dnstap_fuzz.c holds
 * it to that).
 */
#ifndef CROSSTAP_DNSTAP_DECODE_H
#define CROSSTAP_DNSTAP_DECODE_H

#include "dnstap/record.h"

#include <stdbool.h>

/* A connection's identity and version, which begin every frame alike. Zero-initialised. */
struct decode_cache {
	uint8_t prefix[192];
	uint32_t prefix_length;                /* 0: nothing remembered */
	uint32_t identity_at, identity_length; /* in the prefix; length 0: none */
};

/* 0; -EBADMSG where the frame is no dnstap message. record->owner is set if protobuf-c was needed:
 * give it to dnstap_release() when done. */
int dnstap_decode(
    struct decode_cache *cache, const uint8_t *frame, uint32_t length, struct record *record);
void dnstap_release(struct record *record);

/* Dnstap.version as remembered, cut to size - 1 bytes, control characters and NUL as '?'; false:
 * there is none. */
bool decode_cache_version(const struct decode_cache *cache, char *text, size_t size);

/* The two halves, for tests and benchmarks. */
bool dnstap_walk(
    struct decode_cache *cache, const uint8_t *frame, uint32_t length, struct record *record);
int dnstap_authority(const uint8_t *frame, uint32_t length, struct record *record);

#endif
