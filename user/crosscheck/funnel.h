/* SPDX-License-Identifier: BSD-2-Clause */
/* The way of a query over UDP from the NIC to its answer. Inside crosscheck/ only. */
#ifndef CROSSTAP_CROSSCHECK_FUNNEL_H
#define CROSSTAP_CROSSCHECK_FUNNEL_H

#include "crosscheck/crosscheck.h"

/*
 * Stack drops that are an upper bound (other packets move those counters, too) explain no more than
 * is missing. What is missing within the boundary may be next door: it waits, and as much of the
 * bound with it, until a later window makes good for it or has no neighbours any more.
 */
struct funnel_bound {
	uint64_t credit; /* of the bounds so far, what may still explain something */
	int64_t waiting; /* missing so far and not explained, within the boundary; signed */
};

/* Fills all of result->funnel but the balance from result->rows and the wire's stages. *bound goes
 * from window to window, zeros at first. */
void funnel_make(struct crosscheck_result *result, const struct wire_window *wire,
    const struct crosscheck_dnstap *dnstap, int64_t not_logged, struct funnel_bound *bound);
/* The dnstap side alone, where there is no wire. */
void funnel_make_blind(struct crosscheck_result *result, const struct crosscheck_dnstap *dnstap);

#endif
