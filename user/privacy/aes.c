/* SPDX-License-Identifier: BSD-2-Clause */
/* Sixteen bytes at once: each step is the same arithmetic in GF(2^8) on all bytes of the state. */
#include "privacy/aes.h"

#include <string.h>

#define POLYNOMIAL 0x1b /* x^8 + x^4 + x^3 + x + 1, FIPS 197 section 4.2 */

static aes_block gf_double(aes_block a)
{
	return (a << 1) ^ (-(a >> 7) & POLYNOMIAL);
}

static aes_block gf_multiply(aes_block a, aes_block b)
{
	aes_block product = {0};

	for (int i = 0; i < 8; i++) {
		product ^= a & -(b & 1);
		a = gf_double(a);
		b >>= 1;
	}
	return product;
}

static aes_block rotate_bits(aes_block a, int n)
{
	return (a << n) | (a >> (8 - n));
}

/* S-box of FIPS 197 section 5.1.1: the inverse is a^254, then the affine map. */
static aes_block sub_bytes(aes_block a)
{
	aes_block a2 = gf_multiply(a, a);
	aes_block a3 = gf_multiply(a2, a);
	aes_block a6 = gf_multiply(a3, a3);
	aes_block a12 = gf_multiply(a6, a6);
	aes_block power = gf_multiply(a12, a3); /* a^15 */

	for (int i = 0; i < 4; i++)
		power = gf_multiply(power, power); /* to a^240 */
	a = gf_multiply(gf_multiply(power, a12), a2);
	return a ^ rotate_bits(a, 1) ^ rotate_bits(a, 2) ^ rotate_bits(a, 3) ^ rotate_bits(a, 4) ^
	    0x63;
}

static aes_block shift_rows(aes_block a)
{
	return __builtin_shufflevector(a, a, 0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11);
}

static aes_block mix_columns(aes_block a)
{
	aes_block a1 =
	    __builtin_shufflevector(a, a, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12);
	aes_block a2 =
	    __builtin_shufflevector(a, a, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
	aes_block a3 =
	    __builtin_shufflevector(a, a, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);

	return gf_double(a ^ a1) ^ a1 ^ a2 ^ a3;
}

/* FIPS 197 section 5.2 */
void aes_init(struct aes *aes, const uint8_t key[AES_BLOCK_BYTES])
{
	uint8_t words[AES_BLOCK_BYTES * (AES_ROUNDS + 1)];
	uint8_t constant = 1;

	memcpy(words, key, AES_BLOCK_BYTES);
	for (size_t i = AES_BLOCK_BYTES; i < sizeof(words); i += 4) {
		aes_block word = {words[i - 4], words[i - 3], words[i - 2], words[i - 1]};

		if (i % AES_BLOCK_BYTES == 0) {
			word = (aes_block){word[1], word[2], word[3], word[0]};
			word = sub_bytes(word);
			word[0] ^= constant;
			constant = (uint8_t)((constant << 1) ^ (constant >> 7) * POLYNOMIAL);
		}
		for (size_t k = 0; k < 4; k++)
			words[i + k] = words[i + k - AES_BLOCK_BYTES] ^ word[k];
	}
	memcpy(aes->round_keys, words, sizeof(words));
	explicit_bzero(words, sizeof(words));
}

void aes_encrypt(
    const struct aes *aes, const uint8_t in[AES_BLOCK_BYTES], uint8_t out[AES_BLOCK_BYTES])
{
	aes_block state;

	memcpy(&state, in, sizeof(state));
	state ^= aes->round_keys[0];
	for (int round = 1; round < AES_ROUNDS; round++)
		state = mix_columns(shift_rows(sub_bytes(state))) ^ aes->round_keys[round];
	state = shift_rows(sub_bytes(state)) ^ aes->round_keys[AES_ROUNDS];
	memcpy(out, &state, sizeof(state));
}
