/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kafka_broker: a broker of librdkafka's on loopback with a topic, for tests. Prints its address;
 * then does what the lines of its standard input say, and answers each with a line: `down`, `up`,
 * `errors API CODE N` (the next N requests of this kind fail), `read` (all messages as JSON, one
 * list). Ends with its input.
 */
#include "kafka_cluster.h"

#include <jansson.h>

static void say(const char *text)
{
	puts(text);
	fflush(stdout);
}

static void print_log(const struct cluster *cluster)
{
	struct log_of_topic log;
	json_t *list = json_array();
	char *text;

	log_read(&log, cluster);
	for (size_t i = 0; i < log.n; i++)
		json_array_append_new(list,
		    json_pack("{s:s, s:s, s:s}", "key", log.messages[i].key, "id",
			log.messages[i].id, "value", log.messages[i].value));
	text = json_dumps(list, 0);
	MUST(text);
	say(text);
	free(text);
	json_decref(list);
	log_free(&log);
}

static void push_errors(const struct cluster *cluster, const char *line)
{
	int api, code, n;

	MUST(sscanf(line, "errors %d %d %d", &api, &code, &n) == 3);
	while (n-- > 0)
		rd_kafka_mock_push_request_errors(
		    cluster->mock, (int16_t)api, 1, (rd_kafka_resp_err_t)code);
	say("ok");
}

int main(void)
{
	struct cluster cluster;
	char line[256];

	cluster_start(&cluster);
	say(cluster.brokers);
	while (fgets(line, sizeof(line), stdin)) {
		if (strncmp(line, "errors ", 7) == 0) {
			push_errors(&cluster, line);
		} else if (strcmp(line, "read\n") == 0) {
			print_log(&cluster);
		} else if (strcmp(line, "down\n") == 0) {
			MUST(!rd_kafka_mock_broker_set_down(cluster.mock, 1));
			say("ok");
		} else {
			MUST(strcmp(line, "up\n") == 0);
			MUST(!rd_kafka_mock_broker_set_up(cluster.mock, 1));
			say("ok");
		}
	}
	cluster_stop(&cluster);
	return 0;
}
