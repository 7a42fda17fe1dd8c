/* SPDX-License-Identifier: BSD-2-Clause */
/* Producers that are too slow, too many, or break a rule of the framing. */
#include "base/unused.h"
#include "rig.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

/* What the other side has not read. */
static int unread(int fd)
{
	int bytes = -1;

	assert_int_equal(ioctl(fd, SIOCOUTQ, &bytes), 0);
	return bytes;
}

static void test_handshake_has_a_limit(void **state UNUSED)
{
	const struct config_input config = unix_input();
	struct rig rig;
	uint8_t bytes[64];
	int silent, slow, good, done;

	rig_start(&rig, &config, NULL, 0, 100, 50 * (uint64_t)NS_PER_MS);
	good = dial();
	send_start(good);
	done = dial(); /* START and STOP at once, then it keeps the connection */
	send_start(done);
	send_bytes(done, bytes, frame_stream_write_stop(bytes));
	silent = dial();
	slow = dial();
	send_bytes(slow, "\0\0", 2);
	assert_int_equal(wait_answer(silent, bytes, sizeof(bytes)), 0);
	assert_true(wait_answer(slow, bytes, sizeof(bytes)) <= 0);
	send_queries(good, 5);
	WAIT_FOR(stats_of(&rig).frames == 5);
	assert_int_equal(stats_of(&rig).refused, 2);
	assert_int_equal(stats_of(&rig).connections, 2);
	close(good);
	close(done);
	close(silent);
	close(slow);
	rig_stop(&rig);
}

/* One that broke a rule is held, not closed at once; and the thread rests meanwhile. */
static void test_rule_breakers_are_held(void **state UNUSED)
{
	const struct config_input config = unix_input();
	struct pollfd poller = {.events = POLLIN};
	struct rig rig;
	uint8_t bytes[64];
	int fd;

	rig_start(&rig, &config, NULL, 0, 100, 60 * (uint64_t)NS_PER_S);
	fd = dial();
	send_start(fd);
	send_queries(fd, 3);
	send_bytes(fd, "\xff\xff\xff\xff", 4); /* over limits.frame */
	WAIT_FOR(stats_of(&rig).refused == 1);
	assert_int_equal(stats_of(&rig).frames, 3);
	assert_int_equal(stats_of(&rig).connections, 1);
	poller.fd = fd;
	assert_int_equal(poll(&poller, 1, 100), 0); /* still open */
	send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
	assert_true(wait_answer(fd, bytes, sizeof(bytes)) <= 0); /* closed in the end */
	WAIT_FOR(stats_of(&rig).connections == 0);
	assert_int_equal(stats_of(&rig).refused, 1);
	close(fd);
	rig_stop(&rig);
	assert_int_equal(rig.sink.records, 3);
}

/* A producer that reconnects at once as often as it is dropped. */
static void test_reconnecting_makes_no_hot_loop(void **state UNUSED)
{
	const struct config_input config = unix_input();
	struct rig rig;
	uint64_t cpu;
	int fds[20];

	rig_start(&rig, &config, NULL, 0, 5, 60 * (uint64_t)NS_PER_S);
	cpu = clock_cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < 20; i++) {
		fds[i] = dial();
		send_bytes(fds[i], "garbage!", 8);
	}
	usleep(500000);
	/* Five are held, fifteen wait: none was closed for others to come. */
	assert_true(stats_of(&rig).accepted <= 5);
	/* An endless loop would take all of half a second. */
	assert_true(clock_cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu < 200 * (uint64_t)NS_PER_MS);
	for (int i = 0; i < 20; i++)
		close(fds[i]);
	rig_stop(&rig);
}

static void test_connections_over_the_limit_wait(void **state UNUSED)
{
	const struct config_input config = unix_input();
	struct rig rig;
	int fds[4];

	rig_start(&rig, &config, NULL, 0, 2, 60 * (uint64_t)NS_PER_S);
	for (int i = 0; i < 4; i++) {
		fds[i] = dial();
		send_start(fds[i]);
		send_queries(fds[i], 10);
	}
	WAIT_FOR(stats_of(&rig).frames == 20);
	assert_int_equal(stats_of(&rig).connections, 2);
	close(fds[0]);
	close(fds[1]);
	WAIT_FOR(stats_of(&rig).frames == 40);
	assert_int_equal(stats_of(&rig).refused, 0);
	close(fds[2]);
	close(fds[3]);
	rig_stop(&rig);
	assert_int_equal(rig.sink.records, 40);
}

/* A smaller limits.frame holds from the next frame on. */
static void test_limits_can_change(void **state UNUSED)
{
	static uint8_t frame[70000], bytes[70000];
	const struct config_input config = unix_input();
	struct rig rig;
	size_t length;
	int fd;

	rig_start(&rig, &config, NULL, 0, 2, 60 * (uint64_t)NS_PER_S);
	fd = dial();
	send_start(fd);
	length = put_frame(bytes, frame, query_frame(frame, 1, 60000));
	send_bytes(fd, bytes, length / 2);
	WAIT_FOR(stats_of(&rig).connections == 1);
	WAIT_FOR(unread(fd) == 0);
	rig.limits.frame = 4096;
	dnstap_input_set_limits(rig.input, &rig.limits);
	send_bytes(fd, bytes + length / 2, length - length / 2);
	WAIT_FOR(stats_of(&rig).frames == 1 || stats_of(&rig).refused == 1);
	send_bytes(fd, bytes, 100);
	WAIT_FOR(stats_of(&rig).refused == 1);
	close(fd);
	rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_handshake_has_a_limit),
	    cmocka_unit_test(test_rule_breakers_are_held),
	    cmocka_unit_test(test_reconnecting_makes_no_hot_loop),
	    cmocka_unit_test(test_connections_over_the_limit_wait),
	    cmocka_unit_test(test_limits_can_change),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
