/* SPDX-License-Identifier: BSD-2-Clause */
/* The output's options, and what librdkafka is told by them. */
#ifndef CROSSTAP_SINK_KAFKA_SETTINGS_H
#define CROSSTAP_SINK_KAFKA_SETTINGS_H

#include "config/config.h"
#include "config/option_row.h"

#include <librdkafka/rdkafka.h>

#define KAFKA_BROKERS       64
#define KAFKA_BROKERS_BYTES (KAFKA_BROKERS * (MAX_TEXT + 1)) /* of kafka_brokers_text() */

enum kafka_format { KAFKA_LINE, KAFKA_JSON };
enum kafka_compression { KAFKA_NONE, KAFKA_GZIP, KAFKA_LZ4, KAFKA_ZSTD };
enum kafka_mechanism { KAFKA_NO_SASL, KAFKA_PLAIN, KAFKA_SCRAM_SHA_256, KAFKA_SCRAM_SHA_512 };

struct kafka_settings {
	struct config_strings brokers;
	const char *topic;
	enum kafka_format format;
	unsigned points;
	uint64_t message_bytes;
	enum kafka_compression compression;
	uint64_t timeout_ns;
	bool tls;
	const char *ca, *cert, *key; /* PEM files */
	enum kafka_mechanism mechanism;
	const char *username, *password;
};

/* What cannot work together, for the kind of output; NULL: nothing. */
const char *kafka_problem(const void *settings);
/* The topic's name as Kafka takes it, for a table of options. */
const char *kafka_check_topic(const char *text);
/* host:port of each, with commas between them, at most `size` bytes. */
void kafka_brokers_text(const struct kafka_settings *settings, char *ret, size_t size);
/* What each client of ours has: brokers, TLS, SASL, bounds. -EINVAL: settings that cannot work.
 * The caller destroys it. */
int kafka_conf_new(rd_kafka_conf_t **ret, const struct kafka_settings *settings);
/* What a producer has in addition, each message once and in order. */
int kafka_conf_producer(rd_kafka_conf_t *conf, const struct kafka_settings *settings);

#endif
