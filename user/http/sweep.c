/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/sweep.h"

#include "base/clock.h"
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct sweep {
	struct places *places;
	struct event_streams *streams;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	bool asleep; /* nobody was connected */
	bool rests;  /* nobody had to go */
	bool stopping;
	pthread_t thread;
};

/* 0: until somebody comes. Holds the lock. */
static void wait_a_while(struct sweep *sweep, uint64_t ns)
{
	const uint64_t until_ns = clock_monotonic_ns() + ns;
	const struct timespec until = {
	    .tv_sec = (time_t)(until_ns / NS_PER_S), .tv_nsec = (long)(until_ns % NS_PER_S)};

	sweep->asleep = ns == 0;
	sweep->rests = ns > PLACES_TRIM_MS * NS_PER_MS;
	if (ns) {
		pthread_cond_timedwait(&sweep->changed, &sweep->lock, &until);
		return;
	}
	while (sweep->asleep && !sweep->stopping)
		pthread_cond_wait(&sweep->changed, &sweep->lock);
}

static void *sweep_thread(void *argument)
{
	struct sweep *sweep = argument;

	pthread_mutex_lock(&sweep->lock);
	while (!sweep->stopping) {
		const uint64_t now_ns = clock_monotonic_ns();

		event_streams_sweep(sweep->streams, now_ns);
		wait_a_while(sweep, places_sweep(sweep->places, now_ns));
	}
	pthread_mutex_unlock(&sweep->lock);
	return NULL;
}

int sweep_new(struct sweep **ret, struct places *places, struct event_streams *streams)
{
	struct sweep *sweep = calloc(1, sizeof(*sweep));
	int r;

	if (!sweep)
		return -ENOMEM;
	sweep->places = places;
	sweep->streams = streams;
	pthread_mutex_init(&sweep->lock, NULL);
	r = thread_condition_init(&sweep->changed);
	if (r < 0)
		goto no_condition;
	r = thread_start(&sweep->thread, sweep_thread, sweep);
	if (r < 0)
		goto no_thread;
	pthread_setname_np(sweep->thread, "http-sweep");
	*ret = sweep;
	return 0;

no_thread:
	pthread_cond_destroy(&sweep->changed);
no_condition:
	pthread_mutex_destroy(&sweep->lock);
	free(sweep);
	return r;
}

void sweep_wake(struct sweep *sweep)
{
	pthread_mutex_lock(&sweep->lock);
	if (sweep->asleep || (sweep->rests && places_crowded(sweep->places))) {
		sweep->asleep = sweep->rests = false;
		pthread_cond_signal(&sweep->changed);
	}
	pthread_mutex_unlock(&sweep->lock);
}

void sweep_free(struct sweep *sweep)
{
	if (!sweep)
		return;
	pthread_mutex_lock(&sweep->lock);
	sweep->stopping = true;
	pthread_cond_signal(&sweep->changed);
	pthread_mutex_unlock(&sweep->lock);
	pthread_join(sweep->thread, NULL);
	pthread_cond_destroy(&sweep->changed);
	pthread_mutex_destroy(&sweep->lock);
	free(sweep);
}
