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
	struct mnl_socket *requests, *news;
	int error;
};

static struct mnl_socket *open_socket(int flags)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);

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
	int on = 1, bytes = NEWS_BYTES;

	opening->requests = open_socket(0);
	opening->news = open_socket(SOCK_NONBLOCK);
	if (!opening->requests || !opening->news) {
		opening->error = -errno;
		return;
	}
	/* Both are a help, no need: 4.12 and 4.20. */
	mnl_socket_setsockopt(opening->requests, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(opening->requests, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(mnl_socket_get_fd(opening->news), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]) && !opening->error; i++)
		opening->error = join(opening->news, groups[i]);
}

int netlink_open(struct netlink **ret, int namespace)
{
	struct opening opening = {0};
	struct netlink *netlink = calloc(1, sizeof(*netlink));
	int r;

	if (!netlink)
		return -ENOMEM;
	netlink->namespace = namespace;
	r = netns_call(namespace, open_sockets, &opening);
	netlink->requests = opening.requests;
	netlink->news = opening.news;
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
	if (netlink->requests)
		mnl_socket_close(netlink->requests);
	if (netlink->news)
		mnl_socket_close(netlink->news);
	free(netlink);
}

const char *netlink_error(const struct netlink *netlink, int error)
{
	return netlink->error[0] ? netlink->error : strerror(error < 0 ? -error : error);
}

int netlink_fd(const struct netlink *netlink)
{
	return mnl_socket_get_fd(netlink->news);
}

bool netlink_changed(struct netlink *netlink)
{
	bool changed = false;

	for (;;) {
		const ssize_t n =
		    mnl_socket_recvfrom(netlink->news, netlink->buffer, sizeof(netlink->buffer));

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
	message->nlmsg_seq = ++netlink->sequence;
	memcpy(mnl_nlmsg_put_extra_header(message, bytes), head, bytes);
	netlink->error[0] = 0;
	return message;
}

struct reply {
	struct netlink *netlink;
	int (*take)(const struct nlmsghdr *message, void *context);
	void *context;
};

static int copy_error(const struct nlattr *attribute, void *context)
{
	struct netlink *netlink = context;

	if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG)
		snprintf(netlink->error, sizeof(netlink->error), "%.*s",
		    (int)mnl_attr_get_payload_len(attribute),
		    (const char *)mnl_attr_get_payload(attribute));
	return MNL_CB_OK;
}

/* What the kernel says besides the number; with NETLINK_CAP_ACK the request is not repeated. */
static int take_error(const struct nlmsghdr *message, void *context)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	struct reply *reply = context;

	if (message->nlmsg_len < mnl_nlmsg_size(sizeof(*error)))
		return MNL_CB_ERROR;
	if (error->error && message->nlmsg_flags & NLM_F_ACK_TLVS)
		mnl_attr_parse(message,
		    message->nlmsg_flags & NLM_F_CAPPED
			? sizeof(*error)
			: sizeof(*error) + error->msg.nlmsg_len - sizeof(error->msg),
		    copy_error, reply->netlink);
	errno = -error->error;
	return error->error ? MNL_CB_ERROR : MNL_CB_STOP;
}

static int take_data(const struct nlmsghdr *message, void *context)
{
	struct reply *reply = context;

	return reply->take ? reply->take(message, reply->context) : MNL_CB_OK;
}

int netlink_run(struct netlink *netlink, const struct nlmsghdr *request,
    int (*take)(const struct nlmsghdr *message, void *context), void *context)
{
	mnl_cb_t control[NLMSG_ERROR + 1] = {[NLMSG_ERROR] = take_error};
	const unsigned port = mnl_socket_get_portid(netlink->requests);
	struct reply reply = {.netlink = netlink, .take = take, .context = context};
	int r = MNL_CB_OK;

	if (mnl_socket_sendto(netlink->requests, request, request->nlmsg_len) < 0)
		return -errno;
	while (r > MNL_CB_STOP) {
		const ssize_t n = mnl_socket_recvfrom(
		    netlink->requests, netlink->buffer, sizeof(netlink->buffer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		r = mnl_cb_run2(netlink->buffer, (size_t)n, request->nlmsg_seq, port, take_data,
		    &reply, control, NLMSG_ERROR + 1);
		/* What is left of a dump that was not heard to its end, or changed under it. */
		if (r < 0 && errno == ESRCH)
			r = MNL_CB_OK;
	}
	return r < 0 ? -errno : 0;
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
