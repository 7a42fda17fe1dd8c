/* SPDX-License-Identifier: BSD-2-Clause */
#include "crosscheck/crosscheck.h"

#include "crosscheck/compare.h"
#include "crosscheck/edge.h"
#include "crosscheck/funnel.h"
#include "wire/window/sum.h"

#include <errno.h>
#include <stdlib.h>

#define NAME(id, name) name,
#define REASON(id)     (1u << CROSSCHECK_INCOMPLETE_##id)

struct crosscheck {
	struct crosscheck_options options;
	struct verdicts *verdicts;
	struct not_logged not_logged;
	bool balanced;
	int64_t balance;
	struct funnel_state funnel;
	struct verdict_edge edge;  /* see edge_pass() */
	uint64_t tails[PACE_ROWS]; /* see compare_rows() */
};

const char *crosscheck_incomplete_name(unsigned reason)
{
	static const char *const names[] = {CROSSCHECK_INCOMPLETE(NAME)};

	return reason < CROSSCHECK_INCOMPLETE_COUNT ? names[reason] : "";
}

int crosscheck_new(struct crosscheck **ret, const struct crosscheck_options *options)
{
	struct crosscheck *crosscheck = calloc(1, sizeof(*crosscheck));

	if (!crosscheck ||
	    verdicts_new(&crosscheck->verdicts, options->interval_ns, options->horizon_ns) < 0) {
		crosscheck_free(crosscheck);
		return -ENOMEM;
	}
	crosscheck->options = *options;
	*ret = crosscheck;
	return 0;
}

void crosscheck_free(struct crosscheck *crosscheck)
{
	if (!crosscheck)
		return;
	verdicts_free(crosscheck->verdicts);
	free(crosscheck);
}

struct crosscheck_next {
	struct crosscheck_options options;
	struct verdicts *verdicts; /* NULL: go on */
};

int crosscheck_prepare(const struct crosscheck *crosscheck,
    const struct crosscheck_options *options, struct crosscheck_next **ret)
{
	struct crosscheck_next *next = calloc(1, sizeof(*next));

	if (!next)
		return -ENOMEM;
	next->options = *options;
	if ((options->interval_ns != crosscheck->options.interval_ns ||
		options->horizon_ns != crosscheck->options.horizon_ns) &&
	    verdicts_new(&next->verdicts, options->interval_ns, options->horizon_ns) < 0) {
		free(next);
		return -ENOMEM;
	}
	*ret = next;
	return 0;
}

void crosscheck_commit(struct crosscheck *crosscheck, struct crosscheck_next *next)
{
	if (next->verdicts) {
		verdicts_continue(next->verdicts, crosscheck->verdicts);
		verdicts_free(crosscheck->verdicts);
		crosscheck->verdicts = next->verdicts;
	}
	crosscheck->options = next->options;
	free(next);
}

void crosscheck_next_free(struct crosscheck_next *next)
{
	if (!next)
		return;
	verdicts_free(next->verdicts);
	free(next);
}

static bool is_watched(const struct wire_window *wire)
{
	return wire && wire->watched;
}

static bool is_whole(const struct wire_window *wire)
{
	return is_watched(wire) && wire->whole && !wire->missed;
}

static uint64_t flip_ns(const struct wire_window *wire)
{
	return wire->flip_start_ns > wire->flip_end_ns ? wire->flip_start_ns : wire->flip_end_ns;
}

/* Of the producer whose clock is furthest off. */
static uint64_t lag_ns(const struct crosscheck_inputs *inputs)
{
	uint64_t lag = producer_lag_ns(PRODUCER_OTHER);

	for (size_t i = 0; i < inputs->n_producers; i++) {
		const uint64_t other = producer_lag_ns(inputs->producers[i]);

		lag = other > lag ? other : lag;
	}
	return lag;
}

static uint32_t find_incomplete(const struct wire_window *wire,
    const struct crosscheck_dnstap *dnstap, const struct crosscheck_inputs *inputs)
{
	const bool flipped_late = is_watched(wire) && flip_ns(wire) > CROSSCHECK_LATEST_FLIP_NS;

	return (inputs->started ? REASON(START) : 0) | (inputs->stopped ? REASON(STOP) : 0) |
	    (inputs->reloaded || inputs->changed ? REASON(RELOAD) : 0) |
	    (inputs->clock_set ? REASON(CLOCK) : 0) |
	    (inputs->reconnected ? REASON(RECONNECT) : 0) |
	    (!inputs->compared ? REASON(NO_INPUT) : 0) |
	    (inputs->unwatched ? REASON(NO_PRODUCER) : 0) |
	    (inputs->from_responses ? REASON(RESPONSES) : 0) |
	    (!is_whole(wire) ? REASON(WIRE) : 0) | (flipped_late ? REASON(FLIP) : 0) |
	    (dnstap->displaced ? REASON(FRAMES) : 0) |
	    (is_watched(wire) && wire->sockets_changed ? REASON(SOCKETS) : 0);
}

static uint64_t udp_tc(const struct wire_window *wire)
{
	uint64_t tc = 0;

	for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++) {
		struct wire_cell cell;

		wire_sum_cell(wire, WIRE_OUT, WIRE_UDP, f, &cell);
		tc += cell.tc;
	}
	return tc;
}

static struct verdict_sums sums_of(
    const struct crosscheck_result *result, const struct wire_window *wire)
{
	const struct crosscheck_funnel *funnel = &result->funnel;
	struct verdict_sums sums = {
	    .windows = 1,
	    .wire_queries = funnel->wire_queries,
	    .dnstap_queries = funnel->dnstap_queries,
	    .stack_drops = funnel->stack_drops,
	    .socket_drops = funnel->socket_drops,
	    .explained = funnel->explained,
	    .unexplained = funnel->unexplained,
	};

	if (result->responses) {
		sums.queries = funnel->wire_queries;
		sums.responses = funnel->wire_responses;
		sums.tc = udp_tc(wire);
	}
	return sums;
}

static void put_edges(struct crosscheck *crosscheck, const struct crosscheck_result *result,
    uint64_t duration_ns, const struct wire_window *wire, const struct crosscheck_dnstap *dnstap,
    const struct crosscheck_inputs *inputs, struct verdict_window *window)
{
	const struct edge_window edges = {
	    .result = result,
	    .dnstap = dnstap,
	    .queue = &crosscheck->funnel.queue,
	    .interval_ns = crosscheck->options.interval_ns,
	    .duration_ns = duration_ns,
	    .lag_ns = lag_ns(inputs),
	    .flip_ns = result->wire ? wire->flip_start_ns : 0,
	};

	edge_pass(&crosscheck->edge, &edges, &window->start);
	window->end = crosscheck->edge;
}

/* A window in which something began, ended or was exchanged says nothing about the rest. */
static void judge(struct crosscheck *crosscheck, struct crosscheck_result *result,
    const struct wire_window *wire, const struct crosscheck_inputs *inputs,
    struct verdict_window *window)
{
	const struct verdict_now now = {.wire = result->wire,
	    .connected = inputs->connected,
	    .compared = inputs->compared,
	    .zone = inputs->zone};
	/* The agent stalled: what it counted belongs to neighbouring windows, nobody can tell how
	 * much. */
	const bool stalled = result->wire && flip_ns(wire) >= crosscheck->options.interval_ns;
	const bool judged = crosscheck->options.whole ||
	    !(inputs->started || inputs->stopped || inputs->changed || inputs->clock_set ||
		stalled);

	window->counted = result->wire && (result->counted || crosscheck->options.whole);
	window->sums = (struct verdict_sums){.windows = 1};
	if (window->counted)
		window->sums = sums_of(result, wire);
	window->balanced = result->funnel.balanced;
	window->balance = result->funnel.balance;
	result->verdict_before = verdicts_last(crosscheck->verdicts);
	if (crosscheck->options.whole) {
		result->verdict = verdict_whole(&window->sums, &now);
		result->horizon = window->sums;
		return;
	}
	if (judged)
		result->verdict = verdicts_add(crosscheck->verdicts, window, &now);
	else
		result->verdict = verdicts_skip(crosscheck->verdicts, &window->start);
	result->horizon = *verdicts_horizon(crosscheck->verdicts);
}

/* Over UDP, that say what they hold. */
static uint64_t readable_responses(const struct crosscheck_dnstap *dnstap)
{
	uint64_t count = 0;

	for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++)
		count += dnstap->messages[DIR_RESPONSE][TRANSPORT_UDP][f] -
		    dnstap->unknown[DIR_RESPONSE][TRANSPORT_UDP][f];
	return count;
}

static int64_t find_not_logged(struct crosscheck *crosscheck,
    const struct crosscheck_result *result, const struct wire_window *wire,
    const struct crosscheck_dnstap *dnstap, const struct crosscheck_inputs *inputs)
{
	const struct not_logged_window window = {
	    .producers = inputs->producers,
	    .n_producers = inputs->n_producers,
	    .wire = wire,
	    .dnstap_responses = readable_responses(dnstap),
	    .dnstap_refused = dnstap->refused,
	    .connected = inputs->reconnected,
	    .changed = inputs->changed,
	    .balanced = crosscheck->balanced && result->counted,
	};

	return not_logged_add(&crosscheck->not_logged, &window);
}

static void add_balance(struct crosscheck *crosscheck, struct crosscheck_result *result)
{
	if (crosscheck->balanced && result->counted)
		crosscheck->balance += result->funnel.unexplained;
	result->funnel.balanced = crosscheck->balanced;
	result->funnel.balance = crosscheck->balance;
}

int crosscheck_window(struct crosscheck *crosscheck, uint64_t duration_ns,
    const struct wire_window *wire, const struct crosscheck_dnstap *dnstap,
    const struct crosscheck_inputs *inputs, struct arena *arena, struct crosscheck_result *ret)
{
	const struct crosscheck_options *options = &crosscheck->options;
	struct crosscheck_result result = {.wire = is_watched(wire)};
	struct verdict_window window = {.counted = false};

	result.incomplete = find_incomplete(wire, dnstap, inputs);
	result.counted = is_whole(wire) && inputs->compared && !inputs->started &&
	    !inputs->stopped && !inputs->changed;
	crosscheck->balanced |= !result.incomplete;
	if (result.wire) {
		if (compare_qtypes(&result, wire, dnstap, arena) < 0 ||
		    compare_sources(&result, wire, dnstap->sources, &options->seed,
			options->top_sources, arena) < 0)
			return -ENOMEM;
		result.responses = wire_sum_egress(wire);
		compare_rows(&result,
		    &(struct compare_span){.interval_ns = options->interval_ns,
			.duration_ns = duration_ns,
			.lag_ns = options->whole ? 0 : lag_ns(inputs) + flip_ns(wire),
			.tails = crosscheck->tails},
		    wire, dnstap);
		funnel_make(&result, wire, dnstap,
		    find_not_logged(crosscheck, &result, wire, dnstap, inputs),
		    &crosscheck->funnel);
	} else {
		funnel_make_blind(&result, dnstap);
	}
	add_balance(crosscheck, &result);
	put_edges(crosscheck, &result, duration_ns, wire, dnstap, inputs, &window);
	judge(crosscheck, &result, wire, inputs, &window);
	*ret = result;
	return 0;
}
