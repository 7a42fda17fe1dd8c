/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Another configuration for a running agent. The table of options says which stages a change
 * concerns; each of them prepares what can fail, beside what runs, and only when all have, each
 * commits. Nothing is closed, cut or sent before that.
 */
#include "agent/agent_internal.h"
#include "base/log.h"
#include "base/unused.h"
#include "config/write.h"
#include "history/history.h"
#include "text/json_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MODULE     AGENT_MODULE
#define BIT(taker) (1u << TAKER_##taker)

struct stage {
	const char *name;
	uint32_t takers; /* 1 << enum option_taker */
	bool always;     /* whatever changed */
	/* NULL: nothing can fail. *ret_next is commit()'s, or abandon()'s. */
	int (*prepare)(struct agent *agent, const struct agent_change *change, void **ret_next,
	    char *error, size_t size);
	void (*commit)(struct agent *agent, const struct agent_change *change, void *next);
	void (*abandon)(void *next); /* takes NULL */
	/* The configuration that the stage itself holds. */
	const struct config *(*in_force)(const struct agent *agent);
};

/* -- windows: the open ones end here, since a window cannot change its length; the next begins off
 * the grid. By the old configuration, as they were counted. */

static void commit_windows(
    struct agent *agent, const struct agent_change *change, void *next UNUSED)
{
	const struct config *config = change->config;
	const int64_t now_ns = change->now_ns;
	struct input_command command = {.interval_ns = (int64_t)config->interval_ns};
	struct windows windows = agent->windows;

	windows.interval_ns = (int64_t)config->interval_ns;
	windows.grace_ns = (int64_t)config->grace_ns;
	command.reopen = windows_index(&windows, now_ns);
	agent_close_everything(agent, &command, now_ns, false);
	windows_regrid(&agent->windows, windows.interval_ns, windows.grace_ns, now_ns);
}

/* -- the agent itself */

static void commit_agent(struct agent *agent, const struct agent_change *change, void *next UNUSED)
{
	config_unref(agent->config);
	agent->config = config_ref(change->config);
	agent->reloaded |= change->differs;
	agent->changed |= (change->takers & BIT(COMPARED)) != 0;
}

static const struct config *config_of_agent(const struct agent *agent)
{
	return agent->config;
}

/* -- tables */

static void commit_tables(struct agent *agent, const struct agent_change *change, void *next UNUSED)
{
	struct input_command command = {
	    .oldest = INT64_MIN, .reopen = INT64_MIN, .set_limits = true};

	agent_limits_make(&agent->limits, change->config);
	command.limits = agent->limits;
	command.max_shards = shards_per_collector(change->config);
	agent_command_all(agent, &command);
	shard_clear(agent->empty, &agent->limits);
}

/* -- the report with its sinks */

static int prepare_report(struct agent *agent, const struct agent_change *change, void **ret_next,
    char *error, size_t size)
{
	struct report_next *next;
	int r = report_prepare(agent->report, change->config, change->takers, &next, error, size);

	if (r == 0)
		*ret_next = next;
	return r;
}

static void commit_report(struct agent *agent, const struct agent_change *change UNUSED, void *next)
{
	report_commit(agent->report, next);
}

static void abandon_report(void *next)
{
	report_next_free(next);
}

static const struct config *config_of_report(const struct agent *agent)
{
	return report_config(agent->report);
}

/* -- who and how far */

static int prepare_enrich(struct agent *agent, const struct agent_change *change, void **ret_next,
    char *error, size_t size)
{
	struct enrich_next *next;
	int r = enrich_prepare(agent->enrich, change->config, change->takers, &next);

	if (r == 0)
		*ret_next = next;
	else
		snprintf(error, size, "%s", strerror(-r));
	return r;
}

static void commit_enrich(struct agent *agent, const struct agent_change *change UNUSED, void *next)
{
	enrich_commit(agent->enrich, next);
}

static void abandon_enrich(void *next)
{
	enrich_next_free(next);
}

static const struct config *config_of_enrich(const struct agent *agent)
{
	return enrich_config(agent->enrich);
}

/* -- what is remembered */

static int prepare_history(struct agent *agent UNUSED, const struct agent_change *change,
    void **ret_next, char *error, size_t size)
{
	struct history_next *next;
	int r = history_prepare(&next, change->config);

	if (r == 0)
		*ret_next = next;
	else
		snprintf(error, size, "%s", strerror(-r));
	return r;
}

static void commit_history(
    struct agent *agent, const struct agent_change *change UNUSED, void *next)
{
	history_commit(agent->history, next);
}

static void abandon_history(void *next)
{
	history_next_free(next);
}

/* -- the day's files */

static void commit_rssac002(
    struct agent *agent, const struct agent_change *change, void *next UNUSED)
{
	agent_close_rssac002(agent, change->old);
	agent_open_rssac002(agent, change->config);
}

static void commit_magnitude(
    struct agent *agent, const struct agent_change *change, void *next UNUSED)
{
	agent_close_magnitude(agent, change->old);
	agent_open_magnitude(agent, change->config);
}

/* -- inputs */

static int prepare_inputs(struct agent *agent, const struct agent_change *change, void **ret_next,
    char *error, size_t size)
{
	struct input_set *set;
	int r = input_set_prepare(agent, change->config, &set, error, size);

	if (r == 0)
		*ret_next = set;
	return r;
}

static void commit_inputs(struct agent *agent, const struct agent_change *change UNUSED, void *next)
{
	(void)input_set_commit(agent, next); /* says itself what does not start */
	agent_report_certificates(agent);
}

static void abandon_inputs(void *next)
{
	input_set_free(next);
}

/* -- the wire */

static int prepare_wire(struct agent *agent, const struct agent_change *change, void **ret_next,
    char *error, size_t size)
{
	struct wire_next *next;
	int r = wire_prepare(agent->wire, change->config, &next, error, size);

	if (r == 0)
		*ret_next = next;
	return r;
}

/* Never behind the oldest open window: where the clock was set back and nobody has noticed yet, the
 * next tick ends what is open from there on. */
static void commit_wire(struct agent *agent, const struct agent_change *change, void *next)
{
	const int64_t oldest_ns = agent->windows.oldest * agent->windows.interval_ns;

	wire_commit(agent->wire, next, change->now_ns > oldest_ns ? change->now_ns : oldest_ns);
}

static void abandon_wire(void *next)
{
	wire_next_free(next);
}

/* -- which messages are compared */

static void commit_compared(
    struct agent *agent, const struct agent_change *change UNUSED, void *next UNUSED)
{
	agent->own_version = 0;
}

/* -- messages */

static void commit_log(
    struct agent *agent UNUSED, const struct agent_change *change, void *next UNUSED)
{
	log_set_level((enum log_level)change->config->log_level);
}

/* In the order of both prepare and commit. HTTP, which reads the report from its own thread, is its
 * caller's. */
static const struct stage stages[] = {
    {"windows", BIT(WINDOWS), .commit = commit_windows, .in_force = config_of_agent},
    {"agent", .always = true, .commit = commit_agent},
    {"tables", BIT(TABLES), .commit = commit_tables, .in_force = config_of_agent},
    {"report", BIT(REPORT) | BIT(PRIVACY) | BIT(CROSSCHECK) | BIT(OUTPUTS), .always = true,
	prepare_report, commit_report, abandon_report, config_of_report},
    {"enrich", BIT(PING) | BIT(GEO) | BIT(DOWNLOAD) | BIT(RESOLVERS), false, prepare_enrich,
	commit_enrich, abandon_enrich, config_of_enrich},
    {"history", BIT(HISTORY), false, prepare_history, commit_history, abandon_history,
	config_of_agent},
    {"rssac002", BIT(RSSAC002), .commit = commit_rssac002},
    {"magnitude", BIT(MAGNITUDE), .commit = commit_magnitude},
    {"inputs", BIT(INPUTS), false, prepare_inputs, commit_inputs, abandon_inputs, config_of_agent},
    {"wire", BIT(WIRE), false, prepare_wire, commit_wire, abandon_wire, config_of_agent},
    {"compared", BIT(COMPARED), .commit = commit_compared},
    {"log", BIT(LOG), .commit = commit_log},
};

#define STAGES (sizeof(stages) / sizeof(stages[0]))

static bool concerns(const struct stage *stage, const struct agent_change *change)
{
	return stage->always || stage->takers & change->takers;
}

static int prepare(struct agent *agent, const struct agent_change *change, void *next[STAGES],
    char *error, size_t size)
{
	for (size_t i = 0; i < STAGES; i++) {
		int r = 0;

		if (stages[i].prepare && concerns(&stages[i], change))
			r = stages[i].prepare(agent, change, &next[i], error, size);
		if (r == 0)
			continue;
		while (i--) {
			if (stages[i].abandon)
				stages[i].abandon(next[i]);
		}
		return r;
	}
	return 0;
}

static void commit(struct agent *agent, const struct agent_change *change, void *next[STAGES])
{
	for (size_t i = 0; i < STAGES; i++) {
		if (concerns(&stages[i], change))
			stages[i].commit(agent, change, next[i]);
	}
	report_settle(agent->report, clock_wall_ns(agent->clock));
	agent_forget_labels(agent);
	agent_renew_filter(agent);
}

/* -- what is in force */

static json_t *stages_to_json(const struct agent *agent)
{
	json_t *all = json_object();

	for (size_t i = 0; i < STAGES; i++) {
		const struct config *config = stages[i].in_force ? stages[i].in_force(agent) : NULL;

		if (config &&
		    json_object_set_new(
			all, stages[i].name, config_part_to_json(config, stages[i].takers)) < 0) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

void agent_publish_config(struct agent *agent)
{
	json_t *stages_json = stages_to_json(agent);
	json_t *document = stages_json ? json_object() : NULL;
	char hash[20], *text;

	snprintf(hash, sizeof(hash), "%016" PRIx64, agent->config->hash);
	json_object_set_new(document, "config_hash", json_string(hash));
	text =
	    json_object_set_new(document, "stages", stages_json) == 0 ? json_text(document) : NULL;
	json_decref(document);
	pthread_mutex_lock(&agent->lock);
	free(agent->config_json);
	agent->config_json = text;
	pthread_mutex_unlock(&agent->lock);
}

char *agent_config_json(struct agent *agent)
{
	char *text;

	pthread_mutex_lock(&agent->lock);
	text = agent->config_json ? strdup(agent->config_json) : NULL;
	pthread_mutex_unlock(&agent->lock);
	return text;
}

uint32_t agent_takers(void)
{
	uint32_t takers = 0;

	for (size_t i = 0; i < STAGES; i++)
		takers |= stages[i].takers;
	return takers;
}

/* -- the whole */

/* What is configured, and failed or was taken away: it is begun again. */
static uint32_t missing(struct agent *agent, const struct config *config)
{
	return (agent_inputs_gone(agent) ? BIT(INPUTS) : 0) |
	    (*config->rssac002.dir && !agent->rssac ? BIT(RSSAC002) : 0) |
	    (*config->magnitude.dir && !agent->magnitude ? BIT(MAGNITUDE) : 0);
}

int agent_reload(
    struct agent *agent, struct config *config, struct config_diff *ret, char *error, size_t size)
{
	struct agent_change change = {.old = config_ref(agent->config), .config = config};
	struct config_diff diff;
	void *next[STAGES] = {0};
	int r;

	config_diff(&diff, change.old, config);
	change.takers = diff.takers | missing(agent, config);
	change.differs = diff.n > 0;
	r = config_keep_restart(config, change.old);
	if (r < 0)
		snprintf(error, size, "%s", strerror(-r));
	else
		r = prepare(agent, &change, next, error, size);
	if (r == 0) {
		change.now_ns = clock_wall_ns(agent->clock);
		commit(agent, &change, next);
		agent_publish_config(agent);
		report_event(agent->report, "reload", "%zu inputs, %zu outputs", config->n_inputs,
		    config->n_outputs);
		*ret = diff;
	}
	config_unref(change.old);
	config_unref(config);
	return r;
}
