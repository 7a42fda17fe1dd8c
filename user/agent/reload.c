/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"
#include "agent/agent_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODULE AGENT_MODULE

/* The new set of inputs, beside the old one until nothing can fail any more. */
struct new_inputs {
	struct input **inputs; /* old ones that stay, and new ones */
	bool *is_new;
	struct input_setup *setups;
	size_t n;
};

static void new_inputs_free(struct new_inputs *new)
{
	for (size_t i = 0; i < new->n; i++) {
		if (new->is_new[i])
			input_free(new->inputs[i]);
		input_setup_done(&new->setups[i]);
	}
	free(new->inputs);
	free(new->is_new);
	free(new->setups);
}

static struct input *find_input(const struct agent *agent, const struct config_input *config)
{
	char *key = input_key(config);
	struct input *found = NULL;

	for (size_t i = 0; key && i < agent->n_inputs; i++) {
		if (strcmp(agent->inputs[i]->key, key) == 0)
			found = agent->inputs[i];
	}
	free(key);
	return found;
}

static int prepare_inputs(struct agent *agent, const struct config *config, struct new_inputs *new,
    char *error, size_t size)
{
	new->inputs = calloc(config->n_inputs + 1, sizeof(*new->inputs));
	new->is_new = calloc(config->n_inputs + 1, sizeof(*new->is_new));
	new->setups = calloc(config->n_inputs + 1, sizeof(*new->setups));
	if (!new->inputs || !new->is_new || !new->setups) {
		snprintf(error, size, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	for (size_t i = 0; i < config->n_inputs; i++) {
		int r = input_setup_make(&new->setups[i], &config->inputs[i], agent->registry,
		    &agent->filters[agent->filter], &agent->seed, error, size);

		if (r < 0)
			return r;
		new->n = i + 1;
		new->inputs[i] = find_input(agent, &config->inputs[i]);
		if (new->inputs[i])
			continue;
		r = agent_open_input(agent, &config->inputs[i], &new->inputs[i], error, size);
		if (r < 0)
			return r;
		new->is_new[i] = true;
	}
	return 0;
}

static bool stays(const struct new_inputs *new, const struct input *input)
{
	for (size_t i = 0; i < new->n; i++) {
		if (new->inputs[i] == input)
			return true;
	}
	return false;
}

/* Inputs that go: what they counted joins the open windows' reports. */
static void drop_inputs(struct agent *agent, const struct new_inputs *new)
{
	for (size_t i = 0; i < agent->n_inputs; i++) {
		struct input *input = agent->inputs[i];

		if (stays(new, input))
			continue;
		log_info(MODULE, "input closed input=%s", dnstap_input_address(input->source));
		input_stop(input);
		agent_collect_closed(agent, input);
		for (size_t j = 0; j < agent->n_closed; j++) {
			if (agent->closed[j].owner == input)
				agent->closed[j].owner = NULL;
		}
		input_free(input);
	}
	free(agent->inputs);
}

static void retrait_inputs(struct new_inputs *new, const struct dnstap_limits *limits)
{
	for (size_t i = 0; i < new->n; i++) {
		struct input *input = new->inputs[i];
		struct input_setup old = input->setup;

		if (new->is_new[i])
			continue;
		dnstap_input_set_limits(input->source, limits);
		input_send(input,
		    &(struct input_command){.oldest = INT64_MIN,
			.reopen = INT64_MIN,
			.set_traits = true,
			.traits = new->setups[i].traits});
		input_wait(input); /* the thread has let go of the old zones */
		input->setup = new->setups[i];
		input_setup_done(&old);
	}
}

static void start_new_inputs(struct agent *agent, struct new_inputs *new)
{
	for (size_t i = 0; i < new->n; i++) {
		int r =
		    new->is_new[i] ? agent_start_input(agent, new->inputs[i], &new->setups[i]) : 0;

		if (r < 0)
			log_error(MODULE, "input does not start: %s input=%s", strerror(-r),
			    dnstap_input_address(new->inputs[i]->source));
		else if (new->is_new[i])
			log_info(MODULE, "listening input=%s",
			    dnstap_input_address(new->inputs[i]->source));
	}
}

/* A window cannot change its length: the open ones end here, the next begins off the grid. */
static void change_interval(struct agent *agent, const struct config *config)
{
	struct input_command command = {.configure = true,
	    .interval_ns = (int64_t)config->interval_ns,
	    .limits = agent->limits};
	const int64_t now_ns = clock_wall_ns(agent->clock);
	struct windows next = agent->windows;

	next.interval_ns = (int64_t)config->interval_ns;
	next.grace_ns = (int64_t)config->grace_ns;
	command.reopen = windows_index(&next, now_ns);
	agent_close_everything(agent, &command, now_ns, false);
	windows_regrid(&agent->windows, next.interval_ns, next.grace_ns, now_ns);
}

static void configure_wire(struct agent *agent, const struct config *config)
{
	if (agent->wire && config->wire.mode == WIRE_OFF) {
		wire_side_stop(agent->wire);
		wire_side_free(agent->wire);
		agent->wire = NULL;
	} else if (agent->wire) {
		wire_side_configure(agent->wire, config);
	} else {
		agent_start_wire(agent, config);
	}
}

/* All that can fail. */
static int prepare(struct agent *agent, const struct config *config, struct new_inputs *new,
    char *error, size_t size)
{
	const struct config *old = agent->config;
	const bool regrid = config->interval_ns != old->interval_ns ||
	    config->grace_ns != old->grace_ns || config->limits.memory != old->limits.memory;
	int r = report_check(config, error, size);

	if (r == 0)
		r = prepare_inputs(agent, config, new, error, size);
	if (r == 0)
		r = agent_allocate_inputs(
		    agent, config->n_inputs > old->n_inputs ? config->n_inputs : old->n_inputs);
	if (r < 0)
		return r;
	agent_make_limits(agent, config);
	if (regrid)
		change_interval(agent, config);
	return report_configure(agent->report, config, error, size);
}

static void replace_inputs(struct agent *agent, const struct config *config, struct new_inputs *new)
{
	struct dnstap_limits limits;

	agent_dnstap_limits(agent, config, &limits);
	retrait_inputs(new, &limits);
	drop_inputs(agent, new);
	agent->inputs = new->inputs;
	agent->n_inputs = new->n;
	start_new_inputs(agent, new);
	free(new->is_new);
	free(new->setups);
}

static bool same_networks(
    const struct config_network *a, size_t n_a, const struct config_network *b, size_t n_b)
{
	for (size_t i = 0; n_a == n_b && i < n_a; i++) {
		if (a[i].family != b[i].family || a[i].prefix != b[i].prefix ||
		    memcmp(a[i].address, b[i].address, sizeof(a[i].address)) != 0)
			return false;
	}
	return n_a == n_b;
}

/* Are other inputs or messages held against each other? Another interface of the wire says so
 * itself (struct wire_window). */
static bool compares_otherwise(const struct config *old, const struct config *new)
{
	const struct config_wire *a = &old->wire, *b = &new->wire;

	for (size_t i = 0; old->n_inputs == new->n_inputs &&i < new->n_inputs; i++) {
		const struct config_input *c = &old->inputs[i], *d = &new->inputs[i];

		if (c->kind != d->kind || strcmp(c->address, d->address) != 0 ||
		    c->scope != d->scope || c->queries != d->queries)
			return true;
	}
	return old->n_inputs != new->n_inputs || a->mode != b->mode || a->ports.n != b->ports.n ||
	    memcmp(a->ports.ports, b->ports.ports, a->ports.n * sizeof(a->ports.ports[0])) != 0 ||
	    !same_networks(a->addresses, a->n_addresses, b->addresses, b->n_addresses);
}

int agent_reload(struct agent *agent, struct config *config, char *error, size_t size)
{
	struct config *old = agent->config;
	struct new_inputs new = {0};
	int r = prepare(agent, config, &new, error, size);

	if (r < 0) {
		new_inputs_free(&new);
		config_unref(config);
		return r;
	}
	enrich_configure(agent->enrich, config);
	if (strcmp(config->rssac002.dir, old->rssac002.dir) != 0) {
		agent_close_rssac002(agent, old);
		agent_open_rssac002(agent, config);
	}
	agent->config = config;
	replace_inputs(agent, config, &new);
	configure_wire(agent, config);
	agent->own_version = 0; /* ports may differ */
	agent_renew_filter(agent);
	agent->reloaded = true;
	agent->changed |= compares_otherwise(old, config);
	config_unref(old);
	report_event(agent->report, "reload", "%zu inputs, %zu outputs", config->n_inputs,
	    config->n_outputs);
	return 0;
}
