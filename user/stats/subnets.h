/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources summed by zone and network, /24 of IPv4 and /48 of IPv6, once a window: nothing is done
 * for it while frames come. Bounded: a flood of random addresses has as many networks as it has
 * addresses, so that those who asked more than once come first, and what finds no room is in no
 * network.
 */
#ifndef CROSSTAP_STATS_SUBNETS_H
#define CROSSTAP_STATS_SUBNETS_H

#include "stats/sources.h"

#define SUBNETS_MAX_SLOTS (512u << 10) /* 16 MiB, for as long as a window is arranged */
#define SUBNET_BITS_IPV4  24
#define SUBNET_BITS_IPV6  48

struct subnet {
	uint64_t key; /* 0: free */
	uint64_t queries, response_bytes, nxdomain;
};

struct subnets {
	struct subnet *slots;
	uint32_t mask, used;
};

/* -ENOMEM. subnets_done() in any case. */
int subnets_make(struct subnets *ret, const struct sources *sources, const struct hash_seed *seed);
void subnets_done(struct subnets *subnets);

uint16_t subnet_zone(const struct subnet *subnet);
/* enum key_family; the address has the network's bits and no others. */
uint8_t subnet_family(const struct subnet *subnet);
void subnet_address(const struct subnet *subnet, uint64_t ret_address[2]);

#endif
