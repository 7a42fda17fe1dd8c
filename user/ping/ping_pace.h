/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When the next packet may leave. Evenly spaced; a late wake-up may catch up a little, but a log of
 * the last `rate` departures makes sure that no second, wherever it begins, holds more than `rate`.
 * Times are monotonic nanoseconds.
 */
#ifndef CROSSTAP_PING_PING_PACE_H
#define CROSSTAP_PING_PING_PACE_H

#include <stddef.h>
#include <stdint.h>

#define PING_TICK_NS     20000000ULL /* the thread does not wake more often than this */
#define PING_CATCH_UP_NS 40000000ULL /* worth of packets that may leave at once */

struct ping_pace {
	uint64_t gap_ns, period_ns, next_ns;
	uint64_t *log; /* of the last n departures; 0: none yet */
	size_t n, head;
};

/* Keeps what was logged. `rate_per_s` is held within 1/3600 and PING_MAX_RATE_PER_S. -ENOMEM
 * leaves the old rate. */
int ping_pace_set(struct ping_pace *pace, double rate_per_s);
void ping_pace_clear(struct ping_pace *pace);
/* The earliest time at which a packet may leave. */
uint64_t ping_pace_next_ns(const struct ping_pace *pace);
/* `now_ns` is read after the packet left, so that the log errs towards fewer. */
void ping_pace_sent(struct ping_pace *pace, uint64_t now_ns);

#endif
