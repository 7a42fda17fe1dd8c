/* SPDX-License-Identifier: BSD-2-Clause */
/* An input rests as long as the fastest of its producers may, though that one has just paused. */
#include "base/clock.h"
#include "base/unused.h"
#include "dnstap/input_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define KNOT     8192 /* libfstrm's buffer_hint */
#define FAST     5000 /* writes a second */
#define STEADY   500
#define SLOW     50
#define PRODUCER 5

static struct dnstap_input input;
static int producers[PRODUCER];

static int begin(void **state UNUSED)
{
	input = (struct dnstap_input){.now_ns = 1000 * NS_PER_S, .event_fd = eventfd(0, 0)};
	return input.event_fd < 0;
}

static int end(void **state UNUSED)
{
	for (int i = 0; input.connections; i++) {
		struct connection *connection = input.connections;

		input.connections = connection->next;
		connection_free(connection);
		close(producers[i]);
	}
	return close(input.event_fd);
}

/* Whose other end is producers[i], the last one made the first. */
static struct connection *add(void)
{
	struct connection *connection;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	connection = connection_new(fds[0], 65536);
	assert_non_null(connection);
	connection->receiver.stream.state = FRAME_STREAM_STARTED;
	rest_init(&connection->rest, fds[0]);
	memmove(producers + 1, producers, (PRODUCER - 1) * sizeof(*producers));
	producers[0] = fds[1];
	connection->next = input.connections;
	input.connections = connection;
	return connection;
}

static void wake(uint64_t after_ns)
{
	input.now_ns += after_ns;
	input.held_ns = input.rest_ns = REST_HELD_NS;
}

/* Of one producer, each write as it comes. */
static void read_for(struct connection *connection, unsigned per_second, uint64_t ns)
{
	for (uint64_t past_ns = 0; past_ns < ns; past_ns += NS_PER_S / per_second) {
		wake(NS_PER_S / per_second);
		dnstap_rest_read(&input, connection, KNOT);
	}
}

static void write_one(int producer)
{
	static const uint8_t data[KNOT];

	assert_int_equal(write(producers[producer], data, KNOT), KNOT);
}

static void test_who_pauses_goes_on_as_fast(void **state UNUSED)
{
	struct connection *fast = add();

	read_for(fast, FAST, NS_PER_S);
	assert_in_range(dnstap_rest_first_ns(&input), NS_PER_MS, 4 * NS_PER_MS);
	/* After such a rest nothing waits: the next write wakes. */
	assert_int_equal(dnstap_rest_again_ns(&input, REST_HELD_NS), 0);
	write_one(0);
	assert_int_equal(dnstap_rest_again_ns(&input, REST_HELD_NS), 0);
}

static void test_beside_another(void **state UNUSED)
{
	struct connection *fast = add(), *steady = add();

	read_for(fast, FAST, NS_PER_S);
	wake(2 * NS_PER_MS);
	dnstap_rest_read(&input, steady, KNOT);
	read_for(steady, STEADY, NS_PER_S / 20);
	assert_in_range(dnstap_rest_first_ns(&input), NS_PER_MS, 4 * NS_PER_MS);
	write_one(0);
	assert_int_equal(dnstap_rest_again_ns(&input, REST_HELD_NS), 0);
}

static void test_who_stays_silent_binds_nobody(void **state UNUSED)
{
	struct connection *fast = add(), *steady = add();

	read_for(fast, FAST, NS_PER_S);
	read_for(steady, STEADY, NS_PER_S);
	assert_int_equal(dnstap_rest_first_ns(&input), REST_MOST_NS);
	write_one(0);
	assert_true(dnstap_rest_again_ns(&input, REST_HELD_NS) > REST_MOST_NS / 2);
}

static void test_few_writes_wake_by_themselves(void **state UNUSED)
{
	for (int i = 0; i < PRODUCER; i++) {
		struct connection *slow = add();

		read_for(slow, SLOW, NS_PER_S);
		if (i < 2) /* 100 writes a second */
			assert_int_equal(dnstap_rest_first_ns(&input), 0);
	}
	assert_int_equal(dnstap_rest_first_ns(&input), REST_MOST_NS);
}

static void test_a_command_ends_it(void **state UNUSED)
{
	const uint64_t one = 1;

	read_for(add(), STEADY, NS_PER_S);
	write_one(0);
	assert_int_equal(write(input.event_fd, &one, sizeof(one)), sizeof(one));
	dnstap_rest_take(&input);
	assert_true(input.rested);
	assert_true(dnstap_rest_again_ns(&input, REST_HELD_NS) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_who_pauses_goes_on_as_fast, begin, end),
	    cmocka_unit_test_setup_teardown(test_beside_another, begin, end),
	    cmocka_unit_test_setup_teardown(test_who_stays_silent_binds_nobody, begin, end),
	    cmocka_unit_test_setup_teardown(test_few_writes_wake_by_themselves, begin, end),
	    cmocka_unit_test_setup_teardown(test_a_command_ends_it, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
