/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What is done with a packet, from its first byte to the last counter: the decisions that XDP, tc
 * and user space share.
 */
#ifndef CROSSTAP_WIRE_PACKET_H
#define CROSSTAP_WIRE_PACKET_H

#include "crosstap/wire_count.h"
#include "crosstap/wire_handshake.h"
#include "crosstap/wire_tcp.h"

/* The frame as a whole. */
struct wire_frame {
	u64 bytes;    /* on the wire */
	u64 readable; /* bytes that can be had, linear or not; at most `bytes` */
	u64 segments; /* that the kernel merged into it, else 1 */
	bool raw;     /* begins with the IP header */
};

/* Hooks: call wire_handshake and wire_count_stream. */
CT_INLINE void wire_pass_handshake(
    const struct wire_env *env, const struct packet *packet, const struct wire_peer *peer);
CT_INLINE void wire_pass_stream(const struct wire_env *env, const struct packet *packet,
    const struct wire_flow_key *key, const struct wire_peer *peer, u64 readable);
/* Hook. The counters of this direction and slot; NULL for none. */
CT_INLINE struct wire_counters *wire_find_counters(const struct wire_env *env);

CT_INLINE void wire_count_tcp(const struct wire_env *env, struct wire_cell *cell,
    const struct packet *packet, const struct packet_address *server, const struct wire_peer *peer,
    u64 readable, bool dns)
{
	const u8 flags = packet->tcp_flags & (PACKET_SYN | PACKET_ACK);
	struct wire_flow_key key;

	if (packet->tcp_flags & PACKET_RST)
		cell->resets++;
	if (flags == (env->direction == WIRE_OUT ? PACKET_SYN | PACKET_ACK : PACKET_SYN))
		cell->connections++;
	if (env->config->options & WIRE_RTT)
		wire_pass_handshake(env, packet, peer);
	if (!dns)
		return;
	if (packet->fragment) {
		cell->resync++;
		return;
	}
	key.client = peer->client;
	key.server = *server;
	key.client_port =
	    env->direction == WIRE_OUT ? packet->destination_port : packet->source_port;
	key.server_port =
	    env->direction == WIRE_OUT ? packet->source_port : packet->destination_port;
	key.direction = env->direction;
	if (packet->length || packet->tcp_flags & (PACKET_FIN | PACKET_RST))
		wire_pass_stream(env, packet, &key, peer, readable);
}

/* QUIC's first packets have a long header of type Initial (RFC 9000 section 17.2.2, in version 2
 * RFC 9369 section 3.2). A handshake takes one or two of the client's. */
CT_INLINE void wire_count_quic(
    const struct wire_env *env, struct wire_cell *cell, const struct packet *packet)
{
	u8 first, version[4] __attribute__((aligned(4)));
	u8 initial;

	if (env->direction != WIRE_IN || packet->length < 1200 || packet->fragment ||
	    wire_read(env, packet->payload, &first, 1) ||
	    wire_read(env, packet->payload + 1, version, sizeof(version)))
		return;
	initial = ct_load_be32(version) == 0x6b3343cf ? 0xd0 : 0xc0;
	if ((first & 0xf0) == initial)
		cell->connections++;
}

CT_INLINE u32 wire_packet_transport(const struct wire_env *env, const struct packet *packet)
{
	const u16 port =
	    env->direction == WIRE_OUT ? packet->source_port : packet->destination_port;

	if (packet->fragment == PACKET_LATER)
		return packet->protocol == PACKET_UDP ? WIRE_UDP : WIRE_TCP;
	return wire_transport(env->config->ports[port], packet->protocol);
}

/* A datagram's facts in one word, and what is left in another: the kernel side hands them to a
 * function of their own. */
#define WIRE_PLACE(packet)                                                                         \
	((packet)->ip | (packet)->payload << 16 | (packet)->length << 32 | (packet)->ip_bytes << 48)
#define WIRE_KIND(packet, transport, segments)                                                     \
	((u64)(packet)->family | (u64)(packet)->fragment << 1 | (u64)(transport) << 8 |            \
	    (segments) << 16)

/* Hooks: call wire_count_datagram and wire_count_segment. */
CT_INLINE void wire_pass_datagram(const struct wire_env *env, u64 place, u64 kind);
CT_INLINE void wire_pass_segment(
    const struct wire_env *env, const struct wire_frame *frame, const struct packet *packet);

/* Finds out whose packet it is; NULL: not ours. */
CT_INLINE struct wire_cell *wire_open(struct wire_env *env, const struct packet *packet,
    u64 transport, struct packet_address *server, struct wire_peer *peer)
{
	if (!wire_find_peer(env, packet, server, peer))
		return 0;
	env->counters = wire_find_counters(env);
	if (!env->counters || transport >= WIRE_TRANSPORTS)
		return 0;
	return wire_cell(env, transport, packet->family);
}

/* UDP on one of our ports, or a later fragment. env: all but counters. */
CT_INLINE void wire_count_datagram(struct wire_env *env, u64 place, u64 kind)
{
	const u64 transport = kind >> 8 & 0xff;
	const u64 segments = kind >> 16;
	const struct packet packet = {
	    .ip = place & 0xffff,
	    .payload = place >> 16 & 0xffff,
	    .length = place >> 32 & 0xffff,
	    .ip_bytes = place >> 48,
	    .family = kind & 1,
	    .fragment = kind >> 1 & 3,
	};
	struct packet_address server;
	struct wire_peer peer;
	struct wire_cell *cell = wire_open(env, &packet, transport, &server, &peer);

	if (!cell)
		return;
	if (packet.fragment) {
		cell->fragments++;
		if (packet.fragment == PACKET_LATER)
			return;
	}
	cell->packets += segments;
	cell->bytes += packet.ip_bytes + (segments - 1) * (packet.payload - packet.ip);
	if (transport == WIRE_UDP)
		wire_count_udp(env, cell, &packet, &peer);
	else if (transport == WIRE_DOQ)
		wire_count_quic(env, cell, &packet);
}

/* TCP on one of our ports. env: all but counters. */
CT_INLINE void wire_count_segment(
    struct wire_env *env, const struct wire_frame *frame, const struct packet *packet)
{
	const u64 transport = wire_packet_transport(env, packet);
	struct packet_address server;
	struct wire_peer peer;
	struct wire_cell *cell = wire_open(env, packet, transport, &server, &peer);

	if (!cell)
		return;
	if (packet->fragment)
		cell->fragments++;
	cell->packets += frame->segments;
	cell->bytes += packet->ip_bytes + (frame->segments - 1) * (packet->payload - packet->ip);
	wire_count_tcp(env, cell, packet, &server, &peer, frame->readable, transport == WIRE_TCP);
}

/* Most packets, without a call on their way. Returns false if the packet is none of them. */
CT_INLINE bool wire_count_plain(const struct wire_env *env, const struct wire_frame *frame)
{
	const u8 *headers = packet_plain(&env->view, frame->raw);
	struct wire_env plain = *env;
	struct packet packet;

	if (!headers)
		return false;
	packet_plain_ports(headers, &packet);
	switch (wire_packet_transport(env, &packet)) {
	case WIRE_NO_TRANSPORT:
		return true;
	case WIRE_UDP:
		break;
	default:
		return false;
	}
	if (packet_parse_plain(headers, frame->bytes, &packet))
		return true;
	plain.plain = true;
	wire_count_datagram(
	    &plain, WIRE_PLACE(&packet), WIRE_KIND(&packet, WIRE_UDP, frame->segments));
	return true;
}

/* env: all but counters. */
CT_INLINE void wire_count_packet(const struct wire_env *env, const struct wire_frame *frame)
{
	struct packet packet = {0};
	u32 transport;

	if (wire_count_plain(env, frame))
		return;
	if (packet_parse(&env->view, env, frame->raw, frame->bytes, &packet))
		return;
	transport = wire_packet_transport(env, &packet);
	if (transport >= WIRE_TRANSPORTS)
		return;
	if (packet.protocol == PACKET_TCP && packet.fragment != PACKET_LATER)
		wire_pass_segment(env, frame, &packet);
	else
		wire_pass_datagram(
		    env, WIRE_PLACE(&packet), WIRE_KIND(&packet, transport, frame->segments));
}

#endif
