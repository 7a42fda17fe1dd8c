/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configured outputs: their sinks, and the encoders of the formats that these want. One thread
 * calls everything but outputs_status().
 */
#ifndef CROSSTAP_REPORT_OUTPUTS_H
#define CROSSTAP_REPORT_OUTPUTS_H

#include "config/config.h"
#include "encode/points.h"
#include "sink/sink.h"

#define OUTPUT_FORMATS 2 /* enum points_format */

struct outputs;
struct outputs_next;

struct output_status {
	char name[256];
	struct sink_stats stats;
};

/* None yet. -ENOMEM. */
int outputs_new(struct outputs **ret);
/* Sinks whose output is unchanged stay with their queues; the old ones that nobody wants any more
 * get a second to deliver what they hold. Sinks that cannot be made are said by log and left out.
 * -ENOMEM: nothing has changed. */
int outputs_prepare(struct outputs *outputs, const struct config *config, struct outputs_next **ret,
    char *error, size_t size);
void outputs_commit(struct outputs *outputs, struct outputs_next *next);
void outputs_next_free(struct outputs_next *next); /* takes NULL */
/* Delivers what is queued for at most `timeout_ns`, then ends the sinks. */
void outputs_stop(struct outputs *outputs, uint64_t timeout_ns);
void outputs_free(struct outputs *outputs);

/* To encode a window into; NULL: no sink wants this format. */
struct points *outputs_points(struct outputs *outputs, enum points_format format);
/* Hands what was encoded to the sinks of this format. `patient` waits for room in their queues:
 * live, nothing waits for a sink; a file can be read again as slowly as its points are taken. */
void outputs_push(
    struct outputs *outputs, enum points_format format, int64_t time_ms, bool patient);
/* Over all sinks that there are now. */
void outputs_sum(const struct outputs *outputs, struct sink_stats *ret);
/* Any thread: how each sink fares; free() it. -ENOMEM. */
int outputs_status(struct outputs *outputs, struct output_status **ret, size_t *ret_n);

#endif
