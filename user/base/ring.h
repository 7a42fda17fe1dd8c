/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bounded queue of pointers between exactly one producer and one consumer thread, without a lock
 * (C11 atomics). What a pointer refers to belongs to whoever holds it.
 */
#ifndef CROSSTAP_BASE_RING_H
#define CROSSTAP_BASE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define RING_SLOTS 16 /* a power of two */

struct ring {
	_Alignas(64) _Atomic size_t head; /* next to read: the consumer's */
	_Alignas(64) _Atomic size_t tail; /* next to write: the producer's */
	_Alignas(64) void *slots[RING_SLOTS];
};

/* False when the ring is full. */
static inline bool ring_push(struct ring *ring, void *item)
{
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	if (tail - atomic_load_explicit(&ring->head, memory_order_acquire) == RING_SLOTS)
		return false;
	ring->slots[tail % RING_SLOTS] = item;
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	return true;
}

/* NULL when the ring is empty. */
static inline void *ring_pop(struct ring *ring)
{
	size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	void *item;

	if (head == atomic_load_explicit(&ring->tail, memory_order_acquire))
		return NULL;
	item = ring->slots[head % RING_SLOTS];
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
	return item;
}

#endif
