/* SPDX-License-Identifier: BSD-2-Clause */
#include "crosscheck/edge.h"

static uint64_t share(uint64_t messages, uint64_t span_ns, uint64_t duration_ns)
{
	const unsigned __int128 product = (unsigned __int128)messages * span_ns;

	return duration_ns ? (uint64_t)((product + duration_ns - 1) / duration_ns) : 0;
}

/* Queries over UDP, by dnstap's clock; evenly spread, each edge has half of the boundary. */
static uint64_t near_start(const struct edge_window *window)
{
	const uint64_t span_ns = window->lag_ns + window->flip_ns;
	uint64_t count = 0;

	for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++) {
		const struct crosscheck_row *row =
		    &window->result->rows[DIR_QUERY][TRANSPORT_UDP][f];

		count += window->dnstap->late[DIR_QUERY][TRANSPORT_UDP][f];
		count += window->dnstap->pace
		    ? pace_first(window->dnstap->pace, pace_row(DIR_QUERY, TRANSPORT_UDP, f),
			  span_ns, window->interval_ns)
		    : (row->boundary + 1) / 2;
	}
	return count;
}

static uint64_t near_end(const struct edge_window *window)
{
	uint64_t count = 0;

	for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++) {
		const struct crosscheck_row *row =
		    &window->result->rows[DIR_QUERY][TRANSPORT_UDP][f];

		count += window->dnstap->pace
		    ? pace_last(window->dnstap->pace, pace_row(DIR_QUERY, TRANSPORT_UDP, f),
			  window->lag_ns, window->interval_ns)
		    : (row->boundary + 1) / 2;
	}
	return count;
}

/* Of those that dnstap leaves out the wire knows by the answer, which may come after the edge. */
static uint64_t unanswered(const struct edge_window *window)
{
	const int64_t not_logged = window->result->funnel.not_logged;

	return not_logged > 0 ? share((uint64_t)not_logged, window->lag_ns, window->duration_ns)
			      : 0;
}

void edge_pass(
    struct verdict_edge *edge, const struct edge_window *window, struct verdict_edge *ret_start)
{
	*ret_start = *edge;
	ret_start->above += near_start(window);
	edge->above = window->queue->more + unanswered(window);
	edge->below = window->queue->fewer + near_end(window);
}
