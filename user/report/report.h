/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A window's end: arranges what was counted, encodes it, hands it to the sinks and keeps what HTTP
 * shows. One thread calls everything here but what says otherwise; only the sinks' and HTTP's
 * threads wait for anybody.
 */
#ifndef CROSSTAP_REPORT_REPORT_H
#define CROSSTAP_REPORT_REPORT_H

#include "config/config.h"
#include "enrich/enrich.h"
#include "rssac002/rssac002.h"
#include "report/board.h"
#include "report/comparison.h"
#include "report/totals.h"
#include "stats/view.h"

struct report;

/* The agent itself, at a window's end. */
struct report_agent {
	struct report_input *inputs;
	size_t n_inputs;
	int64_t now_ns;         /* wall clock */
	uint64_t window_lag_ns; /* from due to done, of the window before */
};

/* `config` and `registry` outlive the report, or are replaced by report_configure(). Fails with the
 * reason in `error` where privacy settings cannot be obeyed (nothing weaker is ever used). Sinks
 * that cannot be made are said by log and left out. */
int report_new(struct report **ret, const struct config *config, struct zone_registry *registry,
    const struct hash_seed *seed, char *error, size_t size);
/* Whether report_configure() could obey it: all that can be wrong with a checked configuration. */
int report_check(const struct config *config, char *error, size_t size);
/* Resolvers are enriched from the next window on. `enrich` outlives the report, which is the only
 * one to use it from then on. */
void report_use_enrich(struct report *report, struct enrich *enrich);
/* The same for the day's files: fed with every window that its source (rssac002.source) has. NULL
 * ends that. */
void report_use_rssac002(struct report *report, struct rssac002 *rssac);
/* A window of the wire, for the day's files: to be called before a successor of this process would
 * no longer find it. */
void report_wire(struct report *report, const struct wire_window *wire, int64_t start_ns);
/* Sinks whose output is unchanged stay with their queues. */
int report_configure(struct report *report, const struct config *config, char *error, size_t size);
/* Delivers what is queued for at most `timeout_ns`, then ends the sinks. */
void report_stop(struct report *report, uint64_t timeout_ns);
void report_free(struct report *report);

/* Takes what `total` holds (good only for shard_clear() afterwards). `compared`: what the
 * cross-check needs to know; NULL: nothing is compared. `agent` NULL: replay. */
void report_window(struct report *report, struct shard *total, const struct window_span *span,
    const struct comparison_window *compared, const struct report_agent *agent);
/* Labels that nobody counts under any more: their figures since the start go. -ENOMEM: all or some
 * are still there. */
int report_forget_zones(struct report *report, const struct zone_numbers *zones);
/* Becomes a point crosstap_event with the next window. `kind` as in the README. */
void report_event(struct report *report, const char *kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Any thread: the last closed window as a JSON document; free() it. NULL: no memory. */
char *report_window_json(struct report *report);
/* Likewise: the resolvers of that window, see json_resolvers.h. NULL: there are none yet. */
char *report_resolvers_json(struct report *report);
/* Any thread. report_status_free() it. */
int report_get_status(struct report *report, struct report_status **ret);
/* Any thread: the cross-check of the last closed window; free() it. NULL: there is none. */
char *report_crosscheck_json(struct report *report);
/* Any thread: for /metrics. NULL: no cross-check. */
struct wire_totals *report_wire_totals(struct report *report);
/* Any thread: for /metrics. */
struct totals *report_totals(struct report *report);

#endif
