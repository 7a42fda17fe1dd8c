/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AES-128, encryption of single blocks (FIPS 197). No tables and no branches on data, so no timing
 * that depends on the key; about 2 us a block, which is enough for a few thousand addresses a
 * second. Here because none of the libraries that the program links exports a block cipher.
 */
#ifndef CROSSTAP_PRIVACY_AES_H
#define CROSSTAP_PRIVACY_AES_H

#include <stdint.h>

#define AES_BLOCK_BYTES 16
#define AES_ROUNDS      10

typedef uint8_t aes_block __attribute__((vector_size(AES_BLOCK_BYTES)));

struct aes {
	aes_block round_keys[AES_ROUNDS + 1];
};

void aes_init(struct aes *aes, const uint8_t key[AES_BLOCK_BYTES]);
/* `out` may be `in`. */
void aes_encrypt(
    const struct aes *aes, const uint8_t in[AES_BLOCK_BYTES], uint8_t out[AES_BLOCK_BYTES]);

#endif
