/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/bpf/sources.h"

#include "crosstap/wire_source_table.h"
#include "wire/bpf/object.h"
#include "wire/window/sum.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RESTING 2 /* readings */
#define GROWTH  8

/* What is known of a way. Its counters go on when another client gets it. */
struct way {
	struct wire_source_id client; /* as of the last reading */
	uint64_t read[WIRE_SLOTS];
	uint8_t rest; /* readings without a count */
	bool skipped; /* its address was not told of yet */
};

struct wire_sources {
	struct wire_source_bucket *table; /* shared with the programs */
	struct wire_source_tags *tags;    /* the same */
	struct wire_config *config;       /* the same */
	struct way *ways;
	struct wire_client *clients;
	size_t n;
	bool again;    /* a client may be among them twice */
	uint8_t moved; /* readings that may name clients by an old and a new bucket */
	uint32_t live;
};

int wire_sources_new(struct wire_sources **ret, int fd, int tags_fd, struct wire_config *config)
{
	struct wire_sources *sources = calloc(1, sizeof(*sources));

	if (!sources)
		return -ENOMEM;
	sources->config = config;
	/* Touched only where there are clients. */
	sources->ways = calloc(WIRE_MAX_SOURCES, sizeof(*sources->ways));
	sources->clients = calloc(WIRE_MAX_SOURCES, sizeof(*sources->clients));
	sources->table = wire_map_memory(fd, WIRE_SOURCES_BYTES);
	sources->tags = wire_map_memory(tags_fd, WIRE_SOURCE_TAGS_BYTES);
	if (!sources->ways || !sources->clients || !sources->table || !sources->tags) {
		const int r = -errno;

		wire_sources_free(sources);
		return r;
	}
	*ret = sources;
	return 0;
}

void wire_sources_free(struct wire_sources *sources)
{
	if (!sources)
		return;
	if (sources->table)
		munmap(sources->table, WIRE_SOURCES_BYTES);
	if (sources->tags)
		munmap(sources->tags, WIRE_SOURCE_TAGS_BYTES);
	free(sources->ways);
	free(sources->clients);
	free(sources);
}

uint32_t wire_sources_count(const struct wire_sources *sources)
{
	return sources->live;
}

/* Behind them nobody ever had a way. */
static uint32_t buckets_in_use(const struct wire_sources *sources)
{
	return sources->config->source_mask + 1;
}

static uint64_t load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static struct wire_source_id load_id(const struct wire_source_id *id)
{
	return (struct wire_source_id){.low = load(&id->low), .high = load(&id->high)};
}

static bool same_id(const struct wire_source_id *a, const struct wire_source_id *b)
{
	return a->low == b->low && a->high == b->high;
}

void wire_sources_skip(struct wire_sources *sources)
{
	const uint32_t ways = buckets_in_use(sources) * WIRE_SOURCE_WAYS;

	sources->moved = 1; /* the agent before may have let the table grow */
	for (uint32_t i = 0; i < ways; i++) {
		const struct wire_source_bucket *bucket = &sources->table[i / WIRE_SOURCE_WAYS];
		const uint32_t n = i % WIRE_SOURCE_WAYS;
		const struct wire_source_id id = load_id(&bucket->clients[n]);

		if (!load(&bucket->messages[0][n]) && !load(&bucket->messages[1][n]))
			continue;
		sources->ways[i] = (struct way){
		    .client = id,
		    .read = {load(&bucket->messages[0][n]), load(&bucket->messages[1][n])},
		    .skipped = id.low && id.high,
		};
	}
}

/* Of the way's client: what the slot counted. */
static void tell(struct wire_sources *sources, struct way *way, uint64_t now, uint32_t slot)
{
	const uint64_t messages = now - way->read[slot];

	way->read[slot] = now;
	if (!messages && !way->skipped)
		return;
	way->skipped = false;
	sources->clients[sources->n++] = (struct wire_client){
	    .address = wire_source_address(&way->client), .messages = messages};
}

/* From its last store on, the programs may give the way to another client and tag it. */
static void free_way(struct wire_sources *sources, struct wire_source_bucket *bucket, uint32_t n)
{
	const size_t i = (size_t)(bucket - sources->table);

	sources->tags[i / WIRE_SOURCE_TAGGED].of[i % WIRE_SOURCE_TAGGED][n] = 0;
	__atomic_store_n(&bucket->clients[n].low, 0, __ATOMIC_RELEASE);
}

/* A way that is leaving, or whose new client is being written this moment. */
static void let_go(struct wire_sources *sources, struct wire_source_bucket *bucket, uint32_t n,
    struct way *way, uint32_t slot, const struct wire_source_id *id)
{
	const uint64_t now = load(&bucket->messages[slot][n]);

	if (way->client.low != id->low) { /* an agent before asked it, if it is so next time, too */
		way->client = *id;
		return;
	}
	if (way->client.high && now != way->read[slot]) { /* as it was asked to leave */
		tell(sources, way, now, slot);
		sources->again = true;
	}
	way->read[slot] = now;
	if (load(&bucket->messages[!slot][n]) != way->read[!slot])
		return;
	memset(&way->client, 0, sizeof(way->client));
	free_way(sources, bucket, n);
}

static void read_way(struct wire_sources *sources, struct wire_source_bucket *bucket, uint32_t n,
    struct way *way, uint32_t slot)
{
	const struct wire_source_id id = load_id(&bucket->clients[n]);
	uint64_t before = way->read[slot];

	if (!id.low)
		return;
	if (!id.high) {
		let_go(sources, bucket, n, way, slot, &id);
		return;
	}
	if (!same_id(&id, &way->client)) {
		way->client = id;
		way->rest = 0;
		way->skipped = false;
	}
	sources->live++;
	tell(sources, way, load(&bucket->messages[slot][n]), slot);
	if (way->read[slot] != before || load(&bucket->messages[!slot][n]) != way->read[!slot])
		way->rest = 0;
	else if (way->rest < RESTING)
		way->rest++;
}

static void make_room(struct wire_source_bucket *bucket, const struct way *ways)
{
	for (uint32_t n = 0; n < WIRE_SOURCE_WAYS; n++) {
		if (!load(&bucket->clients[n].low) || !load(&bucket->clients[n].high))
			return;
	}
	for (uint32_t n = 0; n < WIRE_SOURCE_WAYS; n++) {
		if (ways[n].rest >= RESTING)
			__atomic_store_n(&bucket->clients[n].high, 0, __ATOMIC_RELAXED);
	}
}

void wire_sources_read(
    struct wire_sources *sources, uint32_t slot, const struct wire_client **ret, size_t *ret_n)
{
	sources->n = sources->live = 0;
	sources->again = sources->moved;
	sources->moved -= sources->moved > 0;
	for (uint32_t i = 0; i < buckets_in_use(sources); i++) {
		struct wire_source_bucket *bucket = &sources->table[i];
		struct way *ways = &sources->ways[(size_t)i * WIRE_SOURCE_WAYS];

		for (uint32_t n = 0; n < WIRE_SOURCE_WAYS; n++)
			read_way(sources, bucket, n, &ways[n], slot);
		make_room(bucket, ways);
	}
	/* One that came back while its way was leaving has another way, as has one after growing.
	 */
	if (sources->again)
		sources->n = wire_sum_clients(sources->clients, sources->n);
	*ret = sources->clients;
	*ret_n = sources->n;
}

void wire_sources_grow(struct wire_sources *sources)
{
	const uint32_t buckets = buckets_in_use(sources);

	if (buckets >= WIRE_SOURCE_BUCKETS || sources->live <= buckets * WIRE_SOURCE_WAYS / 4)
		return;
	sources->moved = WIRE_SLOTS;
	__atomic_store_n(&sources->config->source_mask, buckets * GROWTH - 1, __ATOMIC_RELEASE);
}
