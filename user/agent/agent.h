/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wiring: what runs, in which thread, in which order it starts, stops and takes another
 * configuration. crosstap run calls it, from one thread, which owns time, windows and the report;
 * every input has a thread of its own that counts into shards of its own (dnstap/dnstap.h,
 * stats/collector.h).
 *
 *   agent.c          start and stop
 *   agent_windows.c  a window's end
 *   reload.c         another configuration: the table of stages
 *   inputs.c         the set of inputs, beside the old one until nothing can fail any more
 *   input.c          one input: its thread, its mailbox
 *   setup.c          from the configuration to what stages take, for replay too
 *   health.c         what stands against its health
 *   passed.c, lock.c what belongs to the process: sockets that were passed to it, its lock file
 */
#ifndef CROSSTAP_AGENT_AGENT_H
#define CROSSTAP_AGENT_AGENT_H

#include "base/clock.h"
#include "base/passed.h"
#include "config/config.h"
#include "config/diff.h"

#include <stdbool.h>
#include <stddef.h>

struct agent;
struct report;

struct agent_options {
	struct config *config;               /* the agent's from now on, even on failure */
	const struct clock *clock;           /* the wall clock */
	const struct passed_sockets *passed; /* outlive the agent, which never closes them */
};

/* -EADDRINUSE and the like where an input cannot be opened, -EINVAL where the configuration cannot
 * be obeyed. */
int agent_new(struct agent **ret, const struct agent_options *options, char *error, size_t size);
/* Inputs are read from here on. */
int agent_start(struct agent *agent, char *error, size_t size);
/*
 * Takes a new configuration, whose reference is the agent's from now on: inputs that stay keep
 * their connections, what they counted stays counted. *ret says what differs; options in it that
 * need a restart keep the value in force. On failure nothing has changed, and `error` says why.
 */
int agent_reload(
    struct agent *agent, struct config *config, struct config_diff *ret, char *error, size_t size);

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
/* In force; valid until the next reload. */
const struct config *agent_config(const struct agent *agent);
/* Any thread: true while windows close in time, a producer came within the start's time (health.h),
 * no output refuses all and one at least works; else the reasons as a JSON array of strings. */
bool agent_healthy(struct agent *agent, char *reasons, size_t size);
/* Any thread: what each stage has in force, as a JSON document to free(); NULL: no memory. */
char *agent_config_json(struct agent *agent);

#endif
