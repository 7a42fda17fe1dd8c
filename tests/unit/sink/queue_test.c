/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "sink_fixture.h"

#include "sink/queue.h"

#include <errno.h>
#include <pthread.h>

static struct queue *new_queue(size_t batches, size_t bytes)
{
	struct queue *q;

	assert_int_equal(queue_new(&q, batches, bytes), 0);
	return q;
}

static size_t push(struct queue *q, size_t from, size_t n)
{
	struct batch *batch = numbered_batch(from, n);
	size_t dropped = queue_push(q, batch, from);

	batch_unref(batch);
	return dropped;
}

static void pop_expect(struct queue *q, size_t from)
{
	uint64_t due_ns;
	struct batch *batch = queue_pop(q, &due_ns);
	char begin[32];

	assert_non_null(batch);
	assert_int_equal(due_ns, from);
	snprintf(begin, sizeof(begin), "m,t=x id=%zui ", from);
	assert_memory_equal(batch->text, begin, strlen(begin));
	batch_unref(batch);
}

static void test_batch(void **state UNUSED)
{
	struct batch *batch;

	assert_int_equal(batch_new(&batch, "", 0, 0, 0), -EINVAL);
	assert_int_equal(batch_new(&batch, "a\nb\n", 4, 2, 5), 0);
	assert_ptr_equal(batch_ref(batch), batch);
	batch_unref(batch);
	assert_int_equal(batch->length, 4);
	batch_unref(batch);
	batch_unref(NULL);
	assert_int_equal(batch_count_lines("a\nb\n", 4), 2);
	assert_int_equal(batch_count_lines("a\nb", 3), 2);
	assert_int_equal(batch_count_lines("", 0), 0);
}

/* What could not be written to disk goes back to where it was, if nobody took its place. */
static void test_unpop(void **state UNUSED)
{
	struct queue *q = new_queue(2, 1 << 20);
	struct batch *batch;
	uint64_t due_ns;

	assert_true(queue_due(q) == UINT64_MAX);
	push(q, 1, 1);
	push(q, 2, 1);
	assert_int_equal(queue_due(q), 1);
	batch = queue_pop(q, &due_ns);
	assert_int_equal(queue_due(q), 2);
	assert_int_equal(queue_unpop(q, batch, due_ns), 0);
	assert_int_equal(queue_due(q), 1);
	batch = queue_pop(q, &due_ns);
	push(q, 3, 1);
	assert_int_equal(queue_unpop(q, batch, due_ns), 1);
	pop_expect(q, 2);
	pop_expect(q, 3);
	queue_free(q);
}

static void test_order(void **state UNUSED)
{
	struct queue *q = new_queue(3, 1 << 20);
	uint64_t due_ns;

	for (size_t round = 0; round < 5; round++) {
		assert_int_equal(push(q, 10 * round, 1), 0);
		assert_int_equal(push(q, 10 * round + 1, 1), 0);
		assert_int_equal(queue_length(q), 2);
		pop_expect(q, 10 * round);
		pop_expect(q, 10 * round + 1);
	}
	assert_null(queue_pop(q, &due_ns));
	queue_free(q);
	queue_free(NULL);
}

static void test_oldest_is_dropped(void **state UNUSED)
{
	struct queue *q = new_queue(3, 1 << 20);

	assert_int_equal(push(q, 1, 5), 0);
	assert_int_equal(push(q, 2, 1), 0);
	assert_int_equal(push(q, 3, 1), 0);
	assert_int_equal(push(q, 4, 1), 5);
	pop_expect(q, 2);
	pop_expect(q, 3);
	pop_expect(q, 4);
	queue_free(q);
}

static void test_bytes_are_bounded(void **state UNUSED)
{
	struct queue *q = new_queue(100, 500);

	for (size_t i = 0; i < 10; i++)
		push(q, 10 + i, 4); /* about 100 bytes */
	assert_in_range(queue_length(q), 3, 5);
	/* One that is larger than the bound is kept alone. */
	assert_true(push(q, 50, 100) > 0);
	assert_int_equal(queue_length(q), 1);
	pop_expect(q, 50);
	queue_free(q);
}

static void test_events(void **state UNUSED)
{
	struct queue *q = new_queue(4, 1 << 20);
	uint64_t before = clock_monotonic_ns();

	assert_int_equal(queue_wait(q, QUEUE_NOT_EMPTY, before + 5 * NS_PER_MS), 0);
	assert_true(clock_monotonic_ns() >= before + 5 * NS_PER_MS);
	push(q, 1, 1);
	assert_int_equal(
	    queue_wait(q, QUEUE_NOT_EMPTY | QUEUE_CROWDED, UINT64_MAX), QUEUE_NOT_EMPTY);
	assert_int_equal(queue_wait(q, QUEUE_CROWDED, before), 0);
	push(q, 2, 1);
	push(q, 3, 1);
	assert_int_equal(queue_wait(q, QUEUE_CROWDED, UINT64_MAX), QUEUE_CROWDED);
	assert_false(queue_wait_room(q, before));
	assert_int_equal(queue_wait(q, QUEUE_FULL, before), 0);
	push(q, 4, 1);
	assert_int_equal(queue_wait(q, QUEUE_FULL, before), QUEUE_FULL);
	assert_false(queue_wait_left(q, before));
	queue_leave(q);
	assert_true(queue_wait_left(q, before));
	queue_stop(q);
	assert_int_equal(queue_wait(q, QUEUE_STOPPED | QUEUE_NOT_EMPTY, UINT64_MAX),
	    QUEUE_STOPPED | QUEUE_NOT_EMPTY);
	assert_int_equal(push(q, 5, 7), 7);
	assert_int_equal(queue_length(q), 4);
	queue_free(q);
}

#define PRODUCERS 4
#define EACH      2000

static void *produce(void *context)
{
	struct queue *q = context;

	for (size_t i = 0; i < EACH; i++) {
		struct batch *batch;

		assert_int_equal(batch_new(&batch, "x\n", 2, 1, 0), 0);
		while (!queue_wait_room(q, clock_monotonic_ns() + NS_PER_S))
			;
		assert_int_equal(queue_push(q, batch, 0), 0);
		batch_unref(batch);
	}
	return NULL;
}

/* Nothing is lost or doubled between threads; room for all producers is over half of the queue. */
static void test_threads(void **state UNUSED)
{
	struct queue *q = new_queue(64, 1 << 20);
	pthread_t threads[PRODUCERS];
	size_t taken = 0;

	for (size_t i = 0; i < PRODUCERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, produce, q), 0);
	while (taken < (size_t)PRODUCERS * EACH) {
		uint64_t due_ns;
		struct batch *batch;

		assert_int_equal(queue_wait(q, QUEUE_NOT_EMPTY, clock_monotonic_ns() + WAIT_NS),
		    QUEUE_NOT_EMPTY);
		while ((batch = queue_pop(q, &due_ns))) {
			taken++;
			batch_unref(batch);
		}
	}
	for (size_t i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(queue_length(q), 0);
	queue_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_batch),
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_unpop),
	    cmocka_unit_test(test_oldest_is_dropped),
	    cmocka_unit_test(test_bytes_are_bounded),
	    cmocka_unit_test(test_events),
	    cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
