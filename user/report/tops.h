/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The countries, ASes, resolvers and networks that asked most in a window, the domains that were
 * asked for most, and the clients that stand out, by rank, for /metrics: as many as fit, however
 * many zones there are. The report's thread makes them, any thread reads.
 */
#ifndef CROSSTAP_REPORT_TOPS_H
#define CROSSTAP_REPORT_TOPS_H

#include "attack/attack.h"
#include "base/arena.h"
#include "enrich/enrich.h"
#include "measure/rows.h"
#include "privacy/privacy.h"
#include "stats/view.h"

/* Rows of each kind. Zones share them evenly; where there are more zones than rows, the first ones
 * have one each. */
#define TOPS_ROWS 1000

struct tops {
	_Atomic unsigned refs;
	size_t n;
	struct arena *texts; /* of the rows */
	struct top_row rows[];
};

/* NULL: no memory, or nothing to rank. `enrich` NULL: resolvers alone. The caller holds the
 * reference. */
struct tops *tops_make(const struct window_view *view, struct enrich *enrich,
    const struct enrich_view *enriched, const struct attacks_now *attacks, struct privacy *privacy);
struct tops *tops_ref(struct tops *tops); /* takes NULL, as does the next */
void tops_unref(struct tops *tops);

#endif
