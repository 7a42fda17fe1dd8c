/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of a result that hold both witnesses side by side. Inside crosscheck/ only. */
#ifndef CROSSTAP_CROSSCHECK_COMPARE_H
#define CROSSTAP_CROSSCHECK_COMPARE_H

#include "crosscheck/crosscheck.h"

/* `lag_ns`: how far the witnesses' clocks may be apart, flip and producer together. */
void compare_rows(struct crosscheck_result *result, uint64_t duration_ns, uint64_t lag_ns,
    const struct wire_window *wire, const struct crosscheck_dnstap *dnstap);
/* -ENOMEM. */
int compare_qtypes(struct crosscheck_result *result, const struct wire_window *wire,
    const struct crosscheck_dnstap *dnstap, struct arena *arena);
/* At most `limit` clients, those that miss most first; none where the wire does not know them.
 * -ENOMEM. */
int compare_sources(struct crosscheck_result *result, const struct wire_window *wire,
    const struct sources *sources, const struct hash_seed *seed, size_t limit, struct arena *arena);

#endif
