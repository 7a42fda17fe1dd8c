/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random streams of messages, cut into segments, sent twice, out of order, partly lost, on ports
 * that are used again: what is counted is what a slow reassembler finds in the same packets, or
 * resync says that it is not. Then single cases.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../random.h"
#include "base/unused.h"
#include "replay/streams.h"
#include "wire/rules/rules.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS       3000
#define STREAM_BYTES 20000
#define SEGMENT      1460
#define PACKETS      65536
#define HEADERS      40 /* IPv4, TCP */
#define QTYPES       64

struct sent {
	uint32_t stream; /* which of all */
	uint32_t sequence, length;
	const uint8_t *data;
	uint8_t flags;
};

/* One connection's one direction. */
struct stream {
	uint16_t port;
	uint8_t direction, client;
	uint32_t isn, length;
	uint8_t bytes[STREAM_BYTES];
};

struct sums {
	uint64_t messages, bytes, malformed, resync;
	uint64_t qtypes[QTYPES];
};

static struct stream streams_sent[12];
static uint32_t n_streams;
static struct sent packets[PACKETS];
static uint32_t n_packets;
static uint64_t rng;

static struct counter *counter;
static struct counter_window *window;
static struct streams *streams;
static const struct config_wire config = {.ports = {{53}, 1}, .netns = ""};

/* --- what is sent ----------------------------------------------------------------------------- */

static uint32_t below(uint32_t n)
{
	return random_below(&rng, n);
}

static void put16(struct stream *stream, uint32_t value)
{
	stream->bytes[stream->length++] = (uint8_t)(value >> 8);
	stream->bytes[stream->length++] = (uint8_t)value;
}

/* One in ten is shorter than a header; one in ten has a long body. */
static void put_message(struct stream *stream)
{
	const bool shorter = !below(10);
	const uint32_t body = below(10) ? below(30) : below(3000);
	const uint32_t length = shorter ? below(12) : 12 + 5 + 4 + body;
	const uint32_t begin = stream->length + 2;

	put16(stream, length);
	if (!shorter) {
		put16(stream, below(65536));
		put16(stream, stream->direction == WIRE_OUT ? 0x8400 : 0);
		put16(stream, 1);
		put16(stream, 0);
		put16(stream, 0);
		put16(stream, 0);
		memcpy(stream->bytes + stream->length, "\3abc", 5);
		stream->length += 5;
		put16(stream, 1 + below(QTYPES - 1));
		put16(stream, 1);
	}
	while (stream->length < begin + length)
		stream->bytes[stream->length++] = (uint8_t)below(256);
}

static void make_stream(
    struct stream *stream, uint16_t port, uint8_t direction, const struct stream *before)
{
	static const uint32_t steps[] = {70000, 1000, 0x40000000, 0x80000000};
	const uint32_t step = steps[below(4)] + below(5000);

	stream->port = port;
	stream->direction = direction;
	stream->isn = (uint32_t)random_next(&rng);
	/* A new connection's numbers may begin a little ahead of the last one's, or behind it. */
	if (before)
		stream->isn =
		    below(2) ? before->isn + before->length + 2 + step : before->isn - 1 - step;
	stream->length = 0;
	for (uint32_t n = 1 + below(20); n && stream->length + 4000 < STREAM_BYTES; n--)
		put_message(stream);
}

/* --- how it is sent --------------------------------------------------------------------------- */

static void send_part(uint32_t number, uint32_t from, uint32_t to, uint8_t flags)
{
	const struct stream *stream = &streams_sent[number];

	assert_in_range(n_packets, 0, PACKETS - 1);
	packets[n_packets++] = (struct sent){.stream = number,
	    .sequence = stream->isn + (flags & PACKET_SYN ? 0 : 1 + from),
	    .length = to - from,
	    .data = stream->bytes + from,
	    .flags = (uint8_t)(flags | PACKET_ACK)};
}

/* Some segments again, cut in another way. */
static void send_again(uint32_t number, uint32_t before)
{
	const uint32_t from = below(before + 1), length = below(SEGMENT) + 1;

	send_part(number, from, from + length < before ? from + length : before, 0);
}

/* Its segments from packets[first] on change places, but for the SYN. */
static void shuffle(uint32_t first)
{
	for (uint32_t i = first + 1; i + 1 < n_packets; i++) {
		const uint32_t with = i + below(n_packets - i < 5 ? n_packets - i : 5);
		const struct sent packet = packets[i];

		if (below(3))
			continue;
		packets[i] = packets[with];
		packets[with] = packet;
	}
}

static void lose(uint32_t first)
{
	uint32_t kept = first + 1;

	for (uint32_t i = first + 1; i < n_packets; i++) {
		/* What nobody can know of is not lost: the SYN and the FIN. */
		if (packets[i].flags & PACKET_FIN || below(12))
			packets[kept++] = packets[i];
	}
	n_packets = kept;
}

static void send_stream(uint32_t number, bool lossy)
{
	struct stream *stream = &streams_sent[number];
	const uint32_t first = n_packets;
	const uint32_t longest = below(3) ? SEGMENT : 10 + below(200);

	for (uint32_t i = 0; i <= below(2); i++)
		send_part(number, 0, 0, PACKET_SYN);
	for (uint32_t at = 0; at < stream->length;) {
		const uint32_t length = 1 + below(longest);
		const uint32_t end = at + length < stream->length ? at + length : stream->length;

		send_part(number, at, end, 0);
		at = end;
		if (!below(8))
			send_again(number, at);
	}
	if (below(2))
		packets[n_packets - 1].flags |=
		    packets[n_packets - 1].sequence + packets[n_packets - 1].length ==
			stream->isn + 1 + stream->length
		    ? PACKET_FIN
		    : 0;
	send_part(number, stream->length, stream->length, PACKET_FIN);
	if (below(2))
		shuffle(first);
	if (lossy)
		lose(first);
	if (!below(4))
		send_part(number, stream->length, stream->length, PACKET_RST);
}

/* Some connections on a few ports, one after the other on each. */
static void send_all(bool lossy)
{
	const uint32_t ports = 1 + below(3);

	n_streams = 0;
	n_packets = 0;
	for (uint32_t port = 0; port < ports; port++) {
		for (uint32_t n = 1 + below(4); n; n--) {
			const uint32_t number = n_streams++;
			const struct stream *last = &streams_sent[number ? number - 1 : 0];
			const bool again = number && last->port == 4000 + port;

			make_stream(&streams_sent[number], (uint16_t)(4000 + port), port & 1,
			    again ? last : NULL);
			send_stream(number, lossy);
		}
	}
}

/* The ports' packets in turn, each port's in their order. */
static void interleave(void)
{
	static struct sent mixed[PACKETS];
	uint32_t next[3], end[3], n = 0, ports = 0;

	for (uint32_t i = 0; i < n_packets; i++) {
		if (!i ||
		    streams_sent[packets[i].stream].port !=
			streams_sent[packets[i - 1].stream].port)
			next[ports++] = i;
		end[ports - 1] = i + 1;
	}
	while (n < n_packets) {
		const uint32_t port = below(ports);

		if (next[port] < end[port])
			mixed[n++] = packets[next[port]++];
	}
	memcpy(packets, mixed, n * sizeof(*mixed));
}

/* --- the slow reassembler --------------------------------------------------------------------- */

/* Which bytes of a stream are in the packets? Fills `seen`; true: all of them. */
static bool gather(uint32_t number, uint8_t *bytes, uint8_t *seen)
{
	const struct stream *stream = &streams_sent[number];

	memset(seen, 0, STREAM_BYTES);
	for (uint32_t i = 0; i < n_packets; i++) {
		const struct sent *packet = &packets[i];

		if (packet->stream != number || packet->flags & PACKET_SYN)
			continue;
		for (uint32_t j = 0; j < packet->length; j++) {
			const uint32_t at = packet->sequence + j - stream->isn - 1;

			assert_in_range(at, 0, stream->length - 1);
			bytes[at] = packet->data[j];
			seen[at] = 1;
		}
	}
	return !memchr(seen, 0, stream->length);
}

static void parse(const uint8_t *bytes, uint32_t length, bool query, struct sums *ret)
{
	for (uint32_t at = 0; at + 2 <= length;) {
		const uint32_t size = (uint32_t)bytes[at] << 8 | bytes[at + 1];

		ret->messages++;
		ret->bytes += size;
		if (size < 12)
			ret->malformed++;
		else if (query)
			ret->qtypes[bytes[at + 2 + 18]]++;
		at += 2 + size;
	}
}

/* True: no byte is missing, so *ret is what must be counted. Else what was sent. */
static bool expect(struct sums *ret)
{
	static uint8_t bytes[STREAM_BYTES], seen[STREAM_BYTES];
	bool whole = true;

	memset(ret, 0, sizeof(*ret));
	for (uint32_t i = 0; i < n_streams; i++) {
		const struct stream *stream = &streams_sent[i];

		const bool all = gather(i, bytes, seen);

		parse(
		    all ? bytes : stream->bytes, stream->length, stream->direction == WIRE_IN, ret);
		whole &= all;
	}
	return whole;
}

/* --- counting --------------------------------------------------------------------------------- */

static void put_be(uint8_t *to, uint32_t value, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		to[i] = (uint8_t)(value >> 8 * (n - 1 - i));
}

static void count_packet(const struct sent *sent, int64_t time_ns)
{
	const struct stream *stream = &streams_sent[sent->stream];
	const bool out = stream->direction == WIRE_OUT;
	uint8_t bytes[HEADERS + SEGMENT] = {0x45};
	const struct counter_packet packet = {.data = bytes,
	    .length = HEADERS + sent->length,
	    .frame_bytes = HEADERS + sent->length,
	    .time_ns = (uint64_t)time_ns,
	    .segments = 1,
	    .direction = stream->direction,
	    .raw = true};

	put_be(bytes + 2, HEADERS + sent->length, 2);
	bytes[9] = PACKET_TCP;
	put_be(bytes + 12, out ? 0xc0000201 : 0xc6336400 + stream->client, 4);
	put_be(bytes + 16, out ? 0xc6336400 + stream->client : 0xc0000201, 4);
	put_be(bytes + 20, out ? 53 : stream->port, 2);
	put_be(bytes + 22, out ? stream->port : 53, 2);
	put_be(bytes + 24, sent->sequence, 4);
	bytes[32] = 5 << 4;
	bytes[33] = sent->flags;
	if (sent->length)
		memcpy(bytes + HEADERS, sent->data, sent->length);
	streams_at(streams, window, time_ns);
	counter_add_packet(counter, window, &packet);
}

static void take_sums(struct sums *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (uint32_t direction = 0; direction < WIRE_DIRECTIONS; direction++) {
		const struct wire_counters *sums = counter_window_sums(window, 0, direction);
		const struct wire_cell *cell = &sums->cells[WIRE_TCP][PACKET_IPV4];

		ret->messages += cell->messages;
		ret->bytes += cell->message_bytes;
		ret->malformed += cell->malformed;
		ret->resync += cell->resync;
	}
	for (uint32_t i = 0; i < QTYPES; i++)
		ret->qtypes[i] = counter_window_sums(window, 0, WIRE_IN)->qtypes[i];
	counter_window_clear(window);
	streams_clear(streams);
}

static void count_all(struct sums *ret)
{
	for (uint32_t i = 0; i < n_packets; i++)
		count_packet(&packets[i], (int64_t)i * 1000000);
	streams_flush(streams, window);
	take_sums(ret);
}

static bool same(const struct sums *a, const struct sums *b)
{
	return a->messages == b->messages && a->bytes == b->bytes && a->malformed == b->malformed &&
	    memcmp(a->qtypes, b->qtypes, sizeof(a->qtypes)) == 0;
}

static void assert_round(uint32_t round, bool lossy, uint32_t *whole_rounds)
{
	struct sums expected, got;
	bool whole;

	send_all(lossy);
	interleave();
	whole = expect(&expected);
	count_all(&got);
	*whole_rounds += whole;
	if (whole ? !same(&got, &expected) || got.resync : !same(&got, &expected) && !got.resync)
		fail_msg("round %u, %s: %llu messages of %llu, resync %llu", round,
		    whole ? "nothing lost" : "some lost", (unsigned long long)got.messages,
		    (unsigned long long)expected.messages, (unsigned long long)got.resync);
}

static void test_random(void **state UNUSED)
{
	uint32_t whole = 0;

	for (uint32_t round = 0; round < ROUNDS; round++) {
		rng = round + 1;
		assert_round(round, round & 1, &whole);
	}
	assert_in_range(whole, ROUNDS / 2, ROUNDS - ROUNDS / 4);
}

/* --- single cases ----------------------------------------------------------------------------- */

/* Five queries of 23 bytes, with their prefixes. */
static void five_queries(void)
{
	struct stream *stream = &streams_sent[0];

	n_streams = 1;
	n_packets = 0;
	*stream = (struct stream){.port = 4000, .isn = 1000};
	for (uint32_t i = 0; i < 5; i++) {
		static const uint8_t query[] = "\0\x15\0\1\0\0\0\1\0\0\0\0\0\0\3abc\0\0\1\0\1";

		memcpy(stream->bytes + stream->length, query, 23);
		stream->length += 23;
	}
}

/* What is missing for longer than a sender would wait is given up, and said. */
static void test_missing_for_long(void **state UNUSED)
{
	struct sums got;

	five_queries();
	send_part(0, 0, 0, PACKET_SYN);
	send_part(0, 0, 23, 0);
	send_part(0, 46, 69, 0);
	send_part(0, 69, 92, 0);
	for (uint32_t i = 0; i < n_packets; i++)
		count_packet(&packets[i], i);
	assert_int_equal(
	    counter_window_sums(window, 0, WIRE_IN)->cells[WIRE_TCP][PACKET_IPV4].messages, 1);
	streams_at(streams, window, STREAMS_WAIT_NS + 3);
	assert_int_equal(
	    counter_window_sums(window, 0, WIRE_IN)->cells[WIRE_TCP][PACKET_IPV4].messages, 3);
	count_packet(
	    &(struct sent){.sequence = 1024, .data = streams_sent[0].bytes + 23, .length = 23},
	    STREAMS_WAIT_NS + 4);
	take_sums(&got);
	assert_int_equal(got.messages, 3);
	assert_int_equal(got.resync, 1);
}

/* More than there is room for behind a hole. */
static void test_room(void **state UNUSED)
{
	const uint32_t segments = STREAM_HELD_PIECES + 10;
	struct sums got;

	five_queries();
	count_packet(&(struct sent){.sequence = 1000, .flags = PACKET_SYN}, 0);
	for (uint32_t i = 1; i <= segments; i++)
		count_packet(&(struct sent){.sequence = 1001 + 23 * i,
				 .data = streams_sent[0].bytes,
				 .length = 23,
				 .flags = PACKET_ACK},
		    i);
	assert_int_equal(
	    counter_window_sums(window, 0, WIRE_IN)->cells[WIRE_TCP][PACKET_IPV4].messages,
	    segments);
	take_sums(&got);
	assert_int_equal(got.resync, 1);
}

/* Far more streams than are remembered, of SYNs alone: those with data stay. */
static void test_flood(void **state UNUSED)
{
	struct sums got;

	five_queries();
	send_part(0, 0, 0, PACKET_SYN);
	send_part(0, 0, 10, 0);
	count_packet(&packets[0], 0);
	count_packet(&packets[1], 1);
	for (uint32_t i = 0; i < 3 * STREAMS_MAX; i++) {
		streams_sent[1].port = (uint16_t)i;
		streams_sent[1].client = (uint8_t)(1 + i / 65536);
		count_packet(&(struct sent){.stream = 1, .sequence = i, .flags = PACKET_SYN}, 2);
	}
	n_packets = 0;
	send_part(0, 10, 115, 0);
	count_packet(&packets[0], 3);
	take_sums(&got);
	assert_int_equal(got.messages, 5);
	assert_int_equal(got.resync, 0);
}

/* An RST of a number that is none of the window is not taken: the stream goes on, and in order. */
static void test_reset_by_another(void **state UNUSED)
{
	struct sums got;

	five_queries();
	send_part(0, 0, 0, PACKET_SYN);
	send_part(0, 0, 10, 0);
	send_part(0, 0, 0, PACKET_RST);
	packets[n_packets - 1].sequence += 1u << 30;
	send_part(0, 30, 115, 0);
	send_part(0, 10, 30, 0);
	count_all(&got);
	assert_int_equal(got.messages, 5);
	assert_int_equal(got.resync, 0);
}

/* The end of a stream that no capture has. */
static void test_lost_tail(void **state UNUSED)
{
	struct sums got;

	five_queries();
	send_part(0, 0, 0, PACKET_SYN);
	send_part(0, 0, 92, 0);
	send_part(0, 115, 115, PACKET_FIN);
	count_all(&got);
	assert_int_equal(got.messages, 4);
	assert_int_equal(got.resync, 1);
}

/* A byte before the first one, which some send to see whether the other side lives. */
static void test_keep_alive(void **state UNUSED)
{
	struct sums got;

	five_queries();
	send_part(0, 0, 0, PACKET_SYN);
	count_packet(&packets[0], 0);
	count_packet(&(struct sent){.sequence = 1000, .data = (const uint8_t *)"", .length = 1}, 1);
	n_packets = 0;
	send_part(0, 0, 115, 0);
	count_all(&got);
	assert_int_equal(got.messages, 5);
	assert_int_equal(got.resync, 0);
}

/* The first data passes before the SYN. */
static void test_late_syn(void **state UNUSED)
{
	struct sums got;

	five_queries();
	send_part(0, 0, 23, 0);
	send_part(0, 0, 0, PACKET_SYN);
	send_part(0, 46, 115, 0);
	send_part(0, 23, 46, 0);
	count_all(&got);
	assert_int_equal(got.messages, 5);
	assert_int_equal(got.resync, 0);
}

static int make_all(void **state UNUSED)
{
	static struct wire_rules rules;

	wire_rules_set(&rules, &config);
	if (counter_new(&counter, &rules, 1) < 0)
		return -1;
	counter_take_all(counter);
	return counter_window_new(&window, counter) < 0 || streams_new(&streams, counter) < 0;
}

static int free_all(void **state UNUSED)
{
	streams_free(streams);
	counter_window_free(window);
	counter_free(counter);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_random),
	    cmocka_unit_test(test_missing_for_long),
	    cmocka_unit_test(test_room),
	    cmocka_unit_test(test_flood),
	    cmocka_unit_test(test_reset_by_another),
	    cmocka_unit_test(test_lost_tail),
	    cmocka_unit_test(test_keep_alive),
	    cmocka_unit_test(test_late_syn),
	};

	return cmocka_run_group_tests(tests, make_all, free_all);
}
