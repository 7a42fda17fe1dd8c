/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/network.h"

#include <string.h>

bool network_prefix_agrees(const uint8_t *address, const uint8_t *network, unsigned prefix)
{
	const unsigned bytes = prefix / 8, bits = prefix % 8;

	return memcmp(address, network, bytes) == 0 &&
	    (!bits || (address[bytes] ^ network[bytes]) >> (8 - bits) == 0);
}

bool network_has(const struct config_network *network, unsigned family, const uint8_t *address)
{
	return network->family == family && network->prefix <= (family == 4 ? 32 : 128) &&
	    network_prefix_agrees(address, network->address, network->prefix);
}

bool networks_have(
    const struct config_network *networks, size_t n, unsigned family, const uint8_t *address)
{
	for (size_t i = 0; i < n; i++) {
		if (network_has(&networks[i], family, address))
			return true;
	}
	return false;
}
