/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/kafka/judgement.h"

#include <stdio.h>
#include <string.h>

enum fate kafka_fate(rd_kafka_resp_err_t error)
{
	switch (error) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		return FATE_STORED;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		return FATE_TOO_LARGE;
	case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
	case RD_KAFKA_RESP_ERR_INVALID_RECORD:
		return FATE_REFUSED;
	default:
		return FATE_FAILED;
	}
}

bool kafka_is_away(rd_kafka_resp_err_t error)
{
	switch (error) {
	case RD_KAFKA_RESP_ERR_NO_ERROR: /* no report */
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		return true;
	default:
		return error < RD_KAFKA_RESP_ERR_UNKNOWN; /* librdkafka's own */
	}
}

void kafka_explain(rd_kafka_resp_err_t error, const char *topic, char *ret, size_t size)
{
	const char *words = rd_kafka_err2str(error);

	switch (error) {
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		snprintf(ret, size, "topic %s: %s: kafka-topics.sh --create --topic %s", topic,
		    words, topic);
		break;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		snprintf(ret, size,
		    "topic %s: %s (the credentials are not accepted: they need Describe and Write)",
		    topic, words);
		break;
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		snprintf(ret, size,
		    "%s (the credentials are not accepted: before Kafka 2.8 they need "
		    "IdempotentWrite)",
		    words);
		break;
	default:
		snprintf(ret, size, "topic %s: %s", topic, words);
	}
}

size_t kafka_words(const char *text)
{
	static const char *const ends[] = {" (after ", ", 1 identical error", " identical error"};
	size_t length = strlen(text);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		const char *end = strstr(text, ends[i]);

		if (end && (size_t)(end - text) < length)
			length = (size_t)(end - text);
	}
	return length;
}
