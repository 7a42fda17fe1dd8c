/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/collector.h"

#include "stats/item_domain.h"
#include "stats/item_facts.h"
#include "stats/item_junk.h"
#include "stats/item_key.h"
#include "stats/item_source.h"
#include "stats/open_shards.h"
#include "stats/pairing.h"

#include "crosstap/dns.h"

#include <errno.h>
#include <stdlib.h>

_Static_assert(ZONES_MAX == 1u << KEY_ZONE_BITS, "each zone's number fits into a cell's key");

struct collector {
	struct collector_config config;
	struct pairing *pairing;
	struct open_shards shards;
	struct junk_seen seen; /* by the traits that are set */
	uint32_t pace_shift;
	uint64_t evicted; /* of pairing, already reported */
};

int collector_new(struct collector **ret, const struct collector_config *config)
{
	struct collector *collector = calloc(1, sizeof(*collector));
	int r;

	if (!collector)
		return -ENOMEM;
	collector->config = *config;
	collector->pace_shift = pace_shift((uint64_t)config->interval_ns);
	r = pairing_new(&collector->pairing);
	if (r == 0)
		r = open_shards_init(&collector->shards, &collector->config);
	if (r < 0) {
		collector_free(collector);
		return r;
	}
	*ret = collector;
	return 0;
}

void collector_free(struct collector *collector)
{
	if (!collector)
		return;
	open_shards_clear(&collector->shards);
	pairing_free(collector->pairing);
	free(collector);
}

void collector_set_interval(struct collector *collector, int64_t interval_ns)
{
	collector->config.interval_ns = interval_ns;
	collector->pace_shift = pace_shift((uint64_t)interval_ns);
}

void collector_set_limits(
    struct collector *collector, const struct shard_limits *limits, size_t max_shards)
{
	collector->config.limits = *limits;
	collector->config.max_shards = max_shards;
}

void collector_set_traits(struct collector *collector, const struct collector_traits *traits)
{
	struct zone_numbers numbers;

	if (traits->zones)
		zone_set_numbers(traits->zones, &numbers);
	pairing_relabel(collector->pairing, traits->zones ? &numbers : NULL, traits->zone);
	collector->config.traits = *traits;
	collector->seen = (struct junk_seen){0};
	for (size_t i = 0; i < collector->shards.n_open; i++) {
		if (collector->shards.open[i]->domains)
			domains_forget_below(collector->shards.open[i]->domains);
	}
}

void collector_renew_labels(struct collector *collector, uint64_t generation)
{
	collector->config.labels_since = generation;
}

uint64_t collector_labels_since(const struct collector *collector)
{
	return open_shards_labels_since(&collector->shards);
}

int64_t collector_oldest(const struct collector *collector)
{
	return collector->shards.oldest;
}

static struct cube_cell *cube_cell(
    const struct collector *collector, struct shard *shard, uint64_t hash, uint64_t key)
{
	struct cube_cell *cell = cube_at(&shard->cube, hash, key);

	return cell ? cell : shard_cell_slow(shard, &collector->config.limits, key);
}

/* First pass: reads the message, finds its window, and begins to look for its zone. */
static bool prepare(struct collector *collector, const struct record *record, int direction,
    struct item *item, int64_t now_ns)
{
	const struct collector_traits *traits = &collector->config.traits;

	item_init(item, record, direction, now_ns);
	item->shard = open_shards_find(&collector->shards, item->time_ns, now_ns, &item->late);
	if (!item->shard)
		return false;
	item->client_side = record_is_client_side(record);
	item->wanted = item_wanted(traits, item);
	item->zone = traits->zone;
	item->zone_labels = traits->domains.zone_labels;
	if (traits->zones && item->facts.has_question)
		zone_set_probe(traits->zones, item_name(item), item->facts.qname_length,
		    item->facts.labels, &item->probe);
	return true;
}

/* Second pass: the zone, and with it the keys of its source and its name. Each pass asks for the
 * cache lines that the next ones need. */
CT_INLINE void locate(struct collector *collector, struct item *item)
{
	const struct collector_traits *traits = &collector->config.traits;

	if (traits->zones && item->facts.has_question) {
		item->zone =
		    zone_set_find_from(traits->zones, item_name(item), item->facts.qname_length,
			&item->probe, item->facts.qtype == DNS_TYPE_DS, &item->zone_labels);
		item_facts_prefetch(item);
		if (traits->facts & FACTS_ADDRESSES)
			places_prefetch(&item->shard->places, item->record, item->zone,
			    &collector->config.seed);
	}
	item->has_domain = false;
	if (!item->client_side || !traits->figures)
		return;
	item_hash(item, item->record, &collector->config.seed);
	pairing_prefetch(collector->pairing, item->pair_hash);
	if (item->has_source)
		sources_prefetch_tags(&item->shard->sources, item->source_hash);
	if (item->facts.has_question && item->shard->names[NAMES_QUERY])
		topk_prefetch(item->shard->names[NAMES_QUERY], item->name_hash);
	item_domain_find(traits, &collector->config.seed, item);
}

CT_INLINE void set_keys(struct collector *collector, struct item *item)
{
	const struct cube *cube = &item->shard->cube;

	item->key = item->client_side ? item_cube_key(&collector->config.traits, item->record, item)
				      : item_outgoing_key(item);
	item->hash = cube_hash(cube, item->key);
	cube_prefetch(cube, item->hash);
	if (item->client_side && collector->config.traits.figures && item->has_source)
		item_source_prefetch(&collector->config, item);
	item_domain_prefetch(item);
	if (item->has_latency) {
		item->latency_key = item_latency_key(item, (uint64_t)item->latency_ns);
		item->latency_hash = cube_hash(cube, item->latency_key);
		cube_prefetch(cube, item->latency_hash);
	}
}

/* The response time, from the producer or from the query that it answers; and that query's zone,
 * for a response that has no readable question. Time of receipt, of either, measures nothing.
 * `before`: a query that the response's frame carries, or anything else. */
static void pair(struct collector *collector, struct item *item, const struct item *before)
{
	const struct record *record = item->record;
	const bool has_id = item->has_message && item->facts.malformed != DNS_MALFORMED_SHORT;
	const uint16_t untimed = record->has & RECORD_QUERY_TIME ? 0 : PAIRING_UNTIMED;
	uint16_t query_zone = PAIRING_UNTIMED;
	int64_t query_ns = 0, elapsed;

	if (item->direction == DIR_QUERY) {
		if (!item->carried && has_id)
			pairing_put(collector->pairing, item->pair_hash, item->zone | untimed,
			    item->time_ns);
		return;
	}
	if (has_id &&
	    pairing_take(
		collector->pairing, item->pair_hash, item->time_ns, &query_ns, &query_zone) &&
	    !item->facts.has_question && collector->config.traits.zones)
		item->zone = query_zone & (uint16_t)~PAIRING_UNTIMED;
	if (!item->facts.has_question && before->carried && before->record == record)
		item->zone = before->zone;
	if (!untimed)
		query_ns = record->query_time_ns;
	if (!(record->has & RECORD_RESPONSE_TIME) || untimed & query_zone)
		return;
	item->shard->paired++;
	elapsed = item->time_ns > query_ns ? item->time_ns - query_ns : 0;
	item->latency_ns = elapsed;
	item->has_latency = true;
}

/* Of every message, as bytes and messages are. */
CT_INLINE void count_place(
    const struct collector *collector, const struct item *item, unsigned direction)
{
	struct place *place = places_find(&item->shard->places, item->record, item->zone,
	    collector->config.limits.place_slots, &collector->config.seed);

	if (!place) {
		shard_place_other(item->shard, item->zone, direction, item->length);
		return;
	}
	place->count[direction]++;
	place->bytes[direction] += item->length;
}

/* The public hash of DNS Magnitude, which is wanted for its dataset alone. */
static void count_magnitude(const struct collector *collector, const struct item *item)
{
	struct tally *tally;

	if (item->direction != DIR_QUERY || !item->has_source || !item->facts.has_question ||
	    item->facts.opcode != DNS_OPCODE_QUERY)
		return;
	tally = shard_tally(item->shard, &collector->config.seed);
	if (tally)
		tally_add(tally, item_name(item), item->facts.qname_length, item->facts.labels,
		    collector->config.traits.magnitude_labels,
		    public_sketch_hash(
			(const uint8_t *)item->address, item->record->query_address_length == 4));
}

CT_INLINE void count_name(const struct item *item, unsigned direction)
{
	struct topk *names;

	if (!item->facts.has_question)
		return;
	if (direction == DIR_QUERY)
		names = item->shard->names[NAMES_QUERY];
	else if (item->facts.rcode == DNS_RCODE_NXDOMAIN)
		names = item->shard->names[NAMES_NXDOMAIN];
	else
		return;
	if (names)
		topk_add(names, item->name_hash, item->zone, item_name(item),
		    item->facts.qname_length, 1);
}

/* When in its window a compared message came. One that is counted in another window is in none. */
static void count_pace(const struct collector *collector, const struct item *item)
{
	const int64_t start_ns = item->shard->index * collector->config.interval_ns;

	pace_add(&item->shard->pace, pace_row(item->direction, item->transport, item->family),
	    item->time_ns - start_ns, (uint64_t)collector->config.interval_ns,
	    collector->pace_shift);
}

CT_INLINE void count_figures(
    struct collector *collector, const struct item *item, struct wanted wanted)
{
	const struct collector_traits *traits = &collector->config.traits;
	const struct shard_limits *limits = &collector->config.limits;
	struct domain *domain = item->has_domain ? item_domain_count(item, wanted.direction) : NULL;

	if (wanted.facts & FACTS_ALL)
		item_facts_count(traits, limits, item, wanted.facts, wanted.direction);
	if (wanted.facts & (FACTS_QNAME | FACTS_PORTS))
		item_junk_count(
		    traits, limits, item, &collector->seen, domain, wanted.facts, wanted.direction);
	if (wanted.addresses)
		count_place(collector, item, wanted.direction);
	if (traits->magnitude_labels)
		count_magnitude(collector, item);
	if (item->has_source)
		item_source_count(&collector->config, item, wanted);
	count_name(item, wanted.direction);
}

/* The datasets of no configuration; all of them. */
#define WANTED_DEFAULT (FACTS_TYPES | FACTS_EDNS | FACTS_QNAME | FACTS_CLIENTS)
#define WANTED_EVERY   (FACTS_ALL | FACTS_DOMAINS | FACTS_CLIENTS | FACTS_ATTACKS)

/* Of facts that are known when this is compiled, and are all that is wanted. */
CT_INLINE void count_figures_of(
    struct collector *collector, const struct item *item, unsigned facts)
{
	const bool addresses = (facts & FACTS_ADDRESSES) != 0;

	if (item->direction == DIR_QUERY)
		count_figures(collector, item, (struct wanted){facts, DIR_QUERY, addresses});
	else
		count_figures(collector, item, (struct wanted){facts, DIR_RESPONSE, addresses});
}

CT_INLINE void count_message(const struct collector *collector, const struct item *item)
{
	struct cube_cell *cell = cube_cell(collector, item->shard, item->hash, item->key);

	if (__builtin_expect(
		cell->count == UINT32_MAX || cell->amount > UINT32_MAX - item->length, 0))
		shard_cell_carry(item->shard, cell);
	cell->count++;
	cell->amount += item->length;
}

CT_INLINE void count_latency(const struct collector *collector, const struct item *item)
{
	const uint64_t latency_ns = (uint64_t)item->latency_ns;
	struct cube_cell *cell;

	if (__builtin_expect(latency_ns > UINT32_MAX, 0)) {
		shard_add_beside(item->shard, item->latency_key, 1, latency_ns);
		return;
	}
	cell = cube_cell(collector, item->shard, item->latency_hash, item->latency_key);
	if (__builtin_expect(cell->count == UINT32_MAX, 0))
		shard_cell_carry(item->shard, cell);
	cell->count++;
	if (cell->amount < latency_ns)
		cell->amount = (uint32_t)latency_ns;
}

/* Last pass. */
CT_INLINE void count(struct collector *collector, const struct item *item)
{
	count_message(collector, item);
	if (item->key & CUBE_COMPARED)
		count_pace(collector, item);
	if (item->late)
		shard_add_late(item->shard, item->key);
	if (!item->client_side || !collector->config.traits.figures)
		return;
	if (item->has_latency)
		count_latency(collector, item);
	if (item->wanted == WANTED_DEFAULT)
		count_figures_of(collector, item, WANTED_DEFAULT);
	else if (item->wanted == WANTED_EVERY)
		count_figures_of(collector, item, WANTED_EVERY);
	else if (collector->config.traits.facts == 0)
		count_figures(collector, item, (struct wanted){0, item->direction, false});
	else
		count_figures(collector, item,
		    (struct wanted){item->wanted, item->direction,
			(collector->config.traits.facts & FACTS_ADDRESSES) != 0});
}

static size_t prepare_record(
    struct collector *collector, const struct record *record, struct item *items, int64_t now_ns)
{
	const bool is_query = record_is_query(record);
	size_t n = 0;

	if (!record_is_client_side(record) || !collector->config.traits.queries_from_responses)
		n += prepare(
		    collector, record, is_query ? DIR_QUERY : DIR_RESPONSE, &items[0], now_ns);
	else if (!is_query) {
		if (record->has & RECORD_QUERY_MESSAGE &&
		    prepare(collector, record, DIR_QUERY, &items[n], now_ns))
			items[n++].carried = true;
		n += prepare(collector, record, DIR_RESPONSE, &items[n], now_ns);
	} else {
		/* Its response carries it again, and is what counts. */
		bool late;
		struct shard *shard = open_shards_find(
		    &collector->shards, record_time(record, DIR_QUERY, now_ns), now_ns, &late);

		open_shards_count_frame(&collector->shards, shard);
		if (shard)
			shard->ignored++;
		return 0;
	}
	open_shards_count_frame(&collector->shards, n ? items[0].shard : NULL);
	return n;
}

void collector_take(
    struct collector *collector, const struct record *records, size_t n, int64_t now_ns)
{
	struct item items[2 * RECORD_BATCH];
	size_t n_items = 0;

	for (size_t i = 0; i < n; i++)
		n_items += prepare_record(collector, &records[i], &items[n_items], now_ns);
	for (size_t i = 0; i < n_items; i++)
		locate(collector, &items[i]);
	/* In order: a response may pair with a query of the same batch, and take its zone. */
	for (size_t i = 0; i < n_items; i++) {
		if (items[i].client_side && collector->config.traits.figures)
			pair(collector, &items[i], &items[i ? i - 1 : 0]);
		set_keys(collector, &items[i]);
	}
	for (size_t i = 0; i < n_items; i++)
		item_domain_prefetch_sketches(&items[i]);
	for (size_t i = 0; i < n_items; i++)
		count(collector, &items[i]);
	for (size_t i = 0; i < collector->shards.n_open; i++) {
		if (__builtin_expect(collector->shards.open[i]->pending.any, 0))
			shard_go_on(collector->shards.open[i], &collector->config.seed);
	}
}

void collector_bad(struct collector *collector, int64_t now_ns)
{
	bool late;
	struct shard *shard = open_shards_find(&collector->shards, now_ns, now_ns, &late);

	open_shards_count_frame(&collector->shards, shard);
	if (shard)
		shard->frames_bad++;
}

size_t collector_close(
    struct collector *collector, int64_t oldest, struct shard *ret[COLLECTOR_MAX_SHARDS])
{
	const size_t n = open_shards_close(&collector->shards, oldest, ret);

	if (n) {
		ret[n - 1]->evicted += pairing_evicted(collector->pairing) - collector->evicted;
		collector->evicted = pairing_evicted(collector->pairing);
		pairing_grow(collector->pairing);
	}
	return n;
}

void collector_reopen(struct collector *collector, int64_t oldest)
{
	open_shards_reopen(&collector->shards, oldest);
}

void collector_give(struct collector *collector, struct shard *shard)
{
	open_shards_give(&collector->shards, shard);
}
