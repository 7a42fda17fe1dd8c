/* SPDX-License-Identifier: BSD-2-Clause */
/* librdkafka's own brokers, which listen on loopback, and a reader of all that a topic has. What
 * cannot be done ends the process. */
#ifndef TESTS_TOOLS_KAFKA_CLUSTER_H
#define TESTS_TOOLS_KAFKA_CLUSTER_H

#include "base/clock.h"
#include "base/unused.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* KafkaProtocol of Kafka: the numbers of its requests. */
#define REQUEST_PRODUCE          0
#define REQUEST_INIT_PRODUCER_ID 22

#define KAFKA_TOPIC "dns"

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not %s\n", __FILE__, __LINE__, #condition);        \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct cluster {
	rd_kafka_t *rk;
	rd_kafka_mock_cluster_t *mock;
	const char *brokers;
};

static inline void keep_quiet(const rd_kafka_t *rk UNUSED, int level UNUSED,
    const char *facility UNUSED, const char *text UNUSED)
{
}

static inline rd_kafka_conf_t *conf_of(const char *const pairs[][2], size_t n)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char error[256];

	rd_kafka_conf_set_log_cb(conf, keep_quiet);
	for (size_t i = 0; i < n; i++)
		MUST(rd_kafka_conf_set(conf, pairs[i][0], pairs[i][1], error, sizeof(error)) ==
		    RD_KAFKA_CONF_OK);
	return conf;
}

/* One broker, and the topic with one partition. */
static inline void cluster_start(struct cluster *cluster)
{
	char error[256];

	cluster->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf_of(NULL, 0), error, sizeof(error));
	MUST(cluster->rk);
	cluster->mock = rd_kafka_mock_cluster_new(cluster->rk, 1);
	MUST(cluster->mock);
	MUST(rd_kafka_mock_topic_create(cluster->mock, KAFKA_TOPIC, 1, 1) ==
	    RD_KAFKA_RESP_ERR_NO_ERROR);
	cluster->brokers = rd_kafka_mock_cluster_bootstraps(cluster->mock);
}

static inline void cluster_stop(struct cluster *cluster)
{
	rd_kafka_mock_cluster_destroy(cluster->mock);
	rd_kafka_destroy(cluster->rk);
}

struct stored {
	char *key, *id, *value;
};

struct log_of_topic {
	struct stored *messages;
	size_t n;
};

static inline char *text_of(const void *bytes, size_t length)
{
	char *text = malloc(length + 1);

	MUST(text);
	if (length)
		memcpy(text, bytes, length);
	text[length] = '\0';
	return text;
}

static inline void log_add(struct log_of_topic *log, rd_kafka_message_t *message)
{
	rd_kafka_headers_t *headers = NULL;
	const void *id = NULL;
	size_t length = 0;

	MUST(rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR);
	MUST(rd_kafka_header_get(headers, 0, "crosstap-id", &id, &length) ==
	    RD_KAFKA_RESP_ERR_NO_ERROR);
	log->messages = realloc(log->messages, (log->n + 1) * sizeof(*log->messages));
	MUST(log->messages);
	log->messages[log->n++] = (struct stored){.key = text_of(message->key, message->key_len),
	    .id = text_of(id, length),
	    .value = text_of(message->payload, message->len)};
}

/* All that is there now. */
static inline void log_read(struct log_of_topic *log, const struct cluster *cluster)
{
	const char *const pairs[][2] = {{"bootstrap.servers", cluster->brokers},
	    {"group.id", "reader"}, {"enable.partition.eof", "true"}};
	char error[256];
	rd_kafka_t *reader =
	    rd_kafka_new(RD_KAFKA_CONSUMER, conf_of(pairs, 3), error, sizeof(error));
	rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(1);
	const uint64_t end_ns = clock_monotonic_ns() + 20 * (uint64_t)NS_PER_S;
	bool at_end = false;

	*log = (struct log_of_topic){0};
	rd_kafka_topic_partition_list_add(parts, KAFKA_TOPIC, 0)->offset =
	    RD_KAFKA_OFFSET_BEGINNING;
	MUST(rd_kafka_assign(reader, parts) == RD_KAFKA_RESP_ERR_NO_ERROR);
	while (!at_end) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 100);

		MUST(clock_monotonic_ns() < end_ns);
		if (!message)
			continue;
		at_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
		if (!message->err)
			log_add(log, message);
		rd_kafka_message_destroy(message);
	}
	rd_kafka_topic_partition_list_destroy(parts);
	rd_kafka_consumer_close(reader);
	rd_kafka_destroy(reader);
}

static inline void log_free(struct log_of_topic *log)
{
	for (size_t i = 0; i < log->n; i++) {
		free(log->messages[i].key);
		free(log->messages[i].id);
		free(log->messages[i].value);
	}
	free(log->messages);
}

#endif
