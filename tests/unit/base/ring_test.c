/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/ring.h"
#include "base/unused.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define ITEMS 200000

static void test_is_bounded_and_in_order(void **state UNUSED)
{
	struct ring ring = {0};
	int items[RING_SLOTS + 1];

	assert_null(ring_pop(&ring));
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < RING_SLOTS; i++)
			assert_true(ring_push(&ring, &items[i]));
		assert_false(ring_push(&ring, &items[RING_SLOTS]));
		for (int i = 0; i < RING_SLOTS; i++)
			assert_ptr_equal(ring_pop(&ring), &items[i]);
		assert_null(ring_pop(&ring));
		/* From another place of the array each time. */
		assert_true(ring_push(&ring, &items[0]));
		assert_ptr_equal(ring_pop(&ring), &items[0]);
	}
}

struct pipe {
	struct ring ring;
	uint64_t *values;
};

static void *produce(void *argument)
{
	struct pipe *pipe = argument;

	for (uint64_t i = 0; i < ITEMS; i++) {
		pipe->values[i] = i * 3; /* the consumer sees it, or the ring is broken */
		while (!ring_push(&pipe->ring, &pipe->values[i]))
			sched_yield();
	}
	return NULL;
}

static void test_carries_items_between_threads(void **state UNUSED)
{
	static uint64_t values[ITEMS];
	static struct pipe pipe;
	pthread_t thread;

	pipe.values = values;
	assert_int_equal(pthread_create(&thread, NULL, produce, &pipe), 0);
	for (uint64_t i = 0; i < ITEMS; i++) {
		const uint64_t *item;

		while (!(item = ring_pop(&pipe.ring)))
			sched_yield();
		assert_true(*item == i * 3);
	}
	pthread_join(thread, NULL);
	assert_null(ring_pop(&pipe.ring));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_is_bounded_and_in_order),
	    cmocka_unit_test(test_carries_items_between_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
