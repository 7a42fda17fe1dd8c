/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hash of sources. Who knows the hash of a HyperLogLog chooses addresses that fill its
 * registers: 5,000 packets then pass for any number of sources. So the hash is AES-256 of the
 * address under a key that clients do not know: a block is a permutation of its 16 bytes, and the
 * first 8 of the result are as good as random.
 */
#ifndef CROSSTAP_PRIVACY_SOURCE_KEY_H
#define CROSSTAP_PRIVACY_SOURCE_KEY_H

#include <nettle/aes.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCE_KEY_BYTES    AES256_KEY_SIZE
#define SOURCE_KEY_ID_BYTES 16

struct source_key {
	struct aes256_ctx aes;
	/* Tells keys apart and says nothing of them: the cipher's block of all ones, which is no
	 * source's. */
	uint8_t id[SOURCE_KEY_ID_BYTES];
};

void source_key_init(struct source_key *key, const uint8_t bytes[SOURCE_KEY_BYTES]);
/* Of the first `n` bytes (at most 16) of an address. */
uint64_t source_key_hash(const struct source_key *key, const uint8_t *address, size_t n);

#endif
