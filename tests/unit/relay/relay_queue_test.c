/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue of a tee, by one thread and by two; and what a reader says. */
#include "base/unused.h"
#include "dnstap/frame_stream.h"
#include "relay/relay_control.h"
#include "relay/relay_queue.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MOST 70000

static int start(void **state)
{
	struct relay_queue *queue = calloc(1, sizeof(*queue));

	assert_int_equal(relay_queue_init(queue), 0);
	*state = queue;
	return 0;
}

static int stop(void **state)
{
	relay_queue_done(*state);
	free(*state);
	return 0;
}

/* A frame of `length` bytes, each of them `byte`; how many bytes with its length. */
static size_t frame(uint8_t *out, uint32_t length, uint8_t byte)
{
	const uint8_t head[] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16),
	    (uint8_t)(length >> 8), (uint8_t)length};

	memcpy(out, head, sizeof(head));
	memset(out + sizeof(head), byte, length);
	return sizeof(head) + length;
}

static size_t peeked(const struct relay_queue *queue, uint8_t *out, size_t most)
{
	struct iovec parts[2];
	size_t n = 0;

	relay_queue_peek(queue, parts);
	for (int i = 0; i < 2; i++) {
		const size_t part = parts[i].iov_len < most - n ? parts[i].iov_len : most - n;

		memcpy(out + n, parts[i].iov_base, part);
		n += part;
	}
	return n;
}

static void test_control_frames_stay_out(void **state)
{
	struct relay_queue *queue = *state;
	uint8_t in[512], data[512], out[512];
	size_t n = frame_stream_write_ready(in), wanted;

	n += frame_stream_write_start(in + n);
	n += wanted = frame(in + n, 10, 'a');
	memcpy(data, in + n - wanted, wanted);
	n += frame_stream_write_start(in + n);
	memcpy(data + wanted, in + n, frame(in + n, 20, 'b'));
	wanted += 24;
	n += 24;
	n += frame_stream_write_stop(in + n);
	assert_int_equal(relay_queue_put(queue, in, n), 0);
	assert_int_equal(peeked(queue, out, sizeof(out)), wanted);
	assert_memory_equal(out, data, wanted);
	assert_int_equal(relay_queue_sent(queue, wanted), 2);
	assert_int_equal(peeked(queue, out, sizeof(out)), 0);
}

/* A part of a frame that was sent is sent again, whole. */
static void test_again(void **state)
{
	struct relay_queue *queue = *state;
	uint8_t in[64], out[64];
	size_t n = frame(in, 10, 'a');

	n += frame(in + n, 11, 'b');
	relay_queue_put(queue, in, n);
	assert_int_equal(relay_queue_sent(queue, 3), 0);
	assert_int_equal(relay_queue_sent(queue, 13), 1);
	assert_int_equal(peeked(queue, out, sizeof(out)), 13);
	relay_queue_again(queue);
	assert_int_equal(peeked(queue, out, sizeof(out)), 15);
	assert_memory_equal(out, in + 14, 15);
	assert_int_equal(relay_queue_clear(queue), 1);
	assert_int_equal(peeked(queue, out, sizeof(out)), 0);
}

/* What fits is kept, to the last byte, and what does not is left out by whole frames. */
static void test_full(void **state)
{
	struct relay_queue *queue = *state;
	uint8_t *in = malloc(3 * MOST), *out = malloc(MOST);
	const size_t whole = RELAY_QUEUE_BYTES / 64, n = frame(in, (uint32_t)whole - 4, 'x');
	size_t two;

	assert_int_equal(n, whole);
	for (int turn = 0; turn < 3; turn++) {
		for (int i = 0; i < 64; i++)
			assert_int_equal(relay_queue_put(queue, in, n), 0);
		assert_int_equal(relay_queue_put(queue, in, n), 1);
		two = frame(in + n, 5, 'y');
		two += frame(in + n + two, 6, 'z');
		assert_int_equal(relay_queue_put(queue, in + n, two), 2);
		assert_int_equal(relay_queue_sent(queue, whole), 1);
		assert_int_equal(relay_queue_put(queue, in, n + two), 2);
		assert_int_equal(relay_queue_clear(queue), 64);
		/* At the end of the ring, and over it. */
		assert_int_equal(relay_queue_put(queue, in + n, two), 0);
		assert_int_equal(peeked(queue, out, MOST), two);
		assert_memory_equal(out, in + n, two);
		assert_int_equal(relay_queue_clear(queue), 2);
	}
	free(in);
	free(out);
}

#define FRAMES 200000

static void *put_all(void *argument)
{
	static uint64_t dropped;
	struct relay_queue *queue = argument;
	uint8_t in[2048];

	for (uint32_t i = 0; i < FRAMES; i++)
		dropped += relay_queue_put(queue, in, frame(in, 1 + i % 1500, (uint8_t)i));
	return &dropped;
}

/* Two threads: each frame comes whole, in its order, or is counted as dropped. */
static void test_threads(void **state)
{
	struct relay_queue *queue = *state;
	uint64_t frames = 0, *dropped = NULL;
	uint32_t next = 0;
	bool ended = false;
	uint8_t out[2048];
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, put_all, queue), 0);
	for (;;) {
		const size_t n = peeked(queue, out, sizeof(out));
		uint32_t length;

		if (n == 0) {
			if (ended)
				break;
			ended = pthread_tryjoin_np(thread, (void **)&dropped) == 0;
			continue;
		}
		length = (uint32_t)out[2] << 8 | out[3];
		assert_true(length >= 1 && length <= 1500 && 4 + length <= n);
		while (1 + next % 1500 != length || (uint8_t)next != out[4])
			next++;
		assert_in_range(next, 0, FRAMES - 1);
		for (uint32_t i = 0; i < length; i++)
			assert_int_equal(out[4 + i], (uint8_t)next);
		next++;
		frames += relay_queue_sent(queue, 4 + length);
	}
	assert_int_equal(frames + *dropped, FRAMES);
}

static void test_what_a_reader_says(void **state UNUSED)
{
	static const char type[] = FRAME_STREAM_CONTENT_TYPE;
	uint8_t accept[64] = {0, 0, 0, 0, 0, 0, 0, 34, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 22};
	const uint8_t any[] = {0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1},
		      finish[] = {0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 5},
		      ready[] = {0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 4}, data[] = {0, 0, 0, 1, 9},
		      short_one[] = {0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 1},
		      long_one[] = {0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 1};
	size_t used = 0;

	memcpy(accept + 20, type, sizeof(type) - 1);
	for (size_t i = 0; i < 42; i++)
		assert_int_equal(relay_control_read(accept, i, &used), RELAY_CONTROL_MORE);
	assert_int_equal(relay_control_read(accept, sizeof(accept), &used), RELAY_CONTROL_ACCEPT);
	assert_int_equal(used, 42);
	accept[41] = 'P';
	assert_int_equal(relay_control_read(accept, 42, &used), RELAY_CONTROL_REFUSED);
	accept[19] = 23; /* over the end */
	assert_int_equal(relay_control_read(accept, 42, &used), RELAY_CONTROL_ERROR);
	accept[15] = 2; /* no field that there is */
	assert_int_equal(relay_control_read(accept, 42, &used), RELAY_CONTROL_ERROR);
	assert_int_equal(relay_control_read(any, sizeof(any), &used), RELAY_CONTROL_ACCEPT);
	assert_int_equal(relay_control_read(finish, sizeof(finish), &used), RELAY_CONTROL_FINISH);
	assert_int_equal(relay_control_read(ready, sizeof(ready), &used), RELAY_CONTROL_ERROR);
	assert_int_equal(relay_control_read(data, sizeof(data), &used), RELAY_CONTROL_ERROR);
	assert_int_equal(
	    relay_control_read(short_one, sizeof(short_one), &used), RELAY_CONTROL_ERROR);
	assert_int_equal(
	    relay_control_read(long_one, sizeof(long_one), &used), RELAY_CONTROL_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_control_frames_stay_out, start, stop),
	    cmocka_unit_test_setup_teardown(test_again, start, stop),
	    cmocka_unit_test_setup_teardown(test_full, start, stop),
	    cmocka_unit_test_setup_teardown(test_threads, start, stop),
	    cmocka_unit_test(test_what_a_reader_says),
	};

	return cmocka_run_group_tests_name("relay/relay_queue", tests, NULL, NULL);
}
