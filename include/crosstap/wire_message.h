/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A packet's two ends and the message in a datagram: what the counting and the kernel's drops
 * share.
 *
 * Hooks that the program supplies: bpf/count.bpf.h for XDP and tc, bpf/drops.bpf.c for the
 * tracepoint, wire_host.h for user space.
 *   wire_read   bytes of the packet; called here, by wire_packet.h and wire_tcp.h
 *   wire_walk   past a name; called here, by wire_plain.h and wire_tcp.h
 */
#ifndef CROSSTAP_WIRE_MESSAGE_H
#define CROSSTAP_WIRE_MESSAGE_H

#include "crosstap/wire_address.h"

struct wire_env {
	struct ct_view view; /* headers; of the payload what is linear */
	const struct wire_config *config;
	struct wire_counters *counters; /* of this interface, direction and slot */
	void *context;                  /* xdp_md, __sk_buff or wire_state */
	u32 access;                     /* enum wire_access, a constant */
	u32 interface, direction, slot;
};

/* What `context` is, and how bytes behind the view are had. */
enum wire_access { WIRE_ACCESS_XDP, WIRE_ACCESS_XDP_FRAGS, WIRE_ACCESS_TC, WIRE_ACCESS_MEMORY };

/* Copies n bytes (a constant, at most 16) from offset `at` of the packet; -1 if they cannot be had.
 */
CT_INLINE int wire_read(const struct wire_env *env, u64 at, u8 *to, u64 n);
/* dns_walk over the packet. */
CT_INLINE u64 wire_walk(const struct wire_env *env, u64 at, u64 end, u64 used);
struct wire_message {
	u64 length;
	u16 id, word; /* of the header; 0 if the message is shorter */
	u16 questions, qtype, rcode;
	u16 qclass;     /* IN also where the packet ends before it */
	u16 records[3]; /* ANCOUNT, NSCOUNT, ARCOUNT */
	u8 has_question, malformed;
};

/* One side of a conversation with the server. */
struct wire_peer {
	struct packet_address client;
	u32 family;
	bool own; /* the client is this host */
};

/* Is this the server's address? Then *peer, which has family and client, learns whether it is own.
 */
CT_INLINE bool wire_is_ours(
    const struct wire_env *env, const struct packet_address *server, struct wire_peer *peer)
{
	const bool any = env->config->options & WIRE_ANY_ADDRESS;

	if (!any && !(wire_address_flags(env->config, peer->family, server) & WIRE_ADDRESS_SERVER))
		return false;
	peer->own =
	    wire_address_flags(env->config, peer->family, &peer->client) & WIRE_ADDRESS_HOST;
	return true;
}

/* What a port is for: enum wire_port. */
CT_INLINE u8 wire_port_uses(const struct wire_config *config, u64 port)
{
	return config->ports[ct_index(port, 65536)];
}

/* Is the server's end of the packet one of ours? Fills server and peer. */
CT_INLINE bool wire_find_peer(const struct wire_env *env, const struct packet *packet,
    struct packet_address *server, struct wire_peer *peer)
{
	const bool out = env->direction == WIRE_OUT;

	if (packet_read_addresses(
		&env->view, packet, out ? server : &peer->client, out ? &peer->client : server))
		return false;
	peer->family = packet->family;
	return wire_is_ours(env, server, peer);
}

CT_INLINE bool wire_is_transfer(u16 qtype)
{
	return qtype == DNS_TYPE_AXFR || qtype == DNS_TYPE_IXFR;
}

/* Takes the twelve bytes of a header. */
CT_INLINE void wire_take_header(const u8 *header, struct wire_message *message)
{
	message->id = ct_load_be16(header);
	message->word = ct_load_be16(header + 2);
	message->rcode = message->word & 15;
	message->records[0] = ct_load_be16(header + 6);
	message->records[1] = ct_load_be16(header + 8);
	message->records[2] = ct_load_be16(header + 10);
	message->questions = ct_load_be16(header + 4);
}

/*
 * The rcode's upper bits, where the OPT is the first thing behind the question. So it is in every
 * BADVERS and BADCOOKIE that servers send: these carry no answer. Elsewhere, and where a segment's
 * or a fragment's end cuts the OPT, the rcode is the header's four bits; so it is where the OPT's
 * data runs past the message's end, for dns_find_opt() takes no such record. `seen`: the end of
 * what is here of the message, which ends at `end`.
 */
CT_INLINE void wire_take_opt(
    const struct wire_env *env, u64 at, u64 seen, u64 end, struct wire_message *message)
{
	u8 record[DNS_OPT_BYTES] __attribute__((aligned(8)));

	if (env->direction != WIRE_OUT || message->records[0] || message->records[1] ||
	    !message->records[2])
		return;
	if (at + DNS_OPT_BYTES > seen || wire_read(env, at, record, DNS_OPT_BYTES))
		return;
	if (dns_is_opt(record) && at + DNS_OPT_BYTES + dns_opt_data_bytes(record) <= end)
		message->rcode |= dns_opt_rcode(record);
}

/* A name that ends with what is here of the message, and before the message does, is not to be
 * read. */
CT_ONCE u64 wire_walk_seen(u64 walk, u64 end)
{
	if (DNS_WALK_STATUS(walk) == DNS_WALK_END && DNS_WALK_AT(walk) < end)
		return (u64)DNS_WALK_VIEW << 32;
	return walk;
}

/* The first question of a message over UDP, at `at`. Where the packet ends before the message does
 * (`seen`, of a first fragment), the question may be unreadable and nothing is malformed; what
 * follows the packet may be padding. */
CT_INLINE void wire_udp_question(
    const struct wire_env *env, u64 at, u64 seen, u64 end, struct wire_message *message)
{
	const u64 walk = wire_walk_seen(wire_walk(env, at, seen, 0), end);
	const u32 status = DNS_WALK_STATUS(walk);
	u8 type[2] __attribute__((aligned(2)));

	if (status == DNS_WALK_VIEW)
		return;
	if (status != DNS_WALK_DONE) {
		message->malformed =
		    status == DNS_WALK_END ? DNS_MALFORMED_QNAME_OVERRUN : (u8)status;
		return;
	}
	at = DNS_WALK_AT(walk);
	if (at + 4 > end) {
		message->malformed = DNS_MALFORMED_QUESTION_OVERRUN;
		return;
	}
	if (at + 2 > seen || wire_read(env, at, type, sizeof(type)))
		return;
	message->has_question = 1;
	message->qtype = ct_load_be16(type);
	message->qclass = DNS_CLASS_IN;
	if (at + 4 <= seen && !wire_read(env, at + 2, type, sizeof(type)))
		message->qclass = ct_load_be16(type);
	if (message->questions == 1)
		wire_take_opt(env, at + 4, seen, end, message);
}

/* The message of a first fragment that ends in its header: what is seen of it, and else a plain
 * query. What follows the IP packet may be padding. */
CT_INLINE void wire_udp_begun(
    const struct wire_env *env, const struct packet *packet, u64 room, struct wire_message *message)
{
	u8 begin[4] __attribute__((aligned(4)));

	message->questions = 1;
	if (room < sizeof(begin) || wire_read(env, packet->payload, begin, sizeof(begin)))
		return;
	message->id = ct_load_be16(begin);
	message->word = ct_load_be16(begin + 2);
}

/* The message in a datagram; false: its packet ends before the header does. Where that is the first
 * fragment of one to the server, it is what wire_udp_begun() says. */
CT_INLINE bool wire_udp_message(
    const struct wire_env *env, const struct packet *packet, struct wire_message *message)
{
	const u64 begin = packet->payload + DNS_HEADER_BYTES;
	const u64 end = packet->payload + packet->length;
	const u64 room = packet->ip + packet->ip_bytes - packet->payload;
	const u64 seen = room < packet->length ? packet->payload + room : end;
	u8 header[DNS_HEADER_BYTES] __attribute__((aligned(8)));

	*message = (struct wire_message){.length = packet->length};
	if (packet->length < DNS_HEADER_BYTES) {
		message->malformed = DNS_MALFORMED_SHORT;
		return true;
	}
	if (packet->fragment == PACKET_FIRST && room < DNS_HEADER_BYTES) {
		wire_udp_begun(env, packet, room, message);
		return env->direction == WIRE_IN;
	}
	if (wire_read(env, packet->payload, header, sizeof(header)))
		return false;
	wire_take_header(header, message);
	if (message->questions)
		wire_udp_question(env, begin, seen, end, message);
	else
		wire_take_opt(env, begin, seen, end, message);
	return true;
}

/* Is the message none of those that are compared with dnstap? Holds for one with the QR bit of its
 * direction; further messages of a transfer, which have no question, are the stream's matter. */
CT_INLINE bool wire_left_out(const struct wire_message *message, const struct wire_peer *peer)
{
	return (message->word >> 11 & 15) != DNS_OPCODE_QUERY || peer->own ||
	    (message->has_question && wire_is_transfer(message->qtype));
}

#endif
