/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames through the headers in user space. */
#ifndef CROSSTAP_TESTS_HOST_H
#define CROSSTAP_TESTS_HOST_H

#include <arpa/inet.h>
#include <stdlib.h>

#include "crosstap/wire_config.h"
#include "crosstap/wire_host.h"
#include "frames.h"
#include "totals.h"

#define FIXTURE_MAX_RTTS 64

/* Ports and addresses as the frames have them. */
static inline void host_configure(struct wire_config *config, u32 options, u32 buckets)
{
	struct wire_local locals[4] = {
	    {{{0, 0, htonl(0xffff), htonl(0xc0000201)}}, PACKET_IPV4, 3},
	    {{{0, 0, htonl(0xffff), htonl(0xc0000202)}}, PACKET_IPV4, 3},
	    {{{htonl(0x20010db8), htonl(0x50000), 0, htonl(1)}}, PACKET_IPV6, 3},
	    {{{htonl(0x20010db8), htonl(0x50000), 0, htonl(2)}}, PACKET_IPV6, 3},
	};

	memset(config, 0, sizeof(*config));
	config->abi = WIRE_ABI_VERSION;
	config->options = options;
	config->seed = 0x0123456789abcdef;
	for (u32 i = 0; i < 5; i++)
		config->source_keys[i] = (i + 1) * 0x9e3779b97f4a7c15;
	config->source_mask = buckets - 1;
	config->ports[53] = WIRE_PORT_DNS;
	config->ports[853] = WIRE_PORT_DOT | WIRE_PORT_DOQ;
	config->ports[443] = WIRE_PORT_DOH;
	if (!wire_config_addresses(config, locals, 4))
		abort();
}

static inline void host_free(struct wire_state *state)
{
	free(state->config);
	free(state->counters);
	free(state->rare);
	free(state->rtt);
	free(state->hints);
	free(state->flows);
	free(state->sources);
	free(state->rtts);
}

/* `buckets` of clients, a power of two. */
static inline int host_new(struct wire_state *state, u32 options, u32 buckets)
{
	*state = (struct wire_state){
	    .config = calloc(1, sizeof(*state->config)),
	    .interfaces = 1,
	    .counters = calloc((size_t)WIRE_DIRECTIONS * WIRE_SLOTS, sizeof(*state->counters)),
	    .rare = calloc((size_t)WIRE_SLOTS * WIRE_RARE_ENTRIES, sizeof(*state->rare)),
	    .rtt = calloc(WIRE_SLOTS, sizeof(*state->rtt)),
	    .hints = calloc(WIRE_HINTS, sizeof(*state->hints)),
	    .flows = calloc((size_t)1024 * WIRE_FLOW_WAYS, sizeof(*state->flows)),
	    .flow_sets = 1024,
	    .sources = calloc(buckets, sizeof(*state->sources)),
	    .rtts = calloc((size_t)2 * FIXTURE_MAX_RTTS, sizeof(*state->rtts)),
	    .max_rtts = FIXTURE_MAX_RTTS,
	};
	if (!state->config || !state->counters || !state->rare || !state->rtt || !state->hints ||
	    !state->flows || !state->sources || !state->rtts) {
		host_free(state);
		return -1;
	}
	host_configure(state->config, options, buckets);
	return 0;
}

static inline void host_run(struct wire_state *state, const struct frame *frame)
{
	const struct wire_input input = {
	    .data = frame->bytes,
	    .length = frame->length,
	    .frame_bytes = frame->length,
	    .time_ns = 1000000000ull + frame->time_us * 1000ull,
	    .segments = frame->segments,
	    .direction = frame->direction,
	    .raw = frame->raw,
	};

	wire_packet(state, &input);
}

static inline int host_totals(const struct wire_state *state, struct totals *totals)
{
	if (totals_new(totals))
		return -1;
	for (u32 slot = 0; slot < WIRE_SLOTS; slot++) {
		for (u32 direction = 0; direction < WIRE_DIRECTIONS; direction++)
			totals_add(&totals->counters[direction],
			    &state->counters[wire_counters_index(0, direction, slot)],
			    sizeof(struct wire_counters));
		totals_add(totals->rare, state->rare + wire_rare_index(0, slot),
		    WIRE_RARE_ENTRIES * sizeof(u64));
		for (u32 bin = 0; bin < 2 * WIRE_RTT_BINS; bin++)
			totals->rtt[bin / WIRE_RTT_BINS] +=
			    state->rtt[slot].bins[bin / WIRE_RTT_BINS][bin % WIRE_RTT_BINS];
	}
	for (u32 i = 0; i <= state->config->source_mask; i++)
		totals_add_sources(totals, &state->sources[i]);
	return 0;
}

#endif
