/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the wire saw in one window, as plain data: bpf/, packet/ and host/ fill it by watch.c and
 * stages.c, replay fills it from captures by counter/fill.h; cross-check, reports and encoders read
 * it. All in the one thread that ends windows. The room holds what belongs to such a window and
 * nothing that fills it: sums over it, joining two of them, the modes' names, and the operations of
 * those who fill it (ops.h).
 *
 * All counts are of this window: differences, never running totals. What could not be measured is
 * not `known` (or NULL), which is something else than 0.
 *
 * Ownership: everything a struct wire_window points to lives in the arena that its filler was
 * given, as long as the arena is not reset, or is a string constant. Nobody frees parts of it.
 */
#ifndef CROSSTAP_WIRE_WINDOW_WINDOW_H
#define CROSSTAP_WIRE_WINDOW_WINDOW_H

#include "crosstap/wire_abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_NAME_BYTES 16 /* IFNAMSIZ: <net/if.h> and <linux/if.h> exclude each other */

/* A code that has no place in struct wire_counters: a query type from WIRE_QTYPES, an rcode from
 * WIRE_RCODES on. */
struct wire_rare {
	uint16_t code;
	uint64_t messages;
	uint64_t left_out; /* of these; query types only */
};
struct wire_rares { /* sorted by code, each once */
	const struct wire_rare *items;
	size_t n;
};

struct wire_interface {
	char name[WIRE_NAME_BYTES]; /* `pcap` in replay */
	const char *mode; /* native | generic | tc | packet | off | pcap: a string constant */
	bool egress;      /* outbound packets are seen, too */
	/* Sums over CPUs; addressed by enum wire_direction. */
	struct wire_counters counters[WIRE_DIRECTIONS];
	struct wire_rares qtypes; /* inbound */
	struct wire_rares rcodes; /* outbound */
};

struct wire_client { /* compared messages in; IPv4 as ::ffff:a.b.c.d */
	struct packet_address address;
	uint64_t messages;
};

struct wire_client_rtt { /* TCP handshakes of this window */
	struct packet_address address;
	uint64_t count, sum_us, min_us;
};

/* Where a compared, well-formed query over UDP ended between the wire and the nameserver's socket.
 * Malformed ones that end there are explained as malformed already. */
struct wire_drop {
	const char *reason; /* the kernel's skb_drop_reason or SNMP name, or the name of an nftables
			       counter */
	uint64_t messages;
	bool upper_bound; /* from counters that other packets move as well */
};

/* Members that were measured. */
enum wire_known {
	WIRE_KNOWS_NIC_DROPS = 1 << 0,
	WIRE_KNOWS_STACK_DROPS = 1 << 1,
	WIRE_KNOWS_SOCKETS = 1 << 2, /* socket_drops, queued_bytes */
	WIRE_KNOWS_LISTEN = 1 << 3,
	WIRE_KNOWS_TX_DROPS = 1 << 4,
	WIRE_KNOWS_SOURCES = 1 << 5, /* clients; sources_other is what found no entry */
};

struct wire_mark; /* wire/bpf/wire.h */

struct wire_window {
	/* False: the wire is off or was lost, and nothing below but interfaces' names and modes
	 * means anything. */
	bool watched;
	/* False: not from the window's start to its end: attached, detached, another mode,
	 * interface came or went, addresses or ports changed. */
	bool whole;
	/* How late the slot was flipped at the start and at the end; 0 where packets carry their
	 * own time (AF_PACKET, pcap). */
	uint64_t flip_start_ns, flip_end_ns;
	/* Packets that the filler itself missed (AF_PACKET's ring full, shed at limits.cpu). */
	uint64_t missed;

	const struct wire_interface *interfaces;
	size_t n_interfaces;

	/* Of all interfaces. */
	const struct wire_client *clients; /* in any order, each address once */
	size_t n_clients;
	const struct wire_rtt *rtt; /* NULL: not timed */
	const struct wire_client_rtt *client_rtts;
	size_t n_client_rtts;

	uint32_t known; /* enum wire_known */
	uint64_t nic_drops;
	bool drops_by_packet; /* stack_drops: the kernel gave each packet and its reason; false:
				 from the counters of the network namespace */
	const struct wire_drop *stack_drops; /* each reason once */
	size_t n_stack_drops;
	uint64_t socket_drops; /* UDP sockets of the nameserver */
	uint64_t queued_bytes; /* that the messages in them are charged with, at the end */
	/* Datagrams of which fragments are missing, at the end: not only the nameserver's. They
	 * wait for net.ipv4.ipfrag_time (30 s), and are stack drops then. 0 where it is not known.
	 */
	uint64_t reassembling;
	bool sockets_changed; /* a DNS socket came or went */
	uint64_t listen_overflows;
	uint64_t tx_drops; /* after tc egress: qdisc, device */

	const struct wire_mark *mark; /* its filler's own, for wire_bpf_reported() */
};

/* Compared with dnstap: messages, and malformed ones among them. */
static inline uint64_t wire_cell_compared(const struct wire_cell *cell)
{
	return cell->messages - cell->not_query - cell->left_out;
}

static inline uint64_t wire_cell_compared_malformed(const struct wire_cell *cell)
{
	return cell->malformed - cell->malformed_uncompared;
}

#endif
