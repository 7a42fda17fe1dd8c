/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/queue.h"

#include "base/clock.h"
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct item {
	struct batch *batch;
	uint64_t due_ns;
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t events, room;
	unsigned wanted; /* what the consumer waits for */
	bool stopped, left;
	size_t max_bytes, bytes;
	size_t first, n, size; /* a circle */
	struct item items[];
};

int queue_new(struct queue **ret, size_t max_batches, size_t max_bytes)
{
	struct queue *q;
	int r;

	if (max_batches == 0 || max_batches > 1 << 20)
		return -EINVAL;
	q = calloc(1, sizeof(*q) + max_batches * sizeof(q->items[0]));
	if (!q)
		return -ENOMEM;
	q->size = max_batches;
	q->max_bytes = max_bytes;
	r = thread_condition_init(&q->events);
	if (r < 0)
		goto out;
	r = thread_condition_init(&q->room);
	if (r < 0) {
		pthread_cond_destroy(&q->events);
		goto out;
	}
	pthread_mutex_init(&q->lock, NULL);
	*ret = q;
	return 0;
out:
	free(q);
	return r;
}

static struct batch *pop(struct queue *q, uint64_t *ret_due_ns)
{
	struct item *item = &q->items[q->first];

	if (q->n == 0)
		return NULL;
	q->first = (q->first + 1) % q->size;
	q->n--;
	q->bytes -= item->batch->length;
	*ret_due_ns = item->due_ns;
	return item->batch;
}

void queue_free(struct queue *q)
{
	uint64_t due_ns;

	if (!q)
		return;
	while (q->n)
		batch_unref(pop(q, &due_ns));
	pthread_cond_destroy(&q->events);
	pthread_cond_destroy(&q->room);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

static bool crowded(const struct queue *q)
{
	return q->n > q->size / 2 || q->bytes > q->max_bytes / 2;
}

/* For one more batch of the usual size. */
static bool full(const struct queue *q)
{
	return q->n == q->size || (q->n && q->bytes + q->bytes / q->n > q->max_bytes);
}

static unsigned what_holds(const struct queue *q)
{
	return (q->n ? QUEUE_NOT_EMPTY : 0u) | (crowded(q) ? QUEUE_CROWDED : 0u) |
	    (full(q) ? QUEUE_FULL : 0u) | (q->stopped ? QUEUE_STOPPED : 0u);
}

void queue_set_bytes(struct queue *q, size_t max_bytes)
{
	pthread_mutex_lock(&q->lock);
	q->max_bytes = max_bytes;
	if (what_holds(q) & q->wanted)
		pthread_cond_signal(&q->events);
	if (!crowded(q))
		pthread_cond_broadcast(&q->room);
	pthread_mutex_unlock(&q->lock);
}

size_t queue_push(struct queue *q, struct batch *batch, uint64_t due_ns)
{
	size_t dropped = 0;
	uint64_t unused;

	pthread_mutex_lock(&q->lock);
	if (q->stopped) {
		dropped = batch->points;
		goto out;
	}
	while (q->n && (q->n == q->size || q->bytes + batch->length > q->max_bytes)) {
		struct batch *oldest = pop(q, &unused);

		dropped += oldest->points;
		batch_unref(oldest);
	}
	q->items[(q->first + q->n) % q->size] = (struct item){batch_ref(batch), due_ns};
	q->n++;
	q->bytes += batch->length;
	if (what_holds(q) & q->wanted)
		pthread_cond_signal(&q->events);
out:
	pthread_mutex_unlock(&q->lock);
	return dropped;
}

struct batch *queue_pop(struct queue *q, uint64_t *ret_due_ns)
{
	struct batch *batch;

	pthread_mutex_lock(&q->lock);
	batch = pop(q, ret_due_ns);
	if (!crowded(q))
		pthread_cond_broadcast(&q->room);
	pthread_mutex_unlock(&q->lock);
	return batch;
}

size_t queue_unpop(struct queue *q, struct batch *batch, uint64_t due_ns)
{
	size_t dropped = 0;

	pthread_mutex_lock(&q->lock);
	if (q->n == q->size || (q->n && q->bytes + batch->length > q->max_bytes)) {
		dropped = batch->points;
		batch_unref(batch);
	} else {
		q->first = (q->first + q->size - 1) % q->size;
		q->items[q->first] = (struct item){batch, due_ns};
		q->n++;
		q->bytes += batch->length;
	}
	pthread_mutex_unlock(&q->lock);
	return dropped;
}

uint64_t queue_due(struct queue *q)
{
	uint64_t due_ns;

	pthread_mutex_lock(&q->lock);
	due_ns = q->n ? q->items[q->first].due_ns : UINT64_MAX;
	pthread_mutex_unlock(&q->lock);
	return due_ns;
}

/* 0, or ETIMEDOUT. */
static int wait_until(struct queue *q, pthread_cond_t *condition, uint64_t until_ns)
{
	struct timespec until = {
	    .tv_sec = (time_t)(until_ns / NS_PER_S), .tv_nsec = (long)(until_ns % NS_PER_S)};

	if (until_ns == UINT64_MAX)
		return pthread_cond_wait(condition, &q->lock);
	return pthread_cond_timedwait(condition, &q->lock, &until);
}

unsigned queue_wait(struct queue *q, unsigned events, uint64_t until_ns)
{
	unsigned held;

	pthread_mutex_lock(&q->lock);
	q->wanted = events;
	while (!(held = what_holds(q) & events)) {
		if (wait_until(q, &q->events, until_ns) == ETIMEDOUT) {
			held = what_holds(q) & events;
			break;
		}
	}
	q->wanted = 0;
	pthread_mutex_unlock(&q->lock);
	return held;
}

bool queue_wait_room(struct queue *q, uint64_t until_ns)
{
	bool room;

	pthread_mutex_lock(&q->lock);
	while (crowded(q) && !q->stopped) {
		if (wait_until(q, &q->room, until_ns) == ETIMEDOUT)
			break;
	}
	room = !crowded(q) && !q->stopped;
	pthread_mutex_unlock(&q->lock);
	return room;
}

void queue_stop(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->stopped = true;
	pthread_cond_signal(&q->events);
	pthread_cond_broadcast(&q->room);
	pthread_mutex_unlock(&q->lock);
}

void queue_leave(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->left = true;
	pthread_cond_broadcast(&q->room);
	pthread_mutex_unlock(&q->lock);
}

bool queue_wait_left(struct queue *q, uint64_t until_ns)
{
	bool left;

	pthread_mutex_lock(&q->lock);
	while (!q->left && wait_until(q, &q->room, until_ns) != ETIMEDOUT)
		;
	left = q->left;
	pthread_mutex_unlock(&q->lock);
	return left;
}

size_t queue_length(struct queue *q)
{
	size_t n;

	pthread_mutex_lock(&q->lock);
	n = q->n;
	pthread_mutex_unlock(&q->lock);
	return n;
}
