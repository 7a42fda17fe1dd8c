/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/netlink/host_netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define REQUEST_BYTES 256
#define BUFFER_BYTES  32768 /* the kernel fills no more with one message of a dump */
#define TIMEOUT_S     2     /* a kernel that does not answer stops nothing else */

int host_netlink_open(struct host_netlink *netlink, int bus)
{
	const struct timeval timeout = {.tv_sec = TIMEOUT_S};
	int r = 0;

	*netlink = (struct host_netlink){.socket = mnl_socket_open2(bus, SOCK_CLOEXEC)};
	if (!netlink->socket)
		return -errno;
	if (mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(netlink->socket), SOL_SOCKET, SO_RCVTIMEO, &timeout,
		sizeof(timeout)) < 0)
		r = -errno;
	if (r < 0)
		host_netlink_close(netlink);
	return r;
}

void host_netlink_close(struct host_netlink *netlink)
{
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	netlink->socket = NULL;
}

int host_netlink_ask(struct host_netlink *netlink, uint16_t type, uint16_t flags,
    const void *request, size_t bytes, mnl_cb_t take, void *context)
{
	_Alignas(struct nlmsghdr) uint8_t out[REQUEST_BYTES] = {0};
	_Alignas(struct nlmsghdr) uint8_t in[BUFFER_BYTES];
	struct nlmsghdr *header = mnl_nlmsg_put_header(out);
	const unsigned port = mnl_socket_get_portid(netlink->socket);
	int r = MNL_CB_OK;

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	header->nlmsg_seq = ++netlink->sequence;
	memcpy(mnl_nlmsg_put_extra_header(header, bytes), request, bytes);
	if (mnl_socket_sendto(netlink->socket, header, header->nlmsg_len) < 0)
		return -errno;
	while (r > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(netlink->socket, in, sizeof(in));

		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		r = mnl_cb_run(in, (size_t)n, netlink->sequence, port, take, context);
		/* What is left of an earlier dump that timed out. */
		if (r < 0 && errno == ESRCH)
			r = MNL_CB_OK;
	}
	return r < 0 ? -errno : 0;
}
