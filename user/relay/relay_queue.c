/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/relay_queue.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES  4
#define CONTROL_BYTES 8 /* escape and length of a control frame */
#define MASK          (RELAY_QUEUE_BYTES - 1)

_Static_assert((RELAY_QUEUE_BYTES & MASK) == 0, "a power of two");

int relay_queue_init(struct relay_queue *queue)
{
	memset(queue, 0, sizeof(*queue));
	queue->ring = malloc(RELAY_QUEUE_BYTES);
	return queue->ring ? 0 : -ENOMEM;
}

void relay_queue_done(struct relay_queue *queue)
{
	free(queue->ring);
	queue->ring = NULL;
}

static uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void copy_in(struct relay_queue *queue, uint64_t at, const uint8_t *data, size_t length)
{
	const size_t offset = at & MASK, left = RELAY_QUEUE_BYTES - offset,
		     first = length < left ? length : left;

	memcpy(queue->ring + offset, data, first);
	memcpy(queue->ring, data + first, length - first);
}

/* Neighbours that fit go in one copy. */
uint64_t relay_queue_put(struct relay_queue *queue, const uint8_t *data, size_t length)
{
	const uint64_t taken = atomic_load_explicit(&queue->taken, memory_order_acquire);
	uint64_t put = atomic_load_explicit(&queue->put, memory_order_relaxed), dropped = 0;
	const uint8_t *at = data, *end = data + length, *run = data;
	size_t room = RELAY_QUEUE_BYTES - (size_t)(put - taken);

	while (end - at >= LENGTH_BYTES) {
		const uint32_t n = load_be32(at);
		const bool control = n == 0;
		size_t whole = LENGTH_BYTES + (size_t)n;

		if (control)
			whole = end - at < CONTROL_BYTES
			    ? CONTROL_BYTES
			    : CONTROL_BYTES + (size_t)load_be32(at + LENGTH_BYTES);
		if (whole > (size_t)(end - at))
			break;
		if (!control && whole <= room) {
			room -= whole;
			at += whole;
			continue;
		}
		copy_in(queue, put, run, (size_t)(at - run));
		put += (uint64_t)(at - run);
		dropped += !control;
		at += whole;
		run = at;
	}
	copy_in(queue, put, run, (size_t)(at - run));
	put += (uint64_t)(at - run);
	atomic_store_explicit(&queue->put, put, memory_order_seq_cst);
	return dropped;
}

size_t relay_queue_peek(const struct relay_queue *queue, struct iovec parts[static 2])
{
	const uint64_t put = atomic_load_explicit(&queue->put, memory_order_seq_cst),
		       from =
			   atomic_load_explicit(&queue->taken, memory_order_relaxed) + queue->sent;
	const size_t length = (size_t)(put - from), offset = from & MASK,
		     left = RELAY_QUEUE_BYTES - offset, first = length < left ? length : left;

	parts[0] = (struct iovec){queue->ring + offset, first};
	parts[1] = (struct iovec){queue->ring, length - first};
	return length;
}

/* Bytes of the frame there, with its length. */
static uint64_t frame_at(const struct relay_queue *queue, uint64_t at)
{
	uint8_t length[LENGTH_BYTES];

	for (unsigned i = 0; i < LENGTH_BYTES; i++)
		length[i] = queue->ring[(at + i) & MASK];
	return LENGTH_BYTES + (uint64_t)load_be32(length);
}

uint64_t relay_queue_sent(struct relay_queue *queue, size_t length)
{
	uint64_t taken = atomic_load_explicit(&queue->taken, memory_order_relaxed), frames = 0;

	queue->sent += length;
	while (queue->sent >= LENGTH_BYTES) {
		const uint64_t whole = frame_at(queue, taken);

		if (whole > queue->sent)
			break;
		queue->sent -= whole;
		taken += whole;
		frames++;
	}
	atomic_store_explicit(&queue->taken, taken, memory_order_release);
	return frames;
}

void relay_queue_again(struct relay_queue *queue)
{
	queue->sent = 0;
}

uint64_t relay_queue_clear(struct relay_queue *queue)
{
	struct iovec parts[2];

	queue->sent = 0;
	return relay_queue_sent(queue, relay_queue_peek(queue, parts));
}
