/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames through the wire headers in user space. Input: for each frame two bytes of length (its
 * upper bits: direction, flip, raw, a pause before it), then the frame. Nothing may be read past
 * its end, and the counters must agree with each other.
 */
#include <stddef.h>
#include <stdint.h>

#include "../bpf/host.h"
#include "frames.h"
#include "pieces.h"
#include "require.h"

#define NS_PER_S   1000000000u
#define BUCKETS    2
#define RARE_PAGES (WIRE_SLOTS * WIRE_RARE_ENTRIES / WIRE_RARE_PAGE)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each compared, well-formed message over UDP is in one class at most. */
static UNGUIDED void check_classes(const struct wire_counters *counters, u32 direction)
{
	u64 compared = 0, classes = 0;

	for (u32 family = 0; family < 2; family++) {
		const struct wire_cell *cell = &counters->cells[WIRE_UDP][family];

		compared += cell->messages - cell->not_query - cell->left_out;
		compared -= cell->malformed - cell->malformed_uncompared;
	}
	for (u32 class = 0; class < WIRE_CLASSES; class ++) {
		classes += counters->classes[class];
		require((direction == WIRE_IN) == (class < WIRE_CLASS_REFUSED) ||
		    !counters->classes[class]);
	}
	require(classes <= compared);
}

/* What must hold whatever came: every message has one size; kinds of messages are parts of them. */
static UNGUIDED void check_counters(const struct wire_counters *counters)
{
	static const struct wire_counters none;

	if (memcmp(counters, &none, sizeof(none)) == 0)
		return;
	for (u32 transport = WIRE_UDP; transport <= WIRE_TCP; transport++) {
		u64 messages = 0, sizes = 0;

		for (u32 family = 0; family < 2; family++) {
			const struct wire_cell *cell = &counters->cells[transport][family];

			messages += cell->messages;
			require(cell->not_query + cell->left_out <= cell->messages);
			require(cell->malformed + cell->tc <= cell->messages);
			require(cell->malformed_uncompared <= cell->malformed);
		}
		for (u32 bin = 0; bin < WIRE_SIZE_BINS; bin++)
			sizes += counters->sizes[transport][bin];
		require(sizes == messages);
	}
	for (u32 qtype = 0; qtype < WIRE_QTYPES; qtype++)
		require(counters->qtypes_left_out[qtype] <= counters->qtypes[qtype]);
}

static void run(struct wire_state *state, const uint8_t *data, size_t size)
{
	u64 time_ns = 0;

	while (size >= 2) {
		const u32 word = ct_load_be16(data);
		size_t length = word & 0x0fff;
		u8 *frame;

		data += 2;
		size -= 2;
		if (length > size)
			length = size;
		frame = malloc(length ? length : 1); /* exactly sized, for the sanitizer */
		if (!frame)
			return;
		memcpy(frame, data, length);
		state->config->slot ^= word >> 14 & 1;
		/* Each pause is longer than the one before, up to more than any round trip. */
		time_ns += word >> 12 & 1 ? 16 * (time_ns % NS_PER_S) + 1 : 1000;
		wire_packet(state,
		    &(struct wire_input){.data = frame,
			.length = length,
			.frame_bytes = length,
			.time_ns = time_ns,
			.segments = 1,
			.direction = word >> 15,
			.raw = word >> 13 & 1});
		free(frame);
		data += length;
		size -= length;
	}
}

/* Every compared query has a client, or is among the others; no client has two ways. */
static UNGUIDED void check_sources(const struct wire_state *state)
{
	u64 compared = 0, counted = 0;

	for (u32 slot = 0; slot < WIRE_SLOTS; slot++) {
		const struct wire_counters *in =
		    &state->counters[wire_counters_index(0, WIRE_IN, slot)];

		counted += in->sources_other;
		for (u32 family = 0; family < 2; family++)
			for (u32 transport = WIRE_UDP; transport <= WIRE_TCP; transport++) {
				const struct wire_cell *cell = &in->cells[transport][family];

				compared += cell->messages - cell->not_query - cell->left_out;
			}
	}
	for (u32 i = 0; i < BUCKETS * WIRE_SOURCE_WAYS; i++) {
		const struct wire_source_bucket *bucket = &state->sources[i / WIRE_SOURCE_WAYS];
		const struct wire_source_id *id = &bucket->clients[i % WIRE_SOURCE_WAYS];

		counted += bucket->messages[0][i % WIRE_SOURCE_WAYS] +
		    bucket->messages[1][i % WIRE_SOURCE_WAYS];
		for (u32 j = 0; j < i && id->low; j++)
			require(
			    memcmp(
				&state->sources[j / WIRE_SOURCE_WAYS].clients[j % WIRE_SOURCE_WAYS],
				id, sizeof(*id)) != 0);
	}
	require(counted == compared);
}

static UNGUIDED bool timed_handshakes(const struct wire_state *state)
{
	u64 handshakes = 0;

	for (u32 i = 0; i < WIRE_DIRECTIONS * WIRE_SLOTS; i++)
		handshakes += state->counters[i].handshakes[0] + state->counters[i].handshakes[1];
	return handshakes;
}

/* As host_new() makes it, of tables that are made once: they take megabytes, and little of them is
 * touched. */
static UNGUIDED struct wire_state *state_of(u32 options)
{
	static struct wire_state state;
	static u64 rare[RARE_PAGES / 64 + 1];
	static struct wire_touched touched = {.rare = rare};

	if (!state.config && host_new(&state, options, BUCKETS))
		abort();
	state.config->options = options;
	state.config->slot = 0;
	if (timed_handshakes(&state))
		memset(state.rtt, 0, WIRE_SLOTS * sizeof(*state.rtt));
	memset(state.counters, 0, (size_t)WIRE_DIRECTIONS * WIRE_SLOTS * sizeof(*state.counters));
	for (u32 page = 0; page < RARE_PAGES; page++) {
		if (!rare[page / 64])
			page |= 63;
		else if (rare[page / 64] >> page % 64 & 1)
			memset(state.rare + (size_t)page * WIRE_RARE_PAGE, 0,
			    WIRE_RARE_PAGE * sizeof(*state.rare));
	}
	memset(rare, 0, sizeof(rare));
	wire_clear_hints(&state);
	/* One set of cursors: the longest unused often leaves. */
	state.flow_sets = 1;
	memset(state.flows, 0, WIRE_FLOW_WAYS * sizeof(*state.flows));
	memset(state.sources, 0, BUCKETS * sizeof(*state.sources));
	memset(state.rtts, 0, sizeof(*state.rtts) * 2 * FIXTURE_MAX_RTTS);
	state.n_rtts = state.sampled = state.packets = 0;
	state.touched = &touched;
	return &state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_state *state = state_of(WIRE_PER_SOURCE | WIRE_RTT |
	    (size & 1 ? WIRE_ANY_ADDRESS : 0) | (size & 2 ? WIRE_RTT_SYN : 0));

	run(state, data, size);
	for (u32 i = 0; i < WIRE_DIRECTIONS * WIRE_SLOTS; i++) {
		check_counters(&state->counters[i]);
		check_classes(&state->counters[i], i / WIRE_SLOTS);
	}
	check_sources(state);
	return 0;
}

/* -- mutations: frames behind their two bytes */

static size_t split(const uint8_t *data, size_t size, struct piece pieces[PIECES_MAX])
{
	size_t n = 0, at = 0;

	while (size - at >= 2 && n < PIECES_MAX) {
		size_t length = (ct_load_be16(data + at) & 0x0fff) + 2u;

		if (length > size - at)
			length = size - at;
		pieces[n++] = (struct piece){at, length, 2};
		at += length;
	}
	return n;
}

static void store_length(uint8_t *piece, size_t length)
{
	piece[0] = (uint8_t)((piece[0] & 0xf0) | (length >> 8 & 0x0f));
	piece[1] = (uint8_t)length;
}

static void fit(uint8_t *piece, const struct piece *is)
{
	store_length(piece, is->length - 2);
	frame_fit(piece + 2, is->length - 2);
}

/* One segment of TCP becomes two. */
static size_t cut(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static uint8_t second[4096];
	struct piece list[PIECES_MAX];
	const size_t n = split(data, size, list);
	const struct piece *is = &list[n ? seed % n : 0];
	size_t first, bytes;

	if (!n || size + is->length > max_size || is->length > sizeof(second))
		return 0;
	memcpy(second, data + is->at, 2);
	first = frame_cut(data + is->at + 2, is->length - 2, seed >> 8, second + 2, &bytes);
	if (!first)
		return 0;
	store_length(data + is->at, first);
	store_length(second, bytes);
	memmove(data + is->at + first + bytes + 4, data + is->at + is->length,
	    size - is->at - is->length);
	memcpy(data + is->at + first + 2, second, bytes + 2);
	return size - is->length + first + bytes + 4;
}

/* Segments of TCP that a mutation moved or changed are one stream again. */
static void follow(uint8_t *data, size_t size)
{
	struct frame_streams streams = {0};
	struct piece list[PIECES_MAX];
	const size_t n = split(data, size, list);

	for (size_t i = 0; i < n; i++)
		frame_follow(&streams, data + list[i].at + 2, list[i].length - 2);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static const struct pieces_format format = {split, fit, 0};
	size_t r = seed % 8 ? 0 : cut(data, size, max_size, seed / 8);

	if (!r)
		r = pieces_mutate(&format, data, size, max_size, seed / 8);
	if (seed % 8 < 4)
		follow(data, r);
	return r;
}
