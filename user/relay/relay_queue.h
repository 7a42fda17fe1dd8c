/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole frames on their way from an input's thread to a tee's: a ring of bytes, one thread puts and
 * one takes. What does not fit is left out, by whole frames. In it they are as in a frame stream: a
 * length and as many bytes; control frames are not taken over.
 */
#ifndef CROSSTAP_RELAY_RELAY_QUEUE_H
#define CROSSTAP_RELAY_RELAY_QUEUE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define RELAY_QUEUE_BYTES ((size_t)4 * 1024 * 1024) /* a power of two */

struct relay_queue {
	uint8_t *ring;
	_Atomic uint64_t put, taken; /* bytes since the beginning */
	uint64_t sent;               /* from `taken` on, of a frame that is not all sent */
};

/* -ENOMEM. */
int relay_queue_init(struct relay_queue *queue);
void relay_queue_done(struct relay_queue *queue);

/* Takes over the data frames of what receiver_feed() has just used up. How many did not fit. */
uint64_t relay_queue_put(struct relay_queue *queue, const uint8_t *data, size_t length);
/* What is to be sent next, in at most two parts; how many bytes. */
size_t relay_queue_peek(const struct relay_queue *queue, struct iovec parts[static 2]);
/* So much of it was sent; how many frames are whole with that. */
uint64_t relay_queue_sent(struct relay_queue *queue, size_t length);
/* The other end is gone: a frame of which a part was sent is to be sent whole. */
void relay_queue_again(struct relay_queue *queue);
/* Empties it; how many frames there were. */
uint64_t relay_queue_clear(struct relay_queue *queue);

#endif
