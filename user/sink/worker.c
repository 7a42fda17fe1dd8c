/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/worker_internal.h"

#include "base/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define STOP_ALLOWANCE_NS (2 * (uint64_t)NS_PER_S)
#define ATTEMPTS_MAX      16 /* for one batch before others get their turn */
#define BACKOFF_SHIFT_MAX 16

/* One that failed and is on disk makes way for a newer one; where order matters, all that are on
 * disk wait there for their turn. */
static void take_present(struct worker *w)
{
	const bool in_order = !w->ops->any_order;

	if (w->present.id && (in_order || (w->present.failures && w->next.batch)))
		worker_leave(w, &w->present);
	if (w->next.batch && in_order)
		worker_leave(w, &w->next);
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
	if (worker_keep(w, &again) < 0)
		return;
	spool_release(w->spool, again.id);
	worker_finish(w, d);
}

/* Where there is no disk the oldest is dropped first, and that is this one. */
static void make_room(struct worker *w, struct delivery *d)
{
	if (queue_wait(w->queue, QUEUE_FULL, 0))
		worker_drop(w, d);
}

static void pass_over(struct worker *w, struct delivery *d)
{
	if (!d->id)
		make_room(w, d);
	else if (d->failures % ATTEMPTS_MAX == 0 && d == &w->present)
		worker_leave(w, d);
	else if (d->failures % ATTEMPTS_MAX == 0)
		put_last(w, d);
}

/* Of the time that the far end gives, a backlog takes half at most. Where order matters the new
 * windows wait behind it, and no longer than that. */
static void pause_past(struct worker *w, uint64_t now_ns)
{
	const uint64_t took_ns = now_ns - w->sent_ns;

	w->pause_ns =
	    now_ns + (w->ops->any_order ? catchup_pause_ns(&w->catchup, took_ns) : took_ns);
}

static void deliver(struct worker *w, struct delivery *d)
{
	struct send_result result = {0};
	uint64_t now_ns;
	size_t taken;

	w->sent_ns = clock_monotonic_ns();
	w->ops->send(w->backend, d->batch->text + d->offset, d->batch->length - d->offset, &result);
	now_ns = clock_monotonic_ns();
	taken = result.taken;
	worker_count(w, &result, result.accepted ? taken : 0);
	if (result.retry) {
		d->failures += !result.away;
		w->attempt++;
		w->retry_ns = now_ns + backoff_ns(w, result.retry_after_ns);
	} else {
		w->attempt = 0;
		w->retry_ns = 0;
		catchup_learn(&w->catchup, now_ns - w->sent_ns, taken);
	}
	worker_say_state(w, &result);
	if (!result.retry)
		worker_say_dropped(w);
	if (d == &w->past)
		pause_past(w, now_ns);
	d->offset += taken;
	if (d->offset == d->batch->length) {
		worker_finish(w, d);
	} else if (result.retry) {
		worker_spill(w);
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

	if (!w->present.batch || (w->attempt && worker_spool_usable(w)))
		events |= QUEUE_NOT_EMPTY;
	if (w->present.batch && !w->attempt && (w->ops->any_order || !w->past.batch))
		events |= QUEUE_CROWDED;
	if (w->spool && !worker_spool_usable(w) && w->spool_retry_ns < until_ns)
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
		worker_leave(w, &w->past);
	take_present(w);
	if (!w->present.batch || !wait_turn_stopping(w, deadline_ns))
		return false;
	deliver(w, &w->present);
	return true;
}

/* The back end's, in the worker's own thread, while the far end lets an attempt wait. */
static void look_at_attempt(void *context)
{
	struct worker *w = context;

	if (clock_monotonic_ns() - w->sent_ns >= WORKER_LATE_NS)
		worker_spill(w);
}

static bool is_late(struct worker *w)
{
	const uint64_t now_ns = clock_monotonic_ns(), due_ns = queue_due(w->queue);

	return (w->present.batch && !w->present.id &&
		   now_ns >= w->present.due_ns + WORKER_LATE_NS) ||
	    (due_ns < now_ns && now_ns - due_ns >= WORKER_LATE_NS);
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
			worker_spill(w);
		take_present(w);
		worker_take_past(w);
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
		log_info(WORKER_MODULE, "%s: no spool: what waits for it ends with the process",
		    w->name);
	if (w->spool)
		(void)worker_ready_spool(w);
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
	w->damaged_limit = (struct log_limit){0};
	worker_say_damaged(w);
	before = worker_dropped(w);
	worker_put_away(w);
	if (worker_dropped(w) != before)
		log_warning(WORKER_MODULE, "%s: stopped, not delivered dropped=%llu", w->name,
		    (unsigned long long)(worker_dropped(w) - before));
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
	w->control.stuck = worker_say_stuck;
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
		worker_stop_begin(w, SINK_END_PROCESS, 0);
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
	worker_count_dropped(
	    w, queue_push(w->queue, batch, clock_monotonic_ns() + atomic_load(&w->spread_ns)));
}

bool worker_wait_room(struct worker *w, uint64_t timeout_ns)
{
	return queue_wait_room(w->queue, clock_monotonic_ns() + timeout_ns);
}

void worker_stats(struct worker *w, struct sink_stats *ret)
{
	const struct spool_stats disk = worker_on_disk(w);

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

void worker_stop_begin(struct worker *w, enum sink_end end, uint64_t timeout_ns)
{
	uint64_t deadline_ns = clock_monotonic_ns() + timeout_ns;

	if (end == SINK_END_PROCESS)
		atomic_store(&w->process_ends, true);
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
