/* SPDX-License-Identifier: BSD-2-Clause */
/* Fills the parts of a result that show both witnesses side by side: rows, query types, clients.
 * Inside crosscheck/ only. */
#ifndef CROSSTAP_CROSSCHECK_COMPARE_H
#define CROSSTAP_CROSSCHECK_COMPARE_H

#include "crosscheck/crosscheck.h"

/* How many messages the witnesses may have counted in different windows depends on how busy the
 * window's edges were. */
struct compare_span {
	uint64_t interval_ns, duration_ns; /* of a whole window; of this one */
	uint64_t
	    lag_ns; /* how far the witnesses' clocks may be apart, flip and producer together */
	/* Messages of the slice (stats/pace.h) at the end of the window before, by row; this
	 * window's is put there. */
	uint64_t *tails;
};
void compare_rows(struct crosscheck_result *result, const struct compare_span *span,
    const struct wire_window *wire, const struct crosscheck_dnstap *dnstap);
/* Nothing where the type of some queries in dnstap is not known. -ENOMEM. */
int compare_qtypes(struct crosscheck_result *result, const struct wire_window *wire,
    const struct crosscheck_dnstap *dnstap, struct arena *arena);
/* At most `limit` clients, those that miss most first; none where the wire does not know them.
 * -ENOMEM. */
int compare_sources(struct crosscheck_result *result, const struct wire_window *wire,
    const struct sources *sources, const struct hash_seed *seed, size_t limit, struct arena *arena);

#endif
