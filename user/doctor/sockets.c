/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: what the nameserver's sockets hold, dropped and refused, by sock_diag(7). */
#include "doctor/network.h"

#include "doctor/read.h"
#include "wire/host/proc.h"
#include "wire/netlink/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_BYTES (1 << 20) /* see stack.c */

/* -- what is there */

struct look {
	struct doctor *doctor;
	struct doctor_socket *sockets;
	size_t n, left_out;
	int r;
	uint8_t protocol;
	uint64_t overflows; /* of listening sockets, since the namespace began */
};

static bool is_wanted(const struct config_wire *wire, uint16_t port)
{
	const struct config_ports *const lists[] = {
	    &wire->ports, &wire->dot_ports, &wire->doh_ports};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (size_t j = 0; j < lists[i]->n; j++) {
			if (lists[i]->ports[j] == port)
				return true;
		}
	}
	return false;
}

static void take_memory(const struct nlmsghdr *message, struct doctor_socket *socket)
{
	uint32_t memory[SK_MEMINFO_VARS] = {0};
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, message, sizeof(struct inet_diag_msg))
	{
		const uint16_t length = mnl_attr_get_payload_len(attribute);

		if (mnl_attr_get_type(attribute) == INET_DIAG_SKMEMINFO)
			memcpy(memory, mnl_attr_get_payload(attribute),
			    length < sizeof(memory) ? length : sizeof(memory));
	}
	socket->receive_buffer = memory[SK_MEMINFO_RCVBUF];
	socket->send_buffer = memory[SK_MEMINFO_SNDBUF];
	socket->queued_bytes = memory[SK_MEMINFO_RMEM_ALLOC];
	socket->drops = memory[SK_MEMINFO_DROPS];
}

static int take_socket(const struct nlmsghdr *message, void *context)
{
	struct look *look = context;
	const struct inet_diag_msg *from = mnl_nlmsg_get_payload(message);
	struct doctor_socket *to = &look->sockets[look->n];

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*from) ||
	    !is_wanted(&look->doctor->config->wire, ntohs(from->id.idiag_sport)))
		return MNL_CB_OK;
	if (look->n == DOCTOR_SOCKETS_MAX) {
		look->left_out++;
		return MNL_CB_OK;
	}
	memset(to, 0, sizeof(*to));
	memcpy(to->address, from->id.idiag_src, sizeof(to->address));
	to->port = ntohs(from->id.idiag_sport);
	to->family = from->idiag_family;
	to->listening = look->protocol == IPPROTO_TCP;
	if (to->listening) {
		to->waiting = from->idiag_rqueue;
		to->backlog = from->idiag_wqueue;
	} else {
		take_memory(message, to);
	}
	look->n++;
	return MNL_CB_OK;
}

static int dump(struct look *look, struct netlink_client *client, uint8_t family, uint8_t protocol)
{
	const struct inet_diag_req_v2 request = {
	    .sdiag_family = family,
	    .sdiag_protocol = protocol,
	    .idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1),
	    .idiag_states = protocol == IPPROTO_TCP ? 1U << TCP_LISTEN : UINT32_MAX,
	};

	look->protocol = protocol;
	return netlink_client_dump(
	    client, SOCK_DIAG_BY_FAMILY, &request, sizeof(request), take_socket, look);
}

static void visit(void *context)
{
	static const uint8_t families[] = {AF_INET, AF_INET6},
			     protocols[] = {IPPROTO_UDP, IPPROTO_TCP};
	struct netlink_client client = {0};
	struct look *look = context;
	uint64_t counters[HOST_PROC_COUNT] = {0};
	char *text = NULL;

	if (doctor_read("/proc/thread-self/net/netstat", &text, NULL) == 0)
		host_proc_parse(HOST_PROC_NETSTAT, text, counters);
	free(text);
	look->overflows = counters[HOST_PROC_LISTEN_OVERFLOW];
	look->r = netlink_client_open(&client, NETLINK_SOCK_DIAG);
	if (look->r < 0)
		return;
	for (int i = 0; i < 4 && look->r == 0; i++)
		look->r = dump(look, &client, families[i & 1], protocols[i >> 1]);
	netlink_client_close(&client);
}

/* -- what it means */

static void name_of(const struct doctor_socket *socket, char ret[80])
{
	char address[INET6_ADDRSTRLEN] = "?";

	inet_ntop(socket->family, socket->address, address, sizeof(address));
	snprintf(ret, 80, socket->family == AF_INET6 ? "[%s]:%u" : "%s:%u", address, socket->port);
}

static bool is_beside(const struct doctor_socket *a, const struct doctor_socket *b)
{
	return a->family == b->family && a->port == b->port && a->listening == b->listening &&
	    memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

/* Sockets at one address (SO_REUSEPORT): the first of them speaks for all. */
struct group {
	size_t n, dropping, holding;
	uint64_t drops, queued;
	uint32_t smallest;
};

static bool gather(const struct doctor_socket *sockets, size_t n, size_t first, struct group *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->smallest = UINT32_MAX;
	for (size_t i = 0; i < n; i++) {
		const struct doctor_socket *one = &sockets[i];

		if (!is_beside(one, &sockets[first]))
			continue;
		if (i < first)
			return false;
		ret->n++;
		ret->dropping += one->drops > 0;
		ret->holding += one->queued_bytes > one->receive_buffer / 4;
		ret->drops += one->drops;
		ret->queued += one->queued_bytes;
		if (one->receive_buffer < ret->smallest)
			ret->smallest = one->receive_buffer;
	}
	return true;
}

static void judge_udp(struct doctor *doctor, const char *name, const struct group *group)
{
	if (group->drops)
		doctor_note(doctor, DOCTOR_WARNING,
		    "queries that arrived were never seen by the nameserver: it is too slow for "
		    "its bursts, or its buffer too small",
		    "sysctl -w net.core.rmem_max=4194304 net.core.rmem_default=4194304\nss -lunpm",
		    "%s: its sockets dropped %llu datagrams, and hold %llu bytes now", name,
		    (unsigned long long)group->drops, (unsigned long long)group->queued);
	if (group->n > 1 &&
	    ((group->dropping && group->dropping < group->n) ||
		(group->holding && group->holding < group->n)))
		doctor_note(doctor, DOCTOR_WARNING,
		    "the kernel chooses a socket by the addresses and ports of a packet: a thread "
		    "that is slow or stuck, or one "
		    "client that sends most, loses queries while the others idle",
		    "ss -lunpm; top -H -b -n 1 | head -30",
		    "%s: of %zu sockets (SO_REUSEPORT) %zu dropped and %zu hold a queue, the "
		    "others do not",
		    name, group->n, group->dropping, group->holding);
	if (group->smallest < SMALL_BYTES)
		doctor_note(doctor, DOCTOR_WARNING,
		    "a burst that does not fit while the nameserver is busy is dropped",
		    "sysctl -w net.core.rmem_max=4194304 net.core.rmem_default=4194304 # then "
		    "restart the nameserver",
		    "%s: a socket has a receive buffer of %u bytes", name, group->smallest);
	else if (!group->drops)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL,
		    "%s: %zu UDP sockets without drops, of at least %u bytes", name, group->n,
		    group->smallest);
}

static void judge_tcp(struct doctor *doctor, const char *name, const struct doctor_socket *socket)
{
	if (socket->backlog && socket->waiting >= socket->backlog)
		doctor_note(doctor, DOCTOR_WARNING, "further connections are refused or forgotten",
		    "sysctl -w net.core.somaxconn=4096; ss -ltn",
		    "%s: all %u places for connections are taken", name, socket->backlog);
}

void doctor_judge_sockets(struct doctor *doctor, const struct doctor_socket *sockets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct group group;
		char name[80];

		name_of(&sockets[i], name);
		if (sockets[i].listening)
			judge_tcp(doctor, name, &sockets[i]);
		else if (gather(sockets, n, i, &group))
			judge_udp(doctor, name, &group);
	}
}

void doctor_sockets(struct doctor *doctor)
{
	struct look look = {.doctor = doctor, .r = -ENOENT};

	look.sockets = calloc(DOCTOR_SOCKETS_MAX, sizeof(*look.sockets));
	if (!look.sockets) {
		doctor->failed = true;
		return;
	}
	doctor_in_namespace(doctor, visit, &look);
	if (look.r < 0)
		doctor_note(doctor, DOCTOR_WARNING, "drops of sockets cannot be seen", "ss -lunpm",
		    "the kernel does not list sockets: %s", strerror(-look.r));
	else if (!look.n)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "none at the ports of the wire");
	doctor_judge_sockets(doctor, look.sockets, look.n);
	if (look.overflows)
		doctor_note(doctor, DOCTOR_WARNING,
		    "a connection that was made had no place to wait: the client sees it hang",
		    "sysctl -w net.core.somaxconn=4096; nstat -az TcpExtListenOverflows; ss -ltn",
		    "listening sockets overflowed %llu times since the start",
		    (unsigned long long)look.overflows);
	if (look.left_out)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "%zu more sockets were not looked at",
		    look.left_out);
	free(look.sockets);
}
