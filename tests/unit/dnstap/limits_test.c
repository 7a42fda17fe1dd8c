/* SPDX-License-Identifier: BSD-2-Clause */
/* Producers that are too slow, too many, or break a rule of the framing. */
#include "base/unused.h"
#include "rig.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
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

/* A length that was announced, and what it promises not delivered: however slowly it goes on.
 * Between frames a producer may take its time. */
static void test_a_frame_that_has_begun_must_end(void **state UNUSED)
{
	const struct config_input config = unix_input();
	struct rig rig;
	uint8_t bytes[64], frame[300], whole[304];
	const size_t length = put_frame(whole, frame, query_frame(frame, 1, 30));
	int stalled, dribbling, idle;

	rig_start(&rig, &config, NULL, 0, 100, 300 * (uint64_t)NS_PER_MS);
	idle = dial();
	send_start(idle);
	send_queries(idle, 1);
	stalled = dial();
	send_start(stalled);
	send_queries(stalled, 1);
	send_bytes(stalled, whole, length - 1);
	dribbling = dial();
	send_start(dribbling);
	WAIT_FOR(stats_of(&rig).connections == 3);
	for (size_t i = 0; i < length - 1 && stats_of(&rig).timed_out < 2; i++) {
		send(dribbling, &whole[i], 1, MSG_NOSIGNAL);
		usleep(20000);
	}
	assert_int_equal(stats_of(&rig).timed_out, 2);
	assert_int_equal(stats_of(&rig).refused, 2);
	assert_true(wait_answer(stalled, bytes, sizeof(bytes)) <= 0);
	assert_true(wait_answer(dribbling, bytes, sizeof(bytes)) <= 0);
	send_queries(idle, 1);
	WAIT_FOR(stats_of(&rig).frames == 3);
	close(idle);
	close(stalled);
	close(dribbling);
	rig_stop(&rig);
}

/* Frames that follow each other in halves have each a time of their own. */
static void test_slow_frames_are_no_stalled_ones(void **state UNUSED)
{
	const struct config_input config = unix_input();
	struct rig rig;
	uint8_t frame[300], whole[304];
	const size_t length = put_frame(whole, frame, query_frame(frame, 1, 30)), half = length / 2;
	int fd;

	rig_start(&rig, &config, NULL, 0, 100, 500 * (uint64_t)NS_PER_MS);
	fd = dial();
	send_start(fd);
	send_bytes(fd, whole, half);
	for (int i = 0; i < 8; i++) {
		usleep(100000);
		send_bytes(fd, whole + half, length - half);
		send_bytes(fd, whole, half);
	}
	WAIT_FOR(stats_of(&rig).frames == 8);
	assert_int_equal(stats_of(&rig).refused, 0);
	close(fd);
	rig_stop(&rig);
}

/* The time of a frame runs from its own beginning, however long nothing came before. */
static void test_a_frame_after_silence(void **state UNUSED)
{
	const struct config_input config = unix_input();
	struct rig rig;
	uint8_t frame[300], whole[304];
	const size_t length = put_frame(whole, frame, query_frame(frame, 1, 30)), half = length / 2;
	int fd;

	rig_start(&rig, &config, NULL, 0, 100, 500 * (uint64_t)NS_PER_MS);
	fd = dial();
	send_start(fd);
	send_bytes(fd, whole, length);
	WAIT_FOR(stats_of(&rig).frames == 1);
	usleep(1600000);
	send_bytes(fd, whole, half);
	usleep(200000);
	send_bytes(fd, whole + half, length - half);
	WAIT_FOR(stats_of(&rig).frames == 2);
	assert_int_equal(stats_of(&rig).timed_out, 0);
	close(fd);
	rig_stop(&rig);
}

/* Unfinished long frames are bounded over all connections, short ones come through beside them. */
static void test_unfinished_frames_are_within_the_budget(void **state UNUSED)
{
	static uint8_t part[60000];
	const struct config_input config = unix_input();
	struct rig rig;
	int fds[100], good;

	rig_start(&rig, &config, NULL, 0, 200, 60 * (uint64_t)NS_PER_S);
	memcpy(part, "\0\0\xff\0", 4);
	for (int i = 0; i < 100; i++) {
		fds[i] = dial();
		send_start(fds[i]);
		send(fds[i], part, sizeof(part), MSG_NOSIGNAL);
	}
	WAIT_FOR(stats_of(&rig).refused >= 100 - (4 << 20) / ((int)sizeof(part) - 4));
	assert_true(rig.budget.bytes <= rig.limits.bytes);
	good = dial();
	send_start(good);
	send_queries(good, 100);
	WAIT_FOR(stats_of(&rig).frames == 100);
	for (int i = 0; i < 100; i++)
		close(fds[i]);
	close(good);
	rig_stop(&rig);
}

/* A free port on all loopback addresses of IPv4, and who dials it from which of them. */
static unsigned port;

static int dial_from(unsigned from)
{
	struct sockaddr_in local = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + from)};
	struct sockaddr_in remote = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&local, sizeof(local)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&remote, sizeof(remote)), 0);
	return fd;
}

static struct config_input tcp_input(char address[32])
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(any);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &length), 0);
	close(fd);
	port = ntohs(any.sin_port);
	snprintf(address, 32, "127.0.0.1:%u", port);
	return (struct config_input){.kind = INPUT_TCP, .address = address};
}

static void test_one_address_leaves_places_to_others(void **state UNUSED)
{
	char address[32];
	const struct config_input config = tcp_input(address);
	struct rig rig;
	uint8_t bytes[64];
	int flood[12], other;

	rig_start(&rig, &config, NULL, 0, 12, 60 * (uint64_t)NS_PER_S);
	for (int i = 0; i < 12; i++)
		flood[i] = dial_from(2);
	WAIT_FOR(stats_of(&rig).denied >= 5);
	assert_true(stats_of(&rig).connections <= 7);
	other = dial_from(3);
	send_start(other);
	send_queries(other, 10);
	WAIT_FOR(stats_of(&rig).frames == 10);
	assert_true(wait_answer(flood[11], bytes, sizeof(bytes)) <= 0); /* held, then closed */
	for (int i = 0; i < 12; i++)
		close(flood[i]);
	close(other);
	rig_stop(&rig);
}

static void test_allow(void **state UNUSED)
{
	struct config_network allowed = {.address = {127, 0, 0, 4}, .family = 4, .prefix = 30},
			      other = allowed;
	char address[32], error[256];
	struct config_input config = tcp_input(address);
	struct door *door;
	struct rig rig;
	uint8_t bytes[64];
	int good, bad;

	config.allow = &allowed;
	config.n_allow = 1;
	rig_start(&rig, &config, NULL, 0, 10, 60 * (uint64_t)NS_PER_S);
	bad = dial_from(3);
	good = dial_from(7);
	assert_true(wait_answer(bad, bytes, sizeof(bytes)) <= 0);
	assert_int_equal(stats_of(&rig).denied, 1);
	assert_int_equal(stats_of(&rig).accepted, 1);
	/* What changes is for those that come then. */
	other.address[3] = 0;
	config.allow = &other;
	assert_int_equal(door_new(&door, &config, error, sizeof(error)), 0);
	dnstap_input_set_door(rig.input, door);
	send_start(good);
	send_queries(good, 10);
	WAIT_FOR(stats_of(&rig).frames == 10);
	close(bad);
	close(good);
	good = dial_from(3);
	WAIT_FOR(stats_of(&rig).accepted == 2);
	close(good);
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
	    cmocka_unit_test(test_a_frame_that_has_begun_must_end),
	    cmocka_unit_test(test_slow_frames_are_no_stalled_ones),
	    cmocka_unit_test(test_a_frame_after_silence),
	    cmocka_unit_test(test_unfinished_frames_are_within_the_budget),
	    cmocka_unit_test(test_one_address_leaves_places_to_others),
	    cmocka_unit_test(test_allow),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
