/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/counter/counter.h"

#include "base/hash.h"
#include "crosstap/wire_host.h"

#include <errno.h>
#include <stdlib.h>

#define FLOW_SETS  (WIRE_MAX_FLOWS / WIRE_FLOW_WAYS)
#define RTT_PLACES (2 * WIRE_MAX_SOURCE_RTTS)
#define SLOT       0 /* windows have counters of their own, so one slot is enough */

struct counter {
	struct wire_state state; /* its counters are those of the window counted last */
	counter_follow *follow;  /* NULL: the state's own cursors */
	void *follower;
	bool takes_all;
};

struct counter_window {
	uint32_t interfaces;
	struct wire_counters *counters;
	uint64_t *rare;
	struct wire_rtt *rtt;
	struct wire_source_bucket *sources;
	struct wire_source_rtt_entry *rtts;
	uint32_t n_rtts;
	struct wire_touched touched;
};

void counter_configure(struct counter *counter, const struct wire_rules *rules)
{
	wire_rules_tell(rules, counter->state.config, counter->takes_all ? WIRE_ANY_ADDRESS : 0);
}

void counter_take_all(struct counter *counter)
{
	counter->takes_all = true;
	counter->state.config->options |= WIRE_ANY_ADDRESS;
}

uint32_t counter_options(const struct counter *counter)
{
	return counter->state.config->options & (WIRE_RTT | WIRE_PER_SOURCE);
}

static void configure(struct counter *counter, const struct wire_rules *rules)
{
	struct wire_config *config = counter->state.config;

	config->abi = WIRE_ABI_VERSION;
	hash_random(&config->seed, sizeof(config->seed));
	hash_random(config->source_keys, sizeof(config->source_keys));
	config->source_mask = WIRE_SOURCE_BUCKETS - 1;
	counter_configure(counter, rules);
}

int counter_new(struct counter **ret, const struct wire_rules *rules, size_t n_interfaces)
{
	struct counter *counter = calloc(1, sizeof(*counter));

	if (!counter)
		return -ENOMEM;
	counter->state = (struct wire_state){
	    .config = calloc(1, sizeof(*counter->state.config)),
	    .interfaces = (uint32_t)n_interfaces,
	    .hints = calloc(WIRE_HINTS, sizeof(*counter->state.hints)),
	    .flows = calloc((size_t)FLOW_SETS * WIRE_FLOW_WAYS, sizeof(*counter->state.flows)),
	    .flow_sets = FLOW_SETS,
	    .max_rtts = WIRE_MAX_SOURCE_RTTS,
	};
	if (!counter->state.config || !counter->state.hints || !counter->state.flows) {
		counter_free(counter);
		return -ENOMEM;
	}
	configure(counter, rules);
	*ret = counter;
	return 0;
}

void counter_free(struct counter *counter)
{
	if (!counter)
		return;
	free(counter->state.config);
	free(counter->state.hints);
	free(counter->state.flows);
	free(counter);
}

static size_t counters_of(uint32_t interfaces)
{
	return (size_t)interfaces * WIRE_DIRECTIONS * WIRE_SLOTS;
}

/* Entries of all interfaces fill whole pages: WIRE_SLOTS * WIRE_RARE_ENTRIES is a multiple of one.
 */
static size_t rare_pages(uint32_t interfaces)
{
	return (size_t)interfaces * WIRE_SLOTS * WIRE_RARE_ENTRIES / WIRE_RARE_PAGE;
}

static size_t rare_words(uint32_t interfaces)
{
	return (rare_pages(interfaces) + 63) / 64;
}

int counter_window_new(struct counter_window **ret, const struct counter *counter)
{
	const uint32_t interfaces = counter->state.interfaces;
	struct counter_window *window = calloc(1, sizeof(*window));

	if (!window)
		return -ENOMEM;
	window->interfaces = interfaces;
	window->counters = calloc(counters_of(interfaces), sizeof(*window->counters));
	/* Large, and hardly ever touched. */
	window->rare =
	    calloc((size_t)interfaces * WIRE_SLOTS * WIRE_RARE_ENTRIES, sizeof(*window->rare));
	window->rtt = calloc(WIRE_SLOTS, sizeof(*window->rtt));
	window->sources = calloc(WIRE_SOURCE_BUCKETS, sizeof(*window->sources));
	window->rtts = calloc(RTT_PLACES, sizeof(*window->rtts));
	window->touched.rare = calloc(rare_words(interfaces), sizeof(*window->touched.rare));
	if (!window->counters || !window->rare || !window->rtt || !window->sources ||
	    !window->rtts || !window->touched.rare) {
		counter_window_free(window);
		return -ENOMEM;
	}
	*ret = window;
	return 0;
}

void counter_window_free(struct counter_window *window)
{
	if (!window)
		return;
	free(window->counters);
	free(window->rare);
	free(window->rtt);
	free(window->sources);
	free(window->rtts);
	free(window->touched.rare);
	free(window);
}

/* The next bit that is set, from `from` on; `n` of them. */
static size_t next_bit(const uint64_t *words, size_t from, size_t n)
{
	while (from < n) {
		const uint64_t rest = words[from / 64] >> from % 64;

		if (rest)
			return from + (size_t)__builtin_ctzll(rest);
		from = (from / 64 + 1) * 64;
	}
	return n;
}

static size_t next_touched(const struct wire_bits *bits, size_t from)
{
	while (from < WIRE_BITS) {
		const uint64_t rest = bits->some >> from / 512;
		size_t group, end;

		if (!rest)
			break;
		group = from / 512 + (size_t)__builtin_ctzll(rest);
		end = (group + 1) * 512;
		from = next_bit(bits->words, from > group * 512 ? from : group * 512, end);
		if (from < end)
			return from;
	}
	return WIRE_BITS;
}

/* Of what was touched; a page that was never written takes no memory. */
static void clear(void *table, size_t bytes, struct wire_bits *bits)
{
	for (size_t i = next_touched(bits, 0); i < WIRE_BITS; i = next_touched(bits, i + 1))
		memset((uint8_t *)table + i * bytes, 0, bytes);
	*bits = (struct wire_bits){0};
}

static void clear_rare(struct counter_window *window)
{
	const size_t pages = rare_pages(window->interfaces);

	for (size_t i = next_bit(window->touched.rare, 0, pages); i < pages;
	     i = next_bit(window->touched.rare, i + 1, pages))
		memset(
		    window->rare + i * WIRE_RARE_PAGE, 0, WIRE_RARE_PAGE * sizeof(*window->rare));
	memset(window->touched.rare, 0,
	    rare_words(window->interfaces) * sizeof(*window->touched.rare));
}

/* No other slot is counted into, and without a handshake no bin. */
static void clear_counters(struct counter_window *window)
{
	uint64_t handshakes = 0;

	for (uint32_t i = 0; i < window->interfaces * WIRE_DIRECTIONS; i++) {
		struct wire_counters *counters = &window->counters[wire_counters_index(
		    i / WIRE_DIRECTIONS, i % WIRE_DIRECTIONS, SLOT)];

		handshakes += counters->handshakes[0] + counters->handshakes[1];
		memset(counters, 0, sizeof(*counters));
	}
	if (handshakes)
		memset(&window->rtt[SLOT], 0, sizeof(*window->rtt));
}

void counter_window_clear(struct counter_window *window)
{
	clear_rare(window);
	clear_counters(window);
	clear(window->sources, sizeof(*window->sources), &window->touched.sources);
	clear(window->rtts, sizeof(*window->rtts), &window->touched.rtts);
	window->n_rtts = 0;
}

static void use_window(struct counter *counter, struct counter_window *window)
{
	struct wire_state *state = &counter->state;

	state->counters = window->counters;
	state->rare = window->rare;
	state->rtt = window->rtt;
	state->sources = window->sources;
	state->rtts = window->rtts;
	state->n_rtts = window->n_rtts;
	state->touched = &window->touched;
}

void counter_clear(struct counter *counter)
{
	struct wire_state *state = &counter->state;

	if (!counter->follow)
		memset(state->flows, 0,
		    (size_t)state->flow_sets * WIRE_FLOW_WAYS * sizeof(*state->flows));
	wire_clear_hints(state);
	state->sampled = 0;
	state->packets = 0;
}

void counter_add_packet(
    struct counter *counter, struct counter_window *window, const struct counter_packet *packet)
{
	const struct wire_input input = {
	    .data = packet->data,
	    .length = packet->length,
	    .frame_bytes = packet->frame_bytes,
	    .time_ns = packet->time_ns,
	    .segments = packet->segments,
	    .interface = packet->interface,
	    .direction = packet->direction,
	    .raw = packet->raw,
	};

	use_window(counter, window);
	wire_packet(&counter->state, &input);
	window->n_rtts = counter->state.n_rtts;
}

static void take_segment(void *taker, const struct wire_work *work, const u8 *packet)
{
	const struct counter *counter = taker;
	const struct packet *headers = &work->packet;
	struct counter_segment segment = {
	    .key = &work->key,
	    .data = packet,
	    .length = headers->length,
	    .sequence = headers->sequence,
	    .flags = headers->tcp_flags,
	    .family = headers->family,
	};

	if (work->frame.readable > headers->payload) {
		segment.data = packet + headers->payload;
		segment.readable = work->frame.readable - headers->payload;
	}
	if (segment.readable > segment.length)
		segment.readable = segment.length;
	counter->follow(counter->follower, &segment);
}

void counter_set_follower(struct counter *counter, counter_follow *follow, void *context)
{
	counter->follow = follow;
	counter->follower = context;
	counter->state.take_segment = take_segment;
	counter->state.taker = counter;
}

void counter_add_segment(struct counter *counter, struct counter_window *window,
    struct wire_flow *cursor, const struct counter_segment *segment)
{
	struct wire_state *state = &counter->state;
	const struct packet packet = {
	    .length = segment->length,
	    .sequence = segment->sequence,
	    .tcp_flags = segment->flags,
	    .family = segment->family,
	    .protocol = PACKET_TCP,
	};
	struct wire_env env = {
	    .view = {.data = segment->data, .end = segment->data + segment->readable},
	    .config = state->config,
	    .context = state,
	    .access = WIRE_ACCESS_MEMORY,
	    .direction = segment->key->direction,
	    .slot = SLOT,
	};
	struct wire_peer peer = {.client = segment->key->client, .family = segment->family};

	use_window(counter, window);
	env.counters = wire_find_counters(&env);
	wire_is_ours(&env, &segment->key->server, &peer);
	state->cursor = cursor;
	wire_count_stream(&env, &packet, segment->key, &peer, segment->readable);
	state->cursor = NULL;
}

/* Eight at a time, wherever they are. */
typedef uint64_t words8 __attribute__((vector_size(64), aligned(8), may_alias));

/* Structures of u64 alone. */
static void add_words(void *into, const void *from, size_t bytes)
{
	uint64_t *to = into;
	const uint64_t *words = from;
	size_t left = bytes / sizeof(*to);

	for (; left >= 8; left -= 8, to += 8, words += 8)
		*(words8 *)to += *(const words8 *)words;
	for (; left; left--)
		*to++ += *words++;
}

/* Which bucket is this counter in? */
static size_t bucket_of(const struct counter_window *window, const uint64_t *messages)
{
	return (size_t)((const uint8_t *)messages - (const uint8_t *)window->sources) /
	    sizeof(*window->sources);
}

/* No other slot is counted into. Were handshakes timed? */
static bool add_counters(
    struct counter_window *into, const struct counter_window *from, uint32_t interface)
{
	uint64_t handshakes = 0;

	for (uint32_t direction = 0; direction < WIRE_DIRECTIONS; direction++) {
		const uint32_t index = wire_counters_index(interface, direction, SLOT);
		const struct wire_counters *counters = &from->counters[index];

		add_words(&into->counters[index], counters, sizeof(*counters));
		handshakes += counters->handshakes[0] + counters->handshakes[1];
	}
	return handshakes;
}

static void add_clients(
    const struct counter *counter, struct counter_window *into, const struct counter_window *from)
{
	struct wire_client client;

	for (size_t at = 0; counter_window_next_client(from, &at, &client);) {
		uint64_t *messages =
		    wire_source_place(counter->state.config, into->sources, &client.address, SLOT);

		if (messages)
			wire_touch(&into->touched.sources, bucket_of(into, messages));
		else
			messages =
			    &into->counters[wire_counters_index(0, WIRE_IN, SLOT)].sources_other;
		*messages += client.messages;
	}
}

static void add_rtts(struct counter_window *into, const struct counter_window *from)
{
	struct wire_state state = {.rtts = into->rtts,
	    .max_rtts = WIRE_MAX_SOURCE_RTTS,
	    .n_rtts = into->n_rtts,
	    .touched = &into->touched};
	struct wire_client_rtt rtt;

	for (size_t at = 0; counter_window_next_rtt(from, &at, &rtt);) {
		const struct wire_source_rtt more = {
		    .count[SLOT] = rtt.count, .sum_us[SLOT] = rtt.sum_us, .min_us = rtt.min_us};

		wire_host_add_rtt(&state, &rtt.address, &more);
	}
	into->n_rtts = state.n_rtts;
}

void counter_window_add(
    const struct counter *counter, struct counter_window *into, const struct counter_window *from)
{
	const size_t pages = rare_pages(from->interfaces);
	bool timed = false;

	for (size_t i = next_bit(from->touched.rare, 0, pages); i < pages;
	     i = next_bit(from->touched.rare, i + 1, pages)) {
		add_words(into->rare + i * WIRE_RARE_PAGE, from->rare + i * WIRE_RARE_PAGE,
		    WIRE_RARE_PAGE * sizeof(*from->rare));
		into->touched.rare[i / 64] |= (uint64_t)1 << i % 64;
	}
	for (uint32_t i = 0; i < from->interfaces; i++)
		timed |= add_counters(into, from, i);
	if (timed)
		add_words(&into->rtt[SLOT], &from->rtt[SLOT], sizeof(*from->rtt));
	add_clients(counter, into, from);
	add_rtts(into, from);
}

const struct wire_counters *counter_window_sums(
    const struct counter_window *window, uint32_t interface, uint32_t direction)
{
	return &window->counters[wire_counters_index(interface, direction, SLOT)];
}

const uint64_t *counter_window_rare(const struct counter_window *window, uint32_t interface)
{
	if (!counter_window_sums(window, interface, WIRE_IN)->rare &&
	    !counter_window_sums(window, interface, WIRE_OUT)->rare)
		return NULL;
	return window->rare + wire_rare_index(interface, SLOT);
}

const struct wire_rtt *counter_window_rtt(const struct counter_window *window)
{
	return &window->rtt[SLOT];
}

size_t counter_window_interfaces(const struct counter_window *window)
{
	return window->interfaces;
}

bool counter_window_next_client(
    const struct counter_window *window, size_t *at, struct wire_client *ret)
{
	while (*at < WIRE_MAX_SOURCES) {
		const size_t number =
		    next_touched(&window->touched.sources, *at / WIRE_SOURCE_WAYS);
		const size_t way = number == *at / WIRE_SOURCE_WAYS ? *at % WIRE_SOURCE_WAYS : 0;
		const struct wire_source_bucket *bucket = &window->sources[number];

		*at = number * WIRE_SOURCE_WAYS + way + 1;
		if (number >= WIRE_SOURCE_BUCKETS || !bucket->clients[way].low)
			continue;
		*ret = (struct wire_client){
		    .address = wire_source_address(&bucket->clients[way]),
		    .messages = bucket->messages[SLOT][way],
		};
		return true;
	}
	return false;
}

bool counter_window_next_rtt(
    const struct counter_window *window, size_t *at, struct wire_client_rtt *ret)
{
	const struct wire_source_rtt_entry *entry;

	*at = next_touched(&window->touched.rtts, *at);
	if (*at >= RTT_PLACES)
		return false;
	entry = &window->rtts[(*at)++];
	*ret = (struct wire_client_rtt){
	    .address = entry->client,
	    .count = entry->rtt.count[SLOT],
	    .sum_us = entry->rtt.sum_us[SLOT],
	    .min_us = entry->rtt.min_us,
	};
	return true;
}
