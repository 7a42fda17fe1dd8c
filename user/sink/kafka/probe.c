/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/kafka/probe.h"

#include "base/clock.h"
#include "base/unused.h"
#include "sink/influx_reply.h"
#include "sink/kafka/judgement.h"

#include <stdio.h>
#include <string.h>

#define LONGEST_MS 5000 /* for brokers that do not answer */

struct heard {
	char words[512]; /* the first complaint; empty: none */
};

static void take_error(rd_kafka_t *rk UNUSED, int error UNUSED, const char *text, void *opaque)
{
	struct heard *heard = opaque;

	if (!heard->words[0])
		snprintf(heard->words, sizeof(heard->words), "%.*s", (int)kafka_words(text), text);
}

static void take_log(const rd_kafka_t *rk UNUSED, int level UNUSED, const char *facility UNUSED,
    const char *text UNUSED)
{
}

static void judge_topic(const struct kafka_settings *settings,
    const struct rd_kafka_metadata_topic *topic, struct sink_finding *ret)
{
	if (!topic->err) {
		ret->good = true;
		snprintf(ret->text, sizeof(ret->text), "kafka topic %s: %d partitions",
		    settings->topic, topic->partition_cnt);
		return;
	}
	kafka_explain(topic->err, settings->topic, ret->text, sizeof(ret->text));
	ret->advice = "see outputs.kafka";
}

static void ask(rd_kafka_t *rk, const struct kafka_settings *settings, int timeout_ms,
    struct heard *heard, struct sink_finding *ret)
{
	const char *const secrets[] = {settings->password, NULL};
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, settings->topic, NULL);
	const struct rd_kafka_metadata *metadata = NULL;
	struct influx_reply reply;
	rd_kafka_resp_err_t error;

	error =
	    topic ? rd_kafka_metadata(rk, 0, topic, &metadata, timeout_ms) : rd_kafka_last_error();
	rd_kafka_poll(rk, 0);
	if (!error && metadata && metadata->topic_cnt > 0) {
		judge_topic(settings, &metadata->topics[0], ret);
	} else {
		const char *words = heard->words[0] ? heard->words : rd_kafka_err2str(error);

		ret->unreachable = true;
		influx_reply_read(&reply, words, strlen(words), 0, secrets);
		snprintf(ret->text, sizeof(ret->text), "kafka topic %s: %s", settings->topic,
		    reply.words);
	}
	if (metadata)
		rd_kafka_metadata_destroy(metadata);
	if (topic)
		rd_kafka_topic_destroy(topic);
}

void kafka_probe_ask(const struct kafka_settings *settings, struct sink_finding *ret)
{
	const uint64_t timeout_ms = settings->timeout_ns / NS_PER_MS;
	struct heard heard = {0};
	rd_kafka_conf_t *conf;
	rd_kafka_t *rk;

	*ret = (struct sink_finding){0};
	if (kafka_conf_new(&conf, settings) < 0) {
		snprintf(ret->text, sizeof(ret->text),
		    "kafka topic %s: no client can be made of these options", settings->topic);
		return;
	}
	rd_kafka_conf_set_opaque(conf, &heard);
	rd_kafka_conf_set_error_cb(conf, take_error);
	rd_kafka_conf_set_log_cb(conf, take_log);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, ret->text, sizeof(ret->text));
	if (!rk) {
		rd_kafka_conf_destroy(conf);
		return;
	}
	ret->text[0] = '\0';
	ask(rk, settings, timeout_ms < LONGEST_MS ? (int)timeout_ms : LONGEST_MS, &heard, ret);
	rd_kafka_destroy(rk);
}
