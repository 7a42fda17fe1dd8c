/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the pipeline share: life (pipeline.c), windows (pipeline_windows.c), a new
 * configuration (pipeline_reload.c). */
#ifndef CROSSTAP_AGENT_PIPELINE_INTERNAL_H
#define CROSSTAP_AGENT_PIPELINE_INTERNAL_H

#include "enrich/enrich.h"
#include "agent/input.h"
#include "agent/pipeline.h"
#include "report/report.h"
#include "stats/windows.h"
#include "wire/wire_side.h"

#include <stdatomic.h>

#define PIPELINE_MODULE "pipeline"

struct closed_shard {
	struct shard *shard;
	struct input *owner;
};

struct pipeline {
	struct config *config;
	const struct clock *clock;
	struct zone_registry *registry;
	struct hash_seed seed;
	struct compare_filter
	    filters[2]; /* one is in force, the other is made when addresses change */
	unsigned filter;
	uint64_t own_version;   /* of this host's addresses in it */
	struct wire_side *wire; /* NULL: wire.mode is off */
	struct shard_limits limits;
	struct windows windows;
	int64_t now_ns;       /* the wall clock as this turn looked at it */
	int64_t newest_ns;    /* of the wall clock, since it was set back last */
	int64_t set_until_ns; /* windows until then were open when it was set; 0: none */
	struct enrich *enrich;
	struct rssac002 *rssac; /* NULL: off */
	struct report *report;
	struct input **inputs;
	size_t n_inputs;
	const struct passed_socket *passed;
	size_t n_passed;
	_Atomic int connections; /* of all inputs */
	struct closed_shard *closed;
	size_t n_closed, closed_size;
	struct shard *empty; /* for windows in which nobody counted */
	struct report_input *report_inputs;
	enum producer *producers; /* of the compared inputs */
	uint64_t lag_ns;
	_Atomic int64_t due_ns; /* of the oldest window, for pipeline_healthy() */
	bool started, stopping;
	bool reported;          /* a window was, since the start */
	bool reloaded, changed; /* since the last window */
};

/* -- pipeline.c */

void pipeline_dnstap_limits(
    struct pipeline *pipeline, const struct config *config, struct dnstap_limits *ret);
/* Opens the sockets of an input; nothing runs yet. The reason is in `error`. */
int pipeline_open_input(struct pipeline *pipeline, const struct config_input *config,
    struct input **ret, char *error, size_t size);
int pipeline_start_input(struct pipeline *pipeline, struct input *input, struct input_setup *setup);
/* From the configuration: limits of a shard. */
void pipeline_make_limits(struct pipeline *pipeline, const struct config *config);
/* Room for `n` inputs in what is told to the report. -ENOMEM: nothing has changed. */
int pipeline_allocate_inputs(struct pipeline *pipeline, size_t n);
void pipeline_open_rssac002(struct pipeline *pipeline, const struct config *config);
void pipeline_close_rssac002(struct pipeline *pipeline, const struct config *config);
void pipeline_start_wire(struct pipeline *pipeline, const struct config *config);
/* Clients with this host's own addresses are not compared: gives every input the list of now. */
void pipeline_renew_filter(struct pipeline *pipeline);

/* -- pipeline_windows.c */

/* Takes the shards that an input's thread has let go of. */
void pipeline_collect_closed(struct pipeline *pipeline, struct input *input);
/* Lets go of zone labels that nobody needs any more. After every input has answered a command since
 * the last label was given up. */
void pipeline_forget_labels(struct pipeline *pipeline);
/* The open windows, before their time: at the end, on a step of the clock, for a new interval. The
 * wire's last one is `whole` if nothing but its length changed. */
void pipeline_close_everything(
    struct pipeline *pipeline, struct input_command *command, int64_t now_ns, bool whole);

#endif
