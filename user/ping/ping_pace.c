/* SPDX-License-Identifier: BSD-2-Clause */
#include "ping/ping_pace.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "ping/ping.h"

int ping_pace_set(struct ping_pace *pace, double rate_per_s)
{
	double rate = fmin(fmax(rate_per_s, 1.0 / 3600), PING_MAX_RATE_PER_S);
	size_t n = rate < 1 ? 1 : (size_t)rate;
	uint64_t *log = calloc(n, sizeof(*log));

	if (!log)
		return -ENOMEM;
	/* Newest last, so that the oldest slot, log[0], is the next to be written. */
	for (size_t i = 0; i < n && i < pace->n; i++)
		log[n - 1 - i] = pace->log[(pace->head + pace->n - 1 - i) % pace->n];
	free(pace->log);
	pace->log = log;
	pace->n = n;
	pace->head = 0;
	pace->gap_ns = (uint64_t)ceil(NS_PER_S / rate);
	pace->period_ns = rate < 1 ? pace->gap_ns : (uint64_t)NS_PER_S;
	return 0;
}

void ping_pace_clear(struct ping_pace *pace)
{
	free(pace->log);
	*pace = (struct ping_pace){0};
}

uint64_t ping_pace_next_ns(const struct ping_pace *pace)
{
	uint64_t oldest = pace->log[pace->head];
	uint64_t free_ns = oldest ? oldest + pace->period_ns : 0;

	return free_ns > pace->next_ns ? free_ns : pace->next_ns;
}

void ping_pace_sent(struct ping_pace *pace, uint64_t now_ns)
{
	uint64_t earliest = now_ns > PING_CATCH_UP_NS ? now_ns - PING_CATCH_UP_NS : 0;

	pace->log[pace->head] = now_ns;
	pace->head = (pace->head + 1) % pace->n;
	pace->next_ns = (pace->next_ns > earliest ? pace->next_ns : earliest) + pace->gap_ns;
}
