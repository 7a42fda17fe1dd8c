/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A window, or a whole input, as JSON documents: `replay --json` and what is under /api/v1/. Where
 * a member is a field of a measurement it has its name (measure/measurement.h). All return NULL
 * without memory; the caller owns the reference or frees the text. They become text by
 * text/json_text.h.
 */
#ifndef CROSSTAP_ENCODE_DOCUMENTS_H
#define CROSSTAP_ENCODE_DOCUMENTS_H

#include "base/arena.h"
#include "crosscheck/crosscheck.h"
#include "enrich/enrich.h"
#include "privacy/privacy.h"
#include "stats/view.h"

#include <jansson.h>

/* {"ZONE": {"queries": ..., ...}, ...} of `n` zones from `first` on. Query types that IANA has not
 * assigned keep their numbers: this is no series. Names and clients leave as `privacy` says. */
json_t *json_zones(const struct window_view *view, size_t first, size_t n, struct privacy *privacy);

/* Of /api/v1/resolvers: who asked in the last window, from where, how far away. Addresses leave as
 * `privacy` says. */
char *json_resolvers(const struct window_view *view, struct enrich *enrich,
    const struct enrich_view *enriched, struct privacy *privacy, int64_t now_s);

/* `wire` of a report: sums over interfaces, without what is all zero. Query types keep their
 * numbers. */
json_t *json_wire(const struct wire_window *wire, struct arena *arena);

/* `crosscheck` of a whole input: rows without what is all zero, query types, the clients that miss
 * most, the funnel, `complete`, `unexplained`, `verdict`. */
json_t *json_crosscheck(const struct crosscheck_result *result, struct privacy *privacy);

/* Of /api/v1/crosscheck: everything that the points of the window hold, the horizon that the
 * verdict judged, the reasons behind stack_drops and behind a window that is not complete. `wire`
 * may be NULL. */
json_t *json_crosscheck_window(const struct crosscheck_result *result,
    const struct wire_window *wire, int64_t time_ms, struct privacy *privacy);

#endif
