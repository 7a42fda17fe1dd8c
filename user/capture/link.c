/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/link.h"

#include "crosstap/packet.h"

#define ETHERNET_BYTES 14
#define SLL_BYTES      16 /* LINKTYPE_LINUX_SLL: type at 0, protocol at 14 */
#define SLL2_BYTES     20 /* LINKTYPE_LINUX_SLL2: protocol at 0, type at 10 */
#define LOOP_BYTES     4  /* the family, in the order of the host that captured: not looked at */
#define SLL_OUTGOING   4

#define ETH_TRANSPARENT 0x6558 /* Ethernet in GRE (RFC 1701, RFC 7637) */
#define ETH_MPLS        0x8847 /* RFC 5332 */
#define ETH_MPLS_ANY    0x8848
#define ETH_PPPOE       0x8864 /* RFC 2516, session stage */
#define ETH_ERSPAN      0x88be /* draft-foschiano-erspan: types I and II */
#define ETH_ERSPAN_3    0x22eb
#define PPP_IPV4        0x0021
#define PPP_IPV6        0x0057

#define IP_IPV4 4
#define IP_IPV6 41
#define IP_GRE  47

#define GRE_CHECKSUM 0x8000 /* RFC 2784, RFC 2890 */
#define GRE_KEY      0x2000
#define GRE_SEQUENCE 0x1000
#define GRE_VERSION  0x0007

#define VXLAN_PORT 4789 /* RFC 7348 */

#define NFLOG_HEADER  4
#define NFLOG_PACKET  1 /* be16 protocol, u8 hook */
#define NFLOG_PAYLOAD 9
#define HOOK_OUTPUT   3 /* NF_INET_LOCAL_OUT; 4: POST_ROUTING */

bool link_is_known(unsigned link)
{
	switch (link) {
	case LINK_NULL:
	case LINK_ETHERNET:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_PPP_ETHER:
	case LINK_RAW:
	case LINK_LOOP:
	case LINK_SLL:
	case LINK_IPV4:
	case LINK_IPV6:
	case LINK_NFLOG:
	case LINK_SLL2:
		return true;
	default:
		return false;
	}
}

static void set_kind(struct pcap_packet *packet, enum packet_kind kind, uint32_t number)
{
	packet->kind = (uint8_t)kind;
	packet->number = number;
}

/* Cuts n bytes off the front; false: there are not as many. */
static bool cut(struct pcap_packet *packet, uint64_t n)
{
	if (packet->length < n) {
		set_kind(packet, PACKET_KIND_SHORT, 0);
		return false;
	}
	packet->data += n;
	packet->length -= n;
	packet->frame_bytes -= n;
	return true;
}

/* --- one layer each: moves behind its header and says which EtherType follows, 0: nothing that is
 * known, and why is set --------------------------------------------------------------------------
 */

static uint16_t open_ethernet(struct pcap_packet *packet)
{
	return cut(packet, ETHERNET_BYTES) ? ct_load_be16(packet->data - 2) : 0;
}

static uint16_t open_vlan(struct pcap_packet *packet)
{
	return cut(packet, 4) ? ct_load_be16(packet->data - 2) : 0;
}

static uint16_t open_pppoe(struct pcap_packet *packet)
{
	uint16_t protocol;

	if (!cut(packet, 8))
		return 0;
	protocol = ct_load_be16(packet->data - 2);
	if (packet->data[-7] == 0 && protocol == PPP_IPV4)
		return PACKET_ETH_IPV4;
	if (packet->data[-7] == 0 && protocol == PPP_IPV6)
		return PACKET_ETH_IPV6;
	set_kind(packet, PACKET_KIND_ETHERTYPE, ETH_PPPOE);
	return 0;
}

/* Labels do not say what follows; the version of IP does (RFC 4928). */
static uint16_t open_mpls(struct pcap_packet *packet)
{
	do {
		if (!cut(packet, 4))
			return 0;
	} while (!(packet->data[-2] & 1)); /* the bottom of the stack */
	if (packet->length && packet->data[0] >> 4 == 4)
		return PACKET_ETH_IPV4;
	if (packet->length && packet->data[0] >> 4 == 6)
		return PACKET_ETH_IPV6;
	set_kind(packet, PACKET_KIND_ETHERTYPE, ETH_MPLS);
	return 0;
}

/* Behind the IP header. */
static uint16_t open_gre(struct pcap_packet *packet)
{
	uint16_t flags, type;
	uint64_t header = 4;

	if (!cut(packet, 4))
		return 0;
	flags = ct_load_be16(packet->data - 4);
	type = ct_load_be16(packet->data - 2);
	if (flags & GRE_VERSION) { /* PPTP (RFC 2637) */
		set_kind(packet, PACKET_KIND_PROTOCOL, IP_GRE);
		return 0;
	}
	header = (flags & GRE_CHECKSUM ? 4 : 0) + (flags & GRE_KEY ? 4 : 0) +
	    (flags & GRE_SEQUENCE ? 4 : 0);
	/* Type I of ERSPAN has no sequence number and no header of its own. */
	if (type == ETH_ERSPAN && flags & GRE_SEQUENCE)
		header += 8;
	if (type == ETH_ERSPAN_3)
		header += 12;
	if (!cut(packet, header))
		return 0;
	/* The subheader of type III that its last bit announces. */
	if (type == ETH_ERSPAN_3 && packet->data[-1] & 1 && !cut(packet, 8))
		return 0;
	return type == ETH_ERSPAN || type == ETH_ERSPAN_3 ? ETH_TRANSPARENT : type;
}

/* A datagram to VXLAN's port may still be a client's: of VXLAN's header all but a bit and the
 * network's number is 0, and no DNS response looks like that. */
static bool is_vxlan(const struct pcap_packet *packet, uint64_t at)
{
	const uint8_t *p = packet->data + at;

	if (packet->length < at + 16 || ct_load_be16(p + 2) != VXLAN_PORT)
		return false;
	p += 8;
	return ct_load_be32(p) == 0x08000000 && p[7] == 0;
}

/* How far do the IP headers go, and what is behind? False: it is no IP packet. */
static bool read_ip(const struct pcap_packet *packet, uint16_t type, struct packet *ret)
{
	const struct ct_view view = {.data = packet->data, .end = packet->data + packet->length};
	const uint8_t *p;

	*ret = (struct packet){0};
	if (type == PACKET_ETH_IPV6)
		return packet_ipv6(&view, NULL, 0, packet->frame_bytes, ret) == 0;
	p = ct_bytes(&view, 0, 20);
	return p && p[0] >> 4 == 4 &&
	    packet_ipv4(p, (uint64_t)(p[0] & 15) * 4, 0, packet->frame_bytes, ret) == 0;
}

/* Another packet in this one: moves to it. 0: there is none; `kind` is set where it is neither UDP
 * nor TCP. */
static uint16_t open_ip(struct pcap_packet *packet, uint16_t type)
{
	struct packet ip;

	if (!read_ip(packet, type, &ip)) {
		set_kind(packet, PACKET_KIND_SHORT, 0);
		return 0;
	}
	if (ip.protocol == PACKET_TCP)
		return 0;
	if (ip.protocol == PACKET_UDP) {
		if (ip.fragment || !is_vxlan(packet, ip.transport))
			return 0;
		cut(packet, ip.transport + 16);
		return ETH_TRANSPARENT;
	}
	/* Of a packet in fragments only the first has the inner headers, and no length to go by. */
	if (!ip.fragment && (ip.protocol == IP_IPV4 || ip.protocol == IP_IPV6))
		return !cut(packet, ip.transport) ? 0
		    : ip.protocol == IP_IPV4      ? PACKET_ETH_IPV4
						  : PACKET_ETH_IPV6;
	if (!ip.fragment && ip.protocol == IP_GRE)
		return cut(packet, ip.transport) ? open_gre(packet) : 0;
	set_kind(packet, PACKET_KIND_PROTOCOL, ip.protocol);
	return 0;
}

static uint16_t open_layer(struct pcap_packet *packet, uint16_t type)
{
	switch (type) {
	case PACKET_ETH_IPV4:
	case PACKET_ETH_IPV6:
		return open_ip(packet, type);
	case PACKET_ETH_VLAN:
	case PACKET_ETH_QINQ:
	case PACKET_ETH_QINQ_9:
		return open_vlan(packet);
	case ETH_PPPOE:
		return open_pppoe(packet);
	case ETH_MPLS:
	case ETH_MPLS_ANY:
		return open_mpls(packet);
	case ETH_TRANSPARENT:
		return open_ethernet(packet);
	default:
		set_kind(packet, PACKET_KIND_ETHERTYPE, type);
		return 0;
	}
}

/* Down to the last header; a packet with more layers than LINK_LAYERS_MAX counts as its last. */
static void open_layers(struct pcap_packet *packet, uint16_t type)
{
	for (unsigned i = 0; type && i < LINK_LAYERS_MAX; i++)
		type = open_layer(packet, type);
	if (type)
		set_kind(packet, PACKET_KIND_ETHERTYPE, type);
}

/* --- link types ------------------------------------------------------------------------------- */

/* A frame without more than that is left as it is: it has the shortest way to the counters. */
static void unwrap_ethernet(struct pcap_packet *packet)
{
	struct pcap_packet inner = *packet;
	const uint16_t type = open_ethernet(&inner);

	if (type)
		open_layers(&inner, type);
	inner.raw = true;
	if (inner.data - packet->data != ETHERNET_BYTES) {
		*packet = inner;
		return;
	}
	packet->raw = false;
	packet->kind = inner.kind;
	packet->number = inner.number;
}

static void unwrap_cooked(struct pcap_packet *packet, uint64_t header, uint64_t protocol_at,
    uint64_t type_at, uint64_t type_bytes)
{
	const uint8_t *p = packet->data;
	uint16_t type;

	if (!cut(packet, header))
		return;
	type = type_bytes == 1 ? p[type_at] : ct_load_be16(p + type_at);
	packet->outgoing = type == SLL_OUTGOING;
	open_layers(packet, ct_load_be16(p + protocol_at));
}

/* The version says which. */
static void unwrap_raw(struct pcap_packet *packet, uint64_t header)
{
	unsigned version;

	if (!cut(packet, header))
		return;
	version = packet->length ? packet->data[0] >> 4 : 0;
	if (version == 4 || version == 6)
		open_layers(packet, version == 4 ? PACKET_ETH_IPV4 : PACKET_ETH_IPV6);
	else
		set_kind(packet, PACKET_KIND_SHORT, 0);
}

/* Attributes of a length and a type in the byte order of the host that captured. */
static void unwrap_nflog(struct pcap_packet *packet, bool swapped)
{
	if (!cut(packet, NFLOG_HEADER))
		return;
	while (packet->length >= 4) {
		const bool little = (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) != swapped;
		const uint8_t *p = packet->data;
		const unsigned length = little ? p[1] * 256u + p[0] : p[0] * 256u + p[1];
		const unsigned type = little ? p[3] * 256u + p[2] : p[2] * 256u + p[3];

		if (type == NFLOG_PAYLOAD) {
			unwrap_raw(packet, 4);
			return;
		}
		if (type == NFLOG_PACKET && length >= 7 && packet->length >= 7)
			packet->outgoing = p[6] == HOOK_OUTPUT || p[6] == HOOK_OUTPUT + 1;
		if (length < 4 || !cut(packet, (length + 3u) & ~3u))
			break;
	}
	set_kind(packet, PACKET_KIND_SHORT, 0);
}

void link_unwrap(struct pcap_packet *packet, unsigned link, bool swapped)
{
	packet->raw = true;
	packet->kind = PACKET_KIND_IP;
	switch (link) {
	case LINK_ETHERNET:
		unwrap_ethernet(packet);
		break;
	case LINK_NULL:
	case LINK_LOOP:
		unwrap_raw(packet, LOOP_BYTES);
		break;
	case LINK_SLL:
		unwrap_cooked(packet, SLL_BYTES, 14, 0, 2);
		break;
	case LINK_SLL2:
		unwrap_cooked(packet, SLL2_BYTES, 0, 10, 1);
		break;
	case LINK_PPP_ETHER:
		open_layers(packet, ETH_PPPOE);
		break;
	case LINK_NFLOG:
		unwrap_nflog(packet, swapped);
		break;
	default:
		if (link_is_known(link))
			unwrap_raw(packet, 0);
		else
			set_kind(packet, PACKET_KIND_LINK, link);
		break;
	}
}
