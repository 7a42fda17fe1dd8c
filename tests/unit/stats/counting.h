/* SPDX-License-Identifier: BSD-2-Clause */
/* Records to count, and what came of them. */
#ifndef CROSSTAP_TESTS_COUNTING_H
#define CROSSTAP_TESTS_COUNTING_H

#include "stats/collector.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define T0_NS      (1700000000 * NS_PER_S)
#define SECONDS(n) ((int64_t)(n)*NS_PER_S)

static const struct hash_seed test_seed = {0xd6e8feb86659fd93, 0xbf58476d1ce4e5b9};

/* A record with memory of its own. */
struct sample {
	struct record record;
	uint8_t address[16], message[600];
};

static inline void sample_init(
    struct sample *s, enum record_type type, uint32_t client, uint16_t id, int64_t time_ns)
{
	const bool query = type & 1;

	memset(s, 0, sizeof(*s));
	memcpy(s->address, &client, 4);
	s->message[0] = (uint8_t)(id >> 8);
	s->message[1] = (uint8_t)id;
	s->message[2] = query ? 0 : 0x80;
	s->record = (struct record){.type = (uint8_t)type,
	    .protocol = 1,
	    .family = 1,
	    .query_address = s->address,
	    .query_address_length = 4,
	    .query_port = 4711,
	    .has = (uint16_t)(RECORD_QUERY_PORT |
		(query ? RECORD_QUERY_TIME | RECORD_QUERY_MESSAGE
		       : RECORD_RESPONSE_TIME | RECORD_RESPONSE_MESSAGE))};
	if (query) {
		s->record.query_time_ns = time_ns;
		s->record.query_message = s->message;
		s->record.query_length = 12;
	} else {
		s->record.response_time_ns = time_ns;
		s->record.response_message = s->message;
		s->record.response_length = 12;
	}
}

/* `name` in wire format, its root label being the string's own end. */
static inline void sample_question(struct sample *s, const char *name, uint16_t type)
{
	const size_t length = strlen(name) + 1;
	uint8_t *p = s->message + 12 + length;

	s->message[5] = 1;
	memcpy(s->message + 12, name, length);
	p[0] = (uint8_t)(type >> 8);
	p[1] = (uint8_t)type;
	p[3] = 1;
	if (s->record.query_length)
		s->record.query_length = (uint32_t)(16 + length);
	else
		s->record.response_length = (uint32_t)(16 + length);
}

static inline struct collector_config test_config(void)
{
	return (struct collector_config){.interval_ns = 10 * NS_PER_S,
	    .seed = test_seed,
	    .limits = {.cube_slots = 2048, .source_slots = 65536, .name_slots = 64},
	    .max_shards = 3,
	    .traits = {.figures = true}};
}

static inline void take_one(
    struct collector *collector, const struct sample *sample, int64_t now_ns)
{
	collector_take(collector, &sample->record, 1, now_ns);
}

/* The margin's count in a shard that was merged. */
static inline uint64_t margin_count(const struct shard *total, uint32_t zone, enum margin margin,
    uint32_t direction, uint32_t transport, uint32_t family, uint32_t value)
{
	const struct cell *cell = cells_find(
	    &total->margins, margin_key(zone, margin, direction, transport, family, value));

	return cell ? cell->count : 0;
}

static inline struct shard *empty_shard(void)
{
	const struct collector_config config = test_config();
	struct shard *shard = NULL;

	if (shard_new(&shard, &config.limits, &test_seed) < 0)
		abort();
	return shard;
}

/* Everything that the collector holds, in one shard. */
static inline struct shard *collect(struct collector *collector)
{
	struct shard *shards[COLLECTOR_MAX_SHARDS], *total = empty_shard();
	size_t n = collector_close(collector, INT64_MAX, shards);

	for (size_t i = 0; i < n; i++) {
		if (shard_merge(total, shards[i], &test_seed) < 0)
			abort();
		shard_free(shards[i]);
	}
	return total;
}

#endif
