/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets in, counters out: run through the headers in user space and through BPF_PROG_TEST_RUN.
 * The expected text names every counter that is not 0 (totals.h).
 */
#ifndef CROSSTAP_TESTS_FIXTURES_H
#define CROSSTAP_TESTS_FIXTURES_H

#include "frames.h"

#define FIXTURE_OPTIONS     (WIRE_PER_SOURCE | WIRE_RTT)
#define FIXTURE_MAX_SOURCES 64

struct fixture {
	const char *name;
	void (*make)(struct frames *frames);
	const char *expected;
	u32 options; /* besides FIXTURE_OPTIONS */
};

/* --- messages ------------------------------------------------------------------------------- */

struct message {
	u8 bytes[2048];
	u32 length;
};

#define NAME_WWW "\3www\7example\2nl"

static inline void message_put(struct message *message, const void *bytes, u32 n)
{
	memcpy(message->bytes + message->length, bytes, n);
	message->length += n;
}

static inline void message_put16(struct message *message, u32 value)
{
	const u8 bytes[2] = {(u8)(value >> 8), (u8)value};

	message_put(message, bytes, 2);
}

/* A header: word of flags, four counts. */
static inline struct message message_header(u32 word, u32 qd, u32 an, u32 ns, u32 ar)
{
	struct message message = {.length = 0};

	message_put16(&message, 0x4711);
	message_put16(&message, word);
	message_put16(&message, qd);
	message_put16(&message, an);
	message_put16(&message, ns);
	message_put16(&message, ar);
	return message;
}

static inline struct message message_named(
    u32 word, const void *name, u32 name_bytes, u32 qtype, u32 additional)
{
	struct message message = message_header(word, 1, 0, 0, additional);

	message_put(&message, name, name_bytes);
	message_put16(&message, qtype);
	message_put16(&message, 1);
	return message;
}

/* 32 bytes: 12 + 16 + 4. */
static inline struct message message_query(u32 word, u32 qtype)
{
	return message_named(word, NAME_WWW, 16, qtype, 0);
}

static inline void message_opt(struct message *message, u8 extended_rcode)
{
	const u8 opt[11] = {0, 0, 41, 4, 208, extended_rcode, 0, 0x80, 0, 0, 0};

	message_put(message, opt, sizeof(opt));
}

static inline void message_prefixed(struct message *stream, const struct message *message)
{
	message_put16(stream, message->length);
	message_put(stream, message->bytes, message->length);
}

static inline void fixture_udp(struct frames *frames, u8 direction, const struct message *message)
{
	frames_add(frames,
	    (struct frame_spec){
		.direction = direction, .payload = message->bytes, .length = message->length});
}

/* The part [from, to) of a stream whose first byte has number 1000. */
static inline void fixture_tcp(
    struct frames *frames, u8 direction, const struct message *stream, u32 from, u32 to)
{
	frames_add(frames,
	    (struct frame_spec){.direction = direction,
		.tcp = 1,
		.sequence = 1000 + from,
		.acknowledged = 1,
		.payload = stream->bytes + from,
		.length = to - from});
}

/* --- UDP ------------------------------------------------------------------------------------ */

static inline void make_udp_query(struct frames *frames)
{
	const struct message query = message_query(0x0100, 1);

	fixture_udp(frames, WIRE_IN, &query);
	frames_add(
	    frames, (struct frame_spec){.ipv6 = 1, .payload = query.bytes, .length = query.length});
	frames_add(
	    frames, (struct frame_spec){.raw = 1, .payload = query.bytes, .length = query.length});
	frames_add(frames,
	    (struct frame_spec){
		.raw = 1, .ipv6 = 1, .payload = query.bytes, .length = query.length});
}

static inline void make_padded(struct frames *frames)
{
	const struct message query = message_header(0, 0, 0, 0, 0);

	frames_add(frames, (struct frame_spec){.payload = query.bytes, .length = 12, .padding = 6});
	frames_add(frames, (struct frame_spec){.payload = query.bytes, .length = 0, .padding = 18});
}

static inline void make_vlan(struct frames *frames)
{
	const struct message query = message_query(0, 28);

	for (u8 tags = 0; tags <= 2; tags++)
		frames_add(frames,
		    (struct frame_spec){
			.tags = tags, .payload = query.bytes, .length = query.length});
	frames_add(frames,
	    (struct frame_spec){
		.tags = 2, .ipv6 = 1, .payload = query.bytes, .length = query.length});
}

static inline void make_ipv4_options(struct frames *frames)
{
	const struct message query = message_query(0, 1);

	for (u8 options = 4; options <= 40; options += 36)
		frames_add(frames,
		    (struct frame_spec){
			.ip_options = options, .payload = query.bytes, .length = query.length});
}

static inline void make_ipv6_extensions(struct frames *frames)
{
	/* hop-by-hop (8), destination options (16), routing (8), authentication (12 + 12), UDP */
	static const u8 chain[] = {60, 0, 1, 4, 0, 0, 0, 0, 43, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	    0, 0, 0, 51, 0, 0, 0, 0, 0, 0, 0, 17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
	    0, 0, 0, 0, 0, 0};
	/* Nine hop-by-hop headers are more than are followed. */
	u8 many[9 * 8] = {0};
	const struct message query = message_query(0, 1);

	frames_add(frames,
	    (struct frame_spec){.ipv6 = 1,
		.extensions = chain,
		.extension_bytes = sizeof(chain),
		.last_extension = 32,
		.payload = query.bytes,
		.length = query.length});
	for (u32 n = 8; n <= 9; n++)
		frames_add(frames,
		    (struct frame_spec){.ipv6 = 1,
			.extensions = many,
			.extension_bytes = 8 * n,
			.last_extension = 8 * (n - 1),
			.payload = query.bytes,
			.length = query.length});
}

static inline void make_not_ours(struct frames *frames)
{
	const struct message query = message_query(0, 1);
	static const u8 arp[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6};

	frames_add(frames,
	    (struct frame_spec){
		.server = FRAME_NOT_OURS, .payload = query.bytes, .length = query.length});
	frames_add(frames,
	    (struct frame_spec){.ipv6 = 1,
		.server = FRAME_NOT_OURS,
		.payload = query.bytes,
		.length = query.length});
	frames_add(frames,
	    (struct frame_spec){
		.server_port = 5353, .payload = query.bytes, .length = query.length});
	/* A response to a resolver that runs here: from port 53, not to it. */
	frames_add(frames,
	    (struct frame_spec){.client_port = 53,
		.server_port = 40000,
		.payload = query.bytes,
		.length = query.length});
	frames_add(frames, (struct frame_spec){.payload = query.bytes, .length = query.length});
	frames->frames[frames->n - 1].bytes[23] = 1; /* ICMP */
	frames_add(frames, (struct frame_spec){.payload = query.bytes, .length = query.length});
	memcpy(frames->frames[frames->n - 1].bytes, arp, sizeof(arp));
}

static inline void make_responses(struct frames *frames)
{
	static const u16 words[] = {0x8400, 0x8403, 0x8405, 0x8600, 0x8417, 0xa000, 0x0000};
	struct message message;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		message = message_query(words[i], 1);
		fixture_udp(frames, WIRE_OUT, &message);
	}
	/* BADVERS (16) and BADCOOKIE (23) behind a question; BADVERS without one. */
	message = message_named(0x8000, NAME_WWW, 16, 1, 1);
	message_opt(&message, 1);
	fixture_udp(frames, WIRE_OUT, &message);
	message = message_named(0x8007, NAME_WWW, 16, 1, 1);
	message_opt(&message, 1);
	fixture_udp(frames, WIRE_OUT, &message);
	message = message_header(0x8000, 0, 0, 0, 1);
	message_opt(&message, 1);
	fixture_udp(frames, WIRE_OUT, &message);
	/* 0xabc: not among the rcodes that are counted in place. */
	message = message_named(0x800c, NAME_WWW, 16, 1, 1);
	message_opt(&message, 0xab);
	fixture_udp(frames, WIRE_OUT, &message);
	/* A record that is not the OPT, an OPT cut by the message's end: four bits. */
	message = message_named(0x8001, NAME_WWW, 16, 1, 1);
	message_put(&message, "\0\0\1\0\1\7\7\7\7\0\0", 11);
	fixture_udp(frames, WIRE_OUT, &message);
	message = message_named(0x8002, NAME_WWW, 16, 1, 1);
	message_opt(&message, 1);
	message.length--;
	fixture_udp(frames, WIRE_OUT, &message);
}

static inline struct message message_classed(u32 word, u32 qtype, u32 qclass, u32 additional)
{
	struct message message = message_header(word, 1, 0, 0, additional);

	message_put(&message, NAME_WWW, 16);
	message_put16(&message, qtype);
	message_put16(&message, qclass);
	return message;
}

/* What some producers never log. */
static inline void make_query_classes(struct frames *frames)
{
	static const u16 qclasses[] = {1, 255, 3, 3, 4, 254, 0, 65280};
	struct message message = message_header(0, 0, 0, 0, 0);

	fixture_udp(frames, WIRE_IN, &message); /* no question */
	message = message_header(0, 2, 0, 0, 0);
	for (u32 i = 0; i < 2; i++)
		message_put(&message, NAME_WWW "\0\0\1\0\1", 20);
	fixture_udp(frames, WIRE_IN, &message); /* two */
	message.bytes[16] = 0xc0;
	fixture_udp(frames, WIRE_IN, &message); /* unreadable: malformed, nothing else */
	for (size_t i = 0; i < sizeof(qclasses) / sizeof(*qclasses); i++) {
		message = message_classed(0x0100, 16, qclasses[i], 0);
		fixture_udp(frames, WIRE_IN, &message);
		frames_add(frames,
		    (struct frame_spec){
			.ipv6 = 1, .payload = message.bytes, .length = message.length});
	}
	/* What is not compared. */
	message = message_classed(0x2800, 6, 254, 0);
	fixture_udp(frames, WIRE_IN, &message); /* UPDATE */
	message = message_classed(0x8100, 16, 3, 0);
	fixture_udp(frames, WIRE_IN, &message); /* an answer */
	message = message_classed(0, 16, 3, 0);
	frames_add(frames,
	    (struct frame_spec){
		.client = FRAME_OWN_CLIENT, .payload = message.bytes, .length = message.length});
}

static inline void make_answer_classes(struct frames *frames)
{
	static const struct {
		u8 rcode;
		u8 extended; /* its upper bits */
		u16 qtype, qclass;
	} answers[] = {{0, 0, 1, 1}, {3, 0, 1, 1}, {2, 0, 1, 1}, {5, 0, 1, 1}, {5, 0, 1, 255},
	    {5, 0, 16, 3}, {5, 0, 1, 4}, {4, 0, 1, 1}, {4, 0, 253, 255}, {4, 0, 1, 3}, {9, 0, 1, 1},
	    {9, 0, 1, 3}, {9, 0, 1, 4}, {1, 0, 1, 1}, {1, 0, 1, 255}, {1, 0, 16, 3}, {1, 0, 1, 254},
	    {1, 0, 250, 254}, {1, 0, 41, 1}, {1, 0, 128, 255}, {1, 0, 255, 3}, {1, 0, 127, 1},
	    {1, 0, 256, 1}, {0, 1, 1, 1}, {0, 1, 250, 1}, {0, 1, 16, 3}, {0, 1, 1, 0},
	    {7, 1, 1, 1}};
	struct message message;

	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		message = message_classed(0x8400 | answers[i].rcode, answers[i].qtype,
		    answers[i].qclass, answers[i].extended);
		if (answers[i].extended)
			message_opt(&message, answers[i].extended);
		fixture_udp(frames, WIRE_OUT, &message);
	}
	/* Without a question, with two, not an answer, to another opcode. */
	message = message_header(0x8001, 0, 0, 0, 0);
	fixture_udp(frames, WIRE_OUT, &message);
	message = message_header(0x8005, 2, 0, 0, 0);
	for (u32 i = 0; i < 2; i++)
		message_put(&message, NAME_WWW "\0\0\1\0\1", 20);
	fixture_udp(frames, WIRE_OUT, &message);
	message = message_classed(0x0005, 1, 1, 0);
	fixture_udp(frames, WIRE_OUT, &message);
	message = message_classed(0xa005, 6, 1, 0);
	fixture_udp(frames, WIRE_OUT, &message);
}

static inline void make_left_out(struct frames *frames)
{
	struct message message = message_query(0x2400, 6); /* NOTIFY */

	fixture_udp(frames, WIRE_IN, &message);
	message = message_query(0x2800, 6); /* UPDATE */
	fixture_udp(frames, WIRE_IN, &message);
	message = message_query(0x0000, 252); /* AXFR */
	fixture_udp(frames, WIRE_IN, &message);
	message = message_query(0x0000, 251); /* IXFR */
	fixture_udp(frames, WIRE_IN, &message);
	message = message_query(0x8000, 251);
	fixture_udp(frames, WIRE_OUT, &message);
	message = message_query(0x0100, 1);
	frames_add(frames,
	    (struct frame_spec){
		.client = FRAME_OWN_CLIENT, .payload = message.bytes, .length = message.length});
	frames_add(frames,
	    (struct frame_spec){.ipv6 = 1,
		.client = FRAME_OWN_CLIENT,
		.payload = message.bytes,
		.length = message.length});
	/* QR=1 in is not_query and not also left_out, whatever else it is. */
	message = message_query(0xa400, 252);
	fixture_udp(frames, WIRE_IN, &message);
	/* The opcode is looked at before the question: a malformed NOTIFY is left out. */
	message = message_named(0x2000, "\x80", 1, 6, 0);
	fixture_udp(frames, WIRE_IN, &message);
}

static inline void make_qtypes(struct frames *frames)
{
	static const u16 qtypes[] = {0, 1, 255, 261, 511, 512, 32769, 65535};
	struct message message;

	for (size_t i = 0; i < sizeof(qtypes) / sizeof(*qtypes); i++) {
		message = message_query(0, qtypes[i]);
		fixture_udp(frames, WIRE_IN, &message);
	}
	message = message_query(0x7800, 65280); /* opcode 15 */
	fixture_udp(frames, WIRE_IN, &message);
}

static inline void make_malformed(struct frames *frames)
{
	struct message message = message_header(0, 1, 0, 0, 0);

	message.length = 11;
	fixture_udp(frames, WIRE_IN, &message);
	message.length = 0;
	fixture_udp(frames, WIRE_IN, &message);
	fixture_udp(frames, WIRE_OUT, &message); /* QR=0 on its way out */
	message = message_header(0, 1, 0, 0, 0);
	fixture_udp(frames, WIRE_IN, &message); /* no name: overrun */
	message_put(&message, "\3ww", 3);
	fixture_udp(frames, WIRE_IN, &message); /* a label past the end */
	message = message_named(0, "\x40", 1, 1, 0);
	fixture_udp(frames, WIRE_IN, &message); /* label type 01 */
	message = message_named(0, "\xc0\x0c", 2, 1, 0);
	fixture_udp(frames, WIRE_IN, &message); /* pointer */
	message = message_query(0x8000, 1);
	message.length -= 4;
	fixture_udp(frames, WIRE_OUT, &message); /* no type */
	message.length += 3;
	fixture_udp(frames, WIRE_OUT, &message); /* three bytes of it */
}

/* Labels of `label` bytes up to `total` bytes of name, root included. */
static inline u32 fixture_name(u8 *name, u32 label, u32 total)
{
	u32 at = 0;

	while (at + 1 < total) {
		const u32 rest = total - 2 - at;
		const u32 n = label < rest ? label : rest;

		name[at] = (u8)n;
		memset(name + at + 1, 'a' + (int)(at % 26), n);
		at += 1 + n;
	}
	name[at++] = 0;
	return at;
}

static inline void make_long_names(struct frames *frames)
{
	static const u32 labels[] = {1, 2, 3, 7, 8, 31, 62, 63};
	struct message message;
	u8 name[512];

	for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++) {
		message = message_named(0, name, fixture_name(name, labels[i], 255), 16, 0);
		fixture_udp(frames, WIRE_IN, &message);
		/* Too long by a byte, or two where all labels are of one byte. */
		message = message_named(
		    0x8000, name, fixture_name(name, labels[i], labels[i] == 1 ? 257 : 256), 16, 0);
		fixture_udp(frames, WIRE_OUT, &message);
	}
	message = message_named(0, name, fixture_name(name, 1, 300), 16, 0);
	fixture_udp(frames, WIRE_IN, &message);
	message = message_named(0, "", 1, 2, 0); /* the root */
	fixture_udp(frames, WIRE_IN, &message);
}

static inline void make_udp_length(struct frames *frames)
{
	const struct message query = message_query(0, 1);

	/* Longer than the IP packet: what is there counts. Shorter than its own header: nothing is.
	 */
	frames_add(frames,
	    (struct frame_spec){
		.udp_length = 4000, .payload = query.bytes, .length = query.length});
	frames_add(frames,
	    (struct frame_spec){.udp_length = 7, .payload = query.bytes, .length = query.length});
	/* Shorter than the IP packet: bytes behind it are not the message's. */
	frames_add(frames,
	    (struct frame_spec){
		.udp_length = 8 + 30, .payload = query.bytes, .length = query.length});
}

static inline void make_fragments(struct frames *frames)
{
	struct message response = message_query(0x8400, 16);
	static const u8 atomic[8] = {17, 0, 0, 0, 0, 0, 0, 1}, first[8] = {17, 0, 0, 1, 0, 0, 0, 1},
			later[8] = {17, 0, 0, 40, 0, 0, 0, 1};

	/* The first one knows the length of all; the second has no ports. */
	frames_add(frames,
	    (struct frame_spec){.direction = WIRE_OUT,
		.fragment = 0x2000,
		.udp_length = 8 + 1400,
		.payload = response.bytes,
		.length = 32});
	frames_add(frames,
	    (struct frame_spec){.direction = WIRE_OUT,
		.fragment = 0x0005,
		.payload = response.bytes,
		.length = 32});
	/* A first one that ends in the name, and one that ends in the header. */
	frames_add(frames,
	    (struct frame_spec){.direction = WIRE_OUT,
		.fragment = 0x2000,
		.udp_length = 8 + 1400,
		.payload = response.bytes,
		.length = 16});
	frames_add(frames,
	    (struct frame_spec){.direction = WIRE_OUT,
		.fragment = 0x2000,
		.udp_length = 8 + 1400,
		.payload = response.bytes,
		.length = 8});
	frames_add(frames,
	    (struct frame_spec){.ipv6 = 1,
		.first_extension = 44,
		.extensions = atomic,
		.extension_bytes = 8,
		.payload = response.bytes,
		.length = 32});
	frames_add(frames,
	    (struct frame_spec){.ipv6 = 1,
		.first_extension = 44,
		.extensions = first,
		.extension_bytes = 8,
		.udp_length = 8 + 1400,
		.payload = response.bytes,
		.length = 32});
	frames_add(frames,
	    (struct frame_spec){.ipv6 = 1,
		.first_extension = 44,
		.extensions = later,
		.extension_bytes = 8,
		.payload = response.bytes,
		.length = 32});
	/* Don't fragment is no fragment; somebody else's is not ours. */
	frames_add(frames,
	    (struct frame_spec){.fragment = 0x4000, .payload = response.bytes, .length = 32});
	frames_add(frames,
	    (struct frame_spec){.fragment = 0x0005,
		.server = FRAME_NOT_OURS,
		.payload = response.bytes,
		.length = 32});
}

/* A frame that ends early, at each length, as a device or a capture may give it. */
static inline void make_truncated(struct frames *frames)
{
	const struct message query = message_query(0, 1);

	for (u32 cut = 0; cut <= 14 + 28 + query.length; cut++)
		frames_add(frames,
		    (struct frame_spec){
			.cut = cut, .payload = query.bytes, .length = query.length});
	for (u32 cut = 0; cut <= 14 + 48 + query.length; cut++)
		frames_add(frames,
		    (struct frame_spec){
			.ipv6 = 1, .cut = cut, .payload = query.bytes, .length = query.length});
}

static inline void make_sources(struct frames *frames)
{
	const struct message query = message_query(0, 1);

	/* 100 clients, 64 places: the first 64 are counted each, the rest together. */
	for (u32 round = 0; round < 2; round++)
		for (u16 client = 1; client <= 100; client++)
			frames_add(frames,
			    (struct frame_spec){.ipv6 = client & 1,
				.client = client,
				.payload = query.bytes,
				.length = query.length});
}

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

/* --- TCP ------------------------------------------------------------------------------------ */

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
		.sequence = 0,
		.acknowledged = 1000,
		.flags = PACKET_SYN | PACKET_ACK,
		.time_us = 10});
	frames_add(frames,
	    (struct frame_spec){.tcp = 1,
		.tcp_options = 12,
		.sequence = 1000,
		.acknowledged = 1,
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
	frames_add(frames, (struct frame_spec){.tcp = 1, .sequence = 1034, .flags = PACKET_FIN});
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
