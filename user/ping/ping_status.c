/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <stdio.h>

#include "ping/ping_internal.h"

static int describe_family(const struct ping *ping, int index, char *text, size_t size)
{
	const struct family *family = &ping->families[index];
	const char *name = index == IPV4 ? "ipv4" : "ipv6";
	char address[INET6_ADDRSTRLEN] = "";
	const struct ping_address *source = family->refused_source ? &family->refused : NULL;

	if (!family->socket)
		return snprintf(text, size, "%s off: %s", name, family->reason);
	if (ping_socket_source(family->socket))
		source = ping_socket_source(family->socket);
	if (source)
		inet_ntop(
		    index == IPV4 ? AF_INET : AF_INET6, source->bytes, address, sizeof(address));
	if (ping_socket_source(family->socket))
		return snprintf(text, size, "%s on: %s from %s", name,
		    ping_socket_mode(family->socket), address);
	if (source && !family->sent)
		return snprintf(text, size,
		    "%s off: %s, from where it would be sent, is on lo or in wire.addresses; set "
		    "ping.source",
		    name, address);
	return snprintf(text, size, "%s on: %s", name, ping_socket_mode(family->socket));
}

void ping_describe(const struct ping *ping, char text[PING_STATUS_BYTES])
{
	int used;

	if (!ping->enabled) {
		snprintf(text, PING_STATUS_BYTES, "off: ping.enabled is false");
		return;
	}
	used = describe_family(ping, IPV4, text, PING_STATUS_BYTES / 2);
	used = used < PING_STATUS_BYTES / 2 ? used : PING_STATUS_BYTES / 2 - 1;
	used += snprintf(text + used, 3, "; ");
	describe_family(ping, IPV6, text + used, PING_STATUS_BYTES - (size_t)used);
}
