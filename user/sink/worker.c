/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "sink/gate.h"
#include "sink/spool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define MODULE             "sink"
#define LOG_INTERVAL_NS    (60 * (uint64_t)NS_PER_S)
#define REMIND_INTERVAL_NS (3600 * (uint64_t)NS_PER_S)
#define STOP_ALLOWANCE_NS  (2 * (uint64_t)NS_PER_S)
#define SPOOL_RETRY_NS     (30 * (uint64_t)NS_PER_S)
#define ATTEMPTS_MAX       16 /* for one batch before others get their turn */
#define BACKOFF_SHIFT_MAX  16

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
	struct gate *start;  /* opens when the thread may begin */
	struct gate *before; /* NULL, or opens when the one before has let go of file and spool */
	struct gate *end;    /* opens when this one has */

	/* The thread's own. */
	struct batch *head; /* being delivered, from `offset` on */
	size_t offset;
	bool from_spool, stop_seen;
	uint64_t due_ns, retry_ns, spool_retry_ns;
	unsigned attempt;
	bool down, spool_down;
	uint64_t down_since_ns, dropped_before;
	uint64_t damaged_files, damaged_points; /* not said yet */
	struct log_limit dropped_limit, spool_limit;
	struct log_reasons rejected, failures;
	unsigned failed; /* attempts, since it is down */

	/* Shared. */
	pthread_mutex_t lock;
	struct sink_stats stats;
};

/* --- Counting and saying --- */

static uint64_t dropped_so_far(struct worker *w)
{
	uint64_t n;

	pthread_mutex_lock(&w->lock);
	n = w->stats.points_dropped;
	pthread_mutex_unlock(&w->lock);
	return n;
}

static void count_dropped(struct worker *w, size_t points)
{
	if (!points)
		return;
	pthread_mutex_lock(&w->lock);
	w->stats.points_dropped += points;
	pthread_mutex_unlock(&w->lock);
}

static void count(struct worker *w, const struct send_result *result, size_t accepted_bytes)
{
	bool failed = result->retry || result->lost || result->rejected;

	pthread_mutex_lock(&w->lock);
	w->stats.points += result->accepted;
	if (result->accepted)
		w->stats.last_push_ns = clock_wall_ns(&clock_system);
	w->stats.bytes += accepted_bytes;
	w->stats.points_rejected += result->rejected;
	w->stats.points_dropped += result->lost;
	w->stats.errors += failed;
	w->stats.failing = failed && !result->accepted;
	w->stats.refused = result->rejected && !result->accepted && !result->retry;
	if (result->error[0])
		snprintf(w->stats.last_error, sizeof(w->stats.last_error), "%s", result->error);
	pthread_mutex_unlock(&w->lock);
}

/* Once when it begins, then for each other reason, and for the same one once an hour. */
static void say_failing(struct worker *w, const char *reason, uint64_t now_ns)
{
	uint64_t suppressed;

	w->failed++;
	if (!log_reason_pass(&w->failures, reason, REMIND_INTERVAL_NS, &suppressed))
		return;
	if (w->retry_ns > now_ns)
		log_warning(MODULE, "%s: failing: %s retry_in_s=%.1f attempts=%u since_s=%.1f",
		    w->name, reason, (double)(w->retry_ns - now_ns) / NS_PER_S, w->failed,
		    (double)(now_ns - w->down_since_ns) / NS_PER_S);
	else
		log_warning(MODULE, "%s: failing: %s attempts=%u since_s=%.1f", w->name, reason,
		    w->failed, (double)(now_ns - w->down_since_ns) / NS_PER_S);
}

static void say_down(struct worker *w, uint64_t now_ns, size_t lost)
{
	w->down = true;
	w->down_since_ns = now_ns;
	w->dropped_before = dropped_so_far(w) - lost;
	w->failed = 0;
	w->failures = (struct log_reasons){0};
}

static void say_works(struct worker *w, uint64_t now_ns)
{
	char last[sizeof(w->stats.last_error)];

	w->down = false;
	pthread_mutex_lock(&w->lock);
	memcpy(last, w->stats.last_error, sizeof(last));
	pthread_mutex_unlock(&w->lock);
	log_info(MODULE,
	    "%s: works again after_s=%.1f attempts=%u dropped=%llu waiting_batches=%zu "
	    "spool_bytes=%llu last: %s",
	    w->name, (double)(now_ns - w->down_since_ns) / NS_PER_S, w->failed,
	    (unsigned long long)(dropped_so_far(w) - w->dropped_before), queue_length(w->queue),
	    (unsigned long long)(w->spool ? spool_bytes(w->spool) : 0), last);
	w->dropped_before = dropped_so_far(w);
}

static void say_state(struct worker *w, const struct send_result *result)
{
	uint64_t now_ns = clock_monotonic_ns(), suppressed;

	if (result->rejected &&
	    log_reason_pass(&w->rejected, result->error, LOG_INTERVAL_NS, &suppressed))
		log_warning(MODULE, "%s: rejected points=%zu suppressed=%llu: %s", w->name,
		    result->rejected, (unsigned long long)suppressed, result->error);
	if (result->retry || result->lost) {
		if (!w->down)
			say_down(w, now_ns, result->lost);
		say_failing(w, result->error, now_ns);
	} else if (w->down && result->accepted) {
		say_works(w, now_ns);
	}
}

/* The back end's, in the worker's own thread, while it waits within an attempt. */
static void say_stuck(void *context, const char *why)
{
	struct worker *w = context;
	const uint64_t now_ns = clock_monotonic_ns();

	pthread_mutex_lock(&w->lock);
	w->stats.errors++;
	w->stats.failing = true;
	snprintf(w->stats.last_error, sizeof(w->stats.last_error), "%s", why);
	pthread_mutex_unlock(&w->lock);
	w->retry_ns = 0;
	if (!w->down)
		say_down(w, now_ns, 0);
	say_failing(w, why, now_ns);
}

/* A far end that is up but slower than the points come. */
static void say_dropped(struct worker *w)
{
	uint64_t now = dropped_so_far(w), suppressed;

	if (w->down || now == w->dropped_before ||
	    !log_limit_pass(&w->dropped_limit, LOG_INTERVAL_NS, &suppressed))
		return;
	log_warning(MODULE, "%s: too slow, queue full dropped=%llu", w->name,
	    (unsigned long long)(now - w->dropped_before));
	w->dropped_before = now;
}

static void say_spool(struct worker *w, int error)
{
	if (error == 0 && w->spool_down)
		log_info(MODULE, "%s: spool works again", w->name);
	if (error < 0 && !w->spool_down)
		log_warning(MODULE, "%s: spool fails, what does not fit the queue is dropped: %s",
		    w->name, strerror(-error));
	w->spool_down = error < 0;
}

/* --- The spool --- */

/* Puts text there, or counts it as dropped. */
static int keep(struct worker *w, const char *text, size_t length, size_t points)
{
	size_t removed = 0;
	int r = -ENOENT;

	if (w->spool) {
		r = spool_put(w->spool, text, length, points, &removed);
		say_spool(w, r);
		if (r < 0)
			w->spool_retry_ns = clock_monotonic_ns() + SPOOL_RETRY_NS;
	}
	count_dropped(w, removed + (r < 0 ? points : 0));
	return r;
}

/* What waits goes to the spool. One that fails costs one batch; the rest stays while there is room.
 */
static void spill(struct worker *w, bool whatever)
{
	struct batch *batch;
	uint64_t due_ns;
	int r = 0;

	while ((r == 0 || whatever) && (batch = queue_pop(w->queue, &due_ns))) {
		r = keep(w, batch->text, batch->length, batch->points);
		batch_unref(batch);
	}
}

static void keep_head(struct worker *w)
{
	const char *text;
	size_t length, points;

	if (!w->head)
		return;
	text = w->head->text + w->offset;
	length = w->head->length - w->offset;
	points = batch_count_lines(text, length);
	if (!w->from_spool)
		keep(w, text, length, points);
	else if (w->offset && spool_shorten(w->spool, text, length, points) < 0)
		/* Sent again later: the same points at the same times, which InfluxDB overwrites.
		 */
		log_debug(MODULE, "%s: spool file keeps what was delivered", w->name);
	batch_unref(w->head);
	w->head = NULL;
}

/* One line for all that were found since the last. */
static void say_damaged(struct worker *w)
{
	uint64_t suppressed;

	if (!w->damaged_files || !log_limit_pass(&w->spool_limit, LOG_INTERVAL_NS, &suppressed))
		return;
	log_warning(MODULE,
	    "%s: spool files damaged or of another version, put aside as *.bad or removed "
	    "files=%llu dropped=%llu",
	    w->name, (unsigned long long)w->damaged_files, (unsigned long long)w->damaged_points);
	w->damaged_files = w->damaged_points = 0;
}

/* The oldest file becomes the head. A folder that cannot be read is left alone for a while. */
static bool take_spooled(struct worker *w)
{
	size_t lost;
	int r;

	if (!w->spool || spool_empty(w->spool) || clock_monotonic_ns() < w->spool_retry_ns)
		return false;
	while ((r = spool_oldest(w->spool, &w->head, &lost)) == -EBADMSG) {
		count_dropped(w, lost);
		w->damaged_files++;
		w->damaged_points += lost;
		w->dropped_before += lost; /* not for want of room */
	}
	say_damaged(w);
	if (r < 0) {
		if (r != -ENOENT) {
			say_spool(w, r);
			w->spool_retry_ns = clock_monotonic_ns() + SPOOL_RETRY_NS;
		}
		return false;
	}
	w->from_spool = true;
	w->offset = 0;
	w->due_ns = 0;
	return true;
}

/* --- Delivery --- */

static bool take_head(struct worker *w)
{
	if (w->head)
		return true;
	/* At a stop the spool keeps what it has. */
	if (!w->stop_seen && take_spooled(w))
		return true;
	w->head = queue_pop(w->queue, &w->due_ns);
	w->from_spool = false;
	w->offset = 0;
	return w->head != NULL;
}

/* Between 0 and n - 1. */
static uint64_t random_below(uint64_t n)
{
	uint64_t value = 0;

	if (getrandom(&value, sizeof(value), GRND_NONBLOCK) != sizeof(value))
		value = clock_monotonic_ns() * 0x9e3779b97f4a7c15ULL;
	return n ? value % n : 0;
}

/* Exponential with full jitter, so that agents that lost one server together do not come back
 * together. */
static uint64_t backoff_ns(const struct worker *w, uint64_t retry_after_ns)
{
	unsigned shift = w->attempt < BACKOFF_SHIFT_MAX ? w->attempt : BACKOFF_SHIFT_MAX;
	uint64_t most = w->tuning.backoff_base_ns << shift;

	if (retry_after_ns)
		return retry_after_ns + random_below(w->tuning.backoff_base_ns);
	if (most > w->tuning.backoff_limit_ns)
		most = w->tuning.backoff_limit_ns;
	return random_below(most);
}

static void finish_head(struct worker *w)
{
	if (w->from_spool)
		spool_remove(w->spool);
	batch_unref(w->head);
	w->head = NULL;
}

/* The oldest is dropped first, and that is the head. With a spool it goes to the end of the line,
 * so that one batch that breaks the server does not hold all others for ever. */
static void pass_over_head(struct worker *w)
{
	const char *text = w->head->text + w->offset;
	size_t length = w->head->length - w->offset;

	if (w->spool && !w->spool_down ? w->attempt % ATTEMPTS_MAX != 0
				       : !queue_wait(w->queue, QUEUE_FULL, 0))
		return;
	keep(w, text, length, batch_count_lines(text, length));
	finish_head(w);
}

static void deliver(struct worker *w)
{
	struct send_result result = {0};
	const char *text = w->head->text + w->offset;
	size_t taken;

	w->ops->send(w->backend, text, w->head->length - w->offset, &result);
	taken = result.taken;
	count(w, &result, result.accepted ? taken : 0);
	if (result.retry) {
		w->attempt++;
		w->retry_ns = clock_monotonic_ns() + backoff_ns(w, result.retry_after_ns);
	} else {
		w->attempt = 0;
		w->retry_ns = 0;
	}
	say_state(w, &result);
	if (!result.retry)
		say_dropped(w);
	w->offset += taken;
	if (w->offset == w->head->length)
		finish_head(w);
	else if (result.retry)
		pass_over_head(w);
}

/* Before its time: sleeps until then, a stop, or, while the far end is down, until the queue needs
 * the spool. Returns whether the head may go now. */
static bool wait_turn(struct worker *w)
{
	uint64_t ready_ns = w->retry_ns > w->due_ns ? w->retry_ns : w->due_ns;
	unsigned events = QUEUE_STOPPED, held = 0;

	if (!w->attempt || (w->spool && clock_monotonic_ns() >= w->spool_retry_ns))
		events |= QUEUE_CROWDED;
	if (clock_monotonic_ns() < ready_ns)
		held = queue_wait(w->queue, events, ready_ns);
	if (held & QUEUE_STOPPED)
		return false;
	if (!(held & QUEUE_CROWDED))
		return true;
	if (!w->attempt)
		return true; /* a burst: no more spreading */
	spill(w, false);
	return false;
}

/* After a stop. Returns whether the head may go now, or whether it is over. */
static bool wait_turn_stopping(struct worker *w, uint64_t deadline_ns)
{
	if (!w->stop_seen) {
		w->stop_seen = true;
		w->attempt = 0;
		w->retry_ns = 0;
	}
	if (w->attempt && w->spool)
		return false;
	if (w->retry_ns >= deadline_ns)
		return false;
	if (clock_monotonic_ns() < w->retry_ns)
		queue_wait(w->queue, 0, w->retry_ns);
	return clock_monotonic_ns() < deadline_ns;
}

static void run(struct worker *w)
{
	for (;;) {
		uint64_t deadline_ns = atomic_load(&w->control.deadline_ns);
		bool stopping = deadline_ns != UINT64_MAX;

		if (!take_head(w)) {
			uint64_t until_ns =
			    w->spool && !spool_empty(w->spool) ? w->spool_retry_ns : UINT64_MAX;

			if (stopping)
				return;
			queue_wait(w->queue, QUEUE_NOT_EMPTY | QUEUE_STOPPED, until_ns);
		} else if (stopping) {
			if (!wait_turn_stopping(w, deadline_ns))
				return;
			deliver(w);
		} else if (wait_turn(w)) {
			deliver(w);
		}
	}
}

static void load_spool(struct worker *w)
{
	int r = w->spool ? spool_load(w->spool) : 0;

	if (r < 0)
		log_warning(MODULE, "%s: spool not read: %s", w->name, strerror(-r));
	if (w->spool && spool_foreign(w->spool))
		log_warning(MODULE, "%s: foreign files in the spool are left alone files=%zu",
		    w->name, spool_foreign(w->spool));
	/* A fleet that starts together with a backlog. */
	w->retry_ns = clock_monotonic_ns() +
	    (w->spool && !spool_empty(w->spool) ? atomic_load(&w->spread_ns) : 0);
}

static void serve(struct worker *w)
{
	uint64_t before;

	if (w->before)
		gate_wait(w->before);
	load_spool(w);
	run(w);
	w->spool_limit = (struct log_limit){0};
	say_damaged(w);
	before = dropped_so_far(w);
	keep_head(w);
	spill(w, true);
	if (dropped_so_far(w) != before)
		log_warning(MODULE, "%s: stopped, not delivered dropped=%llu", w->name,
		    (unsigned long long)(dropped_so_far(w) - before));
}

static void *worker_main(void *context)
{
	struct worker *w = context;

	pthread_setname_np(pthread_self(), w->ops->thread_name);
	gate_wait(w->start);
	if (w->started)
		serve(w);
	gate_open(w->end);
	queue_leave(w->queue);
	return NULL;
}

/* --- The caller's side --- */

/* Signals are for the main thread. */
static int make_thread(struct worker *w)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&w->thread, NULL, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	w->running = r == 0;
	return -r;
}

int worker_new(struct worker **ret, const struct worker_options *options, const void *settings)
{
	struct worker *w = calloc(1, sizeof(*w));
	int r;

	if (!w) {
		spool_free(options->spool);
		return -ENOMEM;
	}
	pthread_mutex_init(&w->lock, NULL);
	atomic_init(&w->control.deadline_ns, UINT64_MAX);
	w->control.stuck = say_stuck;
	w->control.context = w;
	w->ops = options->ops;
	w->name = options->name;
	w->tuning = options->tuning;
	atomic_init(&w->spread_ns, w->tuning.spread_ns);
	w->spool = options->spool;
	r = queue_new(&w->queue, w->tuning.queue_batches, w->tuning.queue_bytes);
	if (r == 0)
		r = gate_new(&w->start);
	if (r == 0)
		r = gate_new(&w->end);
	if (r == 0)
		r = w->ops->open(&w->backend, settings, &w->control);
	if (r == 0)
		r = make_thread(w);
	if (r < 0)
		worker_free(w);
	else
		*ret = w;
	return r;
}

void worker_start(struct worker *w, const struct worker *after)
{
	w->before = after ? gate_ref(after->end) : NULL;
	w->started = true;
	gate_open(w->start);
}

bool worker_free(struct worker *w)
{
	if (!w)
		return true;
	if (w->running) {
		worker_stop_begin(w, 0);
		worker_stop_wait(w);
	}
	if (w->abandoned)
		return false;
	w->ops->close(w->backend);
	queue_free(w->queue);
	spool_free(w->spool);
	gate_unref(w->start);
	gate_unref(w->before);
	gate_unref(w->end);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return true;
}

void worker_tune(struct worker *w, const struct sink_tuning *tuning, uint64_t spool_limit_bytes)
{
	atomic_store(&w->spread_ns, tuning->spread_ns);
	queue_set_bytes(w->queue, tuning->queue_bytes);
	if (w->spool)
		spool_set_limit(w->spool, spool_limit_bytes);
}

void worker_push(struct worker *w, struct batch *batch)
{
	count_dropped(
	    w, queue_push(w->queue, batch, clock_monotonic_ns() + atomic_load(&w->spread_ns)));
}

bool worker_wait_room(struct worker *w, uint64_t timeout_ns)
{
	return queue_wait_room(w->queue, clock_monotonic_ns() + timeout_ns);
}

void worker_stats(struct worker *w, struct sink_stats *ret)
{
	pthread_mutex_lock(&w->lock);
	*ret = w->stats;
	pthread_mutex_unlock(&w->lock);
	ret->queued = queue_length(w->queue);
	ret->spool_bytes = w->spool ? spool_bytes(w->spool) : 0;
	ret->spool_limit_bytes = w->spool ? spool_limit(w->spool) : 0;
}

void worker_stop_begin(struct worker *w, uint64_t timeout_ns)
{
	uint64_t deadline_ns = clock_monotonic_ns() + timeout_ns;

	if (deadline_ns < atomic_load(&w->control.deadline_ns))
		atomic_store(&w->control.deadline_ns, deadline_ns);
	queue_stop(w->queue);
	w->ops->wake(w->backend);
	gate_open(w->start);
}

void worker_stop_wait(struct worker *w)
{
	uint64_t from_ns = atomic_load(&w->control.deadline_ns), now_ns = clock_monotonic_ns();

	if (!w->running)
		return;
	/* The one before it may have taken all of its time. */
	if (w->before && now_ns > from_ns)
		from_ns = now_ns;
	if (queue_wait_left(w->queue, from_ns + STOP_ALLOWANCE_NS)) {
		pthread_join(w->thread, NULL);
	} else {
		w->abandoned = true;
		gate_open(w->end); /* who comes after it must not wait for ever */
		pthread_detach(w->thread);
	}
	w->running = false;
}
