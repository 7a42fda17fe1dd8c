/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a packet adds to the counters. Compiled for XDP, tc and user space, so that each counts the
 * same packets alike. wire_plain.h, wire_packet.h and wire_tcp.h call it.
 *
 * Hooks: bpf/count.bpf.h supplies them for XDP and tc, wire_host.h for user space.
 *   wire_find_counters   the open slot's counters; called by wire_plain.h and wire_packet.h
 *   wire_add_rare        a code without a counter of its own; called here
 */
#ifndef CROSSTAP_WIRE_COUNT_H
#define CROSSTAP_WIRE_COUNT_H

#include "crosstap/wire_source.h"

/* The frame as a whole. */
struct wire_frame {
	u64 bytes;    /* on the wire */
	u64 readable; /* bytes that can be had, linear or not; at most `bytes` */
	u64 segments; /* that the kernel merged into it, else 1 */
	bool raw;     /* begins with the IP header */
};

/* Hook. The counters of this direction and slot; NULL for none. */
CT_INLINE struct wire_counters *wire_find_counters(const struct wire_env *env);
/* Adds one to an entry of `rare`, counted from wire_rare_index(). */
CT_INLINE void wire_add_rare(const struct wire_env *env, u32 entry);

/* In the order of enum wire_transport and packet_family; bounds known to the verifier. */
CT_INLINE struct wire_cell *wire_cell(const struct wire_env *env, u64 transport, u64 family)
{
	family &= 1;
	CT_OPAQUE(family);
	return &env->counters->cells[transport][family];
}

CT_INLINE void wire_count_qtype(const struct wire_env *env, u64 qtype, bool left_out)
{
	struct wire_counters *counters = env->counters;

	if (qtype < WIRE_QTYPES) {
		const u64 index = ct_index(qtype, WIRE_QTYPES);

		counters->qtypes[index]++;
		if (left_out)
			counters->qtypes_left_out[index]++;
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
		env->counters->rcodes[ct_index(rcode, WIRE_RCODES)]++;
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

/* Class of an answer with one question: FORMERR, BADVERS. */
CT_INLINE u32 wire_fault_class(const struct wire_message *message, bool in)
{
	const u32 qtype = message->qtype;

	if (message->qclass != DNS_CLASS_CH && !in)
		return WIRE_CLASS_FAULT_OTHER;
	if (message->rcode == DNS_RCODE_FORMERR &&
	    (qtype == DNS_TYPE_OPT || (qtype >= 128 && qtype < 256)))
		return WIRE_CLASS_FORMERR_META;
	return in ? WIRE_CLASS_FAULT : WIRE_CLASS_FAULT_CHAOS;
}

CT_INLINE u32 wire_answer_class(const struct wire_message *message)
{
	const u32 qclass = message->qclass;
	const bool in = qclass == DNS_CLASS_IN || qclass == DNS_CLASS_ANY;

	switch (message->rcode) {
	case DNS_RCODE_REFUSED:
		return in ? WIRE_CLASS_REFUSED : WIRE_NO_CLASS;
	case DNS_RCODE_NOTIMP:
		return in ? WIRE_CLASS_NOTIMP : WIRE_NO_CLASS;
	case DNS_RCODE_NOTAUTH:
		return in || qclass == DNS_CLASS_CH ? WIRE_CLASS_NOTAUTH : WIRE_NO_CLASS;
	case DNS_RCODE_FORMERR:
	case DNS_RCODE_BADVERS:
		return wire_fault_class(message, in);
	default:
		return WIRE_NO_CLASS;
	}
}

CT_INLINE u32 wire_query_class(const struct wire_message *message)
{
	const u32 qclass = message->qclass;

	if (message->questions != 1)
		return WIRE_CLASS_QUESTIONS;
	if (!message->has_question || qclass == DNS_CLASS_IN || qclass == DNS_CLASS_ANY)
		return WIRE_NO_CLASS;
	return qclass == DNS_CLASS_CH ? WIRE_CLASS_CHAOS : WIRE_CLASS_OTHER;
}

/* A compared, well-formed message over UDP. */
CT_INLINE void wire_count_class(const struct wire_env *env, const struct wire_message *message)
{
	u64 class = WIRE_NO_CLASS;

	if (env->direction == WIRE_IN)
		class = wire_query_class(message);
	else if (message->questions == 1 && message->has_question)
		class = wire_answer_class(message);
	CT_OPAQUE(class);
	if (class < WIRE_CLASSES)
		env->counters->classes[class]++;
}

/* A whole message. `continues`: a further message of a transfer, which has no question. */
CT_INLINE void wire_count_message(const struct wire_env *env, struct wire_cell *cell, u64 size_row,
    const struct wire_message *message, const struct wire_peer *peer, bool continues)
{
	const bool out = env->direction == WIRE_OUT;
	const u32 opcode = message->word >> 11 & 15;
	const bool expected = message->word >> 15 == out;
	const bool left_out = continues || wire_left_out(message, peer);
	u64 bin = message->length >> 4;

	if (bin >= WIRE_SIZE_BINS)
		bin = WIRE_SIZE_BINS - 1;
	cell->messages++;
	cell->message_bytes += message->length;
	env->counters->sizes[size_row][bin]++;
	if (!expected) {
		cell->not_query++;
		cell->not_query_aa += message->word >> 10 & 1;
	} else if (left_out)
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
	if (size_row == WIRE_UDP && !left_out)
		wire_count_class(env, message);
	if (out) {
		wire_count_rcode(env, message->rcode);
		return;
	}
	env->counters->opcodes[opcode]++;
	if (message->has_question)
		wire_count_qtype(env, message->qtype, left_out);
}

/* For the verifier: however a message was read, it is counted in one way. */
CT_INLINE void wire_forget(struct wire_message *message)
{
	u64 length = message->length, word = message->word, qtype = message->qtype,
	    rcode = message->rcode, malformed = message->malformed,
	    has_question = message->has_question, questions = message->questions,
	    qclass = message->qclass;

	CT_FORGET(length);
	CT_FORGET(word);
	CT_FORGET(qtype);
	CT_FORGET(rcode);
	CT_FORGET(malformed);
	CT_FORGET(has_question);
	CT_FORGET(questions);
	CT_FORGET(qclass);
	message->length = length;
	message->word = (u16)word;
	message->qtype = (u16)qtype;
	message->rcode = (u16)rcode;
	message->malformed = (u8)malformed;
	message->has_question = (u8)has_question;
	message->questions = (u16)questions;
	message->qclass = (u16)qclass;
}

/* A datagram on a port of `wire.ports`: one message, however short. */
CT_INLINE void wire_count_udp(const struct wire_env *env, struct wire_cell *cell,
    const struct packet *packet, const struct wire_peer *peer)
{
	struct wire_message message;

	if (!wire_udp_message(env, packet, &message))
		return;
	wire_forget(&message);
	wire_count_message(env, cell, WIRE_UDP, &message, peer, false);
}

#endif
