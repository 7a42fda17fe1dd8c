/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/agent_internal.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODULE       AGENT_MODULE
#define MEMORY_SHARE 16 /* what part of limits.memory producers' unfinished frames may take */

/* -- prepare */

void input_set_free(struct input_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->n; i++) {
		if (set->is_new[i])
			input_free(set->inputs[i]);
		input_setup_done(&set->setups[i]);
		door_unref(set->doors[i]);
		tee_free(set->tees[i], NULL);
	}
	free(set->inputs);
	free(set->is_new);
	free(set->setups);
	free(set->doors);
	free(set->tees);
	free(set->report_inputs);
	free(set->producers);
	free(set);
}

static struct input *find_input(const struct agent *agent, const struct config_input *config)
{
	char *key = input_key(config);
	struct input *found = NULL;

	for (size_t i = 0; key && i < agent->n_inputs; i++) {
		if (strcmp(agent->inputs[i]->key, key) == 0 && !agent->inputs[i]->renewable)
			found = agent->inputs[i];
	}
	free(key);
	return found;
}

static int allocate(struct input_set **ret, size_t n)
{
	struct input_set *set = calloc(1, sizeof(*set));

	if (!set)
		return -ENOMEM;
	set->inputs = calloc(n + 1, sizeof(*set->inputs));
	set->is_new = calloc(n + 1, sizeof(*set->is_new));
	set->setups = calloc(n + 1, sizeof(*set->setups));
	set->doors = calloc(n + 1, sizeof(struct door *));
	set->tees = calloc(n + 1, sizeof(struct tee *));
	set->report_inputs = calloc(n + 1, sizeof(*set->report_inputs));
	set->producers = calloc(n + 1, sizeof(*set->producers));
	if (!set->inputs || !set->is_new || !set->setups || !set->doors || !set->tees ||
	    !set->report_inputs || !set->producers) {
		input_set_free(set);
		return -ENOMEM;
	}
	*ret = set;
	return 0;
}

/* Whether the input goes on with the tee that it has, or with none. */
static bool keeps_tee(const struct input *input, const struct config_input *config)
{
	const char *target = input->tee ? tee_target(input->tee) : "";

	return strcmp(target, config->tee) == 0;
}

static int prepare_tee(
    struct input_set *set, size_t i, const struct config_input *config, char *error, size_t size)
{
	int r;

	if (!*config->tee || keeps_tee(set->inputs[i], config))
		return 0;
	r = tee_new(&set->tees[i], config->tee, config->address);
	if (r < 0)
		snprintf(error, size, "tee %s: %s", config->tee, strerror(-r));
	return r;
}

static int prepare_input(struct agent *agent, const struct config *whole,
    const struct config_input *config, struct input_set *set, char *error, size_t size)
{
	const size_t i = set->n;
	int r = input_setup_make(&set->setups[i], whole, config, agent->registry,
	    &agent->filters[agent->filter], &agent->seed, error, size);

	if (r < 0)
		return r;
	set->n = i + 1;
	set->inputs[i] = find_input(agent, config);
	if (set->inputs[i]) {
		r = door_new(&set->doors[i], config, error, size);
	} else {
		r = input_open(&set->inputs[i], config, agent->passed,
		    (uint32_t)whole->limits.frame, error, size);
		set->is_new[i] = r == 0;
	}
	return r < 0 ? r : prepare_tee(set, i, config, error, size);
}

static bool is_kept(
    const struct agent *agent, const struct config *config, const struct input *input)
{
	for (size_t i = 0; i < config->n_inputs; i++) {
		const struct input *found = find_input(agent, &config->inputs[i]);

		if (found && found == input)
			return true;
	}
	return false;
}

/* Inputs that the configuration does not have any more leave their addresses to those that come. */
static void yield(struct agent *agent, const struct config *config, bool on)
{
	for (size_t i = 0; i < agent->n_inputs; i++) {
		if (!is_kept(agent, config, agent->inputs[i]))
			dnstap_input_yield(agent->inputs[i]->source, on);
	}
}

int input_set_prepare(struct agent *agent, const struct config *config, struct input_set **ret,
    char *error, size_t size)
{
	struct input_set *set;
	int r = allocate(&set, config->n_inputs);

	if (r < 0) {
		snprintf(error, size, "%s", strerror(-r));
		return r;
	}
	yield(agent, config, true);
	for (size_t i = 0; i < config->n_inputs && r == 0; i++)
		r = prepare_input(agent, config, &config->inputs[i], set, error, size);
	yield(agent, config, false);
	if (r < 0) {
		input_set_free(set);
		return r;
	}
	*ret = set;
	return 0;
}

/* -- commit */

static bool stays(const struct input_set *set, const struct input *input)
{
	for (size_t i = 0; i < set->n; i++) {
		if (set->inputs[i] == input)
			return true;
	}
	return false;
}

/* What it counted since the last window is the next one's. */
static void note_left(struct agent *agent, const struct input *input)
{
	struct report_input *left =
	    reallocarray(agent->left, agent->n_left + 1, sizeof(*agent->left));

	if (!left)
		return; /* the next window is short of it */
	agent->left = left;
	agent_figure_input(input, &left[agent->n_left]);
	left[agent->n_left++].stats.connections = 0;
}

/* One that comes to an address where one left in this window is that one: an address has one point
 * in a window. */
static void number_input(struct agent *agent, struct input *input)
{
	const char *address = dnstap_input_address(input->source);

	for (size_t i = 0; i < agent->n_left; i++) {
		struct report_input *left = &agent->left[i];

		if (strncmp(left->address, address, sizeof(left->address) - 1) != 0)
			continue;
		input_follow(input, left);
		*left = agent->left[--agent->n_left];
		return;
	}
	input->number = ++agent->n_numbers;
}

/* Inputs that go: what they counted joins the open windows' reports. */
static void drop_inputs(struct agent *agent, const struct input_set *set)
{
	for (size_t i = 0; i < agent->n_inputs; i++) {
		struct input *input = agent->inputs[i];

		if (stays(set, input))
			continue;
		log_info(MODULE, "input closed input=%s", dnstap_input_address(input->source));
		input_stop(input, false);
		note_left(agent, input);
		report_certificate(agent->report, dnstap_input_address(input->source), 0);
		agent_collect_closed(agent, input);
		for (size_t j = 0; j < agent->n_closed; j++) {
			if (agent->closed[j].owner == input)
				agent->closed[j].owner = NULL;
		}
		input_free(input);
	}
	free(agent->inputs);
}

static void dnstap_limits_make(
    struct agent *agent, const struct config *config, struct dnstap_limits *ret)
{
	const size_t share = config->limits.memory / MEMORY_SHARE,
		     least = 2 * (size_t)config->limits.frame, /* one such frame at least */
	    bytes = share > least ? share : least;

	*ret = (struct dnstap_limits){
	    .frame = (uint32_t)config->limits.frame,
	    .handshake_ns = config->limits.handshake_ns,
	    .rest_ns = config->grace_ns / 4 < REST_HELD_NS ? config->grace_ns / 4 : REST_HELD_NS,
	    .connections = (int)config->limits.connections,
	    .inputs = (int)config->n_inputs,
	    .bytes = bytes,
	    .budget = &agent->budget,
	};
}

static void change_input(struct input *input, const struct config_input *config,
    struct input_setup *setup, struct door *door, const struct dnstap_limits *limits)
{
	struct input_setup old = input->setup;
	char error[256];

	if (dnstap_input_set_access(input->source, config, error, sizeof(error)) < 0)
		log_error(MODULE, "who may use a socket is as before: %s", error);
	dnstap_input_set_limits(input->source, limits);
	dnstap_input_set_door(input->source, door);
	input_send(input,
	    &(struct input_command){.oldest = INT64_MIN,
		.reopen = INT64_MIN,
		.set_traits = true,
		.traits = setup->traits});
	input_wait(input); /* the thread has let go of the old zones */
	input->setup = *setup;
	input_setup_done(&old);
}

static int start_input(
    struct agent *agent, size_t i, struct input_setup *setup, const struct dnstap_limits *limits)
{
	const struct config *config = agent->config;
	const struct collector_config collector = {
	    .interval_ns = (int64_t)config->interval_ns,
	    .seed = agent->seed,
	    .limits = agent->limits,
	    .max_shards = shards_per_collector(config),
	    .labels_since = zone_registry_generation(agent->registry),
	};
	const struct config_input *input = &config->inputs[i];
	int r = input_start(agent->inputs[i], setup, &collector, agent->windows.oldest, limits);

	if (r < 0) {
		input_setup_done(setup);
		log_error(
		    MODULE, "input does not start: %s input=%s", strerror(-r), input->address);
		return r;
	}
	log_info(MODULE, "listening input=%s zone=%s", input->address,
	    input->zones.n ? "(by name)" : input->zone);
	return 0;
}

int input_set_commit(struct agent *agent, struct input_set *set)
{
	struct dnstap_limits limits;
	int r = 0;

	dnstap_limits_make(agent, agent->config, &limits);
	for (size_t i = 0; i < set->n; i++) {
		if (!set->is_new[i])
			change_input(set->inputs[i], &agent->config->inputs[i], &set->setups[i],
			    set->doors[i], &limits);
	}
	drop_inputs(agent, set);
	free(agent->report_inputs);
	free(agent->producers);
	agent->inputs = set->inputs;
	agent->n_inputs = set->n;
	agent->report_inputs = set->report_inputs;
	agent->producers = set->producers;
	for (size_t i = 0; i < set->n; i++) {
		int started = 0;

		if (!keeps_tee(set->inputs[i], &agent->config->inputs[i]))
			input_set_tee(set->inputs[i], set->tees[i]);
		if (set->is_new[i]) {
			number_input(agent, set->inputs[i]);
			started = start_input(agent, i, &set->setups[i], &limits);
		}
		r = r < 0 ? r : started;
	}
	free(set->tees);
	free(set->is_new);
	free(set->setups);
	free(set->doors);
	free(set);
	return r;
}

bool agent_inputs_gone(struct agent *agent)
{
	bool any = false;

	for (size_t i = 0; i < agent->n_inputs; i++) {
		struct input *input = agent->inputs[i];
		bool passed = false;
		const bool gone = dnstap_input_is_gone(input->source, &passed);

		if (gone && !input->gone)
			log_warning(MODULE,
			    "the socket's file was removed: no producer can connect; %s input=%s",
			    passed ? "its unit makes it again: systemctl stop crosstap.socket "
				     "crosstap; "
				     "systemctl start crosstap.socket crosstap"
				   : "a reload makes it again",
			    dnstap_input_address(input->source));
		input->gone = gone;
		input->renewable = gone && !passed;
		any |= input->renewable;
	}
	return any;
}

void agent_report_certificates(struct agent *agent)
{
	for (size_t i = 0; i < agent->n_inputs; i++) {
		const struct dnstap_input *source = agent->inputs[i]->source;
		struct dnstap_stats stats;

		dnstap_input_stats(source, &stats);
		report_certificate(agent->report, dnstap_input_address(source), stats.not_after_s);
	}
}
