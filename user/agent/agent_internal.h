/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the agent share: life (agent.c), windows (agent_windows.c), a new
 * configuration (agent_reload.c). */
#ifndef CROSSTAP_AGENT_AGENT_INTERNAL_H
#define CROSSTAP_AGENT_AGENT_INTERNAL_H

#include "enrich/enrich.h"
#include "agent/input.h"
#include "agent/agent.h"
#include "report/report.h"
#include "stats/windows.h"
#include "wire/wire_side.h"

#include <stdatomic.h>

#define AGENT_MODULE "agent"

struct closed_shard {
	struct shard *shard;
	struct input *owner;
};

struct agent {
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
	_Atomic int64_t due_ns; /* of the oldest window, for agent_healthy() */
	bool started, stopping;
	bool reported;          /* a window was, since the start */
	bool reloaded, changed; /* since the last window */
};

/* -- agent.c */

void agent_dnstap_limits(
    struct agent *agent, const struct config *config, struct dnstap_limits *ret);
/* Opens the sockets of an input; nothing runs yet. The reason is in `error`. */
int agent_open_input(struct agent *agent, const struct config_input *config, struct input **ret,
    char *error, size_t size);
int agent_start_input(struct agent *agent, struct input *input, struct input_setup *setup);
/* From the configuration: limits of a shard. */
void agent_make_limits(struct agent *agent, const struct config *config);
/* Room for `n` inputs in what is told to the report. -ENOMEM: nothing has changed. */
int agent_allocate_inputs(struct agent *agent, size_t n);
void agent_open_rssac002(struct agent *agent, const struct config *config);
void agent_close_rssac002(struct agent *agent, const struct config *config);
void agent_start_wire(struct agent *agent, const struct config *config);
/* Clients with this host's own addresses are not compared: gives every input the list of now. */
void agent_renew_filter(struct agent *agent);

/* -- agent_windows.c */

/* Takes the shards that an input's thread has let go of. */
void agent_collect_closed(struct agent *agent, struct input *input);
/* The open windows, before their time: at the end, on a step of the clock, for a new interval. The
 * wire's last one is `whole` if nothing but its length changed. */
void agent_close_everything(
    struct agent *agent, struct input_command *command, int64_t now_ns, bool whole);

#endif
