/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DNS over TCP in captures: puts the segments of a stream in order before they are counted. A file
 * can wait for the segment that comes late, as a running agent cannot. A stream begins with its
 * SYN's number, whatever went over the same ports before; one whose SYN is in no capture begins
 * with its first data. What is missing for STREAMS_WAIT_NS of the captures' time, or stands behind
 * more than fits, is given up: then the cursor of crosstap/wire_tcp.h finds its way, and `resync`
 * counts.
 *
 * Called by replay_wire, in its thread, for each segment that the counter meets.
 */
#ifndef CROSSTAP_REPLAY_STREAMS_H
#define CROSSTAP_REPLAY_STREAMS_H

#include "wire/counter/counter.h"

#include <stdbool.h>
#include <stdint.h>

#define STREAMS_MAX        65536 /* a direction each; the longest unused leaves */
#define STREAMS_WAIT_NS    10000000000LL
#define STREAM_HELD_BYTES  (1u << 20) /* of a stream's segments behind a hole */
#define STREAM_HELD_PIECES 1024
#define STREAMS_HELD_BYTES (64u << 20) /* of all */

struct streams;

/* Becomes the follower of `counter`, which outlives it. -ENOMEM. */
int streams_new(struct streams **ret, struct counter *counter);
void streams_free(struct streams *streams);
/* Before a packet is given to the counter: the window and the time that its segment counts in. */
void streams_at(struct streams *streams, struct counter_window *window, int64_t time_ns);
/* Does a segment wait for what is missing before it? */
bool streams_wait(const struct streams *streams);
/* No more packets will come: counts what still waits, in that window. */
void streams_flush(struct streams *streams, struct counter_window *window);
/* As if it were new, for another capture. Nothing is counted. */
void streams_clear(struct streams *streams);

#endif
