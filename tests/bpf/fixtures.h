/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets in, counters out: run through the headers in user space and through BPF_PROG_TEST_RUN.
 * The expected text names every counter that is not 0 (totals.h).
 */
#ifndef CROSSTAP_TESTS_FIXTURES_H
#define CROSSTAP_TESTS_FIXTURES_H

#include "frames.h"

#define FIXTURE_OPTIONS (WIRE_PER_SOURCE | WIRE_RTT)
#define FIXTURE_BUCKETS 1 /* of clients */

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

#endif
