/* SPDX-License-Identifier: BSD-2-Clause */
/* A running input against real sockets: what producers send is counted, to the last frame. */
#include "base/unused.h"
#include "rig.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_counts_frames_of_several_producers),
	    cmocka_unit_test(test_answers_stop_with_finish),
	    cmocka_unit_test(test_drains_what_is_in_flight),
	    cmocka_unit_test(test_wakes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
