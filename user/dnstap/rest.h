/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long a producer's socket may rest unread, so that one waking takes what many writes brought:
 * at 10,000 queries a second a waking costs more than the 40 frames of one write do. The socket's
 * buffer bounds the rest, at the rate just seen, so that no producer ever waits for room.
 */
#ifndef CROSSTAP_DNSTAP_REST_H
#define CROSSTAP_DNSTAP_REST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REST_MOST_NS  20000000  /* so often an input looks: others may begin to send meanwhile */
#define REST_HELD_NS  100000000 /* it reads no later, however little waits */
#define REST_LEAST_NS 2000000   /* shorter ones leave too little room for a late waking */

struct rest {
	size_t room;        /* of the socket's buffer, in bytes as the kernel charges for them */
	size_t write_most;  /* bytes that the kernel may keep in one piece */
	size_t page;        /* of the machine's memory */
	size_t write_bytes; /* of one write, as far as it was seen; 0: not yet */
	uint64_t rate;      /* bytes a second, the highest of late */
	uint64_t since_ns;  /* CLOCK_MONOTONIC: `gathered` came since then; 0: nothing came yet */
	uint64_t gathered;  /* bytes */
	unsigned int looks; /* at single writes, to come before it may rest */
	unsigned int rests; /* since the last such look, each part of one that went on */
};

/* Of a connected stream socket. One that does not tell its buffer never rests. */
void rest_init(struct rest *rest, int fd);
/* `bytes` were read at `now_ns` (CLOCK_MONOTONIC), after a rest or as soon as they came. */
void rest_read(struct rest *rest, uint64_t now_ns, size_t bytes, bool rested);
/* Nanoseconds in which it fills half of its buffer, as fast as it wrote of late; UINT64_MAX:
 * nothing came yet. */
uint64_t rest_room_ns(const struct rest *rest);
/* Nanoseconds until somebody looks again, REST_MOST_NS at most, of at most `held_ns` until the next
 * read; 0: reads as soon as something comes. */
uint64_t rest_ns_of(struct rest *rest, uint64_t held_ns);
/* The same after a rest, while `waiting` bytes are in the socket; 0: reads now. */
uint64_t rest_more_ns(struct rest *rest, size_t waiting);
/* Writes that come while an input rests once, as fast as they came of late. */
double rest_writes(const struct rest *rest);
/* Of the time that is left, how long a rest may go on; 0: too short to be worth another look. */
static inline uint64_t rest_part(uint64_t left_ns)
{
	if (left_ns < REST_MOST_NS / 2)
		return 0;
	return left_ns < REST_MOST_NS ? left_ns : REST_MOST_NS;
}

#endif
