/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what a capture's link type puts in front to the IP packet that is counted. Link types:
 * Ethernet, raw IP, Linux cooked (SLL, SLL2), BSD loopback (NULL, LOOP), PPPoE and NFLOG. Unwrapped
 * are VLAN tags, PPPoE, MPLS, GRE (also with Ethernet in it, and ERSPAN), IP in IP (4in4, 6in4,
 * 4in6, 6in6) and VXLAN, LINK_LAYERS_MAX of them in one another. In captures only: a running agent
 * counts what its interfaces see unwrapped.
 */
#ifndef CROSSTAP_CAPTURE_LINK_H
#define CROSSTAP_CAPTURE_LINK_H

#include <stdbool.h>
#include <stdint.h>

#define LINK_LAYERS_MAX 16

/* Numbers of tcpdump.org/linktypes.html; RAW also as some systems wrote it. */
enum link_type {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_RAW_BSD = 12,
	LINK_RAW_OPENBSD = 14,
	LINK_PPP_ETHER = 51,
	LINK_RAW = 101,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_NFLOG = 239,
	LINK_SLL2 = 276,
};

/* What a packet is, if it is none of UDP or TCP over IP; `number` says more. */
enum packet_kind {
	PACKET_KIND_IP,        /* UDP or TCP, as far as can be seen */
	PACKET_KIND_ETHERTYPE, /* an EtherType that is not unwrapped */
	PACKET_KIND_PROTOCOL,  /* an IP protocol that is not */
	PACKET_KIND_LINK,      /* a link type that is not known, of one of a file's interfaces */
	PACKET_KIND_SHORT      /* ends within its headers */
};

struct pcap_packet {
	const uint8_t *data;
	uint64_t length; /* bytes at `data`; less than `frame_bytes` where the capture cut them */
	uint64_t frame_bytes;
	int64_t time_ns; /* since 1970 */
	bool raw;        /* `data` begins with the IP header; else with Ethernet's */
	bool outgoing;   /* the capture says that this host sent it */
	uint8_t kind;    /* enum packet_kind; not PACKET_KIND_IP: nothing of it can be counted */
	uint32_t number;
};

bool link_is_known(unsigned link);
/* *packet: the frame as captured. Moves it to its innermost IP header. `swapped`: the capture is of
 * a host with another byte order. */
void link_unwrap(struct pcap_packet *packet, unsigned link, bool swapped);

#endif
