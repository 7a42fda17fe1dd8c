/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread of a sink: takes batches from its queue, hands them to the back end, waits between
 * attempts, keeps the spool, counts, and says when the far end is lost and found. The only part of
 * a sink that logs.
 */
#ifndef CROSSTAP_SINK_WORKER_H
#define CROSSTAP_SINK_WORKER_H

#include "sink/backend.h"
#include "sink/queue.h"
#include "sink/sink.h"

struct worker;
struct spool;

struct worker_options {
	const struct sink_ops *ops;
	const char *name;    /* for messages; outlives the worker */
	struct spool *spool; /* NULL: none. The worker's from now on, also when worker_new fails. */
	struct sink_tuning tuning;
};

int worker_new(
    struct worker **ret, const struct worker_options *options, const struct config_output *output);
/* False if its thread could not be ended: what it uses must stay. */
bool worker_free(struct worker *worker);
void worker_push(struct worker *worker, struct batch *batch);
bool worker_wait_room(struct worker *worker, uint64_t timeout_ns);
void worker_stats(struct worker *worker, struct sink_stats *ret);
/* Returns once the thread has ended; or soon after the timeout when the system does not let it go
 * (a hanging network file system): then it is left behind with all that it holds. */
void worker_stop(struct worker *worker, uint64_t timeout_ns);

#endif
