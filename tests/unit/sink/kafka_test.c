/* SPDX-License-Identifier: BSD-2-Clause */
/* The kafka output against brokers that fail in each way they can: each point is there once, and
 * what went wrong is said. */
#include "../../tools/kafka_cluster.h"
#include "../skip.h"
#include "sink/kafka/judgement.h"
#include "sink/kafka/message.h"
#include "sink/kafka/statistics.h"
#include "sink_fixture.h"

#include <errno.h>
#include <sys/wait.h>

/* --- Without brokers --- */

static void test_cut(void **state UNUSED)
{
	static const char text[] = "a\nbb\nccc\nddddddddddd\ne";
	const struct message_limit by_points = {.points = 2, .bytes = 1000};
	const struct message_limit by_bytes = {.points = 9, .bytes = 5};
	struct message message, again;
	char id[MESSAGE_ID_CHARS + 1];

	message_cut(&message, text, strlen(text), &by_points);
	assert_int_equal(message.points, 2);
	assert_int_equal(message.taken, 5);
	assert_int_equal(message.length, 4);
	message_cut(&message, text, strlen(text), &by_bytes);
	assert_int_equal(message.taken, 5);
	message_cut(&message, text + 5, strlen(text) - 5, &by_bytes);
	assert_int_equal(message.taken, 4);
	message_cut(&message, text + 9, strlen(text) - 9, &by_bytes);
	assert_int_equal(message.taken, 12); /* longer than the limit, and alone */
	message_cut(&message, text + 21, strlen(text) - 21, &by_bytes);
	assert_int_equal(message.length, 1); /* no newline at its end */
	assert_int_equal(message.taken, 1);

	/* The beginning of SHA-256 of "abc" (FIPS 180-4), by the payload alone. */
	message_cut(&message, "abc\n", 4, &by_points);
	message_id_text(message.id, id);
	assert_string_equal(id, "ba7816bf8f01cfea414140de5dae2223");
	message_cut(&again, "abc", 3, &by_bytes);
	assert_memory_equal(message.id, again.id, MESSAGE_ID_BYTES);
}

static void test_fates(void **state UNUSED)
{
	char words[200];

	assert_int_equal(kafka_fate(RD_KAFKA_RESP_ERR_NO_ERROR), FATE_STORED);
	assert_int_equal(kafka_fate(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE), FATE_TOO_LARGE);
	assert_int_equal(kafka_fate(RD_KAFKA_RESP_ERR_INVALID_RECORD), FATE_REFUSED);
	assert_int_equal(kafka_fate(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED), FATE_FAILED);
	assert_int_equal(kafka_fate(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC), FATE_FAILED);
	assert_int_equal(kafka_fate(RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP), FATE_FAILED);
	assert_true(kafka_is_away(RD_KAFKA_RESP_ERR_NO_ERROR));
	assert_true(kafka_is_away(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC));
	assert_true(kafka_is_away(RD_KAFKA_RESP_ERR__FATAL));
	assert_true(kafka_is_away(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED));
	assert_false(kafka_is_away(RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP));
	kafka_explain(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "x", words, sizeof(words));
	assert_non_null(strstr(words, "kafka-topics.sh --create --topic x"));
	assert_int_equal(kafka_words("refused (after 0ms in state CONNECT, 3 identical error(s) "
				     "suppressed)"),
	    7);
	assert_int_equal(kafka_words("refused"), 7);
}

static void test_statistics(void **state UNUSED)
{
	static const char json[] =
	    "{\"msg_cnt\":7,\"brokers\":{"
	    "\"a:1/bootstrap\":{\"state\":\"DOWN\",\"txretries\":1,\"rtt\":{\"cnt\":0,\"p99\":9}},"
	    "\"a:1/1\":{\"state\":\"UP\",\"txretries\":2,\"rtt\":{\"cnt\":5,\"p99\":2500}}}}";
	struct sink_client client = {0};

	assert_false(kafka_statistics_read(&client, "[]", 2));
	assert_false(kafka_statistics_read(&client, "{\"brokers\":3}", 13));
	assert_false(client.known);
	assert_true(kafka_statistics_read(&client, json, strlen(json)));
	assert_true(client.known);
	assert_int_equal(client.messages, 7);
	assert_int_equal(client.brokers, 1);
	assert_int_equal(client.retries, 3);
	assert_true(client.round_trip_s > 0.0024 && client.round_trip_s < 0.0026);
}

/* What a configuration does not let through, the sink does not take either. */
static void assert_refused_without(const char *section, const char *key, const char *options)
{
	struct config *config = config_with("  - kafka: {%s}\n", options);
	struct sink *sink;

	set_text_in(config, section, key, "");
	assert_int_equal(sink_new_tuned(&sink, &config->outputs[0], config, &quick), -EINVAL);
	config_unref(config);
}

static void test_settings(void **state UNUSED)
{
	assert_refused_without(
	    "sasl.", "password", "sasl: {mechanism: plain, username: u, password: secret}");
	assert_refused_without(
	    "sasl.", "username", "sasl: {mechanism: scram-sha-512, username: u, password: secret}");
	assert_refused_without(
	    "tls.", "key", "tls: {enabled: true, cert: /nowhere, key: /nowhere}");
}

/* --- With brokers --- */

static void start_cluster(struct cluster *cluster)
{
#ifdef __SANITIZE_THREAD__
	skip_because(
	    "ThreadSanitizer does not know thrd_create(3), by which librdkafka makes threads");
#endif
	cluster_start(cluster);
}

struct scene {
	struct cluster cluster;
	struct sink *sink;
	char *spool; /* NULL: none */
};

static struct config *scene_config(const struct scene *scene, const char *options)
{
	struct config *config = config_with("  - kafka: {brokers: [\"%s\"], timeout: 3s%s%s}\n",
	    scene->cluster.brokers, *options ? ", " : "", options);

	if (scene->spool)
		config->spool_path = scene->spool;
	return config;
}

static void scene_start(struct scene *scene, const char *options, const struct sink_tuning *tuning)
{
	start_cluster(&scene->cluster);
	scene->sink = start_sink(scene_config(scene, options), tuning);
}

/* Ends the sink; what the topic has is `n` points, each once and in order, by the key of the agent
 * and with the ids that the payloads have. */
static void scene_end(struct scene *scene, size_t n)
{
	struct log_of_topic log;
	size_t next = 0;

	sink_stop(scene->sink, 5 * (uint64_t)NS_PER_S);
	sink_free(scene->sink);
	log_read(&log, &scene->cluster);
	for (size_t i = 0; i < log.n; i++) {
		const struct message_limit all = {.points = SIZE_MAX, .bytes = SIZE_MAX};
		const struct stored *stored = &log.messages[i];
		struct message message;
		char id[MESSAGE_ID_CHARS + 1];

		message_cut(&message, stored->value, strlen(stored->value), &all);
		message_id_text(message.id, id);
		assert_string_equal(stored->id, id);
		assert_string_equal(stored->key, "ns1");
		for (const char *line = stored->value; line; next++) {
			char expected[64];

			snprintf(expected, sizeof(expected), "m,t=x id=%zui ", next);
			assert_memory_equal(line, expected, strlen(expected));
			line = strchr(line, '\n');
			line = line ? line + 1 : NULL;
		}
	}
	assert_int_equal(next, n);
	log_free(&log);
	cluster_stop(&scene->cluster);
}

static void wait_points(struct scene *scene, uint64_t n)
{
	const struct sink_stats stats = wait_settled(scene->sink, n);

	assert_int_equal(stats.points, n);
	assert_int_equal(stats.points_dropped + stats.points_rejected, 0);
}

/* Until an attempt failed for a reason with these words. */
static void wait_words(struct scene *scene, const char *words)
{
	const uint64_t end_ns = clock_monotonic_ns() + 3 * WAIT_NS;
	struct sink_stats stats;

	do {
		stats = stats_of(scene->sink);
		if (clock_monotonic_ns() >= end_ns)
			assert_string_equal(stats.last_error, words);
		usleep(1000);
	} while (!strstr(stats.last_error, words));
	assert_true(stats.errors > 0);
	assert_int_equal(stats.points_rejected, 0);
}

static void test_delivers(void **state UNUSED)
{
	struct scene scene = {0};

	scene_start(&scene, "points: 7", &quick);
	push_numbered(scene.sink, 0, 100);
	push_numbered(scene.sink, 100, 3000);
	wait_points(&scene, 3100);
	assert_int_equal(stats_of(scene.sink).errors, 0);
	scene_end(&scene, 3100);
}

/* Errors that librdkafka mends by itself are none of ours. */
static void test_retries(void **state UNUSED)
{
	struct scene scene = {0};

	scene_start(&scene, "points: 10", &quick);
	rd_kafka_mock_push_request_errors(scene.cluster.mock, REQUEST_PRODUCE, 4,
	    RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR__TRANSPORT,
	    RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
	push_numbered(scene.sink, 0, 100);
	wait_points(&scene, 100);
	scene_end(&scene, 100);
}

static void test_down(void **state UNUSED)
{
	struct scene scene = {0};

	scene_start(&scene, "", &quick);
	push_numbered(scene.sink, 0, 10);
	wait_points(&scene, 10);
	assert_int_equal(
	    rd_kafka_mock_broker_set_down(scene.cluster.mock, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
	push_numbered(scene.sink, 10, 10);
	wait_words(&scene, "Connection refused");
	push_numbered(scene.sink, 20, 10);
	assert_int_equal(
	    rd_kafka_mock_broker_set_up(scene.cluster.mock, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
	wait_points(&scene, 30);
	scene_end(&scene, 30);
}

/* An attempt that gave up waiting left its messages with librdkafka: they are there once. */
static void test_slow(void **state UNUSED)
{
	struct scene scene = {0};

	start_cluster(&scene.cluster);
	scene.sink =
	    start_sink(config_with("  - kafka: {brokers: [\"%s\"], timeout: 100ms, points: 3}\n",
			   scene.cluster.brokers),
		&quick);
	rd_kafka_mock_broker_set_rtt(scene.cluster.mock, -1, 300);
	push_numbered(scene.sink, 0, 20);
	wait_words(&scene, "no delivery report within 0.1 s");
	push_numbered(scene.sink, 20, 20);
	wait_points(&scene, 40);
	assert_true(stats_of(scene.sink).errors > 2);
	rd_kafka_mock_broker_set_rtt(scene.cluster.mock, -1, 0);
	scene_end(&scene, 40);
}

static void test_unknown_topic(void **state UNUSED)
{
	struct scene scene = {0};

	start_cluster(&scene.cluster);
	rd_kafka_mock_topic_set_error(
	    scene.cluster.mock, KAFKA_TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	scene.sink = start_sink(
	    config_with("  - kafka: {brokers: [\"%s\"], timeout: 20s}\n", scene.cluster.brokers),
	    &quick);
	push_numbered(scene.sink, 0, 10);
	wait_words(&scene, "kafka-topics.sh --create --topic dns");
	rd_kafka_mock_topic_set_error(scene.cluster.mock, KAFKA_TOPIC, RD_KAFKA_RESP_ERR_NO_ERROR);
	wait_points(&scene, 10);
	scene_end(&scene, 10);
}

/* Rights that are missing are an outage: somebody may grant them. */
static void test_not_allowed(void **state UNUSED)
{
	struct scene scene = {0};

	scene_start(&scene, "", &quick);
	rd_kafka_mock_push_request_errors(scene.cluster.mock, REQUEST_PRODUCE, 2,
	    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
	    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	push_numbered(scene.sink, 0, 10);
	wait_words(&scene, "they need Describe and Write");
	wait_points(&scene, 10);
	scene_end(&scene, 10);
}

/* A producer that will send nothing any more makes way for another. */
static void test_fatal(void **state UNUSED)
{
	struct scene scene = {0};

	start_cluster(&scene.cluster);
	rd_kafka_mock_push_request_errors(scene.cluster.mock, REQUEST_INIT_PRODUCER_ID, 1,
	    RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
	scene.sink = start_sink(scene_config(&scene, ""), &quick);
	push_numbered(scene.sink, 0, 10);
	wait_words(&scene, "luster authorization failed");
	wait_points(&scene, 10);
	scene_end(&scene, 10);
}

static void test_too_large(void **state UNUSED)
{
	struct scene scene = {0};

	/* The batch, the message alone, its half, the quarter: that one is taken. */
	scene_start(&scene, "", &quick);
	rd_kafka_mock_push_request_errors(scene.cluster.mock, REQUEST_PRODUCE, 3,
	    RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
	    RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	push_numbered(scene.sink, 0, 100);
	wait_words(&scene, "too large for it");
	wait_points(&scene, 100);
	scene_end(&scene, 100);
}

/* One point cannot be made smaller, and what it is nobody mends: it is refused, the others are not.
 */
static void test_refused(void **state UNUSED)
{
	struct scene scene = {0};
	struct sink_stats stats;

	scene_start(&scene, "points: 1", &quick);
	push_numbered(scene.sink, 0, 3);
	wait_points(&scene, 3);
	rd_kafka_mock_push_request_errors(scene.cluster.mock, REQUEST_PRODUCE, 2,
	    RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	push_numbered(scene.sink, 900, 1);
	stats = wait_settled(scene.sink, 4);
	assert_int_equal(stats.points_rejected, 1);
	assert_non_null(strstr(stats.last_error, "Message size too large"));
	rd_kafka_mock_push_request_errors(
	    scene.cluster.mock, REQUEST_PRODUCE, 1, RD_KAFKA_RESP_ERR_INVALID_RECORD);
	push_numbered(scene.sink, 901, 1);
	stats = wait_settled(scene.sink, 5);
	assert_int_equal(stats.points_rejected, 2);
	push_numbered(scene.sink, 3, 4);
	stats = wait_settled(scene.sink, 9);
	assert_int_equal(stats.points, 7);
	scene_end(&scene, 7);
}

/* Without a disk the oldest windows go; those that librdkafka still holds of them with them. */
static void test_given_up(void **state UNUSED)
{
	struct sink_tuning tuning = quick;
	struct scene scene = {0};
	struct log_of_topic log;

	tuning.queue_batches = 2;
	scene_start(&scene, "", &tuning);
	rd_kafka_mock_broker_set_down(scene.cluster.mock, 1);
	for (size_t i = 0; i < 6; i++) {
		push_numbered(scene.sink, 10 * i, 10);
		wait_words(&scene, "refused");
	}
	while (stats_of(scene.sink).points_dropped < 30)
		usleep(1000);
	rd_kafka_mock_broker_set_up(scene.cluster.mock, 1);
	wait_settled(scene.sink, 60);
	sink_stop(scene.sink, 5 * (uint64_t)NS_PER_S);
	log_read(&log, &scene.cluster);
	for (size_t i = 0; i < log.n; i++) {
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(log.messages[i].id, log.messages[k].id);
	}
	assert_true(log.n >= 2);
	assert_non_null(strstr(log.messages[log.n - 1].value, "id=59i"));
	log_free(&log);
	sink_free(scene.sink);
	cluster_stop(&scene.cluster);
}

/* What `doctor` asks sends nothing. */
static void test_probe(void **state UNUSED)
{
	struct scene scene = {0};
	struct sink_finding finding;
	struct config *config;

	start_cluster(&scene.cluster);
	config = scene_config(&scene, "");
	assert_true(sink_probe(&config->outputs[0], &finding));
	assert_true(finding.good);
	assert_string_equal(finding.text, "kafka topic dns: 1 partitions");
	rd_kafka_mock_topic_set_error(
	    scene.cluster.mock, KAFKA_TOPIC, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_true(sink_probe(&config->outputs[0], &finding));
	assert_false(finding.good || finding.unreachable);
	assert_non_null(strstr(finding.text, "they need Describe and Write"));
	rd_kafka_mock_broker_set_down(scene.cluster.mock, 1);
	assert_true(sink_probe(&config->outputs[0], &finding));
	assert_true(finding.unreachable);
	assert_non_null(strstr(finding.text, "Connection refused"));
	config_unref(config);
	cluster_stop(&scene.cluster);
}

/* However often an outage made an attempt fail: what librdkafka has goes on waiting there, once,
 * and nothing overtakes it. */
static void test_long_outage(void **state UNUSED)
{
	char folder[] = "/tmp/kafka-test-XXXXXX";
	struct scene scene = {.spool = folder};
	struct config *config;

	assert_non_null(mkdtemp(folder));
	start_cluster(&scene.cluster);
	config =
	    config_with("  - kafka: {brokers: [\"%s\"], timeout: 100ms}\n", scene.cluster.brokers);
	config->spool_path = folder;
	scene.sink = start_sink(config, &quick);
	rd_kafka_mock_broker_set_rtt(scene.cluster.mock, -1, 5000);
	for (size_t i = 0; i < 4; i++)
		push_numbered(scene.sink, 10 * i, 10);
	wait_errors(scene.sink, 40);
	rd_kafka_mock_broker_set_rtt(scene.cluster.mock, -1, 0);
	wait_points(&scene, 40);
	scene_end(&scene, 40);
	remove_tree(folder);
}

/* A stop does not wait for brokers longer than it may; what they did not take is on disk, and the
 * next one brings it. */
static void test_stop(void **state UNUSED)
{
	char folder[] = "/tmp/kafka-test-XXXXXX";
	struct scene scene = {.spool = folder};
	uint64_t begin_ns;

	assert_non_null(mkdtemp(folder));
	scene_start(&scene, "", &quick);
	push_numbered(scene.sink, 0, 10);
	wait_points(&scene, 10);
	rd_kafka_mock_broker_set_down(scene.cluster.mock, 1);
	push_numbered(scene.sink, 10, 10);
	wait_words(&scene, "refused");
	push_numbered(scene.sink, 20, 10);
	begin_ns = clock_monotonic_ns();
	sink_stop(scene.sink, NS_PER_S);
	sink_free(scene.sink);
	assert_true(clock_monotonic_ns() - begin_ns < 5 * (uint64_t)NS_PER_S);
	rd_kafka_mock_broker_set_up(scene.cluster.mock, 1);
	scene.sink = start_sink(scene_config(&scene, ""), &quick);
	wait_points(&scene, 20);
	scene_end(&scene, 30);
	remove_tree(folder);
}

/* Each in a process of its own, side by side: most of their time they wait for brokers. */
int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_fates),
	    cmocka_unit_test(test_statistics),
	    cmocka_unit_test(test_settings),
	    cmocka_unit_test(test_delivers),
	    cmocka_unit_test(test_retries),
	    cmocka_unit_test(test_down),
	    cmocka_unit_test(test_slow),
	    cmocka_unit_test(test_unknown_topic),
	    cmocka_unit_test(test_not_allowed),
	    cmocka_unit_test(test_fatal),
	    cmocka_unit_test(test_too_large),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_given_up),
	    cmocka_unit_test(test_probe),
	    cmocka_unit_test(test_long_outage),
	    cmocka_unit_test(test_stop),
	};
	int failed = 0, status;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		const struct CMUnitTest one[] = {tests[i]};
		const pid_t child = fork();

		if (child < 0)
			return 1;
		if (child == 0)
			exit(cmocka_run_group_tests(one, NULL, NULL));
	}
	while (wait(&status) > 0)
		failed |= !WIFEXITED(status) || WEXITSTATUS(status);
	return failed;
}
