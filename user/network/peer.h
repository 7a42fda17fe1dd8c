/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is at the other end of a connection, as far as places are shared out by it. */
#ifndef CROSSTAP_NETWORK_PEER_H
#define CROSSTAP_NETWORK_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct peer {
	uint8_t family; /* 4 or 6; 0: it has no address (a Unix socket) */
	uint8_t address[16];
};

/* An IPv4 address that is mapped into IPv6 (RFC 4291 section 2.5.5.2) is one of IPv4. */
void peer_of(struct peer *ret, const struct sockaddr *address);
bool peer_is_loopback(const struct peer *peer);
/* Whether two share what one may have: the same IPv4 address, or the same /64 of IPv6, which one
 * host can fill alone (RFC 7421). Without an address nobody shares with anybody. */
bool peer_shares(const struct peer *a, const struct peer *b);

#endif
