/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of a worker share: all of it is for the worker's own thread but what says
 * otherwise. */
#ifndef CROSSTAP_SINK_WORKER_INTERNAL_H
#define CROSSTAP_SINK_WORKER_INTERNAL_H

#include "sink/worker.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/log.h"
#include "sink/catchup.h"
#include "sink/gate.h"
#include "sink/spool.h"

#define WORKER_MODULE  "sink"
#define WORKER_LATE_NS (2 * (uint64_t)NS_PER_S) /* in memory, before the disk has to have it */

/* A batch that is to be sent. */
struct delivery {
	struct batch *batch; /* NULL: none */
	size_t offset;       /* from here on */
	uint64_t due_ns;
	uint64_t id;      /* of its file in the spool, 0: it is in memory alone */
	size_t kept_from; /* where that file begins */
	unsigned failures;
};

struct worker {
	const struct sink_ops *ops;
	void *backend;
	const char *name;
	struct sink_tuning tuning;
	_Atomic uint64_t spread_ns; /* of the tuning, which it may outlive */
	struct sink_control control;
	struct queue *queue;
	struct spool *spool;
	pthread_t thread;
	bool running, started, abandoned;
	atomic_bool process_ends; /* with it, so that no disk is waited for */
	struct gate *start;       /* opens when the thread may begin */
	struct gate *before; /* NULL, or opens when the one before has let go of file and spool */
	struct gate *end;    /* opens when this one has */

	/* The thread's own. */
	struct delivery present; /* the newest that is being delivered */
	struct delivery next; /* a newer one, which is in the spool, too; follows the present one */
	struct delivery past; /* the oldest of the spool */
	bool stop_seen;
	uint64_t sent_ns;  /* when the attempt began that is under way */
	uint64_t pause_ns; /* until when the past waits */
	struct catchup catchup;
	uint64_t retry_ns, spool_retry_ns;
	unsigned attempt;
	bool down, spool_down;
	bool spool_loaded;
	uint64_t down_since_ns, dropped_before;
	uint64_t damaged_files, damaged_points; /* not said yet */
	struct log_limit dropped_limit, damaged_limit;
	struct log_reasons rejected, failures, spool_failures;
	uint64_t spool_down_since_ns, spool_dropped_before;
	unsigned failed; /* attempts, since it is down */

	/* Shared. */
	pthread_mutex_t lock;
	struct sink_stats stats;
};

/* --- what is counted and said (worker_say.c) --- */

/* Points so far; any thread may call these two. */
uint64_t worker_dropped(struct worker *w);
void worker_count_dropped(struct worker *w, size_t points);
void worker_count(struct worker *w, const struct send_result *result, size_t accepted_bytes);
/* Each once when it begins, the same reason once an hour, and when it is over. */
void worker_say_state(struct worker *w, const struct send_result *result);
void worker_say_spool(struct worker *w, int error);
/* The back end's, while it waits within an attempt. */
void worker_say_stuck(void *context, const char *why);
void worker_say_dropped(struct worker *w);
void worker_say_found(struct worker *w);
void worker_say_damaged(struct worker *w);

/* --- what goes to disk and comes from there (worker_disk.c) --- */

/* Any thread may call it. */
struct spool_stats worker_on_disk(const struct worker *w);
/* False: there is none, or it failed a short while ago. */
bool worker_spool_usable(const struct worker *w);
int worker_ready_spool(struct worker *w);
/* -ENOENT: there is no spool; -EFBIG: its limit is less than this. */
int worker_keep(struct worker *w, struct delivery *d);
/* Three ends of a delivery: its file stays, it is done with, it is dropped and counted. */
void worker_leave(struct worker *w, struct delivery *d);
void worker_finish(struct worker *w, struct delivery *d);
void worker_drop(struct worker *w, struct delivery *d);
void worker_spill(struct worker *w);
void worker_take_past(struct worker *w);
void worker_put_away(struct worker *w);

#endif
