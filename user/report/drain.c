/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/drain.h"

#include "base/thread.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct drain {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool running, ending;
	struct sink *sinks[DRAIN_MAX]; /* a circle, in the order in which they left */
	size_t first, n;
	struct sink_stats gone;
};

static void add_stats(struct sink_stats *sum, const struct sink_stats *stats)
{
	sum->points += stats->points;
	sum->bytes += stats->bytes;
	sum->points_dropped += stats->points_dropped;
	sum->points_rejected += stats->points_rejected;
	sum->points_found += stats->points_found;
	sum->errors += stats->errors;
}

int drain_new(struct drain **ret)
{
	struct drain *drain = calloc(1, sizeof(*drain));

	if (!drain)
		return -ENOMEM;
	pthread_mutex_init(&drain->lock, NULL);
	pthread_cond_init(&drain->changed, NULL);
	*ret = drain;
	return 0;
}

/* The oldest, which stays in the list until it has ended: others may have to wait for it. NULL: it
 * is over. */
static struct sink *oldest(struct drain *drain)
{
	struct sink *sink;

	pthread_mutex_lock(&drain->lock);
	while (!drain->n && !drain->ending)
		pthread_cond_wait(&drain->changed, &drain->lock);
	sink = drain->n ? drain->sinks[drain->first] : NULL;
	pthread_mutex_unlock(&drain->lock);
	return sink;
}

static void forget_oldest(struct drain *drain)
{
	struct sink_stats stats;

	pthread_mutex_lock(&drain->lock);
	sink_stats(drain->sinks[drain->first], &stats);
	add_stats(&drain->gone, &stats);
	drain->first = (drain->first + 1) % DRAIN_MAX;
	drain->n--;
	pthread_mutex_unlock(&drain->lock);
}

static void *drain_main(void *context)
{
	struct drain *drain = context;
	struct sink *sink;

	pthread_setname_np(pthread_self(), "crosstap-drain");
	while ((sink = oldest(drain))) {
		sink_stop_wait(sink);
		forget_oldest(drain);
		sink_free(sink);
	}
	return NULL;
}

static int make_thread(struct drain *drain)
{
	int r = thread_start(&drain->thread, drain_main, drain);

	drain->running = r == 0;
	return r;
}

int drain_prepare(struct drain *drain, size_t n)
{
	bool full;

	pthread_mutex_lock(&drain->lock);
	full = n > DRAIN_MAX - drain->n;
	pthread_mutex_unlock(&drain->lock);
	if (full)
		return -EBUSY;
	return n && !drain->running ? make_thread(drain) : 0;
}

void drain_add(struct drain *drain, struct sink *sink)
{
	pthread_mutex_lock(&drain->lock);
	drain->sinks[(drain->first + drain->n++) % DRAIN_MAX] = sink;
	pthread_cond_signal(&drain->changed);
	pthread_mutex_unlock(&drain->lock);
}

void drain_start_behind(struct drain *drain, struct sink *sink)
{
	const struct sink *before = NULL;

	/* Under the lock none of them is freed. */
	pthread_mutex_lock(&drain->lock);
	for (size_t i = 0; i < drain->n; i++) {
		const struct sink *other = drain->sinks[(drain->first + i) % DRAIN_MAX];

		if (sink_place_id(other) == sink_place_id(sink))
			before = other;
	}
	sink_start(sink, before);
	pthread_mutex_unlock(&drain->lock);
}

void drain_sum(struct drain *drain, struct sink_stats *sum)
{
	struct sink_stats stats;

	pthread_mutex_lock(&drain->lock);
	add_stats(sum, &drain->gone);
	for (size_t i = 0; i < drain->n; i++) {
		sink_stats(drain->sinks[(drain->first + i) % DRAIN_MAX], &stats);
		add_stats(sum, &stats);
		sum->queued += stats.queued;
		sum->spool_points += stats.spool_points;
		sum->spool_batches += stats.spool_batches;
		sum->spool_bytes += stats.spool_bytes;
	}
	pthread_mutex_unlock(&drain->lock);
}

bool drain_is_empty(struct drain *drain)
{
	bool empty;

	pthread_mutex_lock(&drain->lock);
	empty = drain->n == 0;
	pthread_mutex_unlock(&drain->lock);
	return empty;
}

void drain_finish(struct drain *drain, uint64_t timeout_ns)
{
	if (!drain->running)
		return;
	pthread_mutex_lock(&drain->lock);
	for (size_t i = 0; i < drain->n; i++)
		sink_stop_begin(
		    drain->sinks[(drain->first + i) % DRAIN_MAX], SINK_END_PROCESS, timeout_ns);
	drain->ending = true;
	pthread_cond_signal(&drain->changed);
	pthread_mutex_unlock(&drain->lock);
	pthread_join(drain->thread, NULL);
	drain->ending = false;
	drain->running = false;
}

void drain_free(struct drain *drain)
{
	if (!drain)
		return;
	drain_finish(drain, 0);
	pthread_cond_destroy(&drain->changed);
	pthread_mutex_destroy(&drain->lock);
	free(drain);
}
