/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of wire/netlink share. */
#ifndef CROSSTAP_WIRE_NETLINK_INTERNAL_H
#define CROSSTAP_WIRE_NETLINK_INTERNAL_H

#include "wire/netlink/netlink.h"

#include "wire/netlink/client.h"

struct netlink {
	struct netlink_client client;
	struct mnl_socket *news;
	_Alignas(struct nlmsghdr) uint8_t request[1024];
};

/* Begins a request with its head (struct ifinfomsg, tcmsg, ...). */
struct nlmsghdr *netlink_request(
    struct netlink *netlink, uint16_t type, uint16_t flags, const void *head, size_t bytes);
/* Sends it and takes the answers; a request that is no dump asks for NLM_F_ACK. */
int netlink_run(struct netlink *netlink, struct nlmsghdr *request, mnl_cb_t take, void *context);

#endif
