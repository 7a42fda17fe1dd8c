/* SPDX-License-Identifier: BSD-2-Clause */
/* Collector, ring and windows together, driven as the daemon drives them. */
#include "base/unused.h"
#include "counting.h"

#include "../random.h"

#include "base/ring.h"
#include "stats/windows.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* -- one thread, a clock that steps */

struct report {
	struct collector *collector;
	struct windows windows;
	struct shard *waiting[64]; /* closed shards whose window is not written yet */
	size_t n_waiting, n_written;
	uint64_t frames, queries;
	int64_t times[20000];
};

static void write_window(struct report *report)
{
	struct window_span span;
	size_t kept = 0;

	windows_close(&report->windows, &span);
	report->times[report->n_written++] = span.time_ms;
	for (size_t i = 0; i < report->n_waiting; i++) {
		struct shard *shard = report->waiting[i];

		if (shard->index > span.index) {
			report->waiting[kept++] = shard;
			continue;
		}
		report->frames += shard->frames;
		shard_fold(shard);
		report->queries += margin_count(shard, 0, MARGIN_MESSAGES, DIR_QUERY, 0, 0, 0);
		shard_clear(shard, &(struct shard_limits){.cube_slots = 2048});
		collector_give(report->collector, shard);
	}
	report->n_waiting = kept;
}

/* Takes the shards before `oldest`, and writes the windows up to it, or all that have shards. */
static void close_windows(struct report *report, int64_t oldest)
{
	struct shard *shards[COLLECTOR_MAX_SHARDS];
	const size_t n = collector_close(report->collector, oldest, shards);

	for (size_t i = 0; i < n; i++)
		report->waiting[report->n_waiting++] = shards[i];
	while (oldest == INT64_MAX ? report->n_waiting > 0 : report->windows.oldest < oldest)
		write_window(report);
}

static void tick(struct report *report, int64_t now_ns)
{
	if (windows_stepped_back(&report->windows, now_ns)) {
		close_windows(report, INT64_MAX);
		windows_reopen(&report->windows, now_ns);
		collector_reopen(report->collector, report->windows.oldest);
	} else if (now_ns >= windows_due_ns(&report->windows)) {
		close_windows(
		    report, windows_index(&report->windows, now_ns - report->windows.grace_ns));
	}
}

static int64_t step(uint64_t *random)
{
	const uint32_t what = random_below(random, 300);
	const int64_t far = SECONDS(random_below(random, 90));

	if (what == 0)
		return far;
	if (what == 1)
		return -far;
	return random_below(random, 900) * NS_PER_MS;
}

static int compare_times(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void walk(uint64_t random)
{
	static struct report report;
	struct collector_config config = test_config();
	int64_t now = T0_NS + 1234 * NS_PER_MS;
	uint64_t sent = 0;
	struct sample s;

	memset(&report, 0, sizeof(report));
	config.limits.name_slots = 0;
	assert_int_equal(collector_new(&report.collector, &config), 0);
	windows_init(&report.windows, config.interval_ns, 2 * NS_PER_S, now, false);
	collector_reopen(report.collector, report.windows.oldest);
	for (int turn = 0; turn < 3000; turn++) {
		now += step(&random);
		/* Frames may come before the report has seen the step. */
		for (uint32_t n = random_below(&random, 4); n > 0; n--, sent++) {
			sample_init(&s, RECORD_AUTH_QUERY, 1, 1,
			    now + ((int64_t)random_below(&random, 40) - 35) * 500 * NS_PER_MS);
			take_one(report.collector, &s, now);
		}
		if (random_below(&random, 3))
			tick(&report, now);
	}
	close_windows(&report, INT64_MAX);
	assert_int_equal(report.frames, sent);
	assert_int_equal(report.queries, sent);
	qsort(report.times, report.n_written, sizeof(report.times[0]), compare_times);
	for (size_t i = 1; i < report.n_written; i++)
		assert_true(report.times[i] != report.times[i - 1]);
	collector_free(report.collector);
}

static void test_clock_steps_lose_and_double_nothing(void **state UNUSED)
{
	for (uint64_t seed = 1; seed <= 40; seed++)
		walk(seed * 2654435761);
}

/* -- threads that count, one that merges */

#define THREADS 4
#define BATCHES 3000
#define WINDOWS 12

struct counter {
	pthread_t thread;
	struct collector *collector;
	struct ring closed, returned;
	_Atomic int64_t now_ns;
	_Atomic bool done;
	uint64_t seed, sent;
};

static void push(struct ring *ring, void *item)
{
	while (!ring_push(ring, item))
		sched_yield();
}

static void *count(void *argument)
{
	struct counter *counter = argument;
	struct shard *shards[COLLECTOR_MAX_SHARDS];
	struct record records[RECORD_BATCH];
	struct sample samples[RECORD_BATCH];
	size_t n;

	for (int batch = 0; batch < BATCHES; batch++) {
		const int64_t now = T0_NS + SECONDS(10) * batch * WINDOWS / BATCHES;

		n = 1 + random_below(&counter->seed, RECORD_BATCH);
		for (size_t i = 0; i < n; i++) {
			sample_init(&samples[i], RECORD_AUTH_QUERY,
			    random_below(&counter->seed, 3000), (uint16_t)batch,
			    now - SECONDS(random_below(&counter->seed, 15)));
			samples[i].record.protocol = (uint8_t)(1 + (batch & 1));
			sample_question(
			    &samples[i], "\1x", (uint16_t)random_below(&counter->seed, 5000));
			records[i] = samples[i].record;
		}
		collector_take(counter->collector, records, n, now);
		counter->sent += n;
		if (batch % 50 == 0) { /* what was sent back is used again */
			struct shard *empty;

			while ((empty = ring_pop(&counter->returned)))
				collector_give(counter->collector, empty);
			n = collector_close(
			    counter->collector, (now - SECONDS(2)) / SECONDS(10), shards);
			for (size_t i = 0; i < n; i++)
				push(&counter->closed, shards[i]);
		}
	}
	n = collector_close(counter->collector, INT64_MAX, shards);
	for (size_t i = 0; i < n; i++)
		push(&counter->closed, shards[i]);
	atomic_store(&counter->done, true);
	return NULL;
}

/* Everything that is in the ring. */
static void merge(struct counter *counter, struct shard *total)
{
	const struct collector_config config = test_config();
	struct shard *shard;

	while ((shard = ring_pop(&counter->closed))) {
		assert_int_equal(shard_merge(total, shard, &test_seed), 0);
		shard_clear(shard, &config.limits);
		if (!ring_push(&counter->returned, shard))
			shard_free(shard);
	}
}

static void test_threads_lose_nothing(void **state UNUSED)
{
	static struct counter counters[THREADS];
	const struct collector_config config = test_config();
	struct shard *total = empty_shard();
	uint64_t sent = 0, queries = 0;
	size_t left = THREADS;

	for (int i = 0; i < THREADS; i++) {
		counters[i].seed = (uint64_t)i + 51;
		assert_int_equal(collector_new(&counters[i].collector, &config), 0);
		assert_int_equal(pthread_create(&counters[i].thread, NULL, count, &counters[i]), 0);
	}
	while (left) {
		left = 0;
		for (int i = 0; i < THREADS; i++) {
			left += !atomic_load(&counters[i].done);
			merge(&counters[i], total);
		}
		sched_yield();
	}
	for (int i = 0; i < THREADS; i++) {
		struct shard *empty;

		pthread_join(counters[i].thread, NULL);
		merge(&counters[i], total);
		while ((empty = ring_pop(&counters[i].returned)))
			shard_free(empty);
		collector_free(counters[i].collector);
		sent += counters[i].sent;
	}
	assert_int_equal(total->frames, sent);
	assert_int_equal(total->lost, 0);
	for (unsigned transport = 0; transport < 2; transport++)
		queries += margin_count(total, 0, MARGIN_MESSAGES, 0, transport, 0, 0);
	assert_int_equal(queries, sent);
	assert_int_equal(total->sources.used, 3000);
	shard_free(total);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clock_steps_lose_and_double_nothing),
	    cmocka_unit_test(test_threads_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
