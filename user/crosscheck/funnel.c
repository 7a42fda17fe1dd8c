/* SPDX-License-Identifier: BSD-2-Clause */
#include "crosscheck/funnel.h"

#include "wire/window/sum.h"

static uint64_t known(const struct wire_window *wire, uint32_t what, uint64_t count)
{
	return wire->known & what ? count : 0;
}

static uint64_t udp(const crosscheck_counts counts, unsigned direction)
{
	return counts[direction][TRANSPORT_UDP][FAMILY_IPV4] +
	    counts[direction][TRANSPORT_UDP][FAMILY_IPV6];
}

static int64_t malformed(const struct wire_window *wire, const struct crosscheck_dnstap *dnstap,
    int64_t missing, struct funnel_malformed *state)
{
	const int64_t before = state->explained;
	uint64_t count = 0;
	int64_t unlogged;

	for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++) {
		struct wire_cell cell;

		wire_sum_cell(wire, WIRE_IN, WIRE_UDP, f, &cell);
		count += wire_cell_compared_malformed(&cell);
	}
	unlogged = (int64_t)(count - udp(dnstap->malformed, DIR_QUERY));
	if (!udp(dnstap->unknown, DIR_QUERY))
		return unlogged;
	state->missing += missing;
	state->most += unlogged;
	state->explained = state->missing > 0 ? state->missing : 0;
	if (state->explained > state->most)
		state->explained = state->most;
	return state->explained - before;
}

static uint64_t sum_drops(const struct wire_window *wire, bool upper_bound)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < wire->n_stack_drops; i++)
		sum += wire->stack_drops[i].upper_bound == upper_bound
		    ? wire->stack_drops[i].messages
		    : 0;
	return known(wire, WIRE_KNOWS_STACK_DROPS, sum);
}

/* What a message in a socket is charged with (skb->truesize): a short one in the smallest buffers
 * that drivers allocate, and one that has a page to itself. */
#define LEAST_BYTES   768
#define TYPICAL_BYTES 1280
#define MOST_BYTES    4608

/* The change over the window, of which the sum is exact whenever nothing waits. */
static int64_t queue_change(
    const struct wire_window *wire, int64_t missing, struct funnel_queue *queue)
{
	const int64_t least = (int64_t)((wire->queued_bytes + MOST_BYTES - 1) / MOST_BYTES);
	const int64_t most =
	    (int64_t)((wire->queued_bytes + LEAST_BYTES - 1) / LEAST_BYTES + wire->reassembling);
	const int64_t before = queue->messages;
	int64_t now = before + missing;

	queue->more = queue->fewer = 0;
	if (!(wire->known & WIRE_KNOWS_SOCKETS))
		return 0;
	if (!queue->begun)
		now = (int64_t)(wire->queued_bytes / TYPICAL_BYTES);
	now = now < least ? least : now;
	now = now > most ? most : now;
	queue->messages = now;
	queue->more = (uint64_t)(most - now);
	queue->fewer = (uint64_t)(now - least);
	if (queue->begun)
		return now - before;
	queue->begun = true;
	return 0;
}

static int64_t clamp(int64_t value, int64_t most)
{
	return value > most ? most : value < -most ? -most : value;
}

/* How many of what is missing an upper bound of `fresh` drops explains, first of what is left from
 * the window before. */
static uint64_t take_bound(
    int64_t missing, uint64_t fresh, uint64_t boundary, struct funnel_bound *bound)
{
	const int64_t most = boundary < INT64_MAX ? (int64_t)boundary : INT64_MAX;
	const int64_t wanted = missing + bound->waiting;
	/* What came before its window waits as well, but makes this one miss no more. */
	const int64_t open = (wanted > missing ? wanted : missing) - most;
	const int64_t some = open < wanted ? open : wanted;
	const uint64_t beyond = some > 0 ? (uint64_t)some : 0;
	const uint64_t old = beyond < bound->credit ? beyond : bound->credit;
	const uint64_t new = beyond - old < fresh ? beyond - old : fresh;
	const uint64_t left = bound->credit - old + fresh - new;
	uint64_t kept;

	bound->waiting = clamp(wanted - (int64_t)(old + new), most);
	kept = bound->waiting > 0 ? (uint64_t)bound->waiting : 0;
	if (kept < fresh - new)
		kept = fresh - new;
	bound->credit = kept < left ? kept : left;
	return old + new;
}

static void put_rows(struct crosscheck_result *result)
{
	struct crosscheck_funnel *funnel = &result->funnel;

	for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++) {
		const struct crosscheck_row *in = &result->rows[DIR_QUERY][TRANSPORT_UDP][f];

		funnel->wire_queries += in->wire;
		funnel->boundary += in->boundary;
		funnel->wire_responses += result->rows[DIR_RESPONSE][TRANSPORT_UDP][f].wire;
	}
}

void funnel_make_blind(struct crosscheck_result *result, const struct crosscheck_dnstap *dnstap)
{
	result->funnel.dnstap_queries = udp(dnstap->messages, DIR_QUERY);
	result->funnel.dnstap_responses = udp(dnstap->messages, DIR_RESPONSE);
}

void funnel_make(struct crosscheck_result *result, const struct wire_window *wire,
    const struct crosscheck_dnstap *dnstap, int64_t not_logged, struct funnel_state *state)
{
	struct crosscheck_funnel *funnel = &result->funnel;
	const uint64_t exact = sum_drops(wire, false), most = sum_drops(wire, true);
	int64_t difference, missing;

	funnel_make_blind(result, dnstap);
	put_rows(result);
	funnel->known = wire->known;
	funnel->nic_drops = known(wire, WIRE_KNOWS_NIC_DROPS, wire->nic_drops);
	funnel->socket_drops = known(wire, WIRE_KNOWS_SOCKETS, wire->socket_drops);
	funnel->not_logged = not_logged;
	funnel->tx_drops = known(wire, WIRE_KNOWS_TX_DROPS, wire->tx_drops);
	funnel->listen_overflows = known(wire, WIRE_KNOWS_LISTEN, wire->listen_overflows);

	difference = (int64_t)(funnel->wire_queries - funnel->dnstap_queries);
	funnel->explained = (int64_t)(exact + funnel->socket_drops) + not_logged;
	funnel->malformed =
	    malformed(wire, dnstap, difference - funnel->explained, &state->malformed);
	funnel->explained += funnel->malformed;
	funnel->queued = queue_change(wire, difference - funnel->explained, &state->queue);
	funnel->explained += funnel->queued;
	missing = difference - funnel->explained;
	funnel->stack_drops = exact + take_bound(missing, most, funnel->boundary, &state->bound);
	funnel->explained += (int64_t)(funnel->stack_drops - exact);
	funnel->unexplained = difference - funnel->explained;
	result->stack_bound = most != 0;

	funnel->unanswered = (int64_t)(funnel->dnstap_queries - funnel->wire_responses);
	funnel->corrected =
	    (int64_t)funnel->dnstap_queries + (funnel->unexplained > 0 ? funnel->unexplained : 0);
	funnel->corrected_low = funnel->corrected - (int64_t)funnel->boundary;
	funnel->corrected_high = funnel->corrected + (int64_t)funnel->boundary;
}
