/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report's part in the cross-check: holds what lasts from window to window, and puts each
 * result where people look: points, JSON, counters.
 */
#ifndef CROSSTAP_REPORT_COMPARISON_H
#define CROSSTAP_REPORT_COMPARISON_H

#include "config/config.h"
#include "crosscheck/crosscheck.h"
#include "encode/encode.h"
#include "measure/wire_totals.h"
#include "stats/view.h"

struct comparison;

/* What the agent knows of a window beside its counts. */
struct comparison_window {
	const struct wire_window *wire; /* NULL: none */
	struct crosscheck_inputs inputs;
	uint64_t duration_ns; /* really watched */
};

/* -ENOMEM. */
int comparison_new(
    struct comparison **ret, const struct config *config, const struct hash_seed *seed);
/* Another horizon, interval or length of lists. -ENOMEM: nothing has changed. */
int comparison_prepare(
    const struct comparison *comparison, const struct config *config, struct crosscheck_next **ret);
void comparison_commit(struct comparison *comparison, struct crosscheck_next *next);
void comparison_free(struct comparison *comparison);

/* Compares; the result is valid until the next call, its lists as long as `arena`. NULL: no memory.
 */
const struct crosscheck_result *comparison_make(struct comparison *comparison,
    const struct window_view *view, const struct comparison_window *window, struct arena *arena);
void comparison_encode(struct points *points, int64_t time_ms, const struct wire_window *wire,
    const struct crosscheck_result *result, const struct encode_context *context,
    struct arena *arena);
/* A document to free(); NULL without memory. */
char *comparison_json(const struct crosscheck_result *result, const struct wire_window *wire,
    int64_t time_ms, struct privacy *privacy);
/* Interfaces of the last window that are watched in a worse mode than they should be; `wanted`:
 * wire.mode. */
unsigned comparison_stepped_down(struct comparison *comparison, enum wire_mode wanted);
/* Any thread may copy them. */
struct wire_totals *comparison_totals(struct comparison *comparison);

#endif
