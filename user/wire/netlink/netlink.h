/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtnetlink(7) as far as the wire needs it: links, local addresses, routes, XDP programs, clsact
 * and its BPF filters. One socket for requests, one for news, both in the network namespace in
 * which they were opened; whoever holds them may be elsewhere. Requests block, one at a time.
 * watch.c and bpf/ call this in the thread that ends windows, doctor and detach in theirs.
 *
 * The room: client.h is the one client of netlink, netns.h works in another network namespace.
 */
#ifndef CROSSTAP_WIRE_NETLINK_NETLINK_H
#define CROSSTAP_WIRE_NETLINK_NETLINK_H

#include "crosstap/wire_config.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netlink;

struct wire_link {
	int index;
	int master; /* bond, bridge, team or VRF that it is a port of; 0: none */
	int lower;  /* the device in this namespace that it is made on; 0: none */
	char name[IFNAMSIZ];
	char kind[16];     /* vlan, bond, veth, ...; empty for hardware */
	uint16_t hardware; /* ARPHRD_* */
	uint32_t flags, mtu;
	uint32_t xdp_native, xdp_generic; /* ids of the programs attached; 0: none */
};

enum wire_hook { WIRE_HOOK_INGRESS, WIRE_HOOK_EGRESS };

struct wire_filter {
	uint32_t handle;
	uint32_t program; /* id; 0: no BPF filter */
	uint16_t priority;
};

/* `namespace` -1: that of the thread. */
int netlink_open(struct netlink **ret, int namespace);
void netlink_close(struct netlink *netlink);
/* What the kernel said to the request that failed last, else strerror(). Valid until the next. */
const char *netlink_error(const struct netlink *netlink, int error);

/* Readable when something changed: links, addresses, qdiscs, filters. */
int netlink_fd(const struct netlink *netlink);
/* Empties the socket; true if there was something, or something was lost. */
bool netlink_changed(struct netlink *netlink);

/* The caller frees what these return. */
int netlink_links(struct netlink *netlink, struct wire_link **ret, size_t *ret_n);
/* All of this namespace, loopback's too, with WIRE_ADDRESS_HOST. */
int netlink_addresses(struct netlink *netlink, struct wire_local **ret, size_t *ret_n);
/* Calls back for the devices of unicast routes that lead somewhere: not for link-local ones, which
 * every device has. Ends early when `take` returns true. */
int netlink_routes(struct netlink *netlink, bool (*take)(void *context, int index), void *context);

/*
 * Attaches a program (program_fd -1: detaches). `flags`: XDP_FLAGS_DRV_MODE or _SKB_MODE, with
 * XDP_FLAGS_UPDATE_IF_NOEXIST; `expected_fd`, if not -1, is what must be attached now (5.7).
 */
int netlink_xdp(
    struct netlink *netlink, int index, int program_fd, int expected_fd, uint32_t flags);

/* -EEXIST: there is one, or an ingress qdisc. */
int netlink_add_clsact(struct netlink *netlink, int index);
/* -ENOENT: there is none; -EBUSY: an ingress qdisc has its place, which takes a filter for egress
 * and runs it on what comes in. */
int netlink_check_clsact(struct netlink *netlink, int index);
int netlink_delete_clsact(struct netlink *netlink, int index);
/* *ret_n of at most `size` filters; more are counted and not stored. */
int netlink_filters(struct netlink *netlink, int index, enum wire_hook hook,
    struct wire_filter *filters, size_t size, size_t *ret_n);
/* `replace`: takes the place of the filter with this handle and priority, in one step. */
int netlink_set_filter(struct netlink *netlink, int index, enum wire_hook hook,
    const struct wire_filter *place, int program_fd, const char *name, bool replace);
int netlink_delete_filter(
    struct netlink *netlink, int index, enum wire_hook hook, const struct wire_filter *filter);

#endif
