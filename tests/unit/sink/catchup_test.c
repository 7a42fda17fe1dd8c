/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/clock.h"
#include "base/unused.h"
#include "sink/catchup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define WINDOW_BYTES 100000
#define AGENTS       500
#define SERVERS      4 /* requests that the far end works at, at a time */
#define WORK_MS      20

static void test_pause(void **state UNUSED)
{
	struct catchup catchup = {0};

	assert_int_equal(catchup_pause_ns(&catchup, 20 * NS_PER_MS), 20 * NS_PER_MS);
	catchup_learn(&catchup, 20 * NS_PER_MS, WINDOW_BYTES);
	assert_int_equal(catchup_pause_ns(&catchup, 10 * NS_PER_MS), 10 * NS_PER_MS);
	assert_int_equal(catchup_pause_ns(&catchup, 30 * NS_PER_MS), 30 * NS_PER_MS);
	assert_int_equal(catchup_pause_ns(&catchup, 200 * NS_PER_MS), 2 * (uint64_t)NS_PER_S);
	assert_int_equal(catchup_pause_ns(&catchup, 5 * (uint64_t)NS_PER_S), CATCHUP_PAUSE_MOST_NS);
	assert_int_equal(
	    catchup_pause_ns(&catchup, 60 * (uint64_t)NS_PER_S), 60 * (uint64_t)NS_PER_S);
	assert_int_equal(catchup_pause_ns(&catchup, UINT64_MAX), UINT64_MAX);
}

static void test_learn(void **state UNUSED)
{
	struct catchup catchup = {0};

	catchup_learn(&catchup, 20 * NS_PER_MS, WINDOW_BYTES);
	catchup_learn(&catchup, NS_PER_MS, 200); /* an event */
	catchup_learn(&catchup, 80 * NS_PER_MS, WINDOW_BYTES);
	assert_in_range(catchup.quickest_ns, 20 * NS_PER_MS, 21 * NS_PER_MS);
	/* A longer way is known as one after some hundreds, smaller windows after as many. */
	for (size_t i = 0; i < 400; i++)
		catchup_learn(&catchup, 80 * NS_PER_MS, WINDOW_BYTES);
	assert_int_equal(catchup.quickest_ns, 80 * NS_PER_MS);
	for (size_t i = 0; i < 400; i++)
		catchup_learn(&catchup, 10 * NS_PER_MS, WINDOW_BYTES / 4);
	assert_in_range(catchup.quickest_ns, 10 * NS_PER_MS, 11 * NS_PER_MS);
}

/* A far end that works at some requests at a time, the others wait in their order. */
struct far_end {
	uint64_t free_ms[SERVERS];
};

static uint64_t serve(struct far_end *far_end, uint64_t now_ms)
{
	uint64_t *first = &far_end->free_ms[0];

	for (size_t i = 1; i < SERVERS; i++) {
		if (far_end->free_ms[i] < *first)
			first = &far_end->free_ms[i];
	}
	*first = (*first > now_ms ? *first : now_ms) + WORK_MS;
	return *first - now_ms;
}

/* Five hundred with a backlog together: the far end is busy with them for a third of the time at
 * least, and a newcomer waits less than a second, where two and a half would be all of their
 * requests at once. */
static void test_many_together(void **state UNUSED)
{
	struct catchup agents[AGENTS] = {{0}};
	uint64_t next_ms[AGENTS] = {0}, served = 0, longest_ms = 0;
	struct far_end far_end = {{0}};

	for (size_t i = 0; i < AGENTS; i++)
		catchup_learn(&agents[i], WORK_MS * NS_PER_MS, WINDOW_BYTES);
	for (uint64_t now_ms = 0; now_ms < 120000; now_ms++) {
		for (size_t i = 0; i < AGENTS; i++) {
			uint64_t took_ms;

			if (next_ms[i] > now_ms)
				continue;
			took_ms = serve(&far_end, now_ms);
			catchup_learn(&agents[i], took_ms * NS_PER_MS, WINDOW_BYTES);
			next_ms[i] = now_ms + took_ms +
			    catchup_pause_ns(&agents[i], took_ms * NS_PER_MS) / NS_PER_MS;
			served++;
			if (now_ms > 60000 && took_ms > longest_ms)
				longest_ms = took_ms;
		}
	}
	assert_true(served > 120000 / WORK_MS * SERVERS / 3);
	assert_in_range(longest_ms, WORK_MS, 1000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pause),
	    cmocka_unit_test(test_learn),
	    cmocka_unit_test(test_many_together),
	};

	return cmocka_run_group_tests_name("catchup", tests, NULL, NULL);
}
