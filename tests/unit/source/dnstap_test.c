/* SPDX-License-Identifier: BSD-2-Clause */
/* A running input against real sockets. Nothing here measures time: waits are bounded by patience
 * alone. */
#include "source/dnstap.h"

#include "frames.h"

#include "base/clock.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 10000

static char folder[] = "/tmp/crosstap-dnstap-XXXXXX";
static char path[sizeof(folder) + 16];

/* What the input's thread counted; read after dnstap_input_stop(). */
struct sink {
	size_t records, bad, wakes;
	int64_t now_ns;
};

static void take(void *context, const struct record *records, size_t n)
{
	struct sink *sink = context;

	assert_non_null(records);
	sink->records += n;
}

static void bad(void *context)
{
	((struct sink *)context)->bad++;
}

static void now(void *context, int64_t wall_ns)
{
	((struct sink *)context)->now_ns = wall_ns;
}

static void wake(void *context)
{
	((struct sink *)context)->wakes++;
}

static const struct dnstap_ops ops = {{take, bad}, now, wake};

struct rig {
	struct dnstap_input *input;
	struct sink sink;
	_Atomic int open;
	struct dnstap_limits limits;
};

static struct config_input unix_input(void)
{
	return (struct config_input){
	    .kind = INPUT_UNIX, .address = path, .mode = 0600, .owner = "", .group = ""};
}

static void rig_start(struct rig *rig, const struct config_input *config, const int *fds, size_t n,
    int connections, uint64_t handshake_ns)
{
	char error[256] = "";
	int r = dnstap_input_open(&rig->input, config, fds, n, error, sizeof(error));

	if (r < 0)
		fail_msg("%s", error);
	rig->sink = (struct sink){0};
	rig->open = 0;
	rig->limits = (struct dnstap_limits){.frame = 65536,
	    .handshake_ns = handshake_ns,
	    .connections = connections,
	    .open = &rig->open};
	assert_int_equal(dnstap_input_start(rig->input, &rig->limits, &ops, &rig->sink), 0);
}

static void rig_stop(struct rig *rig)
{
	dnstap_input_stop(rig->input);
	assert_int_equal(rig->open, 0);
	assert_true(rig->sink.wakes >= 1);
	dnstap_input_free(rig->input);
}

static int dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void send_bytes(int fd, const void *data, size_t length)
{
	for (const uint8_t *p = data; length;) {
		ssize_t n = send(fd, p, length, MSG_NOSIGNAL);

		assert_true(n > 0);
		p += n;
		length -= (size_t)n;
	}
}

/* What the other side has not read. */
static int unread(int fd)
{
	int bytes = -1;

	assert_int_equal(ioctl(fd, SIOCOUTQ, &bytes), 0);
	return bytes;
}

static void send_start(int fd)
{
	uint8_t start[64];

	send_bytes(fd, start, frame_stream_write_start(start));
}

static void send_queries(int fd, size_t n)
{
	uint8_t frame[300], bytes[304];

	for (size_t i = 0; i < n; i++)
		send_bytes(fd, bytes, put_frame(bytes, frame, query_frame(frame, 1, 30)));
}

/* The peer has closed, or answers; false: nothing for so long. */
static ssize_t wait_answer(int fd, uint8_t *answer, size_t size)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&poller, 1, PATIENCE_MS), 1);
	return recv(fd, answer, size, 0);
}

static struct dnstap_stats stats_of(const struct rig *rig)
{
	struct dnstap_stats stats;

	dnstap_input_stats(rig->input, &stats);
	return stats;
}

#define WAIT_FOR(condition)                                                                        \
	do {                                                                                       \
		int waited = 0;                                                                    \
		while (!(condition) && waited++ < PATIENCE_MS)                                     \
			usleep(1000);                                                              \
		assert_true(condition);                                                            \
	} while (0)

static void test_counts_frames_of_several_producers(void **state)
{
	const struct config_input config = unix_input();
	struct dnstap_stats stats;
	struct rig rig;
	int fds[5];

	rig_start(&rig, &config, NULL, 0, 100, 60 * (uint64_t)NS_PER_S);
	assert_string_equal(dnstap_input_address(rig.input), path);
	for (int i = 0; i < 5; i++)
		fds[i] = dial();
	for (int i = 0; i < 5; i++) {
		send_start(fds[i]);
		send_queries(fds[i], 1000);
	}
	send_bytes(fds[0], "\0\0\0\4junk", 8);
	WAIT_FOR(stats_of(&rig).frames == 5001);
	stats = stats_of(&rig);
	assert_int_equal(stats.connections, 5);
	assert_int_equal(stats.accepted, 5);
	assert_int_equal(stats.frames_bad, 1);
	assert_int_equal(stats.refused, 0);
	assert_true(stats.bytes > 5000 * 30 && stats.last_frame_ns > 0);
	for (int i = 0; i < 5; i++)
		close(fds[i]);
	WAIT_FOR(stats_of(&rig).connections == 0);
	rig_stop(&rig);
	assert_int_equal(rig.sink.records, 5000);
	assert_int_equal(rig.sink.bad, 1);
	assert_true(rig.sink.now_ns >= stats.last_frame_ns);
	assert_int_equal(access(path, F_OK), -1); /* the file is gone */
}

static void test_answers_stop_with_finish(void **state)
{
	const struct config_input config = unix_input();
	struct rig rig;
	uint8_t bytes[128];
	int fd;

	rig_start(&rig, &config, NULL, 0, 100, 60 * (uint64_t)NS_PER_S);
	fd = dial();
	send_bytes(fd, bytes, frame_stream_write_ready(bytes));
	assert_int_equal(wait_answer(fd, bytes, sizeof(bytes)), 42);
	assert_int_equal(bytes[11], 1); /* ACCEPT */
	send_start(fd);
	send_queries(fd, 10);
	send_bytes(fd, bytes, frame_stream_write_stop(bytes));
	assert_int_equal(wait_answer(fd, bytes, sizeof(bytes)), 12);
	assert_int_equal(bytes[11], 5); /* FINISH */
	close(fd);
	rig_stop(&rig);
	assert_int_equal(rig.sink.records, 10);
}

/* Frames that were written before the stop, by producers connected and by one that waits to be. */
static void test_drains_what_is_in_flight(void **state)
{
	const struct config_input config = unix_input();
	struct rig rig;
	uint8_t bytes[64];
	int fds[3];

	for (int round = 0; round < 20; round++) {
		rig_start(&rig, &config, NULL, 0, 100, 60 * (uint64_t)NS_PER_S);
		for (int i = 0; i < 3; i++) {
			fds[i] = dial();
			send_start(fds[i]);
			send_queries(fds[i], 200);
		}
		send_bytes(fds[0], bytes, frame_stream_write_stop(bytes));
		rig_stop(&rig);
		assert_int_equal(rig.sink.records, 600);
		for (int i = 0; i < 3; i++)
			close(fds[i]);
	}
}

static void test_socket_file(void **state)
{
	struct config_input config = unix_input();
	struct dnstap_input *input = NULL, *second = NULL;
	char error[256] = "";
	struct stat st;
	FILE *file;
	int fd;

	/* A stale socket, of a process that died, is replaced. */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	{
		struct sockaddr_un address = {.sun_family = AF_UNIX};

		snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
		assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	}
	close(fd);
	config.mode = 0620;
	assert_int_equal(dnstap_input_open(&input, &config, NULL, 0, error, sizeof(error)), 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0620);
	/* A live one is not. */
	assert_int_equal(
	    dnstap_input_open(&second, &config, NULL, 0, error, sizeof(error)), -EADDRINUSE);
	assert_non_null(strstr(error, path));
	assert_null(second);
	assert_int_equal(access(path, F_OK), 0);
	dnstap_input_free(input);
	assert_int_equal(access(path, F_OK), -1);
	/* Something else than a socket. */
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(
	    dnstap_input_open(&second, &config, NULL, 0, error, sizeof(error)), -EEXIST);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	/* Owners that do not exist leave nothing behind. */
	config.owner = "no-such-user-here";
	assert_true(dnstap_input_open(&second, &config, NULL, 0, error, sizeof(error)) < 0);
	assert_non_null(strstr(error, "no-such-user-here"));
	assert_int_equal(access(path, F_OK), -1);
	dnstap_input_free(NULL);
}

/* A socket file that another process has put in its place is not ours to remove. */
static void test_does_not_remove_a_successor(void **state)
{
	const struct config_input config = unix_input();
	struct dnstap_input *input = NULL, *successor = NULL;
	char error[256] = "";

	assert_int_equal(dnstap_input_open(&input, &config, NULL, 0, error, sizeof(error)), 0);
	unlink(path);
	assert_int_equal(dnstap_input_open(&successor, &config, NULL, 0, error, sizeof(error)), 0);
	dnstap_input_free(input);
	assert_int_equal(access(path, F_OK), 0);
	dnstap_input_free(successor);
	assert_int_equal(access(path, F_OK), -1);
}

static int listener(uint16_t *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0); /* blocking, as a careless parent passes it */

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static int dial_tcp(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void test_passed_sockets(void **state)
{
	const struct config_input config = {.kind = INPUT_LISTEN_FD, .address = "org"};
	struct dnstap_input *none = NULL;
	char error[256] = "";
	struct rig rig;
	uint16_t ports[2];
	int fds[2] = {listener(&ports[0]), listener(&ports[1])}, peers[2];

	assert_int_equal(dnstap_input_open(&none, &config, NULL, 0, error, sizeof(error)), -ENOENT);
	assert_non_null(strstr(error, "org"));
	rig_start(&rig, &config, fds, 2, 100, 60 * (uint64_t)NS_PER_S);
	/* Never blocks in accept(), and no child inherits it. */
	assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	for (int i = 0; i < 2; i++) {
		peers[i] = dial_tcp(ports[i]);
		send_start(peers[i]);
		send_queries(peers[i], 100);
	}
	WAIT_FOR(stats_of(&rig).frames == 200);
	rig_stop(&rig);
	assert_int_equal(rig.sink.records, 200);
	for (int i = 0; i < 2; i++)
		close(peers[i]);
}

static void test_tcp(void **state)
{
	uint16_t port;
	char address[32], error[256] = "";
	struct config_input config = {.kind = INPUT_TCP, .address = address};
	struct dnstap_input *second = NULL;
	struct rig rig;
	int fd = listener(&port);

	close(fd); /* a port that is free */
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	rig_start(&rig, &config, NULL, 0, 100, 60 * (uint64_t)NS_PER_S);
	assert_int_equal(
	    dnstap_input_open(&second, &config, NULL, 0, error, sizeof(error)), -EADDRINUSE);
	fd = dial_tcp(port);
	send_start(fd);
	send_queries(fd, 100);
	WAIT_FOR(stats_of(&rig).frames == 100);
	close(fd);
	rig_stop(&rig);
	config.address = "nonsense";
	assert_int_equal(
	    dnstap_input_open(&second, &config, NULL, 0, error, sizeof(error)), -EINVAL);
	config.address = "127.0.0.1:";
	assert_int_equal(
	    dnstap_input_open(&second, &config, NULL, 0, error, sizeof(error)), -EINVAL);
}

static void test_handshake_has_a_limit(void **state)
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
static void test_rule_breakers_are_held(void **state)
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
static void test_reconnecting_makes_no_hot_loop(void **state)
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

static void test_connections_over_the_limit_wait(void **state)
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
static void test_limits_can_change(void **state)
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

static void test_wakes(void **state)
{
	const struct config_input config = unix_input();
	struct rig rig;

	rig_start(&rig, &config, NULL, 0, 2, 60 * (uint64_t)NS_PER_S);
	dnstap_input_wake(rig.input);
	dnstap_input_stop(rig.input);
	assert_true(rig.sink.wakes >= 1);
	dnstap_input_stop(rig.input); /* again: nothing */
	dnstap_input_free(rig.input);
}

static int setup(void **state)
{
	log_set_level(LOG_LEVEL_ERROR);
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/dnstap.sock", folder);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_counts_frames_of_several_producers),
	    cmocka_unit_test(test_answers_stop_with_finish),
	    cmocka_unit_test(test_drains_what_is_in_flight),
	    cmocka_unit_test(test_socket_file),
	    cmocka_unit_test(test_does_not_remove_a_successor),
	    cmocka_unit_test(test_passed_sockets),
	    cmocka_unit_test(test_tcp),
	    cmocka_unit_test(test_handshake_has_a_limit),
	    cmocka_unit_test(test_rule_breakers_are_held),
	    cmocka_unit_test(test_reconnecting_makes_no_hot_loop),
	    cmocka_unit_test(test_connections_over_the_limit_wait),
	    cmocka_unit_test(test_limits_can_change),
	    cmocka_unit_test(test_wakes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
