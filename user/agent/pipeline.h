/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wiring: what runs, in which thread, in which order it starts and stops. The thread that owns
 * the pipeline owns time, windows and the report; every input has a thread of its own that counts
 * into shards of its own (dnstap/dnstap.h, stats/collector.h).
 */
#ifndef CROSSTAP_AGENT_PIPELINE_H
#define CROSSTAP_AGENT_PIPELINE_H

#include "base/clock.h"
#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>

struct pipeline;
struct report;

/* Sockets that were passed to the process, by name. */
struct passed_socket {
	const char *name;
	int fd;
};

struct pipeline_options {
	struct config *config;     /* the pipeline's from now on, even on failure */
	const struct clock *clock; /* the wall clock */
	const struct passed_socket *passed;
	size_t n_passed;
};

/* -EADDRINUSE and the like where an input cannot be opened, -EINVAL where the configuration cannot
 * be obeyed. */
int pipeline_new(
    struct pipeline **ret, const struct pipeline_options *options, char *error, size_t size);
/* Inputs are read from here on. */
int pipeline_start(struct pipeline *pipeline, char *error, size_t size);
/*
 * Takes a new configuration: inputs that stay keep their connections, what they counted stays
 * counted. On failure nothing has changed, and the new configuration is freed.
 */
int pipeline_reload(struct pipeline *pipeline, struct config *config, char *error, size_t size);

/* Looks at the clock: closes the windows that are due, notices a clock that was set. Returns when
 * to be called again (wall clock, ns). */
int64_t pipeline_tick(struct pipeline *pipeline);
/* The clock was set, by however little: to be called before the next tick. Windows that were open
 * then are not complete. */
void pipeline_clock_set(struct pipeline *pipeline);
/* Readable when pipeline_process() has something to do (interfaces, addresses); -1: nothing to wait
 * for. */
int pipeline_fd(const struct pipeline *pipeline);
void pipeline_process(struct pipeline *pipeline);
/* Reads what is in flight, closes all windows, delivers for at most `timeout_ns`. */
void pipeline_stop(struct pipeline *pipeline, uint64_t timeout_ns);
void pipeline_free(struct pipeline *pipeline);

struct report *pipeline_report(struct pipeline *pipeline);
const struct config *pipeline_config(const struct pipeline *pipeline);
/* Any thread: true while windows close in time and outputs deliver; else the reasons as a JSON
 * array of strings. */
bool pipeline_healthy(struct pipeline *pipeline, char *reasons, size_t size);

#endif
