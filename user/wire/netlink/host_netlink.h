/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests over netlink, for wire/host and bpf/features.c. */
#ifndef CROSSTAP_WIRE_NETLINK_HOST_NETLINK_H
#define CROSSTAP_WIRE_NETLINK_HOST_NETLINK_H

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

struct host_netlink {
	struct mnl_socket *socket; /* NULL: closed */
	uint32_t sequence;
};

/* In the network namespace of the calling thread. -errno. */
int host_netlink_open(struct host_netlink *netlink, int bus);
void host_netlink_close(struct host_netlink *netlink);
/* Sends a request of `bytes` behind the header and takes every message of the answer, up to its
 * end; `flags`: NLM_F_DUMP or NLM_F_ACK, without which it has none. -errno; what `take` returns
 * below MNL_CB_STOP with errno. */
int host_netlink_ask(struct host_netlink *netlink, uint16_t type, uint16_t flags,
    const void *request, size_t bytes, mnl_cb_t take, void *context);
static inline int host_netlink_dump(struct host_netlink *netlink, uint16_t type,
    const void *request, size_t bytes, mnl_cb_t take, void *context)
{
	return host_netlink_ask(netlink, type, NLM_F_DUMP, request, bytes, take, context);
}

#endif
