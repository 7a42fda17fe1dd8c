/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wire and the cross-check as JSON: `wire` and `crosscheck` of `replay --json`, and the
 * document under /api/v1/crosscheck. All return NULL without memory; the caller owns the reference.
 */
#ifndef CROSSTAP_ENCODE_JSON_WIRE_H
#define CROSSTAP_ENCODE_JSON_WIRE_H

#include "base/arena.h"
#include "crosscheck/crosscheck.h"
#include "privacy/privacy.h"

#include <jansson.h>

/* Sums over interfaces, without what is all zero. Query types keep their numbers. */
json_t *json_wire(const struct wire_window *wire, struct arena *arena);

/* Of a whole input: rows without what is all zero, query types, the clients that miss most, the
 * funnel, `complete`, `unexplained`, `verdict`. */
json_t *json_crosscheck(const struct crosscheck_result *result, struct privacy *privacy);

/* Everything that the points of the window hold, the horizon that the verdict judged, the reasons
 * behind stack_drops and behind a window that is not complete. `wire` may be NULL. */
json_t *json_crosscheck_window(const struct crosscheck_result *result,
    const struct wire_window *wire, int64_t time_ms, struct privacy *privacy);

#endif
