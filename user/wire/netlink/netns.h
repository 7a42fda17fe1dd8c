/* SPDX-License-Identifier: BSD-2-Clause */
/* Work in another network namespace. */
#ifndef CROSSTAP_WIRE_NETLINK_NETNS_H
#define CROSSTAP_WIRE_NETLINK_NETNS_H

#include <stdbool.h>

/* A name as of `ip netns`, or a path with a slash; a descriptor, or -errno. -EINVAL: no network
 * namespace, as the empty file that `ip netns` leaves behind in another mount namespace. */
int netns_open(const char *name);
/* Whether the name leads to another one than the open one by now; false where it leads nowhere. */
bool netns_is_another(int namespace, const char *name);
/* Calls `work` in the namespace, in a thread of its own, so that no other one ever finds itself
 * elsewhere; -1: here. Returns when it is done. */
int netns_call(int namespace, void (*work)(void *context), void *context);

#endif
