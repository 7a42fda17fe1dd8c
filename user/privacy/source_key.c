/* SPDX-License-Identifier: BSD-2-Clause */
#include "privacy/source_key.h"

#include <string.h>

void source_key_init(struct source_key *key, const uint8_t bytes[SOURCE_KEY_BYTES])
{
	uint8_t ones[AES_BLOCK_SIZE];

	memset(ones, 0xff, sizeof(ones));
	aes256_set_encrypt_key(&key->aes, bytes);
	aes256_encrypt(&key->aes, sizeof(ones), key->id, ones);
}

uint64_t source_key_hash(const struct source_key *key, const uint8_t *address, size_t n)
{
	uint8_t block[AES_BLOCK_SIZE] = {0};
	uint64_t hash = 0;

	memcpy(block, address, n);
	aes256_encrypt(&key->aes, sizeof(block), block, block);
	/* The same number on each machine: files of sites are merged. */
	for (size_t i = 0; i < sizeof(hash); i++)
		hash = hash << 8 | block[i];
	return hash;
}
