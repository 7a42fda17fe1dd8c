/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/host/internal.h"

#include "base/saturate.h"
#include "wire/netlink/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_TEXT (4u << 20) /* of a file in /proc: a line for each of thousands of CPUs */

/* --- opening, in the namespace ---------------------------------------------------------------- */

static void open_all(void *context)
{
	struct host *host = context;
	char path[64];

	host->open_errors[HOST_LINKS] = host->open_errors[HOST_QDISCS] =
	    netlink_client_open(&host->links.netlink, NETLINK_ROUTE);
	host->open_errors[HOST_SOCKETS] =
	    netlink_client_open(&host->sockets.netlink, NETLINK_SOCK_DIAG);
	/* Also without a counter: another configuration may name some. */
	host->open_errors[HOST_NFT] = netlink_client_open(&host->nft.netlink, NETLINK_NETFILTER);
	for (int i = 0; i < HOST_PROC_FILES; i++) {
		/* An open file goes on showing the namespace that it was opened in. */
		snprintf(path, sizeof(path), "/proc/thread-self/net/%s", host_proc_paths[i]);
		host->files[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (host->files[i] < 0 && (i == HOST_PROC_SNMP || i == HOST_PROC_NETSTAT))
			host->open_errors[HOST_STACK] = -errno;
	}
}

int host_new(struct host **ret, const struct config *config)
{
	struct host_counters first;
	struct host *host = calloc(1, sizeof(*host));
	struct host_next *next;
	int namespace = -1, r;

	if (!host)
		return -ENOMEM;
	for (int i = 0; i < HOST_PROC_FILES; i++)
		host->files[i] = -1;
	r = host_prepare(config, &next);
	if (r == 0)
		host_choose(host, next);
	if (r == 0 && config->wire.netns[0])
		r = namespace = netns_open(config->wire.netns);
	if (r >= 0)
		r = netns_call(namespace, open_all, host);
	if (namespace >= 0)
		close(namespace);
	if (r < 0) {
		host_free(host);
		return r;
	}
	host_read(host, &first);
	*ret = host;
	return 0;
}

void host_free(struct host *host)
{
	if (!host)
		return;
	for (int i = 0; i < HOST_PROC_FILES; i++) {
		if (host->files[i] >= 0)
			close(host->files[i]);
	}
	host_choice_free(&host->links, &host->nft);
	netlink_client_close(&host->links.netlink);
	netlink_client_close(&host->sockets.netlink);
	netlink_client_close(&host->nft.netlink);
	host_table_done(&host->links.links);
	host_table_done(&host->links.qdiscs);
	host_table_done(&host->sockets.table);
	free(host->text);
	free(host);
}

/* --- /proc ------------------------------------------------------------------------------------ */

static int read_text(struct host *host, int fd)
{
	size_t length = 0;
	ssize_t n;

	do {
		if (length + 1 >= host->text_size) {
			const size_t size = host->text_size ? 2 * host->text_size : 65536;
			char *text = size <= MAX_TEXT ? realloc(host->text, size) : NULL;

			if (!text)
				return -ENOMEM;
			host->text = text;
			host->text_size = size;
		}
		n = pread(fd, host->text + length, host->text_size - length - 1, (off_t)length);
		if (n < 0)
			return -errno;
		length += (size_t)n;
	} while (n > 0);
	host->text[length] = '\0';
	return 0;
}

/* The growth of counters, and how many datagrams are being reassembled. */
static int read_stack(struct host *host, uint64_t ret[HOST_PROC_COUNT])
{
	uint64_t now[HOST_PROC_COUNT];

	memcpy(now, host->before, sizeof(now));
	for (int i = 0; i < HOST_PROC_FILES; i++) {
		int r = host->files[i] < 0 ? 0 : read_text(host, host->files[i]);

		if (r < 0)
			return r;
		if (host->files[i] >= 0)
			host_proc_parse((enum host_proc_file)i, host->text, now);
	}
	for (int i = 0; i < HOST_PROC_COUNT; i++)
		ret[i] = host->begun && now[i] > host->before[i] ? now[i] - host->before[i] : 0;
	ret[HOST_PROC_REASSEMBLING] = now[HOST_PROC_REASSEMBLING];
	ret[HOST_PROC_REASSEMBLING6] = now[HOST_PROC_REASSEMBLING6];
	memcpy(host->before, now, sizeof(now));
	host->begun = true;
	return 0;
}

void host_add_drop(struct host_counters *counters, const char *reason, uint64_t messages)
{
	if (!messages ||
	    counters->n_stack_drops ==
		sizeof(counters->stack_drops) / sizeof(*counters->stack_drops))
		return;
	counters->stack_drops[counters->n_stack_drops++] =
	    (struct wire_drop){.reason = reason, .messages = messages, .upper_bound = true};
}

/* --- a reading -------------------------------------------------------------------------------- */

/*
 * A datagram with a wrong checksum that reached a socket is in the socket's drops too. The sockets'
 * own are in RcvbufErrors and MemErrors of the namespace: what is above these is not theirs.
 */
static void take_checksums_off(
    const uint64_t stack[HOST_PROC_COUNT], struct host_counters *counters)
{
	const uint64_t own = stack[HOST_PROC_UDP_RCVBUF] + stack[HOST_PROC_UDP_MEMORY] +
	    stack[HOST_PROC_UDP6_RCVBUF] + stack[HOST_PROC_UDP6_MEMORY];
	const uint64_t wrong = stack[HOST_PROC_UDP_CHECKSUM] + stack[HOST_PROC_UDP6_CHECKSUM];
	const uint64_t above = saturating_less(counters->socket_drops, own);

	counters->checksums = wrong;
	counters->socket_checksums = above < wrong ? above : wrong;
	counters->socket_drops -= counters->socket_checksums;
}

static void add_lengths(const uint64_t stack[HOST_PROC_COUNT], struct host_counters *counters)
{
	host_add_drop(counters, "UdpInErrors",
	    saturating_less(stack[HOST_PROC_UDP_ERRORS],
		stack[HOST_PROC_UDP_CHECKSUM] + stack[HOST_PROC_UDP_RCVBUF] +
		    stack[HOST_PROC_UDP_MEMORY]));
	host_add_drop(counters, "Udp6InErrors",
	    saturating_less(stack[HOST_PROC_UDP6_ERRORS],
		stack[HOST_PROC_UDP6_CHECKSUM] + stack[HOST_PROC_UDP6_RCVBUF] +
		    stack[HOST_PROC_UDP6_MEMORY]));
}

static uint64_t overlapped(const uint64_t stack[HOST_PROC_COUNT])
{
	return stack[HOST_PROC_IP_OVERLAP] +
	    saturating_less(stack[HOST_PROC_IP6_REASSEMBLY], stack[HOST_PROC_IP6_REASSEMBLY_TIME]);
}

static bool done(struct host *host, enum host_part part, int r)
{
	if (r == 0)
		host->problems[part][0] = '\0';
	else if (part == HOST_NFT && r == -ENOENT)
		snprintf(host->problems[part], sizeof(host->problems[part]),
		    "there is no counter %s", host_nft_missing(&host->nft));
	else
		snprintf(host->problems[part], sizeof(host->problems[part]), "%s", strerror(-r));
	return r == 0;
}

/* Left unread where it could not even be opened. */
#define READ(host, part, call)                                                                     \
	done(host, part, (host)->open_errors[part] ? (host)->open_errors[part] : (call))

void host_read(struct host *host, struct host_counters *ret)
{
	uint64_t stack[HOST_PROC_COUNT] = {0};

	*ret = (struct host_counters){0};
	/* Sockets first: what they dropped meanwhile is in the stack's counters then. */
	READ(host, HOST_SOCKETS, host_sockets_read(&host->sockets, ret));
	if (READ(host, HOST_STACK, read_stack(host, stack))) {
		for (int i = 0; i < HOST_PROC_DROPS; i++)
			host_add_drop(ret, host_proc_reasons[i], stack[i]);
		add_lengths(stack, ret);
		take_checksums_off(stack, ret);
		ret->overlapped = overlapped(stack);
		ret->listen_overflows = stack[HOST_PROC_LISTEN_OVERFLOW];
		ret->reassembling = stack[HOST_PROC_REASSEMBLING] + stack[HOST_PROC_REASSEMBLING6];
		ret->known |= WIRE_KNOWS_STACK_DROPS | WIRE_KNOWS_LISTEN;
	}
	if (host->nft.n_counters)
		READ(host, HOST_NFT, host_nft_read(&host->nft, ret));
	READ(host, HOST_LINKS, host_links_read(&host->links, stack[HOST_PROC_SOFTNET_DROPS], ret));
	READ(host, HOST_QDISCS, host_qdiscs_read(&host->links, ret));
}

const char *host_problem(const struct host *host, enum host_part part)
{
	return host->problems[part][0] ? host->problems[part] : NULL;
}
