/* SPDX-License-Identifier: BSD-2-Clause */
/* DNS over TCP, its handshakes, and the encrypted transports. The frames behind table.h. */
#ifndef CROSSTAP_TESTS_FIXTURES_TCP_H
#define CROSSTAP_TESTS_FIXTURES_TCP_H

#include "fixtures.h"

/* --- other transports ----------------------------------------------------------------------- */

static inline void make_doq(struct frames *frames)
{
	u8 initial[1200] = {0xc3, 0, 0, 0, 1}, second[1200] = {0xd3, 0x6b, 0x33, 0x43, 0xcf};
	const u8 shorter[40] = {0x43};

	frames_add(
	    frames, (struct frame_spec){.server_port = 853, .payload = initial, .length = 1200});
	frames_add(
	    frames, (struct frame_spec){.server_port = 853, .payload = second, .length = 1200});
	frames_add(
	    frames, (struct frame_spec){.server_port = 853, .payload = shorter, .length = 40});
	frames_add(
	    frames, (struct frame_spec){.server_port = 443, .payload = initial, .length = 1200});
	frames_add(frames,
	    (struct frame_spec){
		.direction = WIRE_OUT, .server_port = 853, .payload = shorter, .length = 40});
}

static inline void make_dot_doh(struct frames *frames)
{
	static const u16 ports[] = {853, 443};
	const struct message query = message_query(0, 1);

	for (u32 i = 0; i < 2; i++) {
		frames_add(frames,
		    (struct frame_spec){.tcp = 1, .server_port = ports[i], .flags = PACKET_SYN});
		frames_add(frames,
		    (struct frame_spec){.direction = WIRE_OUT,
			.tcp = 1,
			.server_port = ports[i],
			.flags = PACKET_SYN | PACKET_ACK});
		frames_add(frames,
		    (struct frame_spec){.tcp = 1,
			.server_port = ports[i],
			.payload = query.bytes,
			.length = query.length});
		frames_add(frames,
		    (struct frame_spec){.direction = WIRE_OUT,
			.tcp = 1,
			.server_port = ports[i],
			.flags = PACKET_RST});
	}
}

/* --- DNS over TCP --------------------------------------------------------------------------- */

static inline struct message fixture_stream(u32 messages)
{
	struct message stream = {.length = 0};

	for (u32 i = 0; i < messages; i++) {
		const struct message query = message_query(0, 1 + i);

		message_prefixed(&stream, &query);
	}
	return stream;
}

static inline void make_tcp_connection(struct frames *frames)
{
	const struct message stream = fixture_stream(1);
	struct message response = {.length = 0}, answer = message_query(0x8400, 1);

	message_prefixed(&response, &answer);
	frames_add(frames,
	    (struct frame_spec){
		.tcp = 1, .tcp_options = 20, .sequence = 999, .flags = PACKET_SYN, .time_us = 0});
	frames_add(frames,
	    (struct frame_spec){.direction = WIRE_OUT,
		.tcp = 1,
		.tcp_options = 20,
		.sequence = 999,
		.acknowledged = 1000,
		.flags = PACKET_SYN | PACKET_ACK,
		.time_us = 10});
	frames_add(frames,
	    (struct frame_spec){.tcp = 1,
		.tcp_options = 12,
		.sequence = 1000,
		.acknowledged = 1000,
		.time_us = 20010});
	fixture_tcp(frames, WIRE_IN, &stream, 0, stream.length);
	fixture_tcp(frames, WIRE_OUT, &response, 0, response.length);
	frames_add(frames,
	    (struct frame_spec){.tcp = 1,
		.sequence = 1000 + stream.length,
		.acknowledged = 1,
		.flags = PACKET_FIN | PACKET_ACK});
}

static inline void make_tcp_prefix_alone(struct frames *frames)
{
	const struct message stream = fixture_stream(2);

	fixture_tcp(frames, WIRE_IN, &stream, 0, 2);
	fixture_tcp(frames, WIRE_IN, &stream, 2, 34);
	fixture_tcp(frames, WIRE_IN, &stream, 34, 35);
	fixture_tcp(frames, WIRE_IN, &stream, 35, 68);
}

static inline void make_tcp_pipelined(struct frames *frames)
{
	const struct message stream = fixture_stream(40);

	for (u32 at = 0; at < stream.length; at += 100)
		fixture_tcp(frames, WIRE_IN, &stream, at,
		    at + 100 < stream.length ? at + 100 : stream.length);
}

static inline void make_tcp_bytes(struct frames *frames)
{
	const struct message stream = fixture_stream(5);

	for (u32 at = 0; at < stream.length; at++)
		fixture_tcp(frames, WIRE_IN, &stream, at, at + 1);
}

static inline void make_tcp_repeated(struct frames *frames)
{
	const struct message stream = fixture_stream(6);

	fixture_tcp(frames, WIRE_IN, &stream, 0, 34);
	fixture_tcp(frames, WIRE_IN, &stream, 0, 34);
	fixture_tcp(frames, WIRE_IN, &stream, 34, 50);
	fixture_tcp(frames, WIRE_IN, &stream, 34, 50);
	fixture_tcp(frames, WIRE_IN, &stream, 40, 110);  /* some of it again, with more behind */
	fixture_tcp(frames, WIRE_IN, &stream, 0, 204);   /* all of it, with more behind */
	fixture_tcp(frames, WIRE_IN, &stream, 203, 204); /* keep-alive */
}

static inline void make_tcp_hole(struct frames *frames)
{
	const struct message stream = fixture_stream(6);

	fixture_tcp(frames, WIRE_IN, &stream, 0, 34);
	fixture_tcp(frames, WIRE_IN, &stream, 68, 102);  /* 34 .. 68 is missing */
	fixture_tcp(frames, WIRE_IN, &stream, 34, 68);   /* too late */
	fixture_tcp(frames, WIRE_IN, &stream, 120, 136); /* begins within a message */
	fixture_tcp(frames, WIRE_IN, &stream, 136, 204);
}

/* The middle of a stream whose beginning nobody saw. */
static inline void make_tcp_middle(struct frames *frames)
{
	const struct message stream = fixture_stream(6);

	fixture_tcp(frames, WIRE_IN, &stream, 10, 100);
	fixture_tcp(frames, WIRE_IN, &stream, 100, 102);
	fixture_tcp(frames, WIRE_IN, &stream, 102, 204);
}

static inline void make_tcp_again(struct frames *frames)
{
	const struct message stream = fixture_stream(3);

	/* Closed, and the same ports again with other numbers. */
	fixture_tcp(frames, WIRE_IN, &stream, 0, 34);
	frames_add(frames,
	    (struct frame_spec){.tcp = 1, .sequence = 1034, .flags = PACKET_FIN | PACKET_ACK});
	fixture_tcp(frames, WIRE_IN, &stream, 0, 34); /* repeated: the ACK was lost */
	frames_add(frames,
	    (struct frame_spec){
		.tcp = 1, .sequence = 5000000, .payload = stream.bytes, .length = 34});
	/* Without a FIN seen, from far behind: another connection, and it is said. */
	frames_add(frames,
	    (struct frame_spec){
		.tcp = 1, .sequence = 0xc0000000, .payload = stream.bytes, .length = 34});
	/* TCP fast open. */
	frames_add(frames,
	    (struct frame_spec){.tcp = 1,
		.client = 2,
		.sequence = 7,
		.flags = PACKET_SYN,
		.payload = stream.bytes,
		.length = 34});
	frames_add(frames,
	    (struct frame_spec){.tcp = 1,
		.client = 2,
		.sequence = 8 + 34,
		.payload = stream.bytes + 34,
		.length = 34});
}

/* What comes first on the wire need not be first in the stream. */
static inline void make_tcp_late(struct frames *frames)
{
	const struct message stream = fixture_stream(4);

	fixture_tcp(frames, WIRE_IN, &stream, 68, 102);
	fixture_tcp(frames, WIRE_IN, &stream, 34, 68);  /* passed unseen, and it is said */
	fixture_tcp(frames, WIRE_IN, &stream, 34, 68);  /* repeated */
	fixture_tcp(frames, WIRE_IN, &stream, 0, 136);  /* more that passed, and the last one */
	fixture_tcp(frames, WIRE_IN, &stream, 68, 136); /* repeated */
}

/* The same ports again, whose numbers begin a little lower. */
static inline void make_tcp_lower(struct frames *frames)
{
	const struct message stream = fixture_stream(3);

	fixture_tcp(frames, WIRE_IN, &stream, 0, 102);
	frames_add(frames,
	    (struct frame_spec){.tcp = 1, .sequence = 1102, .flags = PACKET_FIN | PACKET_ACK});
	frames_add(
	    frames, (struct frame_spec){.tcp = 1, .sequence = 1000 - 50000, .flags = PACKET_SYN});
	frames_add(frames,
	    (struct frame_spec){.tcp = 1,
		.sequence = 1001 - 50000,
		.payload = stream.bytes,
		.length = stream.length});
}

/* Of a stream whose beginning nobody saw: what has no header begins no message. */
static inline void make_tcp_short_first(struct frames *frames)
{
	const struct message empty = {.length = 0}, query = message_query(0, 1);
	struct message stream = {.length = 0};

	message_prefixed(&stream, &empty);
	message_prefixed(&stream, &query);
	fixture_tcp(frames, WIRE_IN, &stream, 0, stream.length);
}

static inline void make_tcp_malformed(struct frames *frames)
{
	struct message stream = {.length = 0}, message = message_query(0, 1);
	u8 name[300];

	message_prefixed(&stream, &message);
	message.length = 5;
	message_prefixed(&stream, &message);
	message.length = 0;
	message_prefixed(&stream, &message);
	message = message_named(0, "\xc0\x0c", 2, 1, 0);
	message_prefixed(&stream, &message);
	message = message_named(0, "\x77", 1, 1, 0);
	message_prefixed(&stream, &message);
	message = message_query(0, 1);
	message.length = 20;
	message_prefixed(&stream, &message);
	message.length = 30;
	message_prefixed(&stream, &message);
	message = message_named(0, name, fixture_name(name, 9, 256), 1, 0);
	message_prefixed(&stream, &message);
	message = message_query(0, 28);
	message_prefixed(&stream, &message);
	fixture_tcp(frames, WIRE_IN, &stream, 0, stream.length);
	/* The same bytes, another client, one by one. */
	for (u32 at = 0; at < stream.length; at++)
		frames_add(frames,
		    (struct frame_spec){.tcp = 1,
			.client = 2,
			.sequence = 500 + at,
			.payload = stream.bytes + at,
			.length = 1});
	/* First of a connection, shorter than a header, alone in its segment. */
	frames_add(frames,
	    (struct frame_spec){.tcp = 1,
		.client = 3,
		.sequence = 1,
		.payload = (const u8 *)"\0\2xx",
		.length = 4});
}

static inline void make_tcp_axfr(struct frames *frames)
{
	struct message stream = {.length = 0}, message = message_query(0, 252);
	struct message response = {.length = 0};
	u8 body[600] = {0};

	message_prefixed(&stream, &message);
	message = message_query(0, 6);
	message_prefixed(&stream, &message);
	fixture_tcp(frames, WIRE_IN, &stream, 0, stream.length);
	/* Three messages of the transfer, the later ones without a question; then a SOA response.
	 */
	message = message_query(0x8400, 252);
	message_put(&message, body, 300);
	message_prefixed(&response, &message);
	message = message_header(0x8400, 0, 5, 0, 0);
	message_put(&message, body, 600);
	message_prefixed(&response, &message);
	message_prefixed(&response, &message);
	message = message_query(0x8400, 6);
	message_prefixed(&response, &message);
	/* The same without a transfer before it is a response like any other. */
	message = message_header(0x8401, 0, 0, 0, 0);
	message_prefixed(&response, &message);
	for (u32 at = 0; at < response.length; at += 512)
		fixture_tcp(frames, WIRE_OUT, &response, at,
		    at + 512 < response.length ? at + 512 : response.length);
}

static inline void make_tcp_body_hole(struct frames *frames)
{
	struct message response = {.length = 0}, message = message_query(0x8400, 48);

	message.length = 1800;
	message_prefixed(&response, &message);
	message = message_query(0x8400, 1);
	message_prefixed(&response, &message);
	fixture_tcp(frames, WIRE_OUT, &response, 0, 500);
	fixture_tcp(frames, WIRE_OUT, &response, 900, 1400); /* in the body: nobody looks there */
	fixture_tcp(frames, WIRE_OUT, &response, 1400, response.length);
}

static inline void make_tcp_merged(struct frames *frames)
{
	struct message stream = {.length = 0};

	for (u32 i = 0; i < 20; i++) {
		const struct message response = message_query(0x8400, 1);

		message_prefixed(&stream, &response);
	}
	frames_add(frames,
	    (struct frame_spec){.direction = WIRE_OUT,
		.tcp = 1,
		.sequence = 1,
		.tcp_options = 12,
		.payload = stream.bytes,
		.length = stream.length,
		.segments = 5});
}

static inline void make_tcp_badvers(struct frames *frames)
{
	struct message stream = {.length = 0};
	struct message message = message_named(0x8000, NAME_WWW, 16, 1, 1);

	message_opt(&message, 1);
	message_prefixed(&stream, &message);
	message_prefixed(&stream, &message);
	fixture_tcp(
	    frames, WIRE_OUT, &stream, 0, stream.length - 3); /* the second OPT is cut: rcode 0 */
	fixture_tcp(frames, WIRE_OUT, &stream, stream.length - 3, stream.length);
}

/* An OPT whose data is in the next segment is one; one whose data runs past the message is none. */
static inline void make_tcp_opt_data(struct frames *frames)
{
	struct message stream = {.length = 0};

	for (u32 missing = 0; missing < 2; missing++) {
		struct message message = message_named(0x8003, NAME_WWW, 16, 1, 1);

		message_opt(&message, 1);
		message.bytes[message.length - 1] = (u8)(4 + missing);
		message_put(&message, "\0\3\0\0", 4);
		message_prefixed(&stream, &message);
	}
	fixture_tcp(frames, WIRE_OUT, &stream, 0, stream.length / 2 - 4);
	fixture_tcp(frames, WIRE_OUT, &stream, stream.length / 2 - 4, stream.length);
}

/* What an RST carries, or a segment without ACK, no nameserver reads: the stream goes on behind
 * what was before. */
static inline void make_tcp_no_data(struct frames *frames)
{
	static const u8 flags[] = {PACKET_RST, PACKET_RST | PACKET_ACK, 0x08, PACKET_FIN};
	const struct message stream = fixture_stream(2);

	for (u8 i = 0; i < sizeof(flags); i++) {
		frames_add(frames,
		    (struct frame_spec){.tcp = 1,
			.client = 1 + i,
			.sequence = 1000,
			.payload = stream.bytes,
			.length = 34});
		frames_add(frames,
		    (struct frame_spec){.tcp = 1,
			.client = 1 + i,
			.sequence = 1034,
			.flags = flags[i],
			.payload = stream.bytes + 34,
			.length = 34});
		/* Of a connection that is not there. */
		frames_add(frames,
		    (struct frame_spec){.tcp = 1,
			.client = 20 + i,
			.sequence = 1000,
			.flags = flags[i],
			.payload = stream.bytes,
			.length = 34});
	}
}

/* An RST of a number that is none of the window ends nothing: what comes ahead is a hole, and no
 * other connection. Then one that is. */
static inline void make_tcp_reset_by_another(struct frames *frames)
{
	const struct message stream = fixture_stream(3);
	static const u32 sequences[] = {1034 + (1u << 30), 1034};

	for (u16 i = 0; i < 2; i++) {
		struct frame_spec spec = {.tcp = 1,
		    .client = (u16)(1 + i),
		    .sequence = 1000,
		    .payload = stream.bytes,
		    .length = 34};

		frames_add(frames, spec);
		frames_add(frames,
		    (struct frame_spec){.tcp = 1,
			.client = spec.client,
			.sequence = sequences[i],
			.flags = PACKET_RST});
		spec.sequence = 1068;
		spec.payload = stream.bytes + 68;
		frames_add(frames, spec);
	}
}

/* --- handshakes ----------------------------------------------------------------------------- */

static inline void make_handshakes(struct frames *frames)
{
	for (u8 ipv6 = 0; ipv6 < 2; ipv6++) {
		frames_add(frames,
		    (struct frame_spec){.direction = WIRE_OUT,
			.tcp = 1,
			.ipv6 = ipv6,
			.sequence = 70,
			.acknowledged = 41,
			.flags = 0x12});
		/* Somebody else's, an ACK of another number, then the right one, twice. */
		frames_add(frames,
		    (struct frame_spec){
			.tcp = 1, .ipv6 = ipv6, .client = 9, .sequence = 41, .acknowledged = 71});
		frames_add(frames,
		    (struct frame_spec){
			.tcp = 1, .ipv6 = ipv6, .sequence = 41, .acknowledged = 72});
		frames_add(frames,
		    (struct frame_spec){.tcp = 1,
			.ipv6 = ipv6,
			.sequence = 41,
			.acknowledged = 71,
			.time_us = 20000});
		frames_add(frames,
		    (struct frame_spec){.tcp = 1,
			.ipv6 = ipv6,
			.sequence = 41,
			.acknowledged = 71,
			.time_us = 30000});
	}
	/* A SYN-ACK sent twice: which one is answered? */
	for (u32 i = 0; i < 2; i++)
		frames_add(frames,
		    (struct frame_spec){.direction = WIRE_OUT,
			.tcp = 1,
			.client = 3,
			.sequence = 70,
			.acknowledged = 41,
			.flags = 0x12});
	frames_add(
	    frames, (struct frame_spec){.tcp = 1, .client = 3, .sequence = 41, .acknowledged = 71});
}

static inline void make_handshake_syn(struct frames *frames)
{
	frames_add(frames, (struct frame_spec){.tcp = 1, .sequence = 40, .flags = PACKET_SYN});
	frames_add(frames,
	    (struct frame_spec){.direction = WIRE_OUT,
		.tcp = 1,
		.sequence = 70,
		.acknowledged = 41,
		.flags = 0x12});
	frames_add(frames,
	    (struct frame_spec){.tcp = 1, .sequence = 41, .acknowledged = 71, .time_us = 20000});
	for (u32 i = 0; i < 2; i++)
		frames_add(frames,
		    (struct frame_spec){
			.tcp = 1, .client = 2, .sequence = 40, .flags = PACKET_SYN});
	frames_add(
	    frames, (struct frame_spec){.tcp = 1, .client = 2, .sequence = 41, .acknowledged = 71});
}

#endif
