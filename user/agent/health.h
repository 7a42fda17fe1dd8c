/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does the agent do what it is for? What stands against it is found here, from facts alone.
 *
 * A producer has two intervals from the agent's start, and at least HEALTH_LEAST_START_NS: one that
 * is idle notices a restart of the agent only when it writes, and tries again on a grid of seconds.
 */
#ifndef CROSSTAP_AGENT_HEALTH_H
#define CROSSTAP_AGENT_HEALTH_H

#include "report/outputs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEALTH_LEAST_START_NS (30 * (int64_t)1000000000)

struct health_facts {
	int64_t now_ns, started_ns; /* wall clock */
	int64_t due_ns;             /* of the oldest window; 0: none yet */
	uint64_t interval_ns;
	size_t inputs;
	bool connected; /* a producer is or was, on any input, since the start */
	const struct output_status *outputs;
	size_t n_outputs;
};

/* True if nothing does; else the reasons as a JSON array of strings, cut at whole reasons. */
bool health_judge(const struct health_facts *facts, char *reasons, size_t size);

#endif
