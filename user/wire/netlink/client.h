/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one client of netlink: a request, and every message of its answer. netlink.h has what
 * watching devices needs of rtnetlink; host/ and bpf/features.c ask by this directly. No thread of
 * its own: each client belongs to the thread that opened it.
 */
#ifndef CROSSTAP_WIRE_NETLINK_CLIENT_H
#define CROSSTAP_WIRE_NETLINK_CLIENT_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netlink_client {
	struct mnl_socket *socket; /* NULL: closed */
	uint32_t sequence;
	char error[256]; /* what the kernel said of the last request; empty: nothing */
};

/* In the network namespace of the calling thread; `bus`: NETLINK_ROUTE, ... -errno. */
int netlink_client_open(struct netlink_client *client, int bus);
void netlink_client_close(struct netlink_client *client);

/* Sends a request, whose sequence number it sets, and takes every message of the answer, up to its
 * end; a request that is no dump must ask for NLM_F_ACK. -errno; what `take` (or NULL) returns
 * below MNL_CB_STOP with errno; -EINTR: something changed during a dump, which was heard to its
 * end: to be asked for again; -ETIMEDOUT: a kernel that does not answer stops nothing else. */
int netlink_client_run(
    struct netlink_client *client, struct nlmsghdr *request, mnl_cb_t take, void *context);
/* The same for a request of `bytes` behind the header; `flags`: NLM_F_DUMP or NLM_F_ACK. */
int netlink_client_ask(struct netlink_client *client, uint16_t type, uint16_t flags,
    const void *request, size_t bytes, mnl_cb_t take, void *context);
static inline int netlink_client_dump(struct netlink_client *client, uint16_t type,
    const void *request, size_t bytes, mnl_cb_t take, void *context)
{
	return netlink_client_ask(client, type, NLM_F_DUMP, request, bytes, take, context);
}
/* Whether to dump, at first (`r` is then -EINTR, *tries 0) and again after a dump that ended with
 * -EINTR, `most` times in all. Much changes for some milliseconds where an interface with many
 * addresses comes up: it waits longer each time. */
bool netlink_client_again(unsigned *tries, unsigned most, int r);
/* What the kernel said to the request that failed last, else strerror(). Valid until the next. */
const char *netlink_client_error(const struct netlink_client *client, int error);

#endif
