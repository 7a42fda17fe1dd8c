/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The way of nearly all packets of a nameserver, without a call and with every offset up to the
 * name a constant: UDP over IP without options, extension headers, tags or fragments, lengths that
 * agree, one question that can be read, and a message that is compared with dnstap. Whatever else
 * the packet may be is left to wire_packet.h, before anything is counted.
 */
#ifndef CROSSTAP_WIRE_PLAIN_H
#define CROSSTAP_WIRE_PLAIN_H

#include "crosstap/wire_count.h"

/* Labels that are walked in place: a call costs as much as some of them. */
#define WIRE_PLAIN_LABELS 6

#define WIRE_PLAIN_HEADER(family) ((family) == PACKET_IPV4 ? 20 : 40)

/*
 * Behind the name that begins at `at`, a constant; 0: not to be read, or too long. Looks for the
 * message's end only once: where a label lies behind it, the root label does too.
 */
CT_INLINE u64 wire_plain_name(const struct wire_env *env, const u64 begin, u64 end)
{
	u64 at = begin, walk;

#pragma GCC unroll 6
	for (u32 turn = 0; turn < WIRE_PLAIN_LABELS; turn++) {
		const u8 *p = ct_bytes_near(&env->view, at, 1);
		u64 label;

		if (!p)
			return 0;
		label = *p;
		if (!label) {
			at++;
			CT_FORGET(at); /* the ways to get here look alike to the verifier */
			return at - begin > DNS_MAX_NAME_BYTES ? 0 : at;
		}
		if (label > DNS_MAX_LABEL)
			return 0;
		at += 1 + label;
	}
	CT_FORGET(at);
	if (at - begin >= DNS_MAX_NAME_BYTES)
		return 0;
	walk = wire_walk(env, at, end, at - begin);
	return DNS_WALK_STATUS(walk) == DNS_WALK_DONE ? DNS_WALK_AT(walk) : 0;
}

/* Has the OPT, if it is the first record and there, a place in the rcode? */
CT_INLINE bool wire_plain_opt(const struct wire_env *env, u64 at, u64 end)
{
	const u8 *record = at + DNS_OPT_BYTES <= end ? ct_bytes(&env->view, at, DNS_OPT_BYTES) : 0;

	return record && !(dns_is_opt(record) && dns_opt_rcode(record));
}

/* A message at `at`, a constant, of `length` bytes, at least a header. False: it is not plain. */
CT_INLINE bool wire_plain_message(
    const struct wire_env *env, const u64 at, u64 length, struct wire_message *message)
{
	const u16 response = env->direction == WIRE_OUT ? 0x8000 : 0;
	const u64 end = at + length;
	const u8 *header = ct_bytes(&env->view, at, DNS_HEADER_BYTES), *type;
	u64 behind;

	*message = (struct wire_message){.length = length};
	/* QR, opcode QUERY and QDCOUNT. */
	if (!header)
		return false;
	wire_take_header(header, message);
	if (message->questions != 1 || (message->word & 0xf800) != response)
		return false;
	message->questions = 1; /* now the compiler knows it too */
	message->word = (message->word & 0x7ff) | response;
	behind = wire_plain_name(env, at + DNS_HEADER_BYTES, end);
	if (!behind || behind + 4 > end)
		return false;
	type = ct_bytes(&env->view, behind, 4);
	if (!type)
		return false;
	message->has_question = 1;
	message->qtype = ct_load_be16(type);
	message->qclass = ct_load_be16(type + 2);
	if (response)
		return message->records[0] || message->records[1] || !message->records[2] ||
		    wire_plain_opt(env, behind + 4, end);
	if (message->qtype >= WIRE_QTYPES || message->qclass != DNS_CLASS_IN)
		return false;
	message->qclass = DNS_CLASS_IN;
	return true;
}

/* Whose packet is it? False: nobody's here. `ip`: its IP header. */
CT_INLINE bool wire_plain_peer(
    const struct wire_env *env, const u8 *ip, u32 family, struct wire_peer *peer)
{
	const bool out = env->direction == WIRE_OUT;
	struct packet_address source, destination;

	if (family == PACKET_IPV4) {
		packet_mapped(&source, ct_load_raw32(ip + 12));
		packet_mapped(&destination, ct_load_raw32(ip + 16));
	} else {
		packet_address6(&source, ip + 8);
		packet_address6(&destination, ip + 24);
	}
	peer->family = family;
	peer->client = out ? destination : source;
	return wire_is_ours(env, out ? &source : &destination, peer);
}

/* UDP to or from `wire.ports`; p: the frame up to the UDP header's end. */
CT_INLINE bool wire_plain_udp(
    struct wire_env *env, const struct wire_frame *frame, const u8 *p, u32 family)
{
	const u64 header = WIRE_PLAIN_HEADER(family), payload = PACKET_LINK_BYTES + header + 8;
	const u64 udp_bytes = ct_load_be16(p + PACKET_LINK_BYTES + header + 4);
	const u64 ip_bytes = ct_load_be16(p + PACKET_LINK_BYTES + (family == PACKET_IPV4 ? 2 : 4)) +
	    (family == PACKET_IPV4 ? 0 : header);
	struct wire_message message;
	struct wire_peer peer;
	struct wire_cell *cell;

	if (ip_bytes != header + udp_bytes || udp_bytes < 8 + DNS_HEADER_BYTES ||
	    frame->segments != 1)
		return false;
	if (!wire_plain_peer(env, p + PACKET_LINK_BYTES, family, &peer))
		return true;
	if (peer.own || !wire_plain_message(env, payload, udp_bytes - 8, &message) ||
	    wire_is_transfer(message.qtype))
		return false;
	env->counters = wire_find_counters(env);
	if (!env->counters)
		return true;
	cell = &env->counters->cells[WIRE_UDP][family];
	cell->packets++;
	cell->bytes += ip_bytes;
	peer.own = false;
	wire_count_message(env, cell, WIRE_UDP, &message, &peer, false);
	return true;
}

CT_INLINE bool wire_plain_family(
    struct wire_env *env, const struct wire_frame *frame, const u8 *p, u32 family)
{
	const u64 header = WIRE_PLAIN_HEADER(family);
	const u8 protocol = p[PACKET_LINK_BYTES + (family == PACKET_IPV4 ? 9 : 6)];
	const u16 port =
	    ct_load_be16(p + PACKET_LINK_BYTES + header + (env->direction == WIRE_OUT ? 0 : 2));
	u8 ports;

	if (protocol != PACKET_UDP && protocol != PACKET_TCP)
		return false;
	ports = wire_port_uses(env->config, port);
	if (protocol == PACKET_UDP && ports & WIRE_PORT_DNS)
		return wire_plain_udp(env, frame, p, family);
	return !ports;
}

/* Counts the packet if it is one of these. False: it was not looked at. env: all but counters. */
CT_INLINE bool wire_count_plain(struct wire_env *env, const struct wire_frame *frame)
{
	const u8 *p = frame->raw ? 0 : ct_bytes(&env->view, 0, PACKET_PLAIN_BYTES4);

	if (!p)
		return false;
	if (packet_is_plain4(p))
		return wire_plain_family(env, frame, p, PACKET_IPV4);
	p = ct_bytes(&env->view, 0, PACKET_PLAIN_BYTES6);
	if (p && packet_is_plain6(p))
		return wire_plain_family(env, frame, p, PACKET_IPV6);
	return false;
}

#endif
