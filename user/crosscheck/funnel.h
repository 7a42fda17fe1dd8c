/* SPDX-License-Identifier: BSD-2-Clause */
/* The way of a query over UDP from the NIC to its answer. Inside crosscheck/ only. */
#ifndef CROSSTAP_CROSSCHECK_FUNNEL_H
#define CROSSTAP_CROSSCHECK_FUNNEL_H

#include "crosscheck/crosscheck.h"

/*
 * Fills all of result->funnel but the balance from result->rows and the wire's stages.
 *
 * Stack drops that are an upper bound (other packets move those counters, too) explain no more than
 * is missing. What is left of them may explain what the next window misses: *credit, 0 at first.
 */
void funnel_make(struct crosscheck_result *result, const struct wire_window *wire,
    const struct crosscheck_dnstap *dnstap, int64_t not_logged, uint64_t *credit);
/* The dnstap side alone, where there is no wire. */
void funnel_make_blind(struct crosscheck_result *result, const struct crosscheck_dnstap *dnstap);

#endif
