/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Round-trip time of TCP handshakes: from the SYN-ACK that leaves to the ACK that answers it, or,
 * without an egress program, from the SYN in to the ACK, the server's own time included.
 *
 * A hint is one u64 in a shared direct-mapped table: a tag of the connection and a time. Shared,
 * because with RPS both ends of it run on different CPUs; one word, so that no reader sees half of
 * it; overwritten by whoever comes later, so that a SYN flood evicts hints and does nothing else. A
 * segment that is sent twice leaves its time ambiguous, and it is not used (Karn's algorithm, RFC
 * 6298 section 3).
 *
 * wire_packet.h calls this in a step of its own. Hooks, which only this file calls:
 * bpf/handshake.bpf.h supplies them for XDP and tc, wire_host.h for user space.
 *   wire_hint             a word of the table of hints
 *   wire_now_ns           a steady clock: the kernel's, or the packet's own time
 *   wire_add_rtt          into the histogram
 *   wire_add_source_rtt   to the client
 */
#ifndef CROSSTAP_WIRE_HANDSHAKE_H
#define CROSSTAP_WIRE_HANDSHAKE_H

#include "crosstap/wire_count.h"

#define WIRE_HINT_TIME_BITS 40
#define WIRE_HINT_TIME_MASK (((u64)1 << WIRE_HINT_TIME_BITS) - 1)
#define WIRE_HINT_UNIT_BITS 8 /* a unit of time is 256 ns */

/* Hooks. The hint with this index (less than WIRE_HINTS); NULL never happens in user space. */
CT_INLINE volatile u64 *wire_hint(const struct wire_env *env, u32 index);
CT_INLINE u64 wire_now_ns(const struct wire_env *env);
/* Adds one to the histogram's bin of a time: wire_rtt_bin. */
CT_INLINE void wire_add_rtt(const struct wire_env *env, u32 family, u64 us);
CT_INLINE void wire_add_source_rtt(
    const struct wire_env *env, const struct packet_address *client, u64 us);

/*
 * Names a handshake: peers and the numbers that both its segments carry. The client's number is the
 * SYN's + 1, the server's the SYN-ACK's + 1 or, timed from the SYN, 0.
 */
CT_INLINE u64 wire_handshake_name(const struct wire_env *env, const struct packet_address *client,
    u32 ports, u32 client_number, u32 server_number)
{
	const u64 high = (u64)client->words[0] << 32 | client->words[1];
	const u64 low = (u64)client->words[2] << 32 | client->words[3];
	u64 hash = env->config->seed;

	hash = (hash ^ low) * 0x9e3779b97f4a7c15;
	hash ^= hash >> 32;
	hash = (hash ^ high ^ ports) * 0xd6e8feb86659fd93;
	hash ^= hash >> 32;
	hash = (hash ^ ((u64)client_number << 32 | server_number)) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 32;
}

CT_INLINE u64 wire_hint_tag(u64 name)
{
	return name & ~WIRE_HINT_TIME_MASK;
}

/* The first segment of the handshake passed. The hint's index comes from bits that are not the
 * tag's. */
CT_INLINE void wire_handshake_begin(const struct wire_env *env, u64 name)
{
	volatile u64 *hint = wire_hint(env, (u32)name & (WIRE_HINTS - 1));
	u64 time;

	if (!hint)
		return;
	if (*hint && wire_hint_tag(*hint ^ name) == 0) {
		*hint = wire_hint_tag(name); /* once more: time 0 is "ambiguous" */
		return;
	}
	time = wire_now_ns(env) >> WIRE_HINT_UNIT_BITS & WIRE_HINT_TIME_MASK;
	*hint = wire_hint_tag(name) | (time ? time : 1);
}

CT_INLINE u32 wire_rtt_bin(u64 us)
{
	u32 octave = 0;
	u64 rest = us;

	if (us < WIRE_RTT_LINEAR)
		return (u32)us;
	if (us >= (u64)WIRE_RTT_LINEAR << WIRE_RTT_OCTAVES)
		return WIRE_RTT_BINS - 1;
		/* Halve until it is in [64, 128): by powers of two of octaves, at most 17 in all.
		 */
#pragma GCC unroll 5
	for (u32 step = 16; step; step /= 2) {
		if (rest >> step >= WIRE_RTT_LINEAR) {
			rest >>= step;
			octave += step;
		}
	}
	return WIRE_RTT_LINEAR * (octave + 1) + ((u32)rest & (WIRE_RTT_LINEAR - 1));
}

/* A segment with ACK came in that may end a handshake. The first one to match takes the hint. */
CT_INLINE void wire_handshake_end(
    const struct wire_env *env, u64 name, const struct wire_peer *peer)
{
	volatile u64 *hint = wire_hint(env, (u32)name & (WIRE_HINTS - 1));
	u64 value, units, us;
	u32 family = peer->family & 1;

	if (!hint)
		return;
	value = *hint;
	if (!value || wire_hint_tag(value ^ name))
		return;
	*hint = 0;
	if (!(value & WIRE_HINT_TIME_MASK)) {
		env->counters->retransmitted[family]++;
		return;
	}
	units = ((wire_now_ns(env) >> WIRE_HINT_UNIT_BITS) - value) & WIRE_HINT_TIME_MASK;
	us = (units << WIRE_HINT_UNIT_BITS) / 1000;
	env->counters->handshakes[family]++;
	wire_add_rtt(env, family, us);
	if (env->config->options & WIRE_PER_SOURCE)
		wire_add_source_rtt(env, &peer->client, us);
}

/* A TCP segment of the server's, in or out. */
CT_INLINE void wire_handshake(
    const struct wire_env *env, const struct packet *packet, const struct wire_peer *peer)
{
	const u8 flags = packet->tcp_flags & (PACKET_SYN | PACKET_ACK | PACKET_RST);
	const bool from_syn = env->config->options & WIRE_RTT_SYN;
	/* The same in both directions. */
	const u32 ports = env->direction == WIRE_IN
	    ? (u32)packet->source_port << 16 | packet->destination_port
	    : (u32)packet->destination_port << 16 | packet->source_port;
	u32 client = packet->sequence, server = packet->acknowledged;
	bool begin = false;

	if (env->direction == WIRE_OUT) {
		if (from_syn || flags != (PACKET_SYN | PACKET_ACK))
			return;
		client = packet->acknowledged;
		server = packet->sequence + 1;
		begin = true;
	} else if (from_syn) {
		if (flags == PACKET_SYN) {
			client++;
			begin = true;
		} else if (flags != PACKET_ACK) {
			return;
		}
		server = 0;
	} else if (flags != PACKET_ACK) {
		return;
	}
	const u64 name = wire_handshake_name(env, &peer->client, ports, client, server);

	if (begin)
		wire_handshake_begin(env, name);
	else
		wire_handshake_end(env, name, peer);
}

#endif
