/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crypto-PAn: pseudonyms of addresses that keep prefixes. Two addresses that share k leading bits
 * have pseudonyms that share exactly k (Xu, Fan, Ammar, Moon: "Prefix-Preserving IP Address
 * Anonymization", ICNP 2002). The paper defines IPv4; IPv6 is the same construction over 128 bits,
 * as other implementations do it.
 */
#ifndef CROSSTAP_PRIVACY_CRYPTOPAN_H
#define CROSSTAP_PRIVACY_CRYPTOPAN_H

#include <nettle/aes.h>
#include <stdint.h>

#define CRYPTOPAN_KEY_BYTES 32 /* 16 of the cipher's key, 16 from which the padding is made */

struct cryptopan {
	struct aes128_ctx aes;
	uint8_t pad[AES_BLOCK_SIZE];
};

void cryptopan_init(struct cryptopan *cryptopan, const uint8_t key[CRYPTOPAN_KEY_BYTES]);
/* `bits` is 32 or 128; bytes of `out` past them are zero. One cipher block for each bit. */
void cryptopan_address(
    const struct cryptopan *cryptopan, const uint8_t in[16], unsigned bits, uint8_t out[16]);

#endif
