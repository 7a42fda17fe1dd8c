/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams through a socket pair, cut in every way. */
#include "base/unused.h"
#include "dnstap/connection.h"

#include "frames.h"

#include "../random.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_FRAME (300 * 1024)

/* What came out: ids and lengths in order. */
struct seen {
	size_t records, bad;
	uint16_t next_id;
	size_t expected[64]; /* message bytes by id */
};

static uint8_t buffer[CONNECTION_READ_BYTES];

static void take(void *context, const struct record *records, size_t n)
{
	struct seen *seen = context;

	assert_in_range(n, 1, RECORD_BATCH);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(records[i].query_port, seen->next_id);
		assert_int_equal(records[i].query_length, seen->expected[seen->next_id % 64]);
		for (uint32_t k = 0; k < records[i].query_length; k += 97)
			assert_int_equal(records[i].query_message[k], (uint8_t)seen->next_id);
		seen->next_id++;
		seen->records++;
	}
}

static void bad(void *context)
{
	struct seen *seen = context;

	seen->bad++;
}

static const struct receiver_ops ops = {.take = take, .bad = bad};

struct pair {
	struct connection *connection;
	int peer;
};

static struct pair pair_new(void)
{
	struct pair pair;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	pair.connection = connection_new(ends[0], MAX_FRAME);
	assert_non_null(pair.connection);
	pair.peer = ends[1];
	return pair;
}

static void pair_free(struct pair *pair)
{
	connection_free(pair->connection);
	close(pair->peer);
}

static ssize_t read_all(struct connection *connection, struct seen *seen, const char **error)
{
	ssize_t n;

	do
		n = connection_read(connection, &ops, seen, buffer, error);
	while (n > 0);
	return n;
}

/* Reads whenever the socket is full. */
static void send_all(struct pair *pair, struct seen *seen, const uint8_t *data, size_t length)
{
	const char *error = NULL;

	while (length) {
		ssize_t n = send(pair->peer, data, length, MSG_NOSIGNAL);

		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			assert_int_equal(read_all(pair->connection, seen, &error), -EAGAIN);
			continue;
		}
		data += n;
		length -= (size_t)n;
	}
}

static void expect_reply(int peer, uint32_t type)
{
	uint8_t reply[128];
	ssize_t n = recv(peer, reply, sizeof(reply), 0);

	assert_true(n >= 12);
	assert_int_equal(reply[11], type);
	assert_int_equal(reply[7] + 8, n);
}

/* READY, START, three queries, one frame that is none, STOP. */
static size_t small_stream(uint8_t *out, struct seen *seen, bool bidirectional)
{
	uint8_t frame[512];
	size_t used = 0;

	if (bidirectional)
		used += frame_stream_write_ready(out);
	used += frame_stream_write_start(out + used);
	for (uint16_t id = 0; id < 3; id++) {
		seen->expected[id] = 10u * id;
		used += put_frame(out + used, frame, query_frame(frame, id, 10u * id));
		if (id == 1)
			used += put_frame(out + used, "junk", 4);
	}
	return used + frame_stream_write_stop(out + used);
}

static void test_every_cut(void **state UNUSED)
{
	uint8_t stream[1024];

	for (int bidirectional = 0; bidirectional < 2; bidirectional++) {
		struct seen plan = {0};
		size_t length = small_stream(stream, &plan, bidirectional);

		for (size_t cut = 1; cut < length; cut++) {
			struct pair pair = pair_new();
			struct seen seen = plan;
			const char *error = NULL;

			send_all(&pair, &seen, stream, cut);
			assert_int_equal(read_all(pair.connection, &seen, &error), -EAGAIN);
			send_all(&pair, &seen, stream + cut, length - cut);
			assert_int_equal(read_all(pair.connection, &seen, &error), -EAGAIN);
			assert_null(error);
			assert_int_equal(seen.records, 3);
			assert_int_equal(seen.bad, 1);
			assert_int_equal(pair.connection->receiver.frames, 4);
			assert_int_equal(pair.connection->receiver.frames_bad, 1);
			assert_false(connection_is_new(pair.connection));
			pair_free(&pair);
		}
	}
}

static void test_byte_by_byte_with_replies(void **state UNUSED)
{
	struct pair pair = pair_new();
	struct seen seen = {0};
	uint8_t stream[1024], ready[64], none;
	const size_t ready_bytes = frame_stream_write_ready(ready);
	const size_t length = small_stream(stream, &seen, true);
	const char *error = NULL;

	assert_true(connection_is_new(pair.connection));
	for (size_t i = 0; i < length; i++) {
		assert_int_equal(send(pair.peer, stream + i, 1, 0), 1);
		assert_int_equal(connection_read(pair.connection, &ops, &seen, buffer, &error), 1);
		if (i + 1 == ready_bytes)
			expect_reply(pair.peer, 1); /* ACCEPT */
		else if (i + 1 < length)
			assert_int_equal(recv(pair.peer, &none, 1, 0), -1);
	}
	expect_reply(pair.peer, 5); /* FINISH */
	assert_int_equal(seen.records, 3);
	pair_free(&pair);
}

/* Frames beyond the read buffer and beyond 64 KiB, in random writes. */
static void test_large_frames_in_random_pieces(void **state UNUSED)
{
	static const size_t sizes[] = {
	    0, 1, 100, 16000, 65000, 65536, 70000, 150000, 262100, 290000};
	static uint8_t stream[4 << 20], frame[MAX_FRAME];
	uint64_t random = 11;

	for (int round = 0; round < 16; round++) {
		struct pair pair = pair_new();
		struct seen seen = {0};
		const char *error = NULL;
		size_t used = frame_stream_write_start(stream), sent = 0;
		const uint16_t frames = 20;

		for (uint16_t id = 0; id < frames; id++) {
			size_t bytes = sizes[random_below(&random, 10)];

			seen.expected[id] = bytes;
			used += put_frame(stream + used, frame, query_frame(frame, id, bytes));
		}
		while (sent < used) {
			size_t piece = 1 + random_below(&random, 1u << (4 + round % 16));

			if (piece > used - sent)
				piece = used - sent;
			send_all(&pair, &seen, stream + sent, piece);
			sent += piece;
			if (random_below(&random, 2))
				read_all(pair.connection, &seen, &error);
		}
		assert_int_equal(read_all(pair.connection, &seen, &error), -EAGAIN);
		assert_null(error);
		assert_int_equal(seen.records, frames);
		assert_int_equal(seen.bad, 0);
		/* Large stashes are given back. */
		assert_int_equal(pair.connection->stashed, 0);
		assert_true(pair.connection->stash_size <= 16 * 1024);
		pair_free(&pair);
	}
}

/* Many connections share one buffer. */
static void test_connections_do_not_mix(void **state UNUSED)
{
	enum { N = 8 };
	struct pair pairs[N];
	struct seen seen[N] = {0};
	uint8_t stream[1024];
	uint64_t random = 12;
	size_t sent[N] = {0}, left = N, length = 0;
	const char *error = NULL;

	for (int i = 0; i < N; i++) {
		pairs[i] = pair_new();
		length = small_stream(stream, &seen[i], false);
	}
	while (left) {
		const uint32_t i = random_below(&random, N);
		size_t piece = 1 + random_below(&random, 40);

		if (sent[i] == length)
			continue;
		if (piece > length - sent[i])
			piece = length - sent[i];
		send_all(&pairs[i], &seen[i], stream + sent[i], piece);
		assert_int_equal(read_all(pairs[i].connection, &seen[i], &error), -EAGAIN);
		sent[i] += piece;
		left -= sent[i] == length;
	}
	for (int i = 0; i < N; i++) {
		assert_int_equal(seen[i].records, 3);
		pair_free(&pairs[i]);
	}
}

static void test_a_peer_that_does_not_wait_for_finish(void **state UNUSED)
{
	struct pair pair = pair_new();
	struct seen seen = {0};
	uint8_t stream[1024];
	const char *error = NULL;
	size_t length = small_stream(stream, &seen, true);

	send_all(&pair, &seen, stream, frame_stream_write_ready((uint8_t[64]){0}));
	assert_true(connection_read(pair.connection, &ops, &seen, buffer, &error) > 0);
	expect_reply(pair.peer, 1);
	send_all(&pair, &seen, stream + frame_stream_write_ready((uint8_t[64]){0}),
	    length - frame_stream_write_ready((uint8_t[64]){0}));
	close(pair.peer); /* FINISH meets EPIPE */
	assert_int_equal(read_all(pair.connection, &seen, &error), 0);
	assert_null(error);
	assert_int_equal(seen.records, 3);
	pair.peer = -1;
	connection_free(pair.connection);
}

static void test_rules_that_a_peer_breaks(void **state UNUSED)
{
	static const uint8_t over[] = {0x00, 0x04, 0xb0, 0x01}; /* MAX_FRAME + 1 */
	struct pair pair = pair_new();
	struct seen seen = {0};
	uint8_t stream[1024];
	const char *error = NULL;
	size_t length = small_stream(stream, &seen, false);

	/* What came before counts. */
	length += put_frame(stream + length, "late", 4);
	send_all(&pair, &seen, stream, length);
	assert_int_equal(read_all(pair.connection, &seen, &error), -EPROTO);
	assert_non_null(error);
	assert_int_equal(seen.records, 3);
	pair_free(&pair);

	error = NULL;
	pair = pair_new();
	length = frame_stream_write_start(stream);
	memcpy(stream + length, over, sizeof(over));
	send_all(&pair, &seen, stream, length + 4);
	assert_int_equal(read_all(pair.connection, &seen, &error), -EPROTO);
	assert_non_null(error);
	assert_int_equal(pair.connection->stash_size, 0);
	pair_free(&pair);
}

/* limits.frame became smaller in the middle of a frame. */
static void test_a_limit_that_shrinks(void **state UNUSED)
{
	static uint8_t stream[200000], frame[200000];
	struct pair pair = pair_new();
	struct seen seen = {0};
	const char *error = NULL;
	size_t used = frame_stream_write_start(stream);

	used += put_frame(stream + used, frame, query_frame(frame, 0, 90000));
	send_all(&pair, &seen, stream, 50000);
	assert_int_equal(read_all(pair.connection, &seen, &error), -EAGAIN);
	pair.connection->receiver.stream.max_frame = 1000;
	send_all(&pair, &seen, stream + 50000, used - 50000);
	assert_int_equal(read_all(pair.connection, &seen, &error), -EPROTO);
	assert_int_equal(seen.records, 0);
	pair_free(&pair);
}

/* The file form: the same receiver, fed in blocks. */
static void test_receiver_over_a_file(void **state UNUSED)
{
	struct receiver receiver;
	struct receiver_step step;
	struct seen plan = {0};
	uint8_t stream[1024];
	size_t length = small_stream(stream, &plan, false);

	for (size_t block = 64; block <= length; block++) {
		struct seen seen = plan;
		size_t start = 0, end = 0;

		receiver_init(&receiver, MAX_FRAME);
		while (end < length) {
			end = end + block < length ? end + block : length;
			receiver_feed(&receiver, &ops, &seen, stream + start, end - start, &step);
			assert_null(step.error);
			assert_int_equal(step.reply_length, 0);
			start += step.used;
		}
		assert_int_equal(start, length);
		assert_int_equal(seen.records, 3);
		assert_int_equal(receiver.frames_bad, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_cut),
	    cmocka_unit_test(test_byte_by_byte_with_replies),
	    cmocka_unit_test(test_large_frames_in_random_pieces),
	    cmocka_unit_test(test_connections_do_not_mix),
	    cmocka_unit_test(test_a_peer_that_does_not_wait_for_finish),
	    cmocka_unit_test(test_rules_that_a_peer_breaks),
	    cmocka_unit_test(test_a_limit_that_shrinks),
	    cmocka_unit_test(test_receiver_over_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
