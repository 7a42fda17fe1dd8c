/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the wiring share; agent.h says which they are. */
#ifndef CROSSTAP_AGENT_AGENT_INTERNAL_H
#define CROSSTAP_AGENT_AGENT_INTERNAL_H

#include "agent/agent.h"
#include "agent/input.h"
#include "enrich/enrich.h"
#include "report/report.h"
#include "stats/windows.h"
#include "wire/wire.h"

#include <pthread.h>
#include <stdatomic.h>

#define AGENT_MODULE "agent"

struct closed_shard {
	struct shard *shard;
	struct input *owner;
};

struct agent {
	struct config *config; /* in force: of windows, tables and inputs */
	const struct clock *clock;
	struct zone_registry *registry;
	struct hash_seed seed;
	struct compare_filter
	    filters[2]; /* one is in force, the other is made when addresses change */
	unsigned filter;
	uint64_t own_version; /* of this host's addresses in it */
	struct wire *wire;
	struct shard_limits limits;
	struct windows windows;
	int64_t now_ns;       /* the wall clock as this turn looked at it */
	int64_t newest_ns;    /* of the wall clock, since it was set back last */
	int64_t set_until_ns; /* windows until then were open when it was set; 0: none */
	struct enrich *enrich;
	struct rssac002 *rssac;      /* NULL: off */
	struct magnitude *magnitude; /* the same */
	struct report *report;
	struct history *history;
	struct input **inputs;
	size_t n_inputs;
	uint64_t n_numbers;       /* of inputs that began */
	struct input_set *opened; /* between agent_new() and agent_start() */
	const struct passed_sockets *passed;
	struct budget budget; /* of all inputs */
	struct closed_shard *closed;
	size_t n_closed, closed_size;
	struct shard *empty;                       /* for windows in which nobody counted */
	struct report_input *report_inputs, *left; /* the latter went since the last window */
	size_t n_left;
	enum producer *producers; /* of the compared inputs */
	int64_t lag_ns;           /* of the last window; below 0: there was none */
	uint64_t lost;            /* frames that found no memory, since the last window */
	_Atomic bool connected;   /* a producer was, since the start: for agent_healthy() */
	_Atomic int64_t due_ns;   /* of the oldest window, for agent_healthy() */
	bool started, stopping;
	bool reported;          /* a window was, since the start */
	bool reloaded, changed; /* since the last window */
	pthread_mutex_t lock;   /* of what follows, which other threads read */
	char *config_json;
};

/* A reload under way. */
struct agent_change {
	const struct config *old, *config;
	uint32_t takers; /* of all that differs: struct config_diff */
	bool differs;    /* at all */
	/* Wall clock at the commit. Every stage takes this one: were the clock set back between two
	 * looks, windows and wire would begin in different windows, and one's would be in none. */
	int64_t now_ns;
};

/* -- agent.c */

/* Clients with this host's own addresses are not compared: gives every input the list of now. */
void agent_renew_filter(struct agent *agent);
void agent_open_rssac002(struct agent *agent, const struct config *config);
void agent_close_rssac002(struct agent *agent, const struct config *config);
void agent_open_magnitude(struct agent *agent, const struct config *config);
void agent_close_magnitude(struct agent *agent, const struct config *config);

/* -- inputs.c */

/* A set of inputs, and what is told of them to the report. */
struct input_set {
	struct input **inputs; /* those that stay, and new ones */
	bool *is_new;
	struct input_setup *setups;
	struct door **doors; /* of those that stay; NULL: it has its own */
	struct tee **tees;   /* new ones; NULL: none, or the one that it has */
	size_t n;
	struct report_input *report_inputs;
	enum producer *producers;
};

/* Opens the sockets of inputs that are not there yet; nothing runs and nothing has changed. The
 * reason is in `error`. */
int input_set_prepare(struct agent *agent, const struct config *config, struct input_set **ret,
    char *error, size_t size);
/* Takes the place of the inputs that there are: `agent->config` is the new one, and consumes `set`.
 * Where a thread cannot be had that is logged, and its error returned: the input counts nothing. */
int input_set_commit(struct agent *agent, struct input_set *set);
/* Whether a reload can help one whose socket's file was removed; says of each, once, that it was.
 */
bool agent_inputs_gone(struct agent *agent);
/* Takes NULL. */
void input_set_free(struct input_set *set);
/* Tells the report which certificates the inputs show; of those that go it hears at the commit. */
void agent_report_certificates(struct agent *agent);

/* -- agent_windows.c */

/* What is told of it at a window's end. */
void agent_figure_input(const struct input *input, struct report_input *ret);
/* Takes the shards that an input's thread has let go of. */
void agent_collect_closed(struct agent *agent, struct input *input);
/* To all inputs at once, then all answers: they work side by side. */
void agent_command_all(struct agent *agent, const struct input_command *command);
/* Lets go of zone labels that nobody needs any more. After every input has answered a command since
 * the last label was given up. */
void agent_forget_labels(struct agent *agent);
/* The open windows, before their time: at the end, on a step of the clock, for a new interval. The
 * wire's last one is `whole` if nothing but its length changed. */
void agent_close_everything(
    struct agent *agent, struct input_command *command, int64_t now_ns, bool whole);

/* -- reload.c */

/* Writes down what the stages have in force, for agent_config_json(). */
void agent_publish_config(struct agent *agent);
/* All that some stage takes over; TAKER_RESTART and TAKER_HTTP are none of it. */
uint32_t agent_takers(void);

#endif
