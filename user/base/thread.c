/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/thread.h"

#include <time.h>

void thread_signals_block(sigset_t *ret_before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, ret_before);
}

void thread_signals_restore(const sigset_t *before)
{
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

static int start(
    pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *context), void *context)
{
	sigset_t before;
	int r;

	thread_signals_block(&before);
	r = pthread_create(ret, attributes, run, context);
	thread_signals_restore(&before);
	return -r;
}

int thread_start(pthread_t *ret, void *(*run)(void *context), void *context)
{
	return start(ret, NULL, run, context);
}

int thread_start_detached(void *(*run)(void *context), void *context)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int r = -pthread_attr_init(&attributes);

	if (r < 0)
		return r;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	r = start(&thread, &attributes, run, context);
	pthread_attr_destroy(&attributes);
	return r;
}

int thread_condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	int r = -pthread_condattr_init(&attributes);

	if (r < 0)
		return r;
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	r = -pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
	return r;
}
