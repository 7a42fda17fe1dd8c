/* SPDX-License-Identifier: BSD-2-Clause */
/* The nameserver's UDP sockets, by sock_diag(7). */
#include "wire/host/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static bool is_ours(const struct host_sockets *sockets, uint16_t port)
{
	for (size_t i = 0; i < sockets->ports.n; i++) {
		if (sockets->ports.ports[i] == port)
			return true;
	}
	return false;
}

static int take_socket(const struct nlmsghdr *message, void *context)
{
	struct host_sockets *sockets = context;
	const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	uint32_t memory[SK_MEMINFO_VARS] = {0};
	uint64_t cookie;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*socket) ||
	    !is_ours(sockets, ntohs(socket->id.idiag_sport)))
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(*socket))
	{
		const uint16_t length = mnl_attr_get_payload_len(attribute);

		if (mnl_attr_get_type(attribute) == INET_DIAG_SKMEMINFO)
			memcpy(memory, mnl_attr_get_payload(attribute),
			    length < sizeof(memory) ? length : sizeof(memory));
	}
	cookie = (uint64_t)socket->id.idiag_cookie[1] << 32 | socket->id.idiag_cookie[0];
	host_table_add(
	    &sockets->table, cookie, (const uint64_t[HOST_TABLE_VALUES]){memory[SK_MEMINFO_DROPS]});
	sockets->bytes += memory[SK_MEMINFO_RMEM_ALLOC];
	return MNL_CB_OK;
}

static int dump(struct host_sockets *sockets, uint8_t family)
{
	const struct inet_diag_req_v2 request = {
	    .sdiag_family = family,
	    .sdiag_protocol = IPPROTO_UDP,
	    .idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1),
	    .idiag_states = UINT32_MAX,
	};

	return netlink_client_dump(&sockets->netlink, SOCK_DIAG_BY_FAMILY, &request,
	    sizeof(request), take_socket, sockets);
}

int host_sockets_read(struct host_sockets *sockets, struct host_counters *ret)
{
	struct host_change change = {0};
	unsigned tries = 0;
	int r = -EINTR;

	while (netlink_client_again(&tries, HOST_TRIES, r)) {
		host_table_begin(&sockets->table);
		sockets->bytes = 0;
		r = dump(sockets, AF_INET);
		if (r == 0)
			r = dump(sockets, AF_INET6);
	}
	if (r == 0)
		r = host_table_end(&sockets->table, true, &change);
	if (r < 0)
		return r;
	ret->queued_bytes = sockets->bytes;
	ret->socket_drops = change.grown[0];
	ret->sockets_changed = change.came || change.went;
	ret->known |= WIRE_KNOWS_SOCKETS;
	return 0;
}
