/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This room does what is to be done at a window's end: it arranges what was counted, compares both
 * witnesses, encodes points, hands them to the sinks and keeps what HTTP shows. The main thread
 * calls it (agent/agent_windows.c; "the report's thread" elsewhere), replay its own; functions
 * that any thread may call say so. None of them waits for a disk or a network but report_stop() and
 * report_free(): sinks and HTTP have threads of their own.
 */
#ifndef CROSSTAP_REPORT_REPORT_H
#define CROSSTAP_REPORT_REPORT_H

#include "config/config.h"
#include "enrich/enrich.h"
#include "magnitude/magnitude.h"
#include "measure/totals.h"
#include "report/board.h"
#include "report/comparison.h"
#include "report/events/ticker.h"
#include "rssac002/rssac002.h"
#include "stats/view.h"

struct history;
struct report;
struct report_next;

/* The agent itself, at a window's end. */
struct report_agent {
	struct report_input *inputs;
	size_t n_inputs;
	const struct report_input *left; /* went since the last window */
	size_t n_left;
	int64_t now_ns;        /* wall clock */
	int64_t window_lag_ns; /* from due to done, of the window before; below 0: there was none */
	uint64_t lost;         /* frames that found no memory on their way here */
};

/* `registry` outlives the report, which holds a reference of the configuration. Fails with the
 * reason in `error` where privacy settings cannot be obeyed (nothing weaker is ever used), or an
 * output cannot work. */
int report_new(struct report **ret, const struct config *config, struct zone_registry *registry,
    const struct hash_seed *seed, char *error, size_t size);
/* Whether report_prepare() could obey it: all that can be wrong with a checked configuration. */
int report_check(const struct config *config, char *error, size_t size);
/* Resolvers are enriched from the next window on. `enrich` outlives the report, which is the only
 * one to use it from then on. */
void report_use_enrich(struct report *report, struct enrich *enrich);
/* The same for the day's files: fed with every window that its source (rssac002.source) has. NULL
 * ends that. */
void report_use_rssac002(struct report *report, struct rssac002 *rssac);
void report_use_magnitude(struct report *report, struct magnitude *magnitude);
/* Windows are remembered there from now on. `history` outlives the report; reads what a former
 * agent has left in the file beside `state`, and writes it every five minutes and in report_stop().
 */
void report_use_history(struct report *report, struct history *history);
/* A window of the wire, for the day's files: to be called before a successor of this process would
 * no longer find it. */
void report_wire(struct report *report, const struct wire_window *wire, int64_t start_ns);
/* Another configuration, which differs from the one in force in options with these takers (1 <<
 * enum option_taker). Fails as report_new(), and with -ENOMEM; nothing has changed then. Sinks
 * whose output is unchanged will stay with their queues. */
int report_prepare(struct report *report, const struct config *config, uint32_t takers,
    struct report_next **ret, char *error, size_t size);
/* Takes `next` over, the one that was prepared last. Waits for no far end. */
void report_commit(struct report *report, struct report_next *next);
void report_next_free(struct report_next *next); /* takes NULL */
/* By now (wall clock) all inputs count for the datasets of the configuration. Of windows that began
 * before, what a dataset that came or went would have is a part, and is not reported. */
void report_settle(struct report *report, int64_t now_ns);
/* In force. */
const struct config *report_config(const struct report *report);
/* What the outputs took and did not take so far, over all that there are and were. */
void report_sum_outputs(struct report *report, struct sink_stats *ret);
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

/* From now on the agent shows this certificate to others; `name`: of what it is, "http" or an
 * input's address. `end_s`: when it ends, in seconds since 1970; 0: no more. */
void report_certificate(struct report *report, const char *name, int64_t end_s);

/* Any thread: the last closed window as a JSON document; free() it. NULL: no memory. */
char *report_window_json(struct report *report);
/* Likewise: the resolvers of that window, see json_resolvers.h. NULL: there are none yet. */
char *report_resolvers_json(struct report *report);
/* Likewise: DNS Magnitude of the day so far. NULL: it is off, or there is no window yet. */
char *report_magnitude_json(struct report *report);
/* Any thread. report_status_free() it. */
int report_get_status(struct report *report, struct report_status **ret);
/* Any thread: the cross-check of the last closed window; free() it. NULL: there is none. */
char *report_crosscheck_json(struct report *report);
/* Any thread: the verdict's name. NULL: nothing is compared, or not yet. */
const char *report_verdict(struct report *report);
/* Any thread: for /metrics. NULL: no cross-check. */
struct wire_totals *report_wire_totals(struct report *report);
/* Any thread: for /metrics; tops_unref() it. NULL: there are none. */
struct tops *report_tops(struct report *report);
/* Any thread. NULL: there is none. */
struct history *report_history(struct report *report);
/* What happens, as it does: for /api/v1/events. */
struct ticker *report_ticker(struct report *report);
/* Any thread: for /metrics. */
struct totals *report_totals(struct report *report);
/* Any thread: what the numbers of servers in the totals stand for. */
const struct place_names *report_places(const struct report *report);

#endif
