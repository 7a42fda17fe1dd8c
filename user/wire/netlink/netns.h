/* SPDX-License-Identifier: BSD-2-Clause */
/* Work in another network namespace. */
#ifndef CROSSTAP_WIRE_NETLINK_NETNS_H
#define CROSSTAP_WIRE_NETLINK_NETNS_H

/* A name as of `ip netns`, or a path with a slash; a descriptor, or -errno; -EINVAL: something else
 * has that name. */
int netns_open(const char *name);
/* Calls `work` in the namespace, in a thread of its own, so that no other one ever finds itself
 * elsewhere; -1: here. Returns when it is done. */
int netns_call(int namespace, void (*work)(void *context), void *context);

#endif
