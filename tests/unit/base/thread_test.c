/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/thread.h"

#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/unused.h"

struct seen {
	sigset_t blocked;
	sem_t done;
};

static void *look(void *context)
{
	struct seen *seen = context;

	pthread_sigmask(SIG_SETMASK, NULL, &seen->blocked);
	sem_post(&seen->done);
	return seen;
}

static void assert_deaf(const struct seen *seen)
{
	const int signals[] = {SIGTERM, SIGHUP, SIGINT, SIGPIPE, SIGUSR1, SIGCHLD};

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		assert_int_equal(sigismember(&seen->blocked, signals[i]), 1);
}

static void assert_as_before(void)
{
	sigset_t mine;

	pthread_sigmask(SIG_SETMASK, NULL, &mine);
	assert_int_equal(sigismember(&mine, SIGUSR1), 1);
	assert_int_equal(sigismember(&mine, SIGTERM), 0);
}

static void test_no_signal_comes_to_a_thread(void **state UNUSED)
{
	struct seen seen;
	pthread_t thread;
	sigset_t mine;
	void *ended;

	sigemptyset(&mine);
	sigaddset(&mine, SIGUSR1);
	pthread_sigmask(SIG_SETMASK, &mine, NULL);
	sem_init(&seen.done, 0, 0);
	assert_int_equal(thread_start(&thread, look, &seen), 0);
	pthread_join(thread, &ended);
	assert_ptr_equal(ended, &seen);
	assert_deaf(&seen);
	assert_as_before();
	sem_wait(&seen.done);
	sigemptyset(&seen.blocked);
	assert_int_equal(thread_start_detached(look, &seen), 0);
	sem_wait(&seen.done);
	assert_deaf(&seen);
	assert_as_before();
	sem_destroy(&seen.done);
}

/* By the wall clock that moment was decades ago, and the wait would end at once. */
static void test_waits_end_by_the_clock_that_nobody_sets(void **state UNUSED)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	const uint64_t until_ns = clock_monotonic_ns() + 20 * NS_PER_MS;
	const struct timespec until = {
	    .tv_sec = (time_t)(until_ns / NS_PER_S), .tv_nsec = (long)(until_ns % NS_PER_S)};
	pthread_cond_t condition;
	int r = 0;

	assert_int_equal(thread_condition_init(&condition), 0);
	pthread_mutex_lock(&lock);
	while (r == 0)
		r = pthread_cond_timedwait(&condition, &lock, &until);
	pthread_mutex_unlock(&lock);
	assert_int_equal(r, ETIMEDOUT);
	assert_true(clock_monotonic_ns() >= until_ns);
	pthread_cond_destroy(&condition);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_signal_comes_to_a_thread),
	    cmocka_unit_test(test_waits_end_by_the_clock_that_nobody_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
