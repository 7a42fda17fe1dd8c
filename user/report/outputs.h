/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configured outputs: their sinks, and the encoders of the formats that these want. One thread
 * calls everything but outputs_status(); nothing of it waits for a far end but outputs_stop() and
 * outputs_free(). Sinks that a new configuration does not want any more deliver what they hold for
 * a second, side by side, and are freed by a thread of their own (`crosstap-drain`).
 */
#ifndef CROSSTAP_REPORT_OUTPUTS_H
#define CROSSTAP_REPORT_OUTPUTS_H

#include "config/config.h"
#include "encode/points.h"
#include "sink/sink.h"

#define OUTPUT_FORMATS POINTS_FORMATS

struct outputs;
struct outputs_next;

struct output_status {
	char name[256];
	struct sink_stats stats;
};

/* None yet. -ENOMEM. */
int outputs_new(struct outputs **ret);
/* The sinks of a configuration: those whose output is unchanged stay, the others are made and do
 * nothing yet. -EINVAL: an output that cannot work; -EBUSY: too many of earlier configurations
 * still deliver; the reason is in `error`. */
int outputs_prepare(struct outputs *outputs, const struct config *config, struct outputs_next **ret,
    char *error, size_t size);
/* Takes `next` over, which was prepared last. */
void outputs_commit(struct outputs *outputs, struct outputs_next *next);
/* One that is not wanted after all; takes NULL. */
void outputs_next_free(struct outputs_next *next);
/* Delivers what is queued for at most `timeout_ns`, that of sinks which had to leave before
 * included, then ends all sinks. */
void outputs_stop(struct outputs *outputs, uint64_t timeout_ns);
void outputs_free(struct outputs *outputs);

/* To encode a window into; NULL: no sink wants this format. */
struct points *outputs_points(struct outputs *outputs, enum points_format format);
/* Hands what was encoded to the sinks of this format. `patient` waits for room in their queues:
 * live, nothing waits for a sink; a file can be read again as slowly as its points are taken. */
struct outputs_times { /* of the window, since 1970 */
	int64_t start_ms, end_ms;
};
void outputs_push(struct outputs *outputs, enum points_format format,
    const struct outputs_times *times, bool patient);
/* Once after each configuration, when sinks that had to leave have left: says which spools no
 * output looks after. */
void outputs_say_orphans(struct outputs *outputs, const struct config *config);
/* Over all sinks that there are and were; `failing` and `last_error` say nothing. */
void outputs_sum(struct outputs *outputs, struct sink_stats *ret);
/* Any thread: how each sink of the configuration fares; free() it. -ENOMEM. */
int outputs_status(struct outputs *outputs, struct output_status **ret, size_t *ret_n);

#endif
