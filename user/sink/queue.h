/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bounded queue of batches between any number of producers and one thread that delivers. A push
 * never waits: when the queue is full, the oldest batch goes. The consumer sleeps until something
 * that it asked for has happened, without timeouts of its own.
 */
#ifndef CROSSTAP_SINK_QUEUE_H
#define CROSSTAP_SINK_QUEUE_H

#include "sink/batch.h"

struct queue;

enum {
	QUEUE_NOT_EMPTY = 1, /* there is a batch */
	QUEUE_CROWDED = 2,   /* over half full */
	QUEUE_FULL = 4,      /* the next push drops one */
	QUEUE_STOPPED = 8,   /* queue_stop was called */
};

/* Holds at most `max_batches`, and `max_bytes` of text (or one larger batch alone). */
int queue_new(struct queue **ret, size_t max_batches, size_t max_bytes);
void queue_free(struct queue *queue);
/* Another bound, from the next push on. */
void queue_set_bytes(struct queue *queue, size_t max_bytes);

/* Takes a reference of its own; `due_ns` (CLOCK_MONOTONIC) is handed back by queue_pop. Returns the
 * points of the batches that had to go for it; of its own if the queue is stopped. */
size_t queue_push(struct queue *queue, struct batch *batch, uint64_t due_ns);
/* The oldest batch, whose reference is the caller's, or NULL. */
struct batch *queue_pop(struct queue *queue, uint64_t *ret_due_ns);
/* Puts back what queue_pop gave last, with its reference. Returns its points if there is no room.
 */
size_t queue_unpop(struct queue *queue, struct batch *batch, uint64_t due_ns);
/* When the oldest is due; UINT64_MAX: there is none. */
uint64_t queue_due(struct queue *queue);
/* Waits for one of `events` until `until_ns` (CLOCK_MONOTONIC; UINT64_MAX: for ever). Returns those
 * of `events` that hold, 0 when the time has come. One consumer. */
unsigned queue_wait(struct queue *queue, unsigned events, uint64_t until_ns);
/* Producers' side: true once the queue is less than half full; false when the time has come. */
bool queue_wait_room(struct queue *queue, uint64_t until_ns);
void queue_stop(struct queue *queue);
/* The consumer's last call. */
void queue_leave(struct queue *queue);
/* Whether the consumer has left, waiting for it until `until_ns`. */
bool queue_wait_left(struct queue *queue, uint64_t until_ns);
size_t queue_length(struct queue *queue);

#endif
