/* SPDX-License-Identifier: BSD-2-Clause */
/* A running input against real sockets: what producers send is counted, to the last frame. */
#include "base/unused.h"
#include "rig.h"

#include <fcntl.h>
#include <sys/epoll.h>

static void test_counts_frames_of_several_producers(void **state UNUSED)
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

static void test_answers_stop_with_finish(void **state UNUSED)
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
static void test_drains_what_is_in_flight(void **state UNUSED)
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

static void test_wakes(void **state UNUSED)
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

/* Somebody closes the input's descriptor and takes its number: the producers are let go, commands
 * are still done, and the end comes when it is asked for. */
static void test_ends_when_it_cannot_wait(void **state UNUSED)
{
	const struct config_input config = unix_input();
	const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct rig rig;
	uint8_t bytes[64];
	int fd;

	rig_start(&rig, &config, NULL, 0, 2, 60 * (uint64_t)NS_PER_S);
	fd = dial();
	send_start(fd);
	send_queries(fd, 10);
	WAIT_FOR(stats_of(&rig).frames == 10);
	for (int number = 0; number < 1024; number++) {
		char name[64], target[64];
		ssize_t n;

		snprintf(name, sizeof(name), "/proc/self/fd/%d", number);
		n = readlink(name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (strcmp(target, "anon_inode:[eventpoll]") == 0)
			assert_int_equal(dup2(null, number), number);
	}
	dnstap_input_wake(rig.input);
	assert_int_equal(wait_answer(fd, bytes, sizeof(bytes)), 0);
	close(fd);
	WAIT_FOR(access(path, F_OK) == -1);
	for (size_t before = atomic_load(&rig.sink.wakes), i = 0; i < 2; i++, before++) {
		dnstap_input_wake(rig.input);
		WAIT_FOR(atomic_load(&rig.sink.wakes) > before);
	}
	rig_stop(&rig);
	assert_int_equal(rig.sink.records, 10);
	close(null);
}

/* A frame that says which version of the nameserver sent it. */
static void send_version(int fd, const char *version)
{
	uint8_t frame[300], bytes[304];
	Dnstap__Message m = DNSTAP__MESSAGE__INIT;
	Dnstap__Dnstap d = DNSTAP__DNSTAP__INIT;

	m.type = DNSTAP__MESSAGE__TYPE__AUTH_QUERY;
	d.type = DNSTAP__DNSTAP__TYPE__MESSAGE;
	d.message = &m;
	d.has_version = 1;
	d.version = (ProtobufCBinaryData){strlen(version), (uint8_t *)version};
	send_bytes(fd, bytes, put_frame(bytes, frame, dnstap__dnstap__pack(&d, frame)));
}

/* One that speaks TLS after a Knot is not the Knot; one that comes beside it takes nothing away. */
static void test_version_is_that_of_who_is_there(void **state UNUSED)
{
	const struct config_input config = unix_input();
	struct rig rig;
	int knot, second;

	rig_start(&rig, &config, NULL, 0, 10, 60 * (uint64_t)NS_PER_S);
	knot = dial();
	send_start(knot);
	send_version(knot, "Knot DNS 3.4.0");
	WAIT_FOR(stats_of(&rig).frames == 1);
	assert_string_equal(stats_of(&rig).version, "Knot DNS 3.4.0");
	second = dial();
	WAIT_FOR(stats_of(&rig).accepted == 2);
	assert_string_equal(stats_of(&rig).version, "Knot DNS 3.4.0");
	close(second);
	close(knot);
	WAIT_FOR(stats_of(&rig).connections == 0);
	assert_string_equal(stats_of(&rig).version, "Knot DNS 3.4.0");
	second = dial();
	WAIT_FOR(stats_of(&rig).accepted == 3);
	assert_string_equal(stats_of(&rig).version, "");
	send_bytes(second, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
	WAIT_FOR(stats_of(&rig).refused == 1);
	assert_string_equal(stats_of(&rig).version, "");
	close(second);
	rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_counts_frames_of_several_producers),
	    cmocka_unit_test(test_answers_stop_with_finish),
	    cmocka_unit_test(test_drains_what_is_in_flight),
	    cmocka_unit_test(test_wakes),
	    cmocka_unit_test(test_ends_when_it_cannot_wait),
	    cmocka_unit_test(test_version_is_that_of_who_is_there),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
