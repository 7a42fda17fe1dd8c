/* SPDX-License-Identifier: BSD-2-Clause */
/* Rests are long where writes gather, and end long before the socket's buffer is full. */
#include "base/clock.h"
#include "base/unused.h"
#include "dnstap/rest.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define KNOT  8192 /* libfstrm's buffer_hint */
#define START ((uint64_t)1000 * NS_PER_S)

static void unix_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

/* The reader's end of a producer's Unix socket. */
static void begin(struct rest *rest, int fds[2])
{
	unix_pair(fds);
	rest_init(rest, fds[0]);
}

static void end(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static void tcp_pair(int fds[2])
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	const int listener = socket(AF_INET, SOCK_STREAM, 0);

	fds[1] = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(listener >= 0 && fds[1] >= 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(connect(fds[1], (struct sockaddr *)&address, length), 0);
	fds[0] = accept(listener, NULL, NULL);
	assert_true(fds[0] >= 0);
	close(listener);
}

/* Of one connection, in whose socket is what it says; as all do together (dnstap/resting.c). */
static uint64_t rest_again_ns(struct rest *rest, size_t waiting, uint64_t left_ns)
{
	const uint64_t most_ns = rest_part(left_ns),
		       more_ns = most_ns ? rest_more_ns(rest, waiting) : 0;

	return more_ns < most_ns ? more_ns : most_ns;
}

struct held {
	uint64_t gathered; /* bytes, at the end of the longest time without a read */
	uint64_t doubled;  /* bytes, had the rate doubled from the last look on */
};

/* A producer that writes `bytes` at even times, for a second, beside a reader that looks when a
 * rest ends. */
static struct held hold(struct rest *rest, size_t bytes, uint64_t per_second, uint64_t held_ns)
{
	const uint64_t step_ns = NS_PER_S / per_second;
	static uint64_t start_ns = START;
	uint64_t look_ns = start_ns, left_ns = 0, gathered = 0;
	struct held most = {0};
	bool rested = false;

	start_ns += NS_PER_S;
	for (uint64_t now_ns = look_ns; now_ns < start_ns; now_ns += step_ns) {
		uint64_t rest_ns = 0, doubled;

		gathered += bytes;
		if (now_ns < look_ns)
			continue;
		if (rested)
			rest_ns = rest_again_ns(rest, gathered, left_ns);
		if (!rest_ns) {
			if (rested && gathered > most.gathered)
				most.gathered = gathered;
			rest_read(rest, now_ns, gathered, rested);
			gathered = 0;
			left_ns = held_ns;
			rest_ns = rest_ns_of(rest, held_ns);
			rested = rest_ns > 0;
		}
		assert_true(rest_ns <= REST_MOST_NS);
		doubled = gathered + 2 * rest_ns / step_ns * bytes;
		if (doubled > most.doubled)
			most.doubled = doubled;
		look_ns = now_ns + rest_ns;
		left_ns -= rest_ns;
	}
	return most;
}

static uint64_t run(struct rest *rest, size_t bytes, uint64_t per_second, uint64_t held_ns)
{
	return hold(rest, bytes, per_second, held_ns).gathered;
}

/* What a socket that nobody reads takes in such writes. */
static size_t fill(int fd, size_t bytes)
{
	static uint8_t data[65536];
	size_t filled = 0;
	ssize_t n;

	while ((n = send(fd, data, bytes, MSG_DONTWAIT)) > 0)
		filled += (size_t)n;
	assert_int_equal(errno, EAGAIN);
	return filled;
}

static void check_room(void (*pair)(int[2]), size_t bytes, uint64_t per_second)
{
	struct rest rest;
	struct held held;
	size_t filled;
	int fds[2];

	pair(fds);
	rest_init(&rest, fds[0]);
	held = hold(&rest, bytes, per_second, REST_HELD_NS);
	assert_true(held.gathered >= 2 * bytes || bytes > KNOT || pair == tcp_pair);
	filled = fill(fds[1], bytes);
	if (held.gathered * 8 > filled * 7 || held.doubled > filled)
		print_error("%zu bytes, %llu a second: %llu, %llu of %zu\n", bytes,
		    (unsigned long long)per_second, (unsigned long long)held.gathered,
		    (unsigned long long)held.doubled, filled);
	/* An eighth of the room is free when it is read, and enough were the rate to double. */
	assert_true(held.gathered * 8 <= filled * 7);
	assert_true(held.doubled <= filled);
	end(fds);
}

static void test_the_buffer_never_fills(void **state UNUSED)
{
	static const size_t writes[] = {64, 120, 200, 512, 1400, 2048, 4096, KNOT, 16384};

	for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
		for (uint64_t per_second = 200; per_second < 20000; per_second *= 3) {
			if (per_second * writes[i] > 15000000)
				break;
			check_room(unix_pair, writes[i], per_second);
			check_room(tcp_pair, writes[i], per_second);
		}
	}
}

/* What the kernel charges for a write is known well enough to use nearly all of that half. */
static void test_half_of_the_room_is_used(void **state UNUSED)
{
	static const size_t writes[] = {200, 1000, 3000, 4096, KNOT, 16384};

	for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
		struct rest rest;
		uint64_t gathered;
		size_t filled;
		int fds[2];

		begin(&rest, fds);
		gathered = run(&rest, writes[i], 8000000 / writes[i], REST_HELD_NS);
		filled = fill(fds[1], writes[i]);
		assert_in_range(gathered * 100 / filled, 38, 55);
		end(fds);
	}
}

/* 20,000 frames of 200 bytes a second: hundreds of them at each waking. */
static void test_frames_gather(void **state UNUSED)
{
	struct rest rest;
	int fds[2];

	begin(&rest, fds);
	assert_true(run(&rest, KNOT, 500, REST_HELD_NS) >= 200 * 200);
	end(fds);
}

static void test_who_never_rests(void **state UNUSED)
{
	struct rest rest;
	int fds[2];

	begin(&rest, fds);
	assert_int_equal(run(&rest, 200, 2, REST_HELD_NS), 0); /* 100 frames a minute */
	rest_init(&rest, fds[0]);
	assert_int_equal(
	    run(&rest, KNOT, 50000, REST_HELD_NS), 0); /* the buffer is full within a ms */
	rest_init(&rest, fds[0]);
	assert_int_equal(run(&rest, KNOT, 500, 0), 0);
	rest_init(&rest, -1);
	assert_int_equal(run(&rest, KNOT, 500, REST_HELD_NS), 0);
	end(fds);
}

/* 2,000 frames a second are 50 writes: to look as often as they come spares nothing. */
static void test_writes_of_a_rest(void **state UNUSED)
{
	struct rest rest;
	int fds[2];

	begin(&rest, fds);
	assert_true(rest_writes(&rest) <= 0);
	(void)run(&rest, KNOT, 50, REST_HELD_NS);
	assert_true(rest_writes(&rest) > 0.9 && rest_writes(&rest) < 1.5);
	rest_init(&rest, fds[0]);
	(void)run(&rest, KNOT, 500, REST_HELD_NS);
	assert_true(rest_writes(&rest) > 9 && rest_writes(&rest) < 15);
	end(fds);
}

/* The rate of a burst is remembered, and forgotten slowly. */
static void test_a_burst_shortens(void **state UNUSED)
{
	uint64_t now_ns = 2 * START, rest_ns, n = 0;
	struct rest rest;
	int fds[2];

	begin(&rest, fds);
	(void)run(&rest, KNOT, 500, REST_HELD_NS);
	for (int i = 0; i < 20; i++)
		rest_read(&rest, now_ns += NS_PER_MS, 4 * KNOT, true);
	assert_true(rest_ns_of(&rest, REST_HELD_NS) <= 3 * NS_PER_MS);
	do {
		rest_read(&rest, now_ns += 16 * NS_PER_MS, 8 * KNOT, true);
		rest_ns = rest_ns_of(&rest, REST_HELD_NS);
	} while (rest_ns < 8 * NS_PER_MS && ++n < 1000);
	assert_true(n > 4 && n < 100);
	end(fds);
}

/* Now and then a single write is looked at: shorter ones than before fill the buffer earlier. */
static void test_writes_become_short(void **state UNUSED)
{
	struct rest rest;
	uint64_t gathered;
	size_t filled;
	int fds[2];

	begin(&rest, fds);
	assert_true(run(&rest, KNOT, 500, REST_HELD_NS) > 0);
	(void)run(&rest, 200, 20000, REST_HELD_NS);
	assert_int_equal(rest.write_bytes, 200);
	gathered = run(&rest, 200, 20000, REST_HELD_NS);
	filled = fill(fds[1], 200);
	assert_true(gathered * 4 <= filled * 3);
	end(fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_buffer_never_fills),
	    cmocka_unit_test(test_half_of_the_room_is_used),
	    cmocka_unit_test(test_frames_gather),
	    cmocka_unit_test(test_who_never_rests),
	    cmocka_unit_test(test_writes_of_a_rest),
	    cmocka_unit_test(test_a_burst_shortens),
	    cmocka_unit_test(test_writes_become_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
