/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * From the first byte of a frame to the transport header: Ethernet, VLAN and QinQ (IEEE 802.1Q),
 * IPv4 with options, IPv6 with extension headers (RFC 8200 section 4), fragments, UDP, TCP. Looks
 * at addresses and ports only where somebody asks: most packets of a host are not for us, and the
 * ports tell.
 *
 * A hook, PACKET_FOLLOW: behind the extension headers of IPv6. Whoever defines it before including
 * this supplies a function that the verifier sees once (bpf/count.bpf.h; bpf/drops.bpf.c); user
 * space has it inline. Called here.
 */
#ifndef CROSSTAP_PACKET_H
#define CROSSTAP_PACKET_H

#include "crosstap/compat.h"

#define PACKET_MAX_TAGS 2
/* IPv6 extension headers; a packet with more is not followed. Linux takes any number of destination
 * options: so many as a packet of 1,500 bytes has room for. */
#define PACKET_MAX_EXTENSIONS 192

#define PACKET_ETH_IPV4   0x0800
#define PACKET_ETH_IPV6   0x86dd
#define PACKET_ETH_VLAN   0x8100
#define PACKET_ETH_QINQ   0x88a8
#define PACKET_ETH_QINQ_9 0x9100 /* before 802.1ad */

#define PACKET_TCP 6
#define PACKET_UDP 17

#define PACKET_FIN 0x01
#define PACKET_SYN 0x02
#define PACKET_RST 0x04
#define PACKET_ACK 0x10

enum packet_family { PACKET_IPV4, PACKET_IPV6 };
enum packet_fragment { PACKET_WHOLE, PACKET_FIRST, PACKET_LATER };

struct packet {
	u64 ip;        /* offset of the IP header */
	u64 transport; /* offset of the UDP or TCP header; of a later fragment: of its data */
	u64 ip_bytes;  /* the IP packet as its header tells; of merged segments, all of them */
	u64 payload;   /* offset of what follows the UDP or TCP header */
	u64 length;    /* bytes there as the headers tell; they need not all be readable */
	u32 sequence, acknowledged; /* TCP */
	u16 source_port, destination_port;
	u8 family;    /* enum packet_family */
	u8 protocol;  /* PACKET_UDP or PACKET_TCP */
	u8 fragment;  /* enum packet_fragment; PACKET_LATER has no ports */
	u8 tcp_flags; /* PACKET_SYN, ... */
};

/* An address in network order; IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2). */
struct packet_address {
	u32 words[4];
};

CT_INLINE bool packet_is_tag(u16 type)
{
	return type == PACKET_ETH_VLAN || type == PACKET_ETH_QINQ || type == PACKET_ETH_QINQ_9;
}

/* Returns the EtherType behind the tags and moves *at there; 0 if the frame ends before. */
CT_INLINE u16 packet_link(const struct ct_view *view, u64 *at)
{
	const u8 *p = ct_bytes(view, 0, 14);
	u16 type;

	if (!p)
		return 0;
	type = ct_load_be16(p + 12);
	*at = 14;
#pragma GCC unroll 2
	for (u32 i = 0; i < PACKET_MAX_TAGS; i++) {
		if (!packet_is_tag(type))
			break;
		p = ct_bytes(view, *at, 4);
		if (!p)
			return 0;
		type = ct_load_be16(p + 2);
		*at += 4;
	}
	return type;
}

/* On a device without link header (tun, raw IP captures) the version says what it is. */
CT_INLINE u16 packet_raw(const struct ct_view *view)
{
	const u8 *p = ct_bytes(view, 0, 1);

	if (!p)
		return 0;
	return *p >> 4 == 4 ? PACKET_ETH_IPV4 : *p >> 4 == 6 ? PACKET_ETH_IPV6 : 0;
}

/* RFC 791, a header of `header` bytes at p. A total length of 0 is that of merged segments past 64
 * KiB: then the frame tells. */
CT_INLINE int packet_ipv4(const u8 *p, u64 header, u64 at, u64 frame_bytes, struct packet *packet)
{
	u64 total = ct_load_be16(p + 2);
	u16 fragment;

	if (!total)
		total = frame_bytes - at;
	if (header < 20 || total < header)
		return -1;
	fragment = ct_load_be16(p + 6);
	packet->fragment = PACKET_WHOLE;
	if (fragment & 0x3fff) /* MF or an offset */
		packet->fragment = fragment & 0x1fff ? PACKET_LATER : PACKET_FIRST;
	packet->family = PACKET_IPV4;
	packet->protocol = p[9];
	packet->ip_bytes = total;
	packet->transport = at + header;
	return 0;
}

/* How far the headers of an IPv6 packet have been followed; in one word, so that a BPF function of
 * its own can take a step. */
#define PACKET_CHAIN(at, protocol, fragment)                                                       \
	((u64)(at) | (u64)(protocol) << 32 | (u64)(fragment) << 40)
#define PACKET_CHAIN_AT(chain)       ((u64)(u32)(chain))
#define PACKET_CHAIN_PROTOCOL(chain) ((u8)((chain) >> 32))
#define PACKET_CHAIN_FRAGMENT(chain) ((u8)((chain) >> 40))
#define PACKET_CHAIN_END             ((u64)1 << 63) /* no header to follow */
#define PACKET_CHAIN_CUT             (~(u64)0)      /* the next one is not readable */

/* Hop-by-hop options, routing, fragment, authentication (RFC 4302), destination options. */
#define PACKET_EXTENSIONS ((u64)1 << 0 | (u64)1 << 43 | (u64)1 << 44 | (u64)1 << 51 | (u64)1 << 60)
#define PACKET_MOBILITY   135 /* RFC 6275 */

CT_INLINE bool packet_is_extension(u8 protocol)
{
	return protocol < 64 ? PACKET_EXTENSIONS >> protocol & 1 : protocol == PACKET_MOBILITY;
}

/* Moves behind one extension header, if there is one. */
CT_INLINE u64 packet_next_header(const struct ct_view *view, u64 chain)
{
	const u8 protocol = PACKET_CHAIN_PROTOCOL(chain);
	const u64 at = PACKET_CHAIN_AT(chain);
	u8 fragment = PACKET_CHAIN_FRAGMENT(chain);
	const u8 *p;

	if (!packet_is_extension(protocol) || fragment == PACKET_LATER)
		return chain | PACKET_CHAIN_END;
	p = ct_bytes(view, at, 8);
	if (!p)
		return PACKET_CHAIN_CUT;
	if (protocol == 51)
		return PACKET_CHAIN(at + ((u64)p[1] + 2) * 4, p[0], fragment);
	if (protocol != 44)
		return PACKET_CHAIN(at + ((u64)p[1] + 1) * 8, p[0], fragment);
	/* RFC 6946: a fragment that is all there is ("atomic") is a whole packet. */
	if (ct_load_be16(p + 2) & 0xfff9)
		fragment = ct_load_be16(p + 2) & 0xfff8 ? PACKET_LATER : PACKET_FIRST;
	return PACKET_CHAIN(at + 8, p[0], fragment);
}

/* Moves behind all of them. */
CT_INLINE u64 packet_headers(const struct ct_view *view, u64 chain)
{
	for (u32 i = 0; i < PACKET_MAX_EXTENSIONS && !(chain & PACKET_CHAIN_END); i++)
		chain = packet_next_header(view, chain);
	return chain;
}

/* The kernel side puts a function that is verified on its own in its place. */
#ifndef PACKET_FOLLOW
#define PACKET_FOLLOW(view, reader, chain) packet_headers(view, chain)
#endif

/* A payload length of 0 is that of merged segments, or of a jumbogram, which has hop-by-hop options
 * (RFC 2675). Without these a datagram is none: the kernel cuts it off behind the IP header. */
CT_INLINE int packet_ipv6(const struct ct_view *view, const void *reader CT_UNUSED, u64 at,
    u64 frame_bytes, struct packet *packet)
{
	const u8 *p = ct_bytes(view, at, 40);
	u64 payload, chain;
	bool empty;

	if (!p || p[0] >> 4 != 6)
		return -1;
	payload = ct_load_be16(p + 4);
	empty = !payload && p[6];
	packet->family = PACKET_IPV6;
	packet->ip_bytes = payload ? 40 + payload : frame_bytes - at;
	chain = PACKET_FOLLOW(view, reader, PACKET_CHAIN(at + 40, p[6], PACKET_WHOLE));
	if (chain == PACKET_CHAIN_CUT)
		return -1;
	packet->protocol = PACKET_CHAIN_PROTOCOL(chain);
	packet->fragment = PACKET_CHAIN_FRAGMENT(chain);
	packet->transport = PACKET_CHAIN_AT(chain);
	return empty && packet->protocol == PACKET_UDP ? -1 : 0;
}

/* RFC 768. The message's length is the UDP header's, but never more than the IP packet holds; of a
 * first fragment it is the header's alone. A length of 0 is a jumbogram's (RFC 2675 section 4), as
 * long as the IPv6 packet; Linux takes it in packets of any length. */
CT_INLINE int packet_udp(const u8 *p, struct packet *packet)
{
	const u64 room = packet->ip + packet->ip_bytes - packet->transport;
	u64 length;

	if ((s64)room < 8)
		return -1;
	packet->source_port = ct_load_be16(p);
	packet->destination_port = ct_load_be16(p + 2);
	length = ct_load_be16(p + 4);
	if (!length && packet->family == PACKET_IPV6)
		length = 0xffff;
	if (packet->fragment == PACKET_WHOLE && length > room)
		length = room;
	packet->length = length < 8 ? 0 : length - 8;
	packet->payload = packet->transport + 8;
	return 0;
}

/* What an RST carries is a text that says why (RFC 9293 section 3.5.3), and a segment without ACK
 * is dropped (section 3.10.7.4): its data and its end are none of the stream's. */
CT_INLINE bool packet_is_dropped(u8 flags)
{
	return flags & PACKET_RST || !(flags & (PACKET_SYN | PACKET_ACK));
}

/* RFC 9293 section 3.1. */
CT_INLINE int packet_tcp(const struct ct_view *view, struct packet *packet)
{
	const u8 *p = ct_bytes(view, packet->transport, 20);
	const u64 room = packet->ip + packet->ip_bytes - packet->transport;
	u64 header;

	if (!p)
		return -1;
	header = (u64)(p[12] >> 4) * 4;
	if (header < 20 || (s64)room < (s64)header)
		return -1;
	packet->source_port = ct_load_be16(p);
	packet->destination_port = ct_load_be16(p + 2);
	packet->sequence = ct_load_be32(p + 4);
	packet->acknowledged = ct_load_be32(p + 8);
	packet->tcp_flags = p[13];
	packet->payload = packet->transport + header;
	packet->length = room - header;
	if (packet_is_dropped(p[13])) {
		packet->length = 0;
		packet->tcp_flags &= (u8)~PACKET_FIN;
	}
	return 0;
}

/* For the verifier: whatever the IP headers were, the rest of the way is one. */
CT_INLINE void packet_forget(struct packet *packet)
{
	u64 protocol = packet->protocol, fragment = packet->fragment, family = packet->family;

	CT_FORGET(protocol);
	CT_FORGET(fragment);
	CT_FORGET(family);
	CT_FORGET(packet->ip);
	CT_FORGET(packet->ip_bytes);
	CT_FORGET(packet->transport);
	packet->protocol = (u8)protocol;
	packet->fragment = (u8)fragment;
	packet->family = (u8)family;
}

/* Behind the IP headers. */
CT_INLINE int packet_transport(const struct ct_view *view, struct packet *packet)
{
	const u8 *p;

	if (packet->protocol != PACKET_UDP && packet->protocol != PACKET_TCP)
		return -1;
	if (packet->fragment == PACKET_LATER) {
		packet->payload = packet->transport;
		packet->length = 0;
		return 0;
	}
	if (packet->protocol == PACKET_TCP)
		return packet_tcp(view, packet);
	p = ct_bytes(view, packet->transport, 8);
	return p ? packet_udp(p, packet) : -1;
}

/*
 * Fills *packet; -1: not UDP or TCP over IP, or cut before its ports. `raw`: the frame begins with
 * the IP header. `frame_bytes`: of the frame on the wire, which may be more than is readable. A
 * later fragment has no ports, payload or length. `reader` is for PACKET_FOLLOW.
 */
CT_INLINE int packet_parse(const struct ct_view *view, const void *reader, bool raw,
    u64 frame_bytes, struct packet *packet)
{
	u64 at = 0;
	const u16 type = raw ? packet_raw(view) : packet_link(view, &at);
	const u8 *p;

	packet->ip = at;
	if (type == PACKET_ETH_IPV4) {
		p = ct_bytes(view, at, 20);
		if (!p || p[0] >> 4 != 4 ||
		    packet_ipv4(p, (u64)(p[0] & 15) * 4, at, frame_bytes, packet))
			return -1;
	} else if (type == PACKET_ETH_IPV6) {
		if (packet_ipv6(view, reader, at, frame_bytes, packet))
			return -1;
	} else {
		return -1;
	}
	packet_forget(packet);
	return packet_transport(view, packet);
}

/* Plain packets: no tags, options, fragments or extension headers; every offset is a constant. */
#define PACKET_LINK_BYTES   14
#define PACKET_PLAIN_BYTES4 (PACKET_LINK_BYTES + 20 + 8)
#define PACKET_PLAIN_BYTES6 (PACKET_LINK_BYTES + 40 + 8)

/* p: that many bytes of an Ethernet frame. The protocol may be any. */
CT_INLINE bool packet_is_plain4(const u8 *p)
{
	return ct_load_be16(p + 12) == PACKET_ETH_IPV4 && p[14] == 0x45 &&
	    !(ct_load_be16(p + 20) & 0x3fff);
}

CT_INLINE bool packet_is_plain6(const u8 *p)
{
	return ct_load_be16(p + 12) == PACKET_ETH_IPV6 && p[14] >> 4 == 6;
}

CT_INLINE void packet_mapped(struct packet_address *address, u32 ipv4)
{
	address->words[0] = 0;
	address->words[1] = 0;
	address->words[2] = CT_BE32(0xffff);
	address->words[3] = ipv4;
}

CT_INLINE void packet_address6(struct packet_address *address, const u8 *p)
{
	address->words[0] = ct_load_raw32(p);
	address->words[1] = ct_load_raw32(p + 4);
	address->words[2] = ct_load_raw32(p + 8);
	address->words[3] = ct_load_raw32(p + 12);
}

/* The addresses of a parsed packet. Returns -1 only where the view shrank since. */
CT_INLINE int packet_read_addresses(const struct ct_view *view, const struct packet *packet,
    struct packet_address *source, struct packet_address *destination)
{
	const u8 *p;

	if (packet->family == PACKET_IPV4) {
		p = ct_bytes(view, packet->ip + 12, 8);
		if (!p)
			return -1;
		packet_mapped(source, ct_load_raw32(p));
		packet_mapped(destination, ct_load_raw32(p + 4));
		return 0;
	}
	p = ct_bytes(view, packet->ip + 8, 32);
	if (!p)
		return -1;
	packet_address6(source, p);
	packet_address6(destination, p + 16);
	return 0;
}

#endif
