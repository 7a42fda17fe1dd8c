/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/kafka/settings.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TOPIC_MAX 249 /* Topic.MAX_NAME_LENGTH of Kafka */

const char *kafka_check_topic(const char *text)
{
	static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789._-";

	if (strspn(text, legal) != strlen(text))
		return "is not the name of a topic: letters, digits, and . _ -";
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return "is a name that no topic can have";
	return strlen(text) > TOPIC_MAX ? "is over 249 characters, too long for a topic" : NULL;
}

void kafka_brokers_text(const struct kafka_settings *settings, char *ret, size_t size)
{
	size_t used = 0;

	*ret = '\0';
	for (size_t i = 0; i < settings->brokers.n && used < size; i++)
		used += (size_t)snprintf(
		    ret + used, size - used, "%s%s", i ? "," : "", settings->brokers.items[i]);
}

struct pair {
	const char *key, *value;
};

/* Nothing is set to an empty text. What librdkafka has to say of a value is not kept: it may be a
 * secret. */
static int set(rd_kafka_conf_t *conf, const struct pair *pairs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (*pairs[i].value &&
		    rd_kafka_conf_set(conf, pairs[i].key, pairs[i].value, NULL, 0) !=
			RD_KAFKA_CONF_OK)
			return -EINVAL;
	}
	return 0;
}

static int set_number(rd_kafka_conf_t *conf, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return set(conf, &(struct pair){key, text}, 1);
}

#define SET_ALL(conf, pairs) set(conf, pairs, sizeof(pairs) / sizeof((pairs)[0]))

const char *kafka_problem(const void *settings)
{
	const struct kafka_settings *s = settings;

	if (s->mechanism != KAFKA_NO_SASL && (!*s->username || !*s->password))
		return "`sasl.mechanism` needs `sasl.username` and `sasl.password`";
	if (s->mechanism == KAFKA_NO_SASL && (*s->username || *s->password))
		return "`sasl.username` and `sasl.password` need `sasl.mechanism`";
	return s->tls && !*s->cert != !*s->key ? "`tls` needs both `cert` and `key`, or neither"
					       : NULL;
}

static int set_security(rd_kafka_conf_t *conf, const struct kafka_settings *s)
{
	static const char *const protocols[2][2] = {
	    {"plaintext", "ssl"}, {"sasl_plaintext", "sasl_ssl"}};
	static const char *const mechanisms[] = {[KAFKA_PLAIN] = "PLAIN",
	    [KAFKA_SCRAM_SHA_256] = "SCRAM-SHA-256",
	    [KAFKA_SCRAM_SHA_512] = "SCRAM-SHA-512"};
	const struct pair sasl[] = {{"sasl.mechanisms", mechanisms[s->mechanism]},
	    {"sasl.username", s->username}, {"sasl.password", s->password}};
	const struct pair tls[] = {{"ssl.ca.location", s->ca},
	    {"ssl.certificate.location", s->cert}, {"ssl.key.location", s->key},
	    {"ssl.endpoint.identification.algorithm", "https"}};
	const bool has_sasl = s->mechanism != KAFKA_NO_SASL;
	int r = set(conf, &(struct pair){"security.protocol", protocols[has_sasl][s->tls]}, 1);

	if (kafka_problem(s))
		return -EINVAL;
	if (r == 0 && has_sasl)
		r = SET_ALL(conf, sasl);
	if (r == 0 && s->tls)
		r = SET_ALL(conf, tls);
	return r;
}

static uint64_t between(uint64_t value, uint64_t least, uint64_t most)
{
	return value < least ? least : value > most ? most : value;
}

/* A broker that does not answer a request is asked again, or another one is, before the attempt is
 * over. */
static int set_times(rd_kafka_conf_t *conf, const struct kafka_settings *s)
{
	const uint64_t timeout_ms = s->timeout_ns / NS_PER_MS;
	int r = set_number(conf, "socket.timeout.ms", between(timeout_ms / 2, 1000, 60000));

	if (r == 0)
		r = set_number(conf, "socket.connection.setup.timeout.ms",
		    between(timeout_ms / 2, 1000, 5000));
	return r;
}

int kafka_conf_new(rd_kafka_conf_t **ret, const struct kafka_settings *settings)
{
	static const struct pair ours[] = {{"client.id", "crosstap"},
	    {"socket.keepalive.enable", "true"}, {"log.connection.close", "false"},
	    {"reconnect.backoff.ms", "100"}, {"reconnect.backoff.max.ms", "5000"},
	    /* What a broker may make us hold: metadata, and answers of some bytes. */
	    {"receive.message.max.bytes", "16777216"},
	    {"topic.metadata.propagation.max.ms", "2000"}};
	char brokers[KAFKA_BROKERS_BYTES];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	int r;

	kafka_brokers_text(settings, brokers, sizeof(brokers));
	r = set(conf, &(struct pair){"bootstrap.servers", brokers}, 1);
	if (r == 0)
		r = SET_ALL(conf, ours);
	if (r == 0)
		r = set_times(conf, settings);
	if (r == 0)
		r = set_security(conf, settings);
	if (r < 0)
		rd_kafka_conf_destroy(conf);
	else
		*ret = conf;
	return r;
}

/*
 * Idempotence: acks=all, and a sequence by which a broker knows what it has of this producer. A
 * message has no time limit of its own: given up, it may be in the log all the same, and a second
 * one would be a duplicate. The agent's queue and spool bound what waits, and this the memory.
 */
int kafka_conf_producer(rd_kafka_conf_t *conf, const struct kafka_settings *settings)
{
	static const char *const codecs[] = {[KAFKA_NONE] = "none",
	    [KAFKA_GZIP] = "gzip",
	    [KAFKA_LZ4] = "lz4",
	    [KAFKA_ZSTD] = "zstd"};
	const struct pair ours[] = {{"enable.idempotence", "true"}, {"message.timeout.ms", "0"},
	    {"linger.ms", "5"}, {"queue.buffering.max.messages", "10000"},
	    {"queue.buffering.max.kbytes", "32768"},
	    /* How large a message may be the broker says. */
	    {"message.max.bytes", "33554432"}, {"compression.type", codecs[settings->compression]},
	    {"statistics.interval.ms", "5000"}};
	int r = SET_ALL(conf, ours);

	if (r == 0)
		r = set_number(conf, "batch.size", settings->message_bytes);
	/* As the outputs over HTTP have it; the library's own default is 6, and lz4's 0. */
	if (r == 0 && settings->compression == KAFKA_GZIP)
		r = set_number(conf, "compression.level", 3);
	return r;
}
