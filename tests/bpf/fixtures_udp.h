/* SPDX-License-Identifier: BSD-2-Clause */
/* DNS over UDP, and what it comes in: VLANs, options, fragments. The frames behind table.h. */
#ifndef CROSSTAP_TESTS_FIXTURES_UDP_H
#define CROSSTAP_TESTS_FIXTURES_UDP_H

#include "fixtures.h"

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
	/* As many as a packet of 1,500 bytes has room for; and more than are followed. */
	static const u16 counts[] = {8, 9, 180, PACKET_MAX_EXTENSIONS, PACKET_MAX_EXTENSIONS + 1};
	u8 many[(PACKET_MAX_EXTENSIONS + 1) * 8] = {0};
	const struct message query = message_query(0, 1);

	frames_add(frames,
	    (struct frame_spec){.ipv6 = 1,
		.extensions = chain,
		.extension_bytes = sizeof(chain),
		.last_extension = 32,
		.payload = query.bytes,
		.length = query.length});
	for (u32 at = 0; at < sizeof(many); at += 8)
		many[at] = 60; /* destination options */
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		frames_add(frames,
		    (struct frame_spec){.ipv6 = 1,
			.first_extension = 60,
			.extensions = many,
			.extension_bytes = 8u * counts[i],
			.last_extension = 8u * (counts[i] - 1),
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
	static const u8 first[8] = {17, 0, 0, 1, 0, 0, 0, 1}, options[8] = {17, 0, 1, 4};
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
	/* 0: over IPv6 all that the packet holds, also of one that more fragments belong to. */
	frames_add(frames,
	    (struct frame_spec){.jumbo = 1, .payload = query.bytes, .length = query.length});
	frames_add(frames,
	    (struct frame_spec){
		.ipv6 = 1, .jumbo = 1, .payload = query.bytes, .length = query.length});
	frames_add(frames,
	    (struct frame_spec){.ipv6 = 1,
		.jumbo = 1,
		.first_extension = 44,
		.extensions = first,
		.extension_bytes = 8,
		.payload = query.bytes,
		.length = 16});
	/* An IPv6 packet of no length holds a datagram behind hop-by-hop options alone. */
	frames_add(frames,
	    (struct frame_spec){
		.ipv6 = 1, .unsized = 1, .payload = query.bytes, .length = query.length});
	for (u32 i = 0; i < 2; i++)
		frames_add(frames,
		    (struct frame_spec){.ipv6 = 1,
			.unsized = 1,
			.first_extension = i ? 60 : 0,
			.extensions = options,
			.extension_bytes = 8,
			.payload = query.bytes,
			.length = query.length});
}

static inline void make_fragments(struct frames *frames)
{
	struct message response = message_query(0x8400, 16), notify = message_query(0x2000, 6);
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
	/* A query's that ends in the header, or has none of it, but padding: to the server. */
	frames_add(frames,
	    (struct frame_spec){
		.fragment = 0x2000, .udp_length = 8 + 32, .payload = notify.bytes, .length = 8});
	frames_add(frames,
	    (struct frame_spec){
		.fragment = 0x2000, .udp_length = 8 + 32, .length = 0, .padding = 18});
	/* Don't fragment is no fragment; somebody else's is not ours. */
	frames_add(frames,
	    (struct frame_spec){.fragment = 0x4000, .payload = response.bytes, .length = 32});
	frames_add(frames,
	    (struct frame_spec){.fragment = 0x0005,
		.server = FRAME_NOT_OURS,
		.payload = response.bytes,
		.length = 32});
}

/* Of a tiny first fragment, what pads its frame is no part of the message: neither the end of the
 * name and its type, nor the type alone, nor an OPT. */
static inline void make_padded_fragments(struct frames *frames)
{
	struct message query = message_header(0, 1, 0, 0, 0),
		       response = message_header(0x8000, 0, 0, 0, 1);

	message_put(&query, "\2nl\0", 4);
	for (u8 ipv6 = 0; ipv6 < 2; ipv6++) {
		static const u8 first[8] = {17, 0, 0, 1, 0, 0, 0, 1};
		struct frame_spec spec = {.ipv6 = ipv6,
		    .udp_length = 8 + 32,
		    .payload = query.bytes,
		    .length = 16,
		    .padding = 20};

		spec.fragment = ipv6 ? 0 : 0x2000;
		spec.first_extension = ipv6 ? 44 : 0;
		spec.extensions = first;
		spec.extension_bytes = ipv6 ? 8 : 0;
		frames_add(frames, spec);
		spec.length = 14; /* "\2n" */
		frames_add(frames, spec);
	}
	message_opt(&response, 1);
	frames_add(frames,
	    (struct frame_spec){.direction = WIRE_OUT,
		.fragment = 0x2000,
		.udp_length = 8 + 32,
		.payload = response.bytes,
		.length = 16,
		.padding = 20});
	memcpy(frames->frames[frames->n - 1].bytes + 14 + 28 + 16, response.bytes + 16, 7);
}

/* An OPT whose data runs past the message's end is none, as for dnstap; one with data is one. */
static inline void make_opt_data(struct frames *frames)
{
	for (u32 missing = 0; missing < 2; missing++) {
		struct message message = message_named(0x8003, NAME_WWW, 16, 1, 1);

		message_opt(&message, 1);
		message.bytes[message.length - 1] = (u8)(4 + missing);
		message_put(&message, "\0\3\0\0", 4);
		fixture_udp(frames, WIRE_OUT, &message);
		message = message_header(0x8003, 0, 0, 0, 1);
		message_opt(&message, 1);
		message.bytes[message.length - 1] = (u8)missing;
		fixture_udp(frames, WIRE_OUT, &message);
	}
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

	/* 100 clients, 4 places: the first 4 are counted each, the rest together. */
	for (u32 round = 0; round < 2; round++)
		for (u16 client = 1; client <= 100; client++)
			frames_add(frames,
			    (struct frame_spec){.ipv6 = client & 1,
				.client = client,
				.payload = query.bytes,
				.length = query.length});
}

#endif
