/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a packet adds to the counters. Compiled for XDP, tc and user space, so that each counts the
 * same packets alike. Tables and payload bytes are reached through the hooks below, which the file
 * that includes this one defines: bpf/maps.bpf.h or wire_host.h.
 */
#ifndef CROSSTAP_WIRE_COUNT_H
#define CROSSTAP_WIRE_COUNT_H

#include "crosstap/wire_abi.h"

struct wire_env {
	struct ct_view view; /* headers; of the payload what is linear */
	const struct wire_config *config;
	struct wire_counters *counters; /* of this interface, direction and slot */
	void *context;                  /* xdp_md, __sk_buff or wire_state */
	u32 access;                     /* enum wire_access, a constant */
	u32 interface, direction, slot;
	bool plain; /* a constant: the packet is what packet_parse_plain takes */
};

/* What `context` is, and how bytes behind the view are had. */
enum wire_access { WIRE_ACCESS_XDP, WIRE_ACCESS_XDP_FRAGS, WIRE_ACCESS_TC, WIRE_ACCESS_MEMORY };

/* Copies n bytes (a constant, at most 16) from offset `at` of the packet; -1 if they cannot be had.
 */
CT_INLINE int wire_read(const struct wire_env *env, u64 at, u8 *to, u64 n);
/* dns_walk over the packet. */
CT_INLINE u64 wire_walk(const struct wire_env *env, u64 at, u64 end, u64 used);
/* Adds one to an entry of `rare`, counted from wire_rare_index(). */
CT_INLINE void wire_add_rare(const struct wire_env *env, u32 entry);
CT_INLINE void wire_add_source(const struct wire_env *env, const struct packet_address *client);

struct wire_message {
	u64 length;
	u16 id, word; /* of the header; 0 if the message is shorter */
	u16 qtype, rcode;
	u16 records[3]; /* ANCOUNT, NSCOUNT, ARCOUNT */
	u8 has_question, malformed;
};

/* One side of a conversation with the server. */
struct wire_peer {
	struct packet_address client;
	u32 family;
	bool own; /* the client is this host */
};

/* In the order of enum wire_transport and packet_family; bounds known to the verifier. */
CT_INLINE struct wire_cell *wire_cell(const struct wire_env *env, u64 transport, u64 family)
{
	family &= 1;
	CT_OPAQUE(family);
	return &env->counters->cells[transport][family];
}

CT_INLINE bool wire_is_transfer(u16 qtype)
{
	return qtype == DNS_TYPE_AXFR || qtype == DNS_TYPE_IXFR;
}

CT_INLINE void wire_count_qtype(const struct wire_env *env, u64 qtype, bool left_out)
{
	struct wire_counters *counters = env->counters;

	if (qtype < WIRE_QTYPES) {
		counters->qtypes[qtype]++;
		if (left_out)
			counters->qtypes_left_out[qtype]++;
		return;
	}
	counters->rare++;
	wire_add_rare(env, WIRE_RARE_QTYPES + (u32)qtype);
	if (left_out)
		wire_add_rare(env, WIRE_RARE_LEFT_OUT + (u32)qtype);
}

CT_INLINE void wire_count_rcode(const struct wire_env *env, u64 rcode)
{
	if (rcode < WIRE_RCODES) {
		env->counters->rcodes[rcode]++;
		return;
	}
	env->counters->rare++;
	wire_add_rare(env, WIRE_RARE_RCODES + ((u32)rcode & 4095));
}

CT_INLINE void wire_count_malformed(
    const struct wire_env *env, struct wire_cell *cell, u64 reason, bool compared)
{
	cell->malformed++;
	if (!compared)
		cell->malformed_uncompared++;
	reason &= WIRE_REASONS - 1;
	CT_OPAQUE(reason);
	env->counters->malformed[reason]++;
}

/* A whole message. `continues`: a further message of a transfer, which has no question. */
CT_INLINE void wire_count_message(const struct wire_env *env, struct wire_cell *cell, u64 size_row,
    const struct wire_message *message, const struct wire_peer *peer, bool continues)
{
	const bool out = env->direction == WIRE_OUT;
	const u32 opcode = message->word >> 11 & 15;
	const bool expected = message->word >> 15 == out;
	bool left_out = opcode != DNS_OPCODE_QUERY || continues || peer->own;
	u64 bin = message->length >> 4;

	if (message->has_question && wire_is_transfer(message->qtype))
		left_out = true;
	if (bin >= WIRE_SIZE_BINS)
		bin = WIRE_SIZE_BINS - 1;
	cell->messages++;
	cell->message_bytes += message->length;
	env->counters->sizes[size_row][bin]++;
	if (!expected)
		cell->not_query++;
	else if (left_out)
		cell->left_out++;
	else if (!out && env->config->options & WIRE_PER_SOURCE)
		wire_add_source(env, &peer->client);
	if (message->malformed) {
		wire_count_malformed(env, cell, message->malformed, expected && !left_out);
		return;
	}
	if (message->word >> 9 & 1)
		cell->tc++;
	if (!expected)
		return;
	if (out) {
		wire_count_rcode(env, message->rcode);
		return;
	}
	env->counters->opcodes[opcode]++;
	if (message->has_question)
		wire_count_qtype(env, message->qtype, left_out);
}

/* Takes the twelve bytes of a header; returns QDCOUNT. */
CT_INLINE u16 wire_take_header(const u8 *header, struct wire_message *message)
{
	message->id = ct_load_be16(header);
	message->word = ct_load_be16(header + 2);
	message->rcode = message->word & 15;
	message->records[0] = ct_load_be16(header + 6);
	message->records[1] = ct_load_be16(header + 8);
	message->records[2] = ct_load_be16(header + 10);
	return ct_load_be16(header + 4);
}

/*
 * The rcode's upper bits, where the OPT is the first thing behind the question. So it is in every
 * BADVERS and BADCOOKIE that servers send: these carry no answer. Elsewhere, and where a segment's
 * or a fragment's end cuts the OPT, the rcode is the header's four bits.
 */
CT_INLINE void wire_take_opt(
    const struct wire_env *env, u64 at, u64 end, struct wire_message *message)
{
	u8 record[DNS_OPT_BYTES] __attribute__((aligned(8)));

	if (env->direction != WIRE_OUT || message->records[0] || message->records[1] ||
	    !message->records[2])
		return;
	if (at + DNS_OPT_BYTES > end || wire_read(env, at, record, DNS_OPT_BYTES))
		return;
	if (dns_is_opt(record))
		message->rcode |= dns_opt_rcode(record);
}

/* The first question of a message over UDP, at `at`. Where the packet ends before the message does
 * (a first fragment), the question may be unreadable and nothing is malformed. */
CT_INLINE void wire_udp_question(
    const struct wire_env *env, u64 at, u64 end, u16 questions, struct wire_message *message)
{
	const u64 walk = wire_walk(env, at, end, 0);
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
	if (wire_read(env, at, type, sizeof(type)))
		return;
	message->has_question = 1;
	message->qtype = ct_load_be16(type);
	if (questions == 1)
		wire_take_opt(env, at + 4, end, message);
}

/* A datagram on a port of `wire.ports`: one message, however short. */
CT_INLINE void wire_count_udp(const struct wire_env *env, struct wire_cell *cell,
    const struct packet *packet, const struct wire_peer *peer)
{
	struct wire_message message = {.length = packet->length};
	const u64 end = packet->payload + packet->length;
	u8 header[DNS_HEADER_BYTES] __attribute__((aligned(8)));
	u16 questions;

	if (packet->length < DNS_HEADER_BYTES) {
		message.malformed = DNS_MALFORMED_SHORT;
		wire_count_message(env, cell, WIRE_UDP, &message, peer, false);
		return;
	}
	if (wire_read(env, packet->payload, header, sizeof(header)))
		return;
	questions = wire_take_header(header, &message);
	if (questions)
		wire_udp_question(
		    env, packet->payload + DNS_HEADER_BYTES, end, questions, &message);
	else
		wire_take_opt(env, packet->payload + DNS_HEADER_BYTES, end, &message);
	wire_count_message(env, cell, WIRE_UDP, &message, peer, false);
}

#endif
