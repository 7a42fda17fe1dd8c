/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * DNS messages in a TCP stream (RFC 1035 section 4.2.2, RFC 7766). A cursor per flow and direction
 * knows what comes next: the rest of a prefix, of a header, of a name, of a body. It is made by
 * data, never by a SYN, so that a SYN flood costs nothing here. A message counts when its last byte
 * passes.
 *
 * Exact while segments pass in order, however the stream is cut. A repeated segment is recognised
 * by its sequence number. After a hole the cursor starts again at the next segment that begins with
 * a message, and `resync` counts; so does a segment from before the first that was seen. Whoever
 * can wait for the segments that come late puts them in order first (replay/streams.h).
 */
#ifndef CROSSTAP_WIRE_TCP_H
#define CROSSTAP_WIRE_TCP_H

#include "crosstap/wire_count.h"

/* Messages followed in one segment (merged segments: 64 KiB in one) are this number's cube; past
 * that, resync. */
#define WIRE_BURST 16

struct wire_segment {
	struct wire_flow flow;
	u64 at, end; /* offsets in the packet: next byte to look at, end of the data */
	u64 bytes;   /* of data in the segment */
	struct wire_peer peer;
};

/* Hooks. */
CT_INLINE struct wire_flow *wire_find_flow(
    const struct wire_env *env, const struct wire_flow_key *key);
CT_INLINE void wire_put_flow(
    const struct wire_env *env, const struct wire_flow_key *key, const struct wire_flow *flow);
/* Room for one segment, never NULL in user space. */
CT_INLINE struct wire_segment *wire_segment(const struct wire_env *env);
/* Calls wire_tcp_step up to WIRE_BURST cubed times, until it returns 0. */
CT_INLINE void wire_tcp_steps(const struct wire_env *env, struct wire_segment *segment);
/* Which segments without data does the follower of streams ask for? Their TCP flags. */
CT_INLINE u8 wire_stream_flags(const struct wire_env *env);
/* Calls wire_tcp_message. */
CT_INLINE void wire_tcp_complete(const struct wire_env *env, struct wire_segment *segment);

/* Nothing in this segment can be followed: wait for one that begins with a message. */
CT_INLINE void wire_lose(const struct wire_env *env, struct wire_segment *segment)
{
	struct wire_flow *flow = &segment->flow;

	if (flow->sync != WIRE_SYNC_LOST)
		wire_cell(env, WIRE_TCP, segment->peer.family)->resync++;
	flow->sync = WIRE_SYNC_LOST;
	flow->phase = WIRE_AT_PREFIX;
	flow->held = 0;
	segment->at = segment->end;
}

/*
 * n bytes, at most 12, in flow->bytes; false: not all there yet. Where a segment's end cuts them
 * they are gathered one in each step.
 */
CT_INLINE bool wire_take(const struct wire_env *env, struct wire_segment *segment, u64 n)
{
	struct wire_flow *flow = &segment->flow;
	u64 held = flow->held & 15;

	if (!held && segment->at + n <= segment->end) {
		if (wire_read(env, segment->at, flow->bytes, n))
			goto lost;
		segment->at += n;
		return true;
	}
	if (segment->at >= segment->end)
		return false;
	CT_OPAQUE(held);
	if (held >= sizeof(flow->bytes) || wire_read(env, segment->at, flow->bytes + held, 1))
		goto lost;
	segment->at++;
	flow->held++;
	if (flow->held < n)
		return false;
	flow->held = 0;
	return true;
lost:
	wire_lose(env, segment);
	return false;
}

/* Could this be the header of a stream's first message? Asked only where nothing is known of the
 * stream: a segment that is exactly one message is believed whatever it holds. */
CT_INLINE bool wire_plausible(
    const struct wire_env *env, const struct wire_segment *segment CT_UNUSED, const u8 *header)
{
	const u16 word = ct_load_be16(header + 2);
	const u32 opcode = word >> 11 & 15;

	return word >> 15 == (env->direction == WIRE_OUT) && opcode <= 5 && opcode != 3 &&
	    ct_load_be16(header + 4) <= 1;
}

CT_INLINE bool wire_tcp_prefix(const struct wire_env *env, struct wire_segment *segment)
{
	struct wire_flow *flow = &segment->flow;

	if (!wire_take(env, segment, 2))
		return false;
	flow->size = ct_load_be16(flow->bytes);
	flow->left = flow->size;
	flow->id = flow->word = flow->qtype = flow->rcode = 0;
	flow->has_question = 0;
	flow->malformed = 0;
	flow->name_used = flow->name_skip = 0;
	flow->phase = WIRE_AT_HEADER;
	if (flow->size >= DNS_HEADER_BYTES)
		return true;
	flow->malformed = DNS_MALFORMED_SHORT;
	flow->phase = WIRE_AT_BODY;
	if (flow->sync != WIRE_SYNC_HELD && flow->size + 2u != segment->bytes) {
		wire_lose(env, segment);
		return false;
	}
	flow->sync = WIRE_SYNC_HELD;
	return true;
}

CT_INLINE void wire_tcp_opt(const struct wire_env *env, struct wire_segment *segment)
{
	struct wire_flow *flow = &segment->flow;
	struct wire_message message = {.rcode = flow->rcode};
	const u64 end = segment->at + flow->left;
	const u64 seen = end < segment->end ? end : segment->end;

	message.records[0] = flow->records[0];
	message.records[1] = flow->records[1];
	message.records[2] = flow->records[2];
	wire_take_opt(env, segment->at, seen, end, &message);
	flow->rcode = message.rcode;
}

CT_INLINE bool wire_tcp_header(const struct wire_env *env, struct wire_segment *segment)
{
	struct wire_flow *flow = &segment->flow;
	struct wire_message message;

	if (!wire_take(env, segment, DNS_HEADER_BYTES))
		return false;
	if (flow->sync != WIRE_SYNC_HELD && flow->size + 2u != segment->bytes &&
	    !wire_plausible(env, segment, flow->bytes)) {
		wire_lose(env, segment);
		return false;
	}
	flow->sync = WIRE_SYNC_HELD;
	flow->left -= DNS_HEADER_BYTES;
	wire_take_header(flow->bytes, &message);
	flow->id = message.id;
	flow->word = message.word;
	flow->rcode = message.rcode;
	flow->records[0] = message.records[0];
	flow->records[1] = message.records[1];
	flow->records[2] = message.records[2];
	/* The OPT stands behind all questions: with more than one it is not looked for. */
	if (message.questions > 1)
		flow->records[2] = 0;
	flow->phase = message.questions ? WIRE_AT_NAME : WIRE_AT_BODY;
	if (!message.questions)
		wire_tcp_opt(env, segment);
	return true;
}

CT_INLINE bool wire_tcp_name(const struct wire_env *env, struct wire_segment *segment)
{
	struct wire_flow *flow = &segment->flow;
	const u64 message_end = segment->at + flow->left;
	const bool cut = message_end > segment->end;
	const u64 end = cut ? segment->end : message_end;
	const u64 at = segment->at + flow->name_skip;
	const u64 walk = wire_walk(env, at, end, flow->name_used);
	const u64 behind = DNS_WALK_AT(walk);

	switch (DNS_WALK_STATUS(walk)) {
	case DNS_WALK_DONE:
		flow->left -= (u32)(behind - segment->at);
		segment->at = behind;
		flow->phase = WIRE_AT_TYPE;
		return true;
	case DNS_WALK_VIEW:
		wire_lose(env, segment);
		return false;
	case DNS_WALK_END:
		if (cut) {
			flow->name_used += (u16)(behind - at);
			flow->name_skip = (u16)(behind - end);
			flow->left -= (u32)(end - segment->at);
			segment->at = end;
			return false;
		}
		flow->malformed = DNS_MALFORMED_QNAME_OVERRUN;
		break;
	default:
		flow->malformed = (u8)DNS_WALK_STATUS(walk);
		break;
	}
	flow->phase = WIRE_AT_BODY;
	return true;
}

CT_INLINE bool wire_tcp_type(const struct wire_env *env, struct wire_segment *segment)
{
	struct wire_flow *flow = &segment->flow;

	/* `left` counts from the type on until all four bytes are there. */
	if (flow->left < 4) {
		flow->malformed = DNS_MALFORMED_QUESTION_OVERRUN;
		flow->phase = WIRE_AT_BODY;
		return true;
	}
	if (!wire_take(env, segment, 4))
		return false;
	flow->left -= 4;
	flow->qtype = ct_load_be16(flow->bytes);
	flow->has_question = 1;
	flow->phase = WIRE_AT_BODY;
	wire_tcp_opt(env, segment);
	return true;
}

/* The message under way is complete. */
CT_INLINE void wire_tcp_message(const struct wire_env *env, struct wire_segment *segment)
{
	struct wire_flow *flow = &segment->flow;
	const struct wire_message message = {
	    .length = flow->size,
	    .id = flow->id,
	    .word = flow->word,
	    .qtype = flow->qtype,
	    .rcode = flow->rcode,
	    .has_question = flow->has_question,
	    .malformed = flow->malformed,
	};
	bool continues = false;

	if (message.has_question) {
		flow->transfer = wire_is_transfer(message.qtype);
		flow->transfer_id = message.id;
	} else if (env->direction == WIRE_OUT && !message.malformed) {
		continues = flow->transfer && flow->transfer_id == message.id;
	}
	wire_count_message(env, wire_cell(env, WIRE_TCP, segment->peer.family), WIRE_TCP, &message,
	    &segment->peer, continues);
}

/* Takes what the segment holds of one message, or a byte of it. Returns 1 if there is more. */
CT_INLINE int wire_tcp_step(const struct wire_env *env, struct wire_segment *segment)
{
	struct wire_flow *flow = &segment->flow;
	u64 room;

	if (flow->phase == WIRE_AT_PREFIX && !wire_tcp_prefix(env, segment))
		return segment->at < segment->end;
	if (flow->phase == WIRE_AT_HEADER && !wire_tcp_header(env, segment))
		return segment->at < segment->end;
	if (flow->phase == WIRE_AT_NAME && !wire_tcp_name(env, segment))
		return segment->at < segment->end;
	if (flow->phase == WIRE_AT_TYPE && !wire_tcp_type(env, segment))
		return segment->at < segment->end;
	room = segment->end - segment->at;
	if (flow->left > room) {
		flow->left -= (u32)room;
		segment->at = segment->end;
		return 0;
	}
	segment->at += flow->left;
	flow->left = 0;
	flow->phase = WIRE_AT_PREFIX;
	wire_tcp_complete(env, segment);
	return segment->at < segment->end;
}

/*
 * Where in the segment does the cursor go on? Returns the bytes to skip, or -1 if all of it was
 * seen before. Data ahead of the cursor is a hole, unless it falls into a body that nobody looks
 * at. Data from before the first that was seen came late, or is another connection's that began
 * with a lower number.
 */
CT_INLINE s64 wire_tcp_place(const struct wire_env *env, struct wire_segment *segment, u32 sequence)
{
	struct wire_flow *flow = &segment->flow;
	const s32 ahead = (s32)(sequence - flow->next);
	const bool near = ahead <= 0 && ahead > -WIRE_FLOW_BEHIND;
	const bool unseen = (s32)(sequence - flow->begin) < 0;

	if (near && !(unseen && flow->closed)) {
		if (unseen) {
			wire_cell(env, WIRE_TCP, segment->peer.family)->resync++;
			flow->begin = sequence;
		}
		return (u64) - (s64)ahead < segment->bytes ? -(s64)ahead : -1;
	}
	if (flow->closed) {
		*flow = (struct wire_flow){.next = sequence, .begin = sequence};
		return 0;
	}
	if (ahead > 0 && flow->phase == WIRE_AT_BODY) {
		if ((u32)ahead <= flow->left) {
			flow->left -= (u32)ahead;
			return 0;
		}
		/* Its head was seen, the rest passed unseen. */
		wire_tcp_complete(env, segment);
	}
	wire_cell(env, WIRE_TCP, segment->peer.family)->resync++;
	*flow = (struct wire_flow){
	    .next = sequence, .begin = ahead > 0 ? flow->begin : sequence, .sync = WIRE_SYNC_LOST};
	return 0;
}

/* The segment's data, `readable` bytes of it; what is not readable is a hole. */
CT_INLINE void wire_tcp_data(const struct wire_env *env, const struct packet *packet,
    struct wire_segment *segment, u64 readable)
{
	/* A SYN takes a number of its own (data with it: RFC 7413). */
	const u32 sequence = packet->sequence + (packet->tcp_flags & PACKET_SYN ? 1 : 0);
	struct wire_flow *flow = &segment->flow;
	s64 skip;

	segment->bytes = readable;
	skip = wire_tcp_place(env, segment, sequence);
	if (skip < 0)
		return;
	segment->at = packet->payload + (u64)skip;
	segment->end = packet->payload + readable;
	flow->next = sequence + (u32)readable;
	if (flow->next - flow->begin > WIRE_FLOW_BEHIND)
		flow->begin = flow->next - WIRE_FLOW_BEHIND;
	wire_tcp_steps(env, segment);
	if (segment->at < segment->end)
		wire_lose(env, segment);
	else if (flow->sync == WIRE_SYNC_NEW)
		flow->sync = WIRE_SYNC_HELD;
}

/* The stream ends here: did all of it pass? */
CT_INLINE void wire_tcp_end(
    const struct wire_env *env, const struct packet *packet, struct wire_segment *segment)
{
	struct wire_flow *flow = &segment->flow;
	const u32 end = packet->sequence + (u32)packet->length;

	if (!flow->closed && (s32)(end - flow->next) > 0)
		wire_lose(env, segment);
}

/* A segment of a connection to `wire.ports` with data or an end. `readable`: bytes of the packet
 * that can be had. */
CT_INLINE void wire_count_stream(const struct wire_env *env, const struct packet *packet,
    const struct wire_flow_key *key, const struct wire_peer *peer, u64 readable)
{
	struct wire_segment *segment;
	struct wire_flow *flow;
	u64 bytes = packet->length;

	if (packet->payload + bytes > readable)
		bytes = readable > packet->payload ? readable - packet->payload : 0;
	flow = wire_find_flow(env, key);
	segment = wire_segment(env);
	if (!segment || (!flow && !bytes))
		return;
	segment->peer = *peer;
	if (flow) {
		segment->flow = *flow;
	} else {
		segment->flow =
		    (struct wire_flow){.next = packet->sequence, .begin = packet->sequence};
		if (packet->tcp_flags & PACKET_SYN)
			segment->flow.next++;
		env->counters->flows_new++;
	}
	if (bytes)
		wire_tcp_data(env, packet, segment, bytes);
	else if (packet->tcp_flags & PACKET_FIN)
		wire_tcp_end(env, packet, segment);
	if (wire_tcp_closes(packet->tcp_flags, packet->sequence, segment->flow.next))
		segment->flow.closed = 1;
	if (flow)
		*flow = segment->flow;
	else
		wire_put_flow(env, key, &segment->flow);
}

#endif
