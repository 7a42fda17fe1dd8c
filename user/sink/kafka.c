/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kafka (kafka.apache.org/protocol) with librdkafka: messages of some lines each, whose key is the
 * server, so that those of one server stay in order. An attempt takes the first messages of a batch
 * and counts as delivered what the delivery reports say. kafka/producer.h says what keeps a message
 * from being there twice, and crosstap-fleet(7) what a consumer has to do for the rest.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/unused.h"
#include "config/option_row.h"
#include "config/parse/texts.h"
#include "sink/kafka/probe.h"
#include "sink/kafka/producer.h"
#include "sink/kinds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES (8 << 20) /* of lines, in an attempt */

#define P        struct kafka_settings
#define WITH_TLS WHEN(P, tls, 1, "with `tls.enabled: true`")

static const struct config_option options[] = {
    {"brokers", OPTION_TEXTS, .fallback = "[127.0.0.1:9092]", RANGE(1, KAFKA_BROKERS),
	AT(P, brokers), .check = text_check_endpoint,
	.help = "HOST:PORT of brokers to begin with; they name the others."},
    {"topic", OPTION_TEXT, .fallback = "dns", RANGE(1, MAX_TEXT), AT(P, topic),
	.check = kafka_check_topic, .help = "Topic. A message's key is `server`."},
    {"format", OPTION_WORD, .fallback = "line", WORDS("line", "json"), AT(P, format),
	.help = "Points as InfluxDB line protocol, or as JSON objects, one a line."},
    {"points", OPTION_UINT, .fallback = "1000", RANGE(1, 100000), AT(P, points),
	.help =
	    "Points in a message at most. 1 is for consumers that take one JSON object a message."},
    {"message", OPTION_SIZE, .fallback = "256KiB", RANGE(KIB, 8 * MIB), AT(P, message_bytes),
	.help = "How large a message may be, and a batch of them, before it is compressed; at most "
		"the topic's max.message.bytes."},
    {"compression", OPTION_WORD, .fallback = "gzip", WORDS("none", "gzip", "lz4", "zstd"),
	AT(P, compression), .help = "Of a batch of messages."},
    {"timeout", OPTION_TIME, .fallback = "10s", RANGE(100 * MS, 600 * S), AT(P, timeout_ns),
	.help = "How long one attempt may take."},
    {"tls", OPTION_SECTION, .help = "TLS to the brokers."},
    {"tls.enabled", OPTION_BOOL, .fallback = "false", AT(P, tls),
	.help = "Whether brokers speak TLS; their certificates have to be for their names."},
    {"tls.ca", OPTION_TEXT, .fallback = "\"\"", RANGE(0, MAX_PATH), AT(P, ca), WITH_TLS,
	.help = "PEM file of the authorities to trust; empty: the system's."},
    {"tls.cert", OPTION_TEXT, .example = "/etc/crosstap/kafka.pem", RANGE(0, MAX_PATH), AT(P, cert),
	WITH_TLS,
	.help = "PEM file of a certificate of the agent's own, for brokers that want one."},
    {"tls.key", OPTION_TEXT, .example = "/etc/crosstap/kafka.key", RANGE(0, MAX_PATH), AT(P, key),
	WITH_TLS, .help = "PEM file of its private key."},
    {"sasl", OPTION_SECTION, .help = "Who the agent is."},
    {"sasl.mechanism", OPTION_WORD, .fallback = "none",
	WORDS("none", "plain", "scram-sha-256", "scram-sha-512"), AT(P, mechanism),
	.help = "How it proves that. `plain` shows the password to whoever can read along: "
		"with `tls.enabled` alone."},
    {"sasl.username", OPTION_TEXT, .example = "crosstap", RANGE(0, MAX_TEXT), AT(P, username),
	.help = "User."},
    {"sasl.password", OPTION_TEXT, .example = "$KAFKA_PASSWORD", RANGE(0, MAX_SECRET),
	AT(P, password), .secret = true, .help = "Password."},
};

struct kafka {
	struct producer *producer;
	char *topic;
	uint64_t timeout_ns;
	struct message_limit limit;
	/* A broker found a message too large, or the batch that it came in: they go one by one, and
	 * smaller. */
	bool alone;
	struct message messages[PRODUCER_MESSAGES];
	size_t n; /* of the attempt */
};

static enum points_format kafka_format(const void *settings)
{
	const P *s = settings;

	return s->format == KAFKA_JSON ? POINTS_JSON : POINTS_LINE;
}

/* Lines of one format are none of the other. */
static int kafka_describe(struct arena *arena, const void *settings, struct sink_place *ret)
{
	const P *s = settings;
	char brokers[KAFKA_BROKERS_BYTES];

	kafka_brokers_text(s, brokers, sizeof(brokers));
	ret->name = arena_printf(arena, "kafka %s topic=%s", brokers, s->topic);
	ret->realm = s->format == KAFKA_JSON ? "json" : "line";
	return ret->name ? 0 : -ENOMEM;
}

static void kafka_probe(const void *settings, struct sink_finding *ret)
{
	kafka_probe_ask(settings, ret);
}

static void kafka_close(void *backend)
{
	struct kafka *k = backend;

	if (!k)
		return;
	producer_free(k->producer);
	free(k->topic);
	free(k);
}

static int kafka_open(void **ret, const void *settings, const struct sink_control *control)
{
	const P *s = settings;
	struct kafka *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return -ENOMEM;
	k->limit = (struct message_limit){.points = s->points, .bytes = s->message_bytes};
	k->timeout_ns = s->timeout_ns;
	k->topic = strdup(s->topic);
	r = k->topic ? producer_new(&k->producer, s, control) : -ENOMEM;
	if (r < 0)
		kafka_close(k);
	else
		*ret = k;
	return r;
}

/* Without an answer, or with one that tells nothing by itself: what librdkafka complained about. */
static void say_outage(struct kafka *k, rd_kafka_resp_err_t error, struct send_result *ret)
{
	char words[PRODUCER_WORDS];

	producer_why(k->producer, words);
	ret->retry = true;
	ret->away = kafka_is_away(error);
	switch (error) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
	case RD_KAFKA_RESP_ERR__FATAL:
	case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
	case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
		if (*words)
			snprintf(ret->error, sizeof(ret->error), "%s", words);
		else
			snprintf(ret->error, sizeof(ret->error),
			    "topic %s: no delivery report within %.1f s", k->topic,
			    (double)k->timeout_ns / NS_PER_S);
		break;
	default:
		kafka_explain(error, k->topic, ret->error, sizeof(ret->error));
	}
}

/* True: it can be smaller, and goes again. That it was too large is said once, as an outage is. */
static bool make_smaller(struct kafka *k, const struct message *message, struct send_result *ret)
{
	if (!k->alone) {
		snprintf(ret->error, sizeof(ret->error),
		    "topic %s: messages of %zu bytes are too large for it, smaller ones follow one "
		    "by "
		    "one: see outputs.kafka.message",
		    k->topic, message->length);
		ret->retry = true;
		k->alone = true;
		return true;
	}
	if (message->points == 1)
		return false;
	k->limit.bytes = message->length / 2;
	return true;
}

static void refuse(struct kafka *k, const struct message *message, rd_kafka_resp_err_t error,
    struct send_result *ret)
{
	ret->rejected += message->points;
	snprintf(ret->error, sizeof(ret->error), "topic %s: a message of %zu bytes: %s", k->topic,
	    message->length, rd_kafka_err2str(error));
}

/* False: this message and those behind it have to go again. */
static bool settle(struct kafka *k, size_t i, struct send_result *ret)
{
	const struct message *message = &k->messages[i];
	const rd_kafka_resp_err_t error = producer_error(k->producer, i);

	switch (producer_fate(k->producer, i)) {
	case FATE_STORED:
		ret->accepted += message->points;
		break;
	case FATE_TOO_LARGE:
		if (make_smaller(k, message, ret))
			return false;
		refuse(k, message, error, ret);
		break;
	case FATE_REFUSED:
		refuse(k, message, error, ret);
		break;
	default:
		say_outage(k, error, ret);
		return false;
	}
	ret->taken += message->taken;
	return true;
}

/* The first messages of the text. -ENOMEM. */
static int add_messages(struct kafka *k, const char *text, size_t length)
{
	const size_t most = k->alone ? 1 : PRODUCER_MESSAGES;
	size_t at = 0;
	int r = 0;

	for (k->n = 0; r == 0 && k->n < most && at < length && at < BATCH_BYTES; k->n++) {
		struct message *message = &k->messages[k->n];

		message_cut(message, text + at, length - at, &k->limit);
		r = producer_add(k->producer, message);
		at += message->taken;
	}
	return r;
}

static void kafka_send(void *backend, const char *text, size_t length, struct send_result *ret)
{
	struct kafka *k = backend;
	size_t settled = 0;

	if (producer_begin(k->producer) < 0) {
		say_outage(k, RD_KAFKA_RESP_ERR_NO_ERROR, ret);
		return;
	}
	if (add_messages(k, text, length) == 0) {
		producer_wait(k->producer);
		while (settled < k->n && settle(k, settled, ret))
			settled++;
	} else {
		snprintf(ret->error, sizeof(ret->error), "no memory for messages");
		ret->retry = true;
	}
	producer_end(k->producer, settled);
}

static void kafka_wake(void *backend)
{
	struct kafka *k = backend;

	producer_wake(k->producer);
}

static void kafka_client(void *backend, struct sink_client *ret)
{
	struct kafka *k = backend;

	producer_client(k->producer, ret);
}

const struct sink_ops sink_kafka_ops = {
    .kind = {.name = "kafka",
	.table = TABLE(options, "Kafka, a topic for all measurements."),
	.size = sizeof(struct kafka_settings),
	.problem = kafka_problem},
    .thread_name = "sink-kafka",
    .remote = true,
    .format = kafka_format,
    .describe = kafka_describe,
    .probe = kafka_probe,
    .open = kafka_open,
    .send = kafka_send,
    .wake = kafka_wake,
    .client = kafka_client,
    .close = kafka_close,
};
