/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two witnesses may count on different sides of the edge between two windows. Inside
 * crosscheck/ only. */
#ifndef CROSSTAP_CROSSCHECK_EDGE_H
#define CROSSTAP_CROSSCHECK_EDGE_H

#include "crosscheck/funnel.h"

/* A window, when its funnel is made. */
struct edge_window {
	const struct crosscheck_result *result;
	const struct crosscheck_dnstap *dnstap;
	const struct funnel_queue *queue; /* at its end */
	uint64_t interval_ns, duration_ns;
	uint64_t lag_ns;  /* of the producer whose clock is furthest off */
	uint64_t flip_ns; /* how late the wire's counters were flipped at its start */
};

/*
 * *edge is that at the window's start, as far as the window before it knew, and becomes that at its
 * end; zeros at first. *ret_start is the one at its start, with all that is known now: of what is
 * counted beyond an edge the next window shows how much came near its start.
 */
void edge_pass(
    struct verdict_edge *edge, const struct edge_window *window, struct verdict_edge *ret_start);

#endif
