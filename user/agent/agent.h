/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wiring: what runs, in which thread, in which order it starts and stops. The thread that owns
 * the agent owns time, windows and the report; every input has a thread of its own that counts
 * into shards of its own (dnstap/dnstap.h, stats/collector.h).
 */
#ifndef CROSSTAP_AGENT_AGENT_H
#define CROSSTAP_AGENT_AGENT_H

#include "base/clock.h"
#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>

struct agent;
struct report;

/* Sockets that were passed to the process, by name. */
struct passed_socket {
	const char *name;
	int fd;
};

struct agent_options {
	struct config *config;     /* the agent's from now on, even on failure */
	const struct clock *clock; /* the wall clock */
	const struct passed_socket *passed;
	size_t n_passed;
};

/* -EADDRINUSE and the like where an input cannot be opened, -EINVAL where the configuration cannot
 * be obeyed. */
int agent_new(struct agent **ret, const struct agent_options *options, char *error, size_t size);
/* Inputs are read from here on. */
int agent_start(struct agent *agent, char *error, size_t size);
/*
 * Takes a new configuration: inputs that stay keep their connections, what they counted stays
 * counted. On failure nothing has changed, and the new configuration is freed.
 */
int agent_reload(struct agent *agent, struct config *config, char *error, size_t size);

/* Looks at the clock: closes the windows that are due, notices a clock that was set. Returns when
 * to be called again (wall clock, ns). */
int64_t agent_tick(struct agent *agent);
/* The clock was set, by however little: to be called before the next tick. Windows that were open
 * then are not complete. */
void agent_clock_set(struct agent *agent);
/* Readable when agent_process() has something to do (interfaces, addresses); -1: nothing to wait
 * for. */
int agent_fd(const struct agent *agent);
void agent_process(struct agent *agent);
/* Reads what is in flight, closes all windows, delivers for at most `timeout_ns`. */
void agent_stop(struct agent *agent, uint64_t timeout_ns);
void agent_free(struct agent *agent);

struct report *agent_report(struct agent *agent);
const struct config *agent_config(const struct agent *agent);
/* Any thread: true while windows close in time and outputs deliver; else the reasons as a JSON
 * array of strings. */
bool agent_healthy(struct agent *agent, char *reasons, size_t size);

#endif
