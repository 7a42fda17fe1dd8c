/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a kernel could answer to a request over netlink. The first byte says who asks, the second
 * how many of the messages come at a time; each message is two bytes of type, two of flags, two of
 * length and its payload. The functions of libmnl that touch a socket are this file's own.
 */
#include "base/unused.h"
#include "wire/host/internal.h"
#include "wire/netlink/netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct mnl_socket {
	const uint8_t *at, *end; /* of the input */
	unsigned step;           /* messages at a time */
	uint32_t sequence;       /* of the request */
	bool ended;
};
static struct mnl_socket fake;

struct mnl_socket *mnl_socket_open2(int bus UNUSED, int flags UNUSED)
{
	return &fake;
}

int mnl_socket_bind(struct mnl_socket *socket UNUSED, unsigned groups UNUSED, pid_t pid UNUSED)
{
	return 0;
}

int mnl_socket_close(struct mnl_socket *socket UNUSED)
{
	return 0;
}

int mnl_socket_get_fd(const struct mnl_socket *of UNUSED)
{
	static int fd = -1;

	if (fd < 0)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd;
}

unsigned mnl_socket_get_portid(const struct mnl_socket *socket UNUSED)
{
	return PORT;
}

int mnl_socket_setsockopt(const struct mnl_socket *socket UNUSED, int type UNUSED,
    void *value UNUSED, socklen_t size UNUSED)
{
	return 0;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *socket UNUSED, const void *data, size_t size)
{
	fake.sequence = ((const struct nlmsghdr *)data)->nlmsg_seq;
	fake.ended = false;
	return (ssize_t)size;
}

/* The bytes of one message in `out`; 0: there is none, or no room. */
static size_t next_message(uint8_t *out, size_t room)
{
	const size_t left = (size_t)(fake.end - fake.at);
	struct nlmsghdr header = {.nlmsg_seq = fake.sequence, .nlmsg_pid = PORT};
	size_t length;

	if (left < 6)
		return 0;
	memcpy(&header.nlmsg_type, fake.at, 2);
	memcpy(&header.nlmsg_flags, fake.at + 2, 2);
	length = fake.at[4] | (size_t)fake.at[5] << 8;
	if (length > left - 6)
		length = left - 6;
	if (NLMSG_SPACE(length) > room)
		return 0;
	header.nlmsg_len = (uint32_t)NLMSG_LENGTH(length);
	memset(out, 0, NLMSG_SPACE(length));
	memcpy(out, &header, sizeof(header));
	memcpy(out + NLMSG_HDRLEN, fake.at + 6, length);
	fake.at += 6 + length;
	return NLMSG_SPACE(length);
}

/* The last answer to each request is the end of a dump, and then there is nothing more. */
ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket UNUSED, void *buffer, size_t size)
{
	struct nlmsghdr done = {.nlmsg_len = NLMSG_LENGTH(sizeof(int)),
	    .nlmsg_type = NLMSG_DONE,
	    .nlmsg_flags = NLM_F_MULTI,
	    .nlmsg_seq = fake.sequence,
	    .nlmsg_pid = PORT};
	size_t n = 0;

	for (unsigned i = 0; i < fake.step; i++) {
		const size_t more = next_message((uint8_t *)buffer + n, size - n);

		if (!more)
			break;
		n += more;
	}
	if (n)
		return (ssize_t)n;
	if (fake.ended) {
		errno = EAGAIN;
		return -1;
	}
	fake.ended = true;
	memset(buffer, 0, NLMSG_SPACE(sizeof(int)));
	memcpy(buffer, &done, sizeof(done));
	return (ssize_t)NLMSG_SPACE(sizeof(int));
}

static bool no_route(void *context UNUSED, int index)
{
	return index == 3;
}

static void ask_routes(unsigned what)
{
	static struct netlink *netlink;
	struct wire_filter filters[4];
	struct wire_link *links = NULL;
	struct wire_local *locals = NULL;
	size_t n = 0;

	if (!netlink && netlink_open(&netlink, -1) < 0)
		abort();
	switch (what) {
	case 0:
		if (netlink_links(netlink, &links, &n) == 0) {
			for (size_t i = 0; i < n; i++) {
				if (!memchr(links[i].name, 0, sizeof(links[i].name)) ||
				    !memchr(links[i].kind, 0, sizeof(links[i].kind)))
					abort();
			}
			free(links);
		}
		break;
	case 1:
		if (netlink_addresses(netlink, &locals, &n) == 0)
			free(locals);
		break;
	case 2:
		(void)netlink_routes(netlink, no_route, NULL);
		break;
	case 3:
		(void)netlink_filters(netlink, 2, WIRE_HOOK_INGRESS, filters, 4, &n);
		break;
	default:
		(void)netlink_check_clsact(netlink, 2);
		break;
	}
}

static void ask_links(bool qdiscs)
{
	static char names[2][IFNAMSIZ] = {"eth0", "eth1"};
	static struct host_links links = {
	    .netlink = {.socket = &fake}, .names = names, .n_names = 2};
	struct host_counters counters = {0};

	links.n_selected = qdiscs ? 1 : 0;
	links.selected[0] = 2;
	(void)(qdiscs ? host_qdiscs_read(&links, &counters)
		      : host_links_read(&links, 0, &counters));
	if (links.n_selected > HOST_MAX_LINKS)
		abort();
	host_table_done(&links.links);
	host_table_done(&links.qdiscs);
	links.links = links.qdiscs = (struct host_table){0};
}

static void ask_sockets(void)
{
	static struct host_sockets sockets = {.netlink = {.socket = &fake}, .ports = {{53}, 1}};
	struct host_counters counters = {0};

	(void)host_sockets_read(&sockets, &counters);
	host_table_done(&sockets.table);
	sockets.table = (struct host_table){0};
}

static void ask_nft(void)
{
	static char name[] = "filter/dropped";
	static struct host_nft_counter list[1] = {{.name = name, .after = name + 6}};
	static struct host_nft nft = {
	    .netlink = {.socket = &fake}, .counters = list, .n_counters = 1};
	struct host_counters counters = {0};

	(void)host_nft_read(&nft, &counters);
	(void)host_nft_read(&nft, &counters); /* what has grown since */
	list[0].begun = list[0].found = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	fake = (struct mnl_socket){.at = data + 2, .end = data + size, .step = data[1] % 4 + 1u};
	switch (data[0] % 9) {
	case 5:
		ask_links(false);
		break;
	case 6:
		ask_links(true);
		break;
	case 7:
		ask_sockets();
		break;
	case 8:
		ask_nft();
		break;
	default:
		ask_routes(data[0] % 9);
		break;
	}
	return 0;
}
