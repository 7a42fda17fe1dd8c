/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/netlink/internal.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "wire/netlink/netns.h"

#define NEWS_BYTES (1 << 20) /* what may come between two looks */

struct opening {
	struct netlink *netlink;
	int error;
};

static struct mnl_socket *open_news(void)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (socket && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		const int error = errno;

		mnl_socket_close(socket);
		errno = error;
		return NULL;
	}
	return socket;
}

static int join(struct mnl_socket *socket, int group)
{
	return mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0
	    ? -errno
	    : 0;
}

static void open_sockets(void *context)
{
	static const int groups[] = {
	    RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_TC};
	struct opening *opening = context;
	struct netlink *netlink = opening->netlink;
	int bytes = NEWS_BYTES;

	opening->error = netlink_client_open(&netlink->client, NETLINK_ROUTE);
	if (opening->error < 0)
		return;
	netlink->news = open_news();
	if (!netlink->news) {
		opening->error = -errno;
		return;
	}
	setsockopt(mnl_socket_get_fd(netlink->news), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]) && !opening->error; i++)
		opening->error = join(netlink->news, groups[i]);
}

int netlink_open(struct netlink **ret, int namespace)
{
	struct netlink *netlink = calloc(1, sizeof(*netlink));
	struct opening opening = {.netlink = netlink};
	int r;

	if (!netlink)
		return -ENOMEM;
	r = netns_call(namespace, open_sockets, &opening);
	if (r == 0)
		r = opening.error;
	if (r < 0) {
		netlink_close(netlink);
		return r;
	}
	*ret = netlink;
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	if (!netlink)
		return;
	netlink_client_close(&netlink->client);
	if (netlink->news)
		mnl_socket_close(netlink->news);
	free(netlink);
}

const char *netlink_error(const struct netlink *netlink, int error)
{
	return netlink_client_error(&netlink->client, error);
}

int netlink_fd(const struct netlink *netlink)
{
	return mnl_socket_get_fd(netlink->news);
}

bool netlink_changed(struct netlink *netlink)
{
	uint8_t buffer[8192]; /* what they say is asked for anew */
	bool changed = false;

	for (;;) {
		const ssize_t n = mnl_socket_recvfrom(netlink->news, buffer, sizeof(buffer));

		if (n <= 0 && errno != ENOBUFS && errno != EINTR && errno != ENOSPC)
			return changed;
		changed = true;
	}
}

/* -- requests */

struct nlmsghdr *netlink_request(
    struct netlink *netlink, uint16_t type, uint16_t flags, const void *head, size_t bytes)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(netlink->request);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	memcpy(mnl_nlmsg_put_extra_header(message, bytes), head, bytes);
	return message;
}

int netlink_run(struct netlink *netlink, struct nlmsghdr *request, mnl_cb_t take, void *context)
{
	return netlink_client_run(&netlink->client, request, take, context);
}

/* -- XDP */

int netlink_xdp(struct netlink *netlink, int index, int program_fd, int expected_fd, uint32_t flags)
{
	const struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	struct nlmsghdr *request =
	    netlink_request(netlink, RTM_SETLINK, NLM_F_ACK, &head, sizeof(head));
	struct nlattr *xdp = mnl_attr_nest_start(request, IFLA_XDP);

	mnl_attr_put_u32(request, IFLA_XDP_FD, (uint32_t)program_fd);
	if (expected_fd >= 0) {
		flags |= XDP_FLAGS_REPLACE;
		mnl_attr_put_u32(request, IFLA_XDP_EXPECTED_FD, (uint32_t)expected_fd);
	}
	mnl_attr_put_u32(request, IFLA_XDP_FLAGS, flags);
	mnl_attr_nest_end(request, xdp);
	return netlink_run(netlink, request, NULL, NULL);
}
