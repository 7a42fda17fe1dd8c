/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whom to ask next: a table of resolvers with how much each asked lately, when it is due, and what
 * came of the last probes. No I/O and no clock: times are monotonic nanoseconds given by the
 * caller.
 *
 * The table is bounded: sets of 8 rows (hash seeded at random), doubling up to the limit. In a full
 * set, a newcomer may take the row of whom was not seen in this window or the one before, or of who
 * asked less than the newcomer; never that of a resolver which qualifies for probes, unless it has
 * never answered one. So a flood of sources that come once displaces each other.
 */
#ifndef CROSSTAP_PING_PING_SCHEDULE_H
#define CROSSTAP_PING_PING_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ping/ping.h"

#define PING_NEVER UINT64_MAX

/* Steps of the backoff: each doubles the interval, up to PING_MAX_BACKOFF_NS. */
enum { PING_BACKOFF_SILENT = 1, PING_BACKOFF_ERROR = 1, PING_BACKOFF_OBJECTION = 3 };

struct ping_schedule;

struct ping_schedule_settings {
	uint64_t every_ns;  /* between two probes of one resolver */
	uint64_t window_ns; /* of the statistics */
	size_t max_rows;
	size_t plan_rows; /* how many to choose at a time, from all that are due */
};

int ping_schedule_new(
    struct ping_schedule **ret, const struct ping_schedule_settings *settings, uint64_t seed);
void ping_schedule_free(struct ping_schedule *schedule);
/* Fewer rows than now: those that do not fit are dropped, the measured last. */
int ping_schedule_configure(
    struct ping_schedule *schedule, const struct ping_schedule_settings *settings);

/* All offers until the next call belong to one window. */
void ping_schedule_begin_window(struct ping_schedule *schedule);
/* Counts an address that is known. False: it is not. */
bool ping_schedule_touch(struct ping_schedule *schedule, const struct ping_address *address,
    uint32_t answered, uint64_t now_ns);
/* Finds room for one that is not. False: there is none. */
bool ping_schedule_admit(struct ping_schedule *schedule, const struct ping_address *address,
    uint32_t answered, uint64_t now_ns);

/* When ping_schedule_take may have something; PING_NEVER if nobody is due. */
uint64_t ping_schedule_next_ns(const struct ping_schedule *schedule);
/* The busiest of those due. `families` is a bit mask, 1 << family. */
bool ping_schedule_take(
    struct ping_schedule *schedule, uint64_t now_ns, unsigned families, struct ping_address *ret);

/* More families than before may be asked. */
void ping_schedule_look_again(struct ping_schedule *schedule);

/* What became of one taken; each is ignored for an address that left the table meanwhile. */
void ping_schedule_sent(
    struct ping_schedule *schedule, const struct ping_address *address, uint64_t now_ns);
void ping_schedule_replied(struct ping_schedule *schedule, const struct ping_address *address,
    uint64_t rtt_ns, uint64_t now_ns);
void ping_schedule_timed_out(
    struct ping_schedule *schedule, const struct ping_address *address, uint64_t now_ns);
/* `steps` of PING_BACKOFF_*. */
void ping_schedule_objected(struct ping_schedule *schedule, const struct ping_address *address,
    unsigned steps, uint64_t now_ns);
/* Not sent after all: again in `every_ns`. */
void ping_schedule_postponed(
    struct ping_schedule *schedule, const struct ping_address *address, uint64_t now_ns);

bool ping_schedule_result(const struct ping_schedule *schedule, const struct ping_address *address,
    uint64_t now_ns, struct ping_result *ret);
/* Measured resolvers of `n_sets` sets from `first_set` on; returns the next set, 0 at the end. */
size_t ping_schedule_walk(const struct ping_schedule *schedule, size_t first_set, size_t n_sets,
    uint64_t now_ns, void (*callback)(void *context, const struct ping_result *), void *context);

/* Fills known, due, evicted, capacity; adds to memory_bytes. */
void ping_schedule_stats(const struct ping_schedule *schedule, struct ping_stats *ret);

#endif
