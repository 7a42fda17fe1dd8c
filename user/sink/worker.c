/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "sink/gate.h"
#include "sink/spool.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define MODULE             "sink"
#define LOG_INTERVAL_NS    (60 * (uint64_t)NS_PER_S)
#define REMIND_INTERVAL_NS (3600 * (uint64_t)NS_PER_S)
#define STOP_ALLOWANCE_NS  (2 * (uint64_t)NS_PER_S)
#define SPOOL_RETRY_NS     (30 * (uint64_t)NS_PER_S)
#define LATE_NS            (2 * (uint64_t)NS_PER_S) /* in memory, before the disk has to have it */
#define ATTEMPTS_MAX       16                       /* for one batch before others get their turn */
#define BACKOFF_SHIFT_MAX  16

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
	struct gate *start;  /* opens when the thread may begin */
	struct gate *before; /* NULL, or opens when the one before has let go of file and spool */
	struct gate *end;    /* opens when this one has */

	/* The thread's own. */
	struct delivery present; /* the newest that is being delivered */
	struct delivery next; /* a newer one, which is in the spool, too; follows the present one */
	struct delivery past; /* the oldest of the spool */
	bool stop_seen;
	uint64_t sent_ns;  /* when the attempt began that is under way */
	uint64_t pause_ns; /* until when the past waits */
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

static struct spool_stats on_disk(const struct worker *w)
{
	struct spool_stats stats = {0};

	if (w->spool)
		spool_stats(w->spool, &stats);
	return stats;
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
	    (unsigned long long)on_disk(w).bytes, last);
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

/* Once when it begins, the same reason once an hour, and when it is over. */
static void say_spool(struct worker *w, int error)
{
	const uint64_t now_ns = clock_monotonic_ns();
	uint64_t suppressed;

	if (error == 0 && w->spool_down)
		log_info(MODULE, "%s: spool works again after_s=%.1f dropped=%llu", w->name,
		    (double)(now_ns - w->spool_down_since_ns) / NS_PER_S,
		    (unsigned long long)(dropped_so_far(w) - w->spool_dropped_before));
	if (error < 0 && !w->spool_down) {
		w->spool_down_since_ns = now_ns;
		w->spool_dropped_before = dropped_so_far(w);
		w->spool_failures = (struct log_reasons){0};
	}
	w->spool_down = error < 0;
	if (error < 0 &&
	    log_reason_pass(&w->spool_failures, strerror(-error), REMIND_INTERVAL_NS, &suppressed))
		log_warning(MODULE,
		    "%s: spool fails, what does not fit the queue is dropped: %s since_s=%.1f",
		    w->name, strerror(-error),
		    (double)(now_ns - w->spool_down_since_ns) / NS_PER_S);
}

/* --- The spool --- */

static bool spool_usable(const struct worker *w)
{
	return w->spool && clock_monotonic_ns() >= w->spool_retry_ns;
}

/* What the process before, however it ended, had not delivered. What a sink before this one left
 * has been told of. */
static void say_found(struct worker *w)
{
	const struct spool_stats found = on_disk(w);
	const uint64_t now_ns = (uint64_t)clock_wall_ns(&clock_system);

	if (!found.batches || w->before)
		return;
	pthread_mutex_lock(&w->lock);
	w->stats.points_found = found.points;
	pthread_mutex_unlock(&w->lock);
	log_info(MODULE,
	    "%s: not delivered before windows=%llu points=%llu bytes=%llu oldest_s=%.1f", w->name,
	    (unsigned long long)found.batches, (unsigned long long)found.points,
	    (unsigned long long)found.bytes,
	    now_ns > found.oldest_ns ? (double)(now_ns - found.oldest_ns) / NS_PER_S : 0.0);
}

/* What lies there is known; else it is tried again later. */
static int ready_spool(struct worker *w)
{
	int r = w->spool_loaded ? 0 : spool_load(w->spool);

	if (r < 0) {
		say_spool(w, r);
		w->spool_retry_ns = clock_monotonic_ns() + SPOOL_RETRY_NS;
	} else if (!w->spool_loaded) {
		w->spool_loaded = true;
		if (spool_foreign(w->spool))
			log_warning(MODULE,
			    "%s: foreign files in the spool are left alone files=%zu", w->name,
			    spool_foreign(w->spool));
		say_found(w);
	}
	return r;
}

/* Writes what is left of it to disk. A stop does not wait for the disk: whoever cuts the power then
 * has the system write first. */
static int keep(struct worker *w, struct delivery *d)
{
	const char *text = d->batch->text + d->offset;
	const size_t length = d->batch->length - d->offset;
	size_t removed = 0;
	int r;

	if (d->id)
		return 0;
	if (!w->spool)
		return -ENOENT;
	r = ready_spool(w);
	if (r < 0)
		return r;
	r = spool_put(w->spool, text, length, batch_count_lines(text, length),
	    w->stop_seen ? REPLACE_FAST : REPLACE_DURABLE, &d->id, &removed);
	count_dropped(w, removed);
	if (r == -EFBIG)
		return r;
	say_spool(w, r);
	if (r == 0)
		d->kept_from = d->offset;
	else
		w->spool_retry_ns = clock_monotonic_ns() + SPOOL_RETRY_NS;
	return r;
}

/* From memory. Its file, without what was delivered, waits for its turn. */
static void leave(struct worker *w, struct delivery *d)
{
	if (d->id) {
		const char *text = d->batch->text + d->offset;
		const size_t length = d->batch->length - d->offset;

		/* Else sent again later: the same points at the same times. */
		if (d->offset > d->kept_from &&
		    spool_shorten(w->spool, d->id, text, length, batch_count_lines(text, length)) <
			0)
			log_debug(MODULE, "%s: spool file keeps what was delivered", w->name);
		spool_release(w->spool, d->id);
	}
	batch_unref(d->batch);
	*d = (struct delivery){0};
}

/* Nobody needs it any more. */
static void finish(struct worker *w, struct delivery *d)
{
	if (d->id)
		spool_remove(w->spool, d->id);
	batch_unref(d->batch);
	*d = (struct delivery){0};
}

static void drop(struct worker *w, struct delivery *d)
{
	count_dropped(
	    w, batch_count_lines(d->batch->text + d->offset, d->batch->length - d->offset));
	finish(w, d);
}

/* The far end does not take them: what is in memory goes to disk, one fsync() of file and folder a
 * batch, that is a window. The newest stays at hand, to be the first to go. Where the spool fails,
 * memory is all there is, and the queue drops its oldest. */
static void spill(struct worker *w)
{
	struct delivery d;
	int r;

	if (!spool_usable(w))
		return;
	if (w->present.batch) {
		r = keep(w, &w->present);
		if (r < 0 && r != -EFBIG)
			return;
	}
	for (;;) {
		d = (struct delivery){0};
		d.batch = queue_pop(w->queue, &d.due_ns);
		if (!d.batch)
			return;
		if (w->next.batch)
			leave(w, &w->next);
		r = keep(w, &d);
		if (r == -EFBIG) {
			drop(w, &d);
		} else if (r < 0) {
			count_dropped(w, queue_unpop(w->queue, d.batch, d.due_ns));
			return;
		} else {
			w->next = d;
		}
	}
}

/* The back end's, in the worker's own thread, while the far end lets an attempt wait. */
static void look_at_attempt(void *context)
{
	struct worker *w = context;

	if (clock_monotonic_ns() - w->sent_ns >= LATE_NS)
		spill(w);
}

static bool is_late(struct worker *w)
{
	const uint64_t now_ns = clock_monotonic_ns(), due_ns = queue_due(w->queue);

	return (w->present.batch && !w->present.id && now_ns >= w->present.due_ns + LATE_NS) ||
	    (due_ns < now_ns && now_ns - due_ns >= LATE_NS);
}

/* One line for all that were found since the last. */
static void say_damaged(struct worker *w)
{
	uint64_t suppressed;

	if (!w->damaged_files || !log_limit_pass(&w->damaged_limit, LOG_INTERVAL_NS, &suppressed))
		return;
	log_warning(MODULE,
	    "%s: spool files damaged or of another version, put aside as *.bad or removed "
	    "files=%llu dropped=%llu",
	    w->name, (unsigned long long)w->damaged_files, (unsigned long long)w->damaged_points);
	w->damaged_files = w->damaged_points = 0;
}

/* A folder that cannot be read is left alone for a while. */
static void take_past(struct worker *w)
{
	struct delivery d = {0};
	size_t lost;
	int r;

	if (w->past.batch || !spool_usable(w) || ready_spool(w) < 0 || spool_empty(w->spool))
		return;
	while ((r = spool_oldest(w->spool, &d.batch, &d.id, &lost)) == -EBADMSG) {
		count_dropped(w, lost);
		w->damaged_files++;
		w->damaged_points += lost;
		w->dropped_before += lost; /* not for want of room */
	}
	say_damaged(w);
	if (r == 0) {
		w->past = d;
	} else if (r != -ENOENT) {
		say_spool(w, r);
		w->spool_retry_ns = clock_monotonic_ns() + SPOOL_RETRY_NS;
	}
}

/* --- Delivery --- */

/* One that failed and is on disk makes way for a newer one; where order matters, all that are on
 * disk wait there for their turn. */
static void take_present(struct worker *w)
{
	const bool in_order = !w->ops->any_order;

	if (w->present.id && (in_order || (w->present.failures && w->next.batch)))
		leave(w, &w->present);
	if (w->next.batch && in_order)
		leave(w, &w->next);
	if (w->present.batch)
		return;
	w->present = w->next;
	w->next = (struct delivery){0};
	if (!w->present.batch)
		w->present.batch = queue_pop(w->queue, &w->present.due_ns);
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

/* To the end of the line, so that one batch that breaks the server does not hold all others for
 * ever. */
static void put_last(struct worker *w, struct delivery *d)
{
	struct delivery again = *d;

	again.id = 0;
	if (keep(w, &again) < 0)
		return;
	spool_release(w->spool, again.id);
	finish(w, d);
}

/* Where there is no disk the oldest is dropped first, and that is this one. */
static void make_room(struct worker *w, struct delivery *d)
{
	if (queue_wait(w->queue, QUEUE_FULL, 0))
		drop(w, d);
}

static void pass_over(struct worker *w, struct delivery *d)
{
	if (!d->id)
		make_room(w, d);
	else if (d->failures % ATTEMPTS_MAX == 0 && d == &w->present)
		leave(w, d);
	else if (d->failures % ATTEMPTS_MAX == 0)
		put_last(w, d);
}

/* Of the time that the far end gives, a backlog takes half at most. */
static void pause_past(struct worker *w)
{
	const uint64_t now_ns = clock_monotonic_ns();

	w->pause_ns = now_ns + (now_ns - w->sent_ns);
}

static void deliver(struct worker *w, struct delivery *d)
{
	struct send_result result = {0};
	size_t taken;

	w->sent_ns = clock_monotonic_ns();
	w->ops->send(w->backend, d->batch->text + d->offset, d->batch->length - d->offset, &result);
	taken = result.taken;
	count(w, &result, result.accepted ? taken : 0);
	if (result.retry) {
		d->failures += !result.away;
		w->attempt++;
		w->retry_ns = clock_monotonic_ns() + backoff_ns(w, result.retry_after_ns);
	} else {
		w->attempt = 0;
		w->retry_ns = 0;
	}
	say_state(w, &result);
	if (!result.retry)
		say_dropped(w);
	if (d == &w->past)
		pause_past(w);
	d->offset += taken;
	if (d->offset == d->batch->length) {
		finish(w, d);
	} else if (result.retry) {
		spill(w);
		if (!result.away)
			pass_over(w, d);
		else if (!d->id)
			make_room(w, d);
	}
}

static uint64_t later(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns > b_ns ? a_ns : b_ns;
}

/* Which may go at `now_ns`, or NULL, and when one may. Where the order is free the present goes
 * before the past, else after it. */
static struct delivery *choose(struct worker *w, uint64_t now_ns, uint64_t *ret_until_ns)
{
	struct delivery *past = w->past.batch ? &w->past : NULL;
	struct delivery *present = w->present.batch ? &w->present : NULL;
	uint64_t due_ns = UINT64_MAX, until_ns = UINT64_MAX;

	if (past && !w->ops->any_order)
		present = NULL;
	if (present && !w->attempt && queue_wait(w->queue, QUEUE_CROWDED, 0))
		due_ns = 0; /* a burst: no more spreading */
	else if (present)
		due_ns = later(present->due_ns, w->retry_ns);
	if (past)
		until_ns = later(w->pause_ns, w->retry_ns);
	*ret_until_ns = present && due_ns < until_ns ? due_ns : until_ns;
	if (present && due_ns <= now_ns)
		return present;
	return past && until_ns <= now_ns ? past : NULL;
}

/* Sleeps until a batch may go, a stop, or one comes that has to be taken or written to disk at
 * once.
 */
static void wait_turn(struct worker *w, uint64_t until_ns)
{
	unsigned events = QUEUE_STOPPED;

	if (!w->present.batch || (w->attempt && spool_usable(w)))
		events |= QUEUE_NOT_EMPTY;
	if (w->present.batch && !w->attempt && (w->ops->any_order || !w->past.batch))
		events |= QUEUE_CROWDED;
	if (w->spool && !spool_usable(w) && w->spool_retry_ns < until_ns)
		until_ns = w->spool_retry_ns;
	queue_wait(w->queue, events, until_ns);
}

/* After a stop. Returns whether the batch may go now, or whether it is over. */
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

/* What is on disk stays there. Returns false when it is over. */
static bool run_stopping(struct worker *w, uint64_t deadline_ns)
{
	if (w->past.batch)
		leave(w, &w->past);
	take_present(w);
	if (!w->present.batch || !wait_turn_stopping(w, deadline_ns))
		return false;
	deliver(w, &w->present);
	return true;
}

static void run(struct worker *w)
{
	for (;;) {
		const uint64_t deadline_ns = atomic_load(&w->control.deadline_ns);
		struct delivery *d;
		uint64_t until_ns;

		if (deadline_ns != UINT64_MAX) {
			if (!run_stopping(w, deadline_ns))
				return;
			continue;
		}
		if (w->attempt || is_late(w))
			spill(w);
		take_present(w);
		take_past(w);
		d = choose(w, clock_monotonic_ns(), &until_ns);
		if (d)
			deliver(w, d);
		else
			wait_turn(w, until_ns);
	}
}

static void load_spool(struct worker *w)
{
	if (!w->spool && w->ops->remote)
		log_info(MODULE, "%s: no spool: what waits for it ends with the process", w->name);
	if (w->spool)
		(void)ready_spool(w);
	/* A fleet that starts together with a backlog. */
	w->retry_ns = clock_monotonic_ns() +
	    (w->spool && !spool_empty(w->spool) ? atomic_load(&w->spread_ns) : 0);
}

/* All that is in memory goes to disk, or is dropped. */
static void put_away(struct worker *w)
{
	struct delivery *const held[] = {&w->past, &w->present, &w->next};
	struct delivery d = {0};

	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
		if (!held[i]->batch)
			continue;
		if (keep(w, held[i]) < 0)
			drop(w, held[i]);
		else
			leave(w, held[i]);
	}
	while ((d.batch = queue_pop(w->queue, &d.due_ns))) {
		if (keep(w, &d) < 0)
			drop(w, &d);
		else
			leave(w, &d);
	}
}

static void serve(struct worker *w)
{
	uint64_t before;

	if (w->before)
		gate_wait(w->before);
	load_spool(w);
	run(w);
	w->damaged_limit = (struct log_limit){0};
	say_damaged(w);
	before = dropped_so_far(w);
	put_away(w);
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

static int make_thread(struct worker *w)
{
	int r = thread_start(&w->thread, worker_main, w);

	w->running = r == 0;
	return r;
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
	w->control.waiting = look_at_attempt;
	w->control.context = w;
	w->control.server = options->server;
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
	const struct spool_stats disk = on_disk(w);

	pthread_mutex_lock(&w->lock);
	*ret = w->stats;
	pthread_mutex_unlock(&w->lock);
	ret->queued = queue_length(w->queue);
	ret->spool_bytes = disk.bytes;
	ret->spool_points = disk.points;
	ret->spool_batches = disk.batches;
	ret->spool_oldest_ns = (int64_t)disk.oldest_ns;
	ret->spool_limit_bytes = w->spool ? spool_limit(w->spool) : 0;
	if (w->ops->client)
		w->ops->client(w->backend, &ret->client);
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
