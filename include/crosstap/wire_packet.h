/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What is done with a packet, from its first byte to the last counter: the decisions that XDP, tc
 * and user space share. bpf/crosstap.bpf.c calls wire_count_packet() for XDP and tc, wire_packet()
 * of wire_host.h for user space.
 *
 * A hook of its own: wire_do, one step of a packet that is not plain. bpf/crosstap.bpf.c supplies
 * it for XDP and tc, wire_host.h for user space; called here.
 */
#ifndef CROSSTAP_WIRE_PACKET_H
#define CROSSTAP_WIRE_PACKET_H

#include "crosstap/wire_count.h"
#include "crosstap/wire_handshake.h"
#include "crosstap/wire_plain.h"
#include "crosstap/wire_tcp.h"

/*
 * What is done with a packet that is not plain is done in steps. The kernel side makes each a
 * function that is verified on its own, and calls them one after the other, not one inside the
 * other: the stacks of nested functions add up to 512 bytes at most.
 */
enum wire_step { WIRE_PARSE, WIRE_DATAGRAM, WIRE_SEGMENT, WIRE_HANDSHAKE, WIRE_STREAM };
#define WIRE_THEN(step) (1u << (step))

/* What a step leaves to the next ones. */
struct wire_work {
	struct wire_frame frame;
	struct packet packet;
	u64 transport; /* enum wire_transport */
	struct wire_peer peer;
	struct wire_flow_key key;
};

/* Hook. Calls wire_take_step over the packet's struct wire_work. */
CT_INLINE u32 wire_do(const struct wire_env *env, enum wire_step step);

/* Returns the steps that are left. */
CT_INLINE u32 wire_count_tcp(const struct wire_env *env, struct wire_cell *cell,
    const struct packet *packet, const struct packet_address *server, const struct wire_peer *peer,
    struct wire_flow_key *key, bool dns)
{
	const u8 flags = packet->tcp_flags & (PACKET_SYN | PACKET_ACK);
	const bool out = env->direction == WIRE_OUT;
	u32 then = 0;

	if (packet->tcp_flags & PACKET_RST)
		cell->resets++;
	if (flags == (out ? PACKET_SYN | PACKET_ACK : PACKET_SYN))
		cell->connections++;
	/* An inbound SYN is timed only where nothing sees the SYN-ACK: spare a flood the step. */
	if (env->config->options & WIRE_RTT &&
	    (out || !(flags & PACKET_SYN) || env->config->options & WIRE_RTT_SYN))
		then = WIRE_THEN(WIRE_HANDSHAKE);
	if (!dns)
		return then;
	if (packet->fragment) {
		cell->resync++;
		return then;
	}
	if (!packet->length && !(packet->tcp_flags & wire_stream_flags(env)))
		return then;
	key->client = peer->client;
	key->server = *server;
	key->client_port = out ? packet->destination_port : packet->source_port;
	key->server_port = out ? packet->source_port : packet->destination_port;
	key->direction = env->direction;
	return then | WIRE_THEN(WIRE_STREAM);
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
	return wire_transport(wire_port_uses(env->config, port), packet->protocol);
}

/* Finds out whose packet it is; NULL: not ours. */
CT_INLINE struct wire_cell *wire_open(struct wire_env *env, const struct packet *packet,
    u64 transport, struct packet_address *server, struct wire_peer *peer)
{
	if (!wire_find_peer(env, packet, server, peer))
		return 0;
	env->counters = wire_find_counters(env);
	if (!env->counters)
		return 0;
	CT_OPAQUE(transport); /* else the bound may be checked in another register, or in `kind` */
	if (transport >= WIRE_TRANSPORTS)
		return 0;
	return wire_cell(env, transport, packet->family);
}

/* Fills frame's packet and transport. */
CT_INLINE u32 wire_parse(const struct wire_env *env, struct wire_work *work)
{
	struct packet packet = {0};

	if (packet_parse(&env->view, env, work->frame.raw, work->frame.bytes, &packet))
		return 0;
	work->packet = packet;
	work->transport = wire_packet_transport(env, &packet);
	if (work->transport >= WIRE_TRANSPORTS)
		return 0;
	return packet.protocol == PACKET_TCP && packet.fragment != PACKET_LATER
	    ? WIRE_THEN(WIRE_SEGMENT)
	    : WIRE_THEN(WIRE_DATAGRAM);
}

/* Counts a packet as such. */
CT_INLINE void wire_add_packet(
    struct wire_cell *cell, const struct packet *packet, const struct wire_frame *frame)
{
	cell->packets += frame->segments;
	cell->bytes += packet->ip_bytes + (frame->segments - 1) * (packet->payload - packet->ip);
}

/* UDP on one of our ports, or a later fragment. */
CT_INLINE u32 wire_count_datagram(struct wire_env *env, const struct wire_work *work)
{
	const struct packet *packet = &work->packet;
	const u64 transport = work->transport;
	struct packet_address server;
	struct wire_peer peer;
	struct wire_cell *cell = wire_open(env, packet, transport, &server, &peer);

	if (!cell)
		return 0;
	if (packet->fragment) {
		cell->fragments++;
		if (packet->fragment == PACKET_LATER)
			return 0;
	}
	wire_add_packet(cell, packet, &work->frame);
	if (transport == WIRE_UDP)
		wire_count_udp(env, cell, packet, &peer);
	else if (transport == WIRE_DOQ)
		wire_count_quic(env, cell, packet);
	return 0;
}

/* TCP on one of our ports. */
CT_INLINE u32 wire_count_segment(struct wire_env *env, struct wire_work *work)
{
	const struct packet *packet = &work->packet;
	const u64 transport = work->transport;
	struct packet_address server;
	struct wire_cell *cell = wire_open(env, packet, transport, &server, &work->peer);

	if (!cell)
		return 0;
	if (packet->fragment)
		cell->fragments++;
	wire_add_packet(cell, packet, &work->frame);
	return wire_count_tcp(
	    env, cell, packet, &server, &work->peer, &work->key, transport == WIRE_TCP);
}

/* One step, a constant; returns those that are left. env: all but counters. */
CT_INLINE u32 wire_take_step(struct wire_env *env, struct wire_work *work, enum wire_step step)
{
	if (step == WIRE_PARSE)
		return wire_parse(env, work);
	if (step == WIRE_DATAGRAM)
		return wire_count_datagram(env, work);
	if (step == WIRE_SEGMENT)
		return wire_count_segment(env, work);
	env->counters = wire_find_counters(env);
	if (!env->counters)
		return 0;
	if (step == WIRE_HANDSHAKE)
		wire_handshake(env, &work->packet, &work->peer);
	else
		wire_count_stream(
		    env, &work->packet, &work->key, &work->peer, work->frame.readable);
	return 0;
}

/* env: all but counters. */
CT_INLINE void wire_count_packet(struct wire_env *env, const struct wire_frame *frame)
{
	u32 then;

	if (wire_count_plain(env, frame))
		return;
	then = wire_do(env, WIRE_PARSE);
	if (then & WIRE_THEN(WIRE_DATAGRAM))
		wire_do(env, WIRE_DATAGRAM);
	if (!(then & WIRE_THEN(WIRE_SEGMENT)))
		return;
	then = wire_do(env, WIRE_SEGMENT);
	if (then & WIRE_THEN(WIRE_HANDSHAKE))
		wire_do(env, WIRE_HANDSHAKE);
	if (then & WIRE_THEN(WIRE_STREAM))
		wire_do(env, WIRE_STREAM);
}

#endif
