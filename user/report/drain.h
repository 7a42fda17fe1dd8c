/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sinks that had to leave: they deliver what they hold until their time is over, each in its own
 * thread, and one thread more (`crosstap-drain`) waits for their ends and frees them. One thread
 * calls everything but drain_sum().
 */
#ifndef CROSSTAP_REPORT_DRAIN_H
#define CROSSTAP_REPORT_DRAIN_H

#include "sink/sink.h"

#define DRAIN_MAX 256 /* sinks at a time */

struct drain;

int drain_new(struct drain **ret);
/* Makes sure that its thread runs and that it can take `n` more sinks. -EBUSY: too many are there;
 * or the error of making the thread. */
int drain_prepare(struct drain *drain, size_t n);
/* Takes the sink over, of which sink_stop_begin() was said; never more than were prepared. */
void drain_add(struct drain *drain, struct sink *sink);
/* Starts the sink behind the last one there that has its place, if any. */
void drain_start_behind(struct drain *drain, struct sink *sink);
/* Adds the counts of those that are leaving and of those that have left. Any thread. */
void drain_sum(struct drain *drain, struct sink_stats *sum);
/* Whether all have left. Any thread. */
bool drain_is_empty(struct drain *drain);
/* All that are there have at most this long; waits for their ends. */
void drain_finish(struct drain *drain, uint64_t timeout_ns);
/* Waits likewise; takes NULL. */
void drain_free(struct drain *drain);

#endif
