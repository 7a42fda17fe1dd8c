/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of a report share. */
#ifndef CROSSTAP_REPORT_REPORT_INTERNAL_H
#define CROSSTAP_REPORT_REPORT_INTERNAL_H

#include "report/report.h"

#include "base/log.h"
#include "encode/encode.h"
#include "history/history.h"
#include "report/agent_rows.h"
#include "report/events/databases.h"
#include "report/events/events.h"
#include "report/events/news.h"

#define REPORT_MODULE "report"

/* Whether a day's files are written, as it was said last. */
struct day_files {
	bool fails;
	struct log_reasons failures;
};

struct report {
	struct config *config; /* NULL only before the first */
	unsigned datasets;     /* of the window that is being reported (reload.c) */
	struct datasets_settled {
		unsigned common;   /* of all configurations of the windows before ... */
		int64_t start_ns;  /* ... this start; INT64_MAX: not known yet */
		int64_t latest_ns; /* start of the window that was reported last */
	} settled;
	struct zone_registry *registry;
	struct hash_seed seed;
	struct privacy *privacy;
	struct source_key *source_key; /* NULL: no registers of sources */
	struct enrich *enrich;         /* the caller's, as is the next; NULL: none */
	struct rssac002 *rssac;
	struct magnitude *magnitude; /* NULL: off */
	struct history *_Atomic history;
	uint64_t history_due_ns;
	struct unassigned unassigned;
	struct totals *totals;
	struct place_names *places;
	struct attacks *attacks;
	struct attacks_now attacked; /* in the window that is being reported */
	struct arena *arena;
	struct comparison
	    *_Atomic comparison; /* NULL while wire.mode was always off; never replaced */
	_Atomic bool compares;   /* wire.mode is not off */
	_Atomic int verdict;     /* 1 + enum verdict; 0: none yet */
	const struct crosscheck_result *compared; /* of the window that is being reported */
	struct outputs *outputs;
	struct board *board;
	uint16_t *always;
	size_t n_always;
	struct events events;
	struct ticker *ticker;
	struct changes *changes;
	struct databases databases;
	struct report_input *before; /* inputs at the last window */
	size_t n_before;
	uint64_t unreported; /* frames of windows that found no memory; not told yet */
	struct day_files rssac_files, magnitude_files;
	uint64_t magnitude_due_ns; /* of its document */
	uint64_t cpu_before_ns, points_before, dropped_before, rejected_before, found_before,
	    log_dropped_before;
};

/* --- what is in force (reload.c) --- */

/* Those that all of a window was counted for. */
unsigned report_datasets_of(struct report *report, int64_t start_ns);
void report_always_release(struct zone_registry *registry, uint16_t *always, size_t n);
/* Wipes it. */
void report_source_key_free(struct source_key *key);

/* --- what a window is told as (publish.c) --- */

/* Counts from the window before: once a window. */
void report_figure_agent(struct report *report, const struct shard *total,
    const struct report_agent *agent, struct agent_figures *figures);
/* All points of a window, in place of those that `points` had. `agent` NULL: a replay, of which
 * nothing is told of an agent. */
void report_encode(struct report *report, struct points *points, const struct window_view *view,
    const struct enrich_view *enriched, const struct comparison_window *compared,
    const struct agent_figures *figures, const struct report_agent *agent);
/* What HTTP shows until the next window. */
void report_publish(struct report *report, const struct window_view *view,
    const struct enrich_view *enriched, const struct agent_figures *figures,
    const struct report_agent *agent);

/* --- the day's files (days.c) --- */

void report_keep_rssac002(struct report *report, const struct window_view *view);
void report_keep_magnitude(struct report *report, const struct shard *total, int64_t start_ns);

#endif
