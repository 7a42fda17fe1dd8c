/* SPDX-License-Identifier: BSD-2-Clause */
#include "network/peer.h"

#include <netinet/in.h>
#include <string.h>

#define SHARE_BYTES 8 /* of an IPv6 address: a /64 */

void peer_of(struct peer *ret, const struct sockaddr *address)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	memset(ret, 0, sizeof(*ret));
	if (address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof(v4));
		ret->family = 4;
		memcpy(ret->address, &v4.sin_addr, 4);
	} else if (address->sa_family == AF_INET6) {
		memcpy(&v6, address, sizeof(v6));
		if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
			ret->family = 4;
			memcpy(ret->address, &v6.sin6_addr.s6_addr[12], 4);
		} else {
			ret->family = 6;
			memcpy(ret->address, &v6.sin6_addr, 16);
		}
	}
}

bool peer_is_loopback(const struct peer *peer)
{
	if (peer->family == 4)
		return peer->address[0] == IN_LOOPBACKNET;
	return peer->family == 6 && memcmp(peer->address, &in6addr_loopback, 16) == 0;
}

bool peer_shares(const struct peer *a, const struct peer *b)
{
	if (!a->family || a->family != b->family)
		return false;
	return memcmp(a->address, b->address, a->family == 4 ? 4 : SHARE_BYTES) == 0;
}
