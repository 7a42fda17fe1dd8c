/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/kafka/statistics.h"

#include "text/json_read.h"

#include <string.h>

#define US_PER_S 1e6

static uint64_t number_at(const json_t *object, const char *key)
{
	const json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

static bool is_up(const json_t *broker)
{
	const char *state = json_string_value(json_object_get(broker, "state"));

	return state && strcmp(state, "UP") == 0;
}

/* Of the addresses to begin with, one that answers becomes a broker with a number. */
static void add_broker(struct sink_client *ret, const json_t *broker)
{
	const json_t *round_trip = json_object_get(broker, "rtt");
	const double p99_s = (double)number_at(round_trip, "p99") / US_PER_S;

	ret->brokers += is_up(broker);
	ret->retries += number_at(broker, "txretries");
	if (number_at(round_trip, "cnt") && p99_s > ret->round_trip_s)
		ret->round_trip_s = p99_s;
}

bool kafka_statistics_read(struct sink_client *ret, const char *json, size_t length)
{
	json_t *root = NULL, *brokers, *broker;
	const char *name;
	bool known;

	json_read(&root, json, length);
	brokers = json_object_get(root, "brokers");
	known = json_is_object(brokers);
	if (known) {
		*ret = (struct sink_client){.known = true, .messages = number_at(root, "msg_cnt")};
		json_object_foreach(brokers, name, broker) add_broker(ret, broker);
	}
	json_decref(root);
	return known;
}
