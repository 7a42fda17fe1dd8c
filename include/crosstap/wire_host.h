/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The wire counters over plain memory: what XDP and tc do, for AF_PACKET, pcap files and tests. The
 * same headers count; here are the hooks that the kernel side has in bpf/. user/wire/counter/ calls
 * wire_packet(), in the thread of a packet socket or of a replay.
 *
 *   for each packet: wire_packet(&state, &packet)
 *
 * The caller owns all memory that struct wire_state points to, zeroed, and reads the counters from
 * it. One thread at a time. Include this in one .c file of a program only: it compiles the whole
 * path.
 */
#ifndef CROSSTAP_WIRE_HOST_H
#define CROSSTAP_WIRE_HOST_H

#include "crosstap/wire_packet.h"

#define WIRE_FLOW_WAYS 8

struct wire_flow_entry {
	struct wire_flow_key key;
	struct wire_flow flow;
	u32 used; /* 0: free; else the time of the last use, in packets */
};

struct wire_source_rtt_entry {
	struct packet_address client;
	struct wire_source_rtt rtt; /* count 0 in both slots: free */
};

/* Which parts of a window's large tables hold something, a bit each: most are never touched, so
 * that whoever reads or clears them need not look. */
#define WIRE_RARE_PAGE 512 /* entries of `rare` */
#define WIRE_HINT_PAGE 512 /* of `hints` */
#define WIRE_BITS      32768

struct wire_bits {
	u64 some; /* a bit for each 512 */
	u64 words[WIRE_BITS / 64];
};

struct wire_touched {
	u64 *rare;                /* a bit for each page; the caller's */
	struct wire_bits sources; /* buckets */
	struct wire_bits rtts;    /* places */
};

_Static_assert(WIRE_SOURCE_BUCKETS <= WIRE_BITS && 2 * WIRE_MAX_SOURCE_RTTS <= WIRE_BITS, "bits");
_Static_assert(WIRE_SLOTS *WIRE_RARE_ENTRIES % WIRE_RARE_PAGE == 0, "pages of one interface");

static inline void wire_touch(struct wire_bits *bits, u64 n)
{
	bits->some |= (u64)1 << n / 512;
	bits->words[n / 64] |= (u64)1 << n % 64;
}

struct wire_state {
	struct wire_config *config;
	u32 interfaces;
	struct wire_counters *counters; /* interfaces * WIRE_DIRECTIONS * WIRE_SLOTS */
	u64 *rare;                      /* interfaces * WIRE_SLOTS * WIRE_RARE_ENTRIES */
	struct wire_rtt *rtt;           /* WIRE_SLOTS */
	u64 *hints;                     /* WIRE_HINTS */
	struct wire_flow_entry
	    *flows;    /* flow_sets * WIRE_FLOW_WAYS; the longest unused leaves a full set */
	u32 flow_sets; /* a power of two */
	struct wire_source_bucket *sources; /* config->source_mask + 1 */
	struct wire_source_rtt_entry *rtts; /* 2 * max_rtts, a power of two */
	u32 max_rtts, n_rtts;
	struct wire_touched *touched; /* of `rare`, `sources`, `rtts`; NULL: nobody asks */
	u64 hinted[WIRE_HINTS / WIRE_HINT_PAGE / 64]; /* a bit for each page of `hints` in use */
	u32 sampled; /* messages of sources that were not entered */
	u32 packets; /* clock of `used` */
	struct wire_segment segment;
	struct wire_work work;
	u64 now_ns;
	/* Whoever keeps the cursors and puts segments in order; NULL: they are followed as they
	 * come, with cursors in `flows`. */
	void (*take_segment)(void *taker, const struct wire_work *work, const u8 *packet);
	void *taker;
	struct wire_flow *cursor; /* of the segment that the taker hands on */
};

/* One packet. `length` bytes of the `frame_bytes` that were on the wire are at `data`. */
struct wire_input {
	const u8 *data;
	u64 length, frame_bytes;
	u64 time_ns;   /* any steady clock */
	u64 segments;  /* merged ones, else 1 */
	u32 interface; /* row in the counters */
	u32 direction; /* enum wire_direction */
	bool raw;      /* begins with the IP header */
};

/* Forgets all hints. */
static inline void wire_clear_hints(struct wire_state *state)
{
	for (u32 page = 0; page < WIRE_HINTS / WIRE_HINT_PAGE; page++) {
		if (state->hinted[page / 64] >> page % 64 & 1)
			memset(state->hints + (size_t)page * WIRE_HINT_PAGE, 0,
			    WIRE_HINT_PAGE * sizeof(*state->hints));
	}
	memset(state->hinted, 0, sizeof(state->hinted));
}

static inline u64 wire_host_hash(const void *key, u64 n)
{
	const u8 *p = (const u8 *)key;
	u64 hash = 0x9e3779b97f4a7c15;

	for (u64 i = 0; i + 4 <= n; i += 4) {
		hash = (hash ^ ct_load_raw32(p + i)) * 0xd6e8feb86659fd93;
		hash ^= hash >> 32;
	}
	return hash;
}

static inline struct wire_state *wire_host(const struct wire_env *env)
{
	return (struct wire_state *)env->context;
}

CT_INLINE struct wire_counters *wire_find_counters(const struct wire_env *env)
{
	return &wire_host(env)
		    ->counters[wire_counters_index(env->interface, env->direction, env->slot)];
}

CT_INLINE int wire_read(const struct wire_env *env, u64 at, u8 *to, u64 n)
{
	const u8 *p = ct_bytes(&env->view, at, n);

	if (!p)
		return -1;
	memcpy(to, p, n);
	return 0;
}

CT_INLINE u64 wire_walk(const struct wire_env *env, u64 at, u64 end, u64 used)
{
	return dns_walk_long(&env->view, at, end, used, DNS_WALK_TURNS);
}

CT_INLINE void wire_add_rare(const struct wire_env *env, u32 entry)
{
	const u64 index = wire_rare_index(env->interface, env->slot) + entry;
	struct wire_state *state = wire_host(env);

	state->rare[index]++;
	if (state->touched)
		state->touched->rare[index / WIRE_RARE_PAGE / 64] |= (u64)1
		    << index / WIRE_RARE_PAGE % 64;
}

CT_INLINE bool wire_source_may_hold(
    const struct wire_env *env CT_UNUSED, u32 index CT_UNUSED, u8 tag CT_UNUSED)
{
	return true;
}

CT_INLINE struct wire_source_bucket *wire_source_bucket(const struct wire_env *env, u32 index)
{
	return &wire_host(env)->sources[index];
}

CT_INLINE void wire_take_way(const struct wire_env *env, u32 index,
    struct wire_source_bucket *bucket, const struct wire_source_id *id, u8 tag CT_UNUSED)
{
	wire_source_put(bucket, id);
	if (wire_host(env)->touched)
		wire_touch(&wire_host(env)->touched->sources, index);
}

CT_INLINE u32 *wire_source_samples(const struct wire_env *env)
{
	return &wire_host(env)->sampled;
}

static inline struct wire_flow_entry *wire_host_flow(
    struct wire_state *state, const struct wire_flow_key *key, bool make)
{
	const u64 set = wire_host_hash(key, sizeof(*key)) & (state->flow_sets - 1);
	struct wire_flow_entry *ways = &state->flows[set * WIRE_FLOW_WAYS], *oldest = ways;

	for (u32 i = 0; i < WIRE_FLOW_WAYS; i++) {
		if (ways[i].used && memcmp(&ways[i].key, key, sizeof(*key)) == 0)
			return &ways[i];
		if (!ways[i].used || (oldest->used && (s32)(ways[i].used - oldest->used) < 0))
			oldest = &ways[i];
	}
	if (!make)
		return NULL;
	oldest->key = *key;
	return oldest;
}

CT_INLINE u32 wire_host_tick(struct wire_state *state)
{
	return state->packets ? state->packets : 1;
}

CT_INLINE struct wire_flow *wire_find_flow(
    const struct wire_env *env, const struct wire_flow_key *key)
{
	struct wire_flow_entry *entry;

	if (wire_host(env)->cursor)
		return wire_host(env)->cursor;
	entry = wire_host_flow(wire_host(env), key, false);
	if (!entry)
		return NULL;
	entry->used = wire_host_tick(wire_host(env));
	return &entry->flow;
}

CT_INLINE void wire_put_flow(
    const struct wire_env *env, const struct wire_flow_key *key, const struct wire_flow *flow)
{
	struct wire_flow_entry *entry = wire_host_flow(wire_host(env), key, true);

	entry->used = wire_host_tick(wire_host(env));
	entry->flow = *flow;
}

CT_INLINE u8 wire_stream_flags(const struct wire_env *env)
{
	const u8 ends = PACKET_FIN | PACKET_RST;

	return wire_host(env)->take_segment ? ends | PACKET_SYN : ends;
}

CT_INLINE struct wire_segment *wire_segment(const struct wire_env *env)
{
	return &wire_host(env)->segment;
}

CT_INLINE void wire_tcp_steps(const struct wire_env *env, struct wire_segment *segment)
{
	for (u32 i = 0; i < WIRE_BURST * WIRE_BURST * WIRE_BURST; i++)
		if (!wire_tcp_step(env, segment))
			break;
}

CT_INLINE void wire_tcp_complete(const struct wire_env *env, struct wire_segment *segment)
{
	wire_tcp_message(env, segment);
}

CT_INLINE volatile u64 *wire_hint(const struct wire_env *env, u32 index)
{
	const u32 page = index / WIRE_HINT_PAGE;

	wire_host(env)->hinted[page / 64] |= (u64)1 << page % 64;
	return &wire_host(env)->hints[index];
}

CT_INLINE u64 wire_now_ns(const struct wire_env *env)
{
	return wire_host(env)->now_ns;
}

CT_INLINE void wire_add_rtt(const struct wire_env *env, u32 family, u64 us)
{
	wire_host(env)->rtt[env->slot].bins[family][wire_rtt_bin(us)]++;
}

/* The client's entry, or a free one; NULL: there is no room. */
static inline struct wire_source_rtt_entry *wire_host_rtt(
    struct wire_state *state, const struct packet_address *client)
{
	const u32 mask = 2 * state->max_rtts - 1;
	u32 at = (u32)wire_host_hash(client, sizeof(*client)) & mask;

	for (u32 i = 0; i <= mask; i++, at = (at + 1) & mask) {
		struct wire_source_rtt_entry *entry = &state->rtts[at];

		if (!entry->rtt.count[0] && !entry->rtt.count[1])
			return state->n_rtts < state->max_rtts ? entry : NULL;
		if (memcmp(&entry->client, client, sizeof(*client)) == 0)
			return entry;
	}
	return NULL;
}

/* Left out where there is no room. */
static inline void wire_host_add_rtt(struct wire_state *state, const struct packet_address *client,
    const struct wire_source_rtt *more)
{
	struct wire_source_rtt_entry *entry = wire_host_rtt(state, client);

	if (!entry)
		return;
	if (!entry->rtt.count[0] && !entry->rtt.count[1]) {
		entry->client = *client;
		entry->rtt.min_us = more->min_us;
		state->n_rtts++;
		if (state->touched)
			wire_touch(&state->touched->rtts, (u64)(entry - state->rtts));
	}
	if (more->min_us < entry->rtt.min_us)
		entry->rtt.min_us = more->min_us;
	for (u32 slot = 0; slot < WIRE_SLOTS; slot++) {
		entry->rtt.count[slot] += more->count[slot];
		entry->rtt.sum_us[slot] += more->sum_us[slot];
	}
}

CT_INLINE void wire_add_source_rtt(
    const struct wire_env *env, const struct packet_address *client, u64 us)
{
	struct wire_source_rtt one = {.min_us = us};

	one.count[env->slot] = 1;
	one.sum_us[env->slot] = us;
	wire_host_add_rtt(wire_host(env), client, &one);
}

CT_INLINE u32 wire_do(const struct wire_env *env, enum wire_step step)
{
	struct wire_state *state = wire_host(env);
	struct wire_env inner = *env;

	if (step == WIRE_STREAM && state->take_segment) {
		state->take_segment(state->taker, &state->work, env->view.data);
		return 0;
	}
	return wire_take_step(&inner, &state->work, step);
}

/* Counts one packet. */
static inline void wire_packet(struct wire_state *state, const struct wire_input *input)
{
	struct wire_env env = {
	    .view = {.data = input->data, .end = input->data + input->length},
	    .config = state->config,
	    .context = state,
	    .access = WIRE_ACCESS_MEMORY,
	    .interface = input->interface,
	    .direction = input->direction,
	    .slot = state->config->slot & 1,
	};
	struct wire_frame *frame = &state->work.frame;

	*frame = (struct wire_frame){
	    .bytes = input->frame_bytes,
	    .readable = input->length,
	    .segments = input->segments,
	    .raw = input->raw,
	};
	state->packets++;
	state->now_ns = input->time_ns;
	wire_count_packet(&env, frame);
}

#endif
