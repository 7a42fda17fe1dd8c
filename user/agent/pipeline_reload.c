/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"
#include "agent/pipeline_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODULE PIPELINE_MODULE

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

static struct input *find_input(const struct pipeline *pipeline, const struct config_input *config)
{
	char *key = input_key(config);
	struct input *found = NULL;

	for (size_t i = 0; key && i < pipeline->n_inputs; i++) {
		if (strcmp(pipeline->inputs[i]->key, key) == 0)
			found = pipeline->inputs[i];
	}
	free(key);
	return found;
}

static int prepare_inputs(struct pipeline *pipeline, const struct config *config,
    struct new_inputs *new, char *error, size_t size)
{
	new->inputs = calloc(config->n_inputs + 1, sizeof(*new->inputs));
	new->is_new = calloc(config->n_inputs + 1, sizeof(*new->is_new));
	new->setups = calloc(config->n_inputs + 1, sizeof(*new->setups));
	if (!new->inputs || !new->is_new || !new->setups) {
		snprintf(error, size, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	for (size_t i = 0; i < config->n_inputs; i++) {
		int r = input_setup_make(&new->setups[i], &config->inputs[i], pipeline->registry,
		    &pipeline->filters[pipeline->filter], &pipeline->seed, error, size);

		if (r < 0)
			return r;
		new->n = i + 1;
		new->inputs[i] = find_input(pipeline, &config->inputs[i]);
		if (new->inputs[i])
			continue;
		r = pipeline_open_input(pipeline, &config->inputs[i], &new->inputs[i], error, size);
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
static void drop_inputs(struct pipeline *pipeline, const struct new_inputs *new)
{
	for (size_t i = 0; i < pipeline->n_inputs; i++) {
		struct input *input = pipeline->inputs[i];

		if (stays(new, input))
			continue;
		log_info(MODULE, "input closed input=%s", dnstap_input_address(input->source));
		input_stop(input);
		pipeline_collect_closed(pipeline, input);
		for (size_t j = 0; j < pipeline->n_closed; j++) {
			if (pipeline->closed[j].owner == input)
				pipeline->closed[j].owner = NULL;
		}
		input_free(input);
	}
	free(pipeline->inputs);
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

static void start_new_inputs(struct pipeline *pipeline, struct new_inputs *new)
{
	for (size_t i = 0; i < new->n; i++) {
		int r = new->is_new[i]
		    ? pipeline_start_input(pipeline, new->inputs[i], &new->setups[i])
		    : 0;

		if (r < 0) {
			log_error(MODULE, "input does not start: %s input=%s", strerror(-r),
			    dnstap_input_address(new->inputs[i]->source));
			input_setup_done(&new->setups[i]);
		} else if (new->is_new[i])
			log_info(MODULE, "listening input=%s",
			    dnstap_input_address(new->inputs[i]->source));
	}
}

/* A window cannot change its length: the open ones end here, the next begins off the grid. */
static void change_interval(struct pipeline *pipeline, const struct config *config)
{
	struct input_command command = {.configure = true,
	    .interval_ns = (int64_t)config->interval_ns,
	    .limits = pipeline->limits};
	const int64_t now_ns = clock_wall_ns(pipeline->clock);
	struct windows next = pipeline->windows;

	next.interval_ns = (int64_t)config->interval_ns;
	next.grace_ns = (int64_t)config->grace_ns;
	command.reopen = windows_index(&next, now_ns);
	pipeline_close_everything(pipeline, &command, now_ns, false);
	windows_regrid(&pipeline->windows, next.interval_ns, next.grace_ns, now_ns);
}

static void configure_wire(struct pipeline *pipeline, const struct config *config)
{
	if (pipeline->wire && config->wire.mode == WIRE_OFF) {
		wire_side_stop(pipeline->wire);
		wire_side_free(pipeline->wire);
		pipeline->wire = NULL;
	} else if (pipeline->wire) {
		wire_side_configure(pipeline->wire, config);
	} else {
		pipeline_start_wire(pipeline, config);
	}
}

/* All that can fail. */
static int prepare(struct pipeline *pipeline, const struct config *config, struct new_inputs *new,
    char *error, size_t size)
{
	const struct config *old = pipeline->config;
	const bool regrid = config->interval_ns != old->interval_ns ||
	    config->grace_ns != old->grace_ns || config->limits.memory != old->limits.memory;
	int r = report_check(config, error, size);

	if (r == 0)
		r = prepare_inputs(pipeline, config, new, error, size);
	if (r == 0)
		r = pipeline_allocate_inputs(
		    pipeline, config->n_inputs > old->n_inputs ? config->n_inputs : old->n_inputs);
	if (r < 0)
		return r;
	pipeline_make_limits(pipeline, config);
	if (regrid)
		change_interval(pipeline, config);
	return report_configure(pipeline->report, config, error, size);
}

static void replace_inputs(
    struct pipeline *pipeline, const struct config *config, struct new_inputs *new)
{
	struct dnstap_limits limits;

	pipeline_dnstap_limits(pipeline, config, &limits);
	retrait_inputs(new, &limits);
	drop_inputs(pipeline, new);
	pipeline->inputs = new->inputs;
	pipeline->n_inputs = new->n;
	start_new_inputs(pipeline, new);
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

int pipeline_reload(struct pipeline *pipeline, struct config *config, char *error, size_t size)
{
	struct config *old = pipeline->config;
	struct new_inputs new = {0};
	int r = prepare(pipeline, config, &new, error, size);

	if (r < 0) {
		new_inputs_free(&new);
		config_unref(config);
		return r;
	}
	enrich_configure(pipeline->enrich, config);
	if (strcmp(config->rssac002.dir, old->rssac002.dir) != 0) {
		pipeline_close_rssac002(pipeline, old);
		pipeline_open_rssac002(pipeline, config);
	}
	pipeline->config = config;
	replace_inputs(pipeline, config, &new);
	pipeline_forget_labels(pipeline);
	configure_wire(pipeline, config);
	pipeline->own_version = 0; /* ports may differ */
	pipeline_renew_filter(pipeline);
	pipeline->reloaded = true;
	pipeline->changed |= compares_otherwise(old, config);
	config_unref(old);
	report_event(pipeline->report, "reload", "%zu inputs, %zu outputs", config->n_inputs,
	    config->n_outputs);
	return 0;
}
