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
	const char *server;  /* whose points they are; outlives it, too */
	struct spool *spool; /* NULL: none. The worker's from now on, also when worker_new fails. */
	struct sink_tuning tuning;
};

/* A thread that waits for worker_start(). `settings` are read in the call alone. */
int worker_new(struct worker **ret, const struct worker_options *options, const void *settings);
/* `after` (or NULL): a worker that is being stopped, whose end this one waits for before it opens
 * anything; it may be freed meanwhile. */
void worker_start(struct worker *worker, const struct worker *after);
/* False if its thread could not be ended: what it uses must stay. */
bool worker_free(struct worker *worker);
/* Spread and bytes of the queue from `tuning`, and the spool's bound. */
void worker_tune(
    struct worker *worker, const struct sink_tuning *tuning, uint64_t spool_limit_bytes);
void worker_push(struct worker *worker, struct batch *batch);
bool worker_wait_room(struct worker *worker, uint64_t timeout_ns);
void worker_stats(struct worker *worker, struct sink_stats *ret);
/* Says to the thread when to end; a second call can only make that sooner. Never blocks. */
void worker_stop_begin(struct worker *worker, enum sink_end end, uint64_t timeout_ns);
/* Returns once the thread has ended; or soon after the timeout when the system does not let it go
 * (a hanging network file system): then it is left behind with all that it holds. One that was
 * never started ends at once, and what its spool holds stays there. */
void worker_stop_wait(struct worker *worker);

#endif
