/* SPDX-License-Identifier: BSD-2-Clause */
/* Is an address in a network? The one place that compares prefixes. */
#ifndef CROSSTAP_CONFIG_NETWORK_H
#define CROSSTAP_CONFIG_NETWORK_H

#include "config/config.h"

/* Do the first `prefix` bits agree? Both hold at least so many, in network order. */
bool network_prefix_agrees(const uint8_t *address, const uint8_t *network, unsigned prefix);
/* `family` 4 or 6: `address` has 4 or 16 bytes. */
bool network_has(const struct config_network *network, unsigned family, const uint8_t *address);
bool networks_have(
    const struct config_network *networks, size_t n, unsigned family, const uint8_t *address);

#endif
