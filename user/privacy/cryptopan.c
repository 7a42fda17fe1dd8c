/* SPDX-License-Identifier: BSD-2-Clause */
#include "privacy/cryptopan.h"

#include <string.h>

void cryptopan_init(struct cryptopan *cryptopan, const uint8_t key[CRYPTOPAN_KEY_BYTES])
{
	aes128_set_encrypt_key(&cryptopan->aes, key);
	aes128_encrypt(&cryptopan->aes, AES_BLOCK_SIZE, cryptopan->pad, key + AES128_KEY_SIZE);
}

void cryptopan_address(
    const struct cryptopan *cryptopan, const uint8_t in[16], unsigned bits, uint8_t out[16])
{
	uint8_t input[AES_BLOCK_SIZE], cipher[AES_BLOCK_SIZE], address[16], flips[16] = {0};

	memcpy(address, in, sizeof(address));
	/* The i-th input is the address's first i bits, continued by the padding. */
	memcpy(input, cryptopan->pad, sizeof(input));
	for (unsigned i = 0; i < bits; i++) {
		uint8_t mask = (uint8_t)(0x80 >> (i % 8));

		aes128_encrypt(&cryptopan->aes, sizeof(input), cipher, input);
		flips[i / 8] |= (uint8_t)((cipher[0] & 0x80) >> (i % 8));
		input[i / 8] = (uint8_t)((input[i / 8] & ~mask) | (address[i / 8] & mask));
	}
	memset(out, 0, 16);
	for (unsigned i = 0; i < bits / 8; i++)
		out[i] = address[i] ^ flips[i];
}
