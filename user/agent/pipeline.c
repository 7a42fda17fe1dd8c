/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"
#include "agent/pipeline_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODULE PIPELINE_MODULE

void pipeline_dnstap_limits(
    struct pipeline *pipeline, const struct config *config, struct dnstap_limits *ret)
{
	*ret = (struct dnstap_limits){
	    .frame = (uint32_t)config->limits.frame,
	    .handshake_ns = config->limits.handshake_ns,
	    .connections = (int)config->limits.connections,
	    .open = &pipeline->connections,
	};
}

static void *memdup(const void *data, size_t size)
{
	void *copy = malloc(size);

	return copy ? memcpy(copy, data, size) : NULL;
}

/* -- inputs */

int pipeline_open_input(struct pipeline *pipeline, const struct config_input *config,
    struct input **ret, char *error, size_t size)
{
	int fds[8];
	size_t n = 0;

	for (size_t i = 0; config->kind == INPUT_LISTEN_FD && i < pipeline->n_passed && n < 8;
	     i++) {
		if (strcmp(pipeline->passed[i].name, config->address) == 0)
			fds[n++] = pipeline->passed[i].fd;
	}
	return input_open(ret, config, fds, n, error, size);
}

static void free_inputs(struct input **inputs, size_t n)
{
	for (size_t i = 0; inputs && i < n; i++)
		input_free(inputs[i]);
	free(inputs);
}

int pipeline_start_input(struct pipeline *pipeline, struct input *input, struct input_setup *setup)
{
	struct collector_config config = {
	    .interval_ns = (int64_t)pipeline->config->interval_ns,
	    .seed = pipeline->seed,
	    .limits = pipeline->limits,
	    .max_shards = shards_per_collector(pipeline->config),
	    .labels_since = zone_registry_generation(pipeline->registry),
	};
	struct dnstap_limits limits;

	pipeline_dnstap_limits(pipeline, pipeline->config, &limits);
	return input_start(input, setup, &config, pipeline->windows.oldest, &limits);
}

/* -- the wire */

/* Clients with this host's own addresses are not compared. Threads go on with the old list until
 * they have the new one. */
void pipeline_renew_filter(struct pipeline *pipeline)
{
	struct compare_filter *next = &pipeline->filters[!pipeline->filter];
	const uint64_t(*own)[2], (*copy)[2];
	uint64_t version;
	size_t n = wire_side_own(pipeline->wire, &own, &version);

	if (version == pipeline->own_version)
		return;
	copy = n ? memdup(own, n * sizeof(*own)) : NULL;
	if (n && !copy)
		return; /* tried again at the next change */
	free((void *)next->own);
	compare_filter_make(next, pipeline->config);
	next->own = copy;
	next->n_own = n;
	pipeline->filter = !pipeline->filter;
	pipeline->own_version = version;
	for (size_t i = 0; i < pipeline->n_inputs; i++) {
		struct input *input = pipeline->inputs[i];

		input->setup.traits.filter = next;
		input_send(input,
		    &(struct input_command){.oldest = INT64_MIN,
			.reopen = INT64_MIN,
			.set_traits = true,
			.traits = input->setup.traits});
		input_wait(input);
	}
}

static void take_wire(void *context, const struct wire_window *window, int64_t start_ns)
{
	struct pipeline *pipeline = context;

	report_wire(pipeline->report, window, start_ns);
}

void pipeline_start_wire(struct pipeline *pipeline, const struct config *config)
{
	const struct wire_side_listener listener = {take_wire, pipeline};
	int r = wire_side_new(&pipeline->wire, config, pipeline->clock, &listener);

	if (r < 0)
		log_warning(MODULE, "the wire is not watched: %s", strerror(-r));
	wire_side_start(pipeline->wire);
}

int pipeline_fd(const struct pipeline *pipeline)
{
	return wire_side_fd(pipeline->wire);
}

void pipeline_process(struct pipeline *pipeline)
{
	wire_side_process(pipeline->wire);
	pipeline_renew_filter(pipeline);
}

/* -- start and stop */

void pipeline_make_limits(struct pipeline *pipeline, const struct config *config)
{
	/* One more set for merging. */
	shard_limits_make(
	    &pipeline->limits, config, shards_per_collector(config) * (config->n_inputs + 1));
}

int pipeline_allocate_inputs(struct pipeline *pipeline, size_t n)
{
	struct report_input *inputs = calloc(n + 1, sizeof(*inputs));
	enum producer *producers;

	if (!inputs)
		return -ENOMEM;
	producers = calloc(n + 1, sizeof(*producers));
	if (!producers) {
		free(inputs);
		return -ENOMEM;
	}
	free(pipeline->report_inputs);
	free(pipeline->producers);
	pipeline->report_inputs = inputs;
	pipeline->producers = producers;
	return 0;
}

/* Files are no reason not to count. */
void pipeline_open_rssac002(struct pipeline *pipeline, const struct config *config)
{
	const char *fresh;
	int r;

	if (!*config->rssac002.dir)
		return;
	r = rssac002_new(&pipeline->rssac, config->rssac002.dir, config->server,
	    clock_wall_ns(pipeline->clock), &fresh);
	if (r < 0)
		log_warning(
		    MODULE, "no RSSAC002 files: %s dir=%s", strerror(-r), config->rssac002.dir);
	else if (fresh)
		log_warning(MODULE, "RSSAC002: the day is counted anew: %s dir=%s", fresh,
		    config->rssac002.dir);
	report_use_rssac002(pipeline->report, pipeline->rssac);
}

void pipeline_close_rssac002(struct pipeline *pipeline, const struct config *config)
{
	int r = pipeline->rssac ? rssac002_flush(pipeline->rssac) : 0;

	if (r < 0)
		log_warning(MODULE, "RSSAC002 files not written: %s dir=%s", strerror(-r),
		    config->rssac002.dir);
	report_use_rssac002(pipeline->report, NULL);
	rssac002_free(pipeline->rssac);
	pipeline->rssac = NULL;
}

static int make_stages(struct pipeline *pipeline, char *error, size_t size)
{
	const struct config *config = pipeline->config;
	int r = zone_registry_new(&pipeline->registry);

	if (r == 0) {
		pipeline_make_limits(pipeline, config);
		r = shard_new(&pipeline->empty, &pipeline->limits, &pipeline->seed);
	}
	if (r == 0)
		r = pipeline_allocate_inputs(pipeline, config->n_inputs);
	if (r < 0) {
		snprintf(error, size, "%s", strerror(-r));
		return r;
	}
	compare_filter_make(&pipeline->filters[pipeline->filter], config);
	pipeline->inputs = calloc(config->n_inputs + 1, sizeof(*pipeline->inputs));
	if (!pipeline->inputs) {
		snprintf(error, size, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	for (size_t i = 0; i < config->n_inputs && r == 0; i++) {
		r = pipeline_open_input(
		    pipeline, &config->inputs[i], &pipeline->inputs[i], error, size);
		pipeline->n_inputs += r == 0;
	}
	if (r < 0)
		return r;
	/* Before the report's sinks have threads: it sets up libcurl. */
	r = enrich_new(&pipeline->enrich, config, &pipeline->seed, true);
	if (r < 0) {
		snprintf(error, size, "%s", strerror(-r));
		return r;
	}
	r = report_new(&pipeline->report, config, pipeline->registry, &pipeline->seed, error, size);
	if (r == 0)
		report_use_enrich(pipeline->report, pipeline->enrich);
	return r;
}

int pipeline_new(
    struct pipeline **ret, const struct pipeline_options *options, char *error, size_t size)
{
	struct pipeline *pipeline = calloc(1, sizeof(*pipeline));
	int r;

	if (!pipeline) {
		snprintf(error, size, "%s", strerror(ENOMEM));
		config_unref(options->config);
		return -ENOMEM;
	}
	pipeline->config = options->config;
	pipeline->clock = options->clock;
	pipeline->passed = options->passed;
	pipeline->n_passed = options->n_passed;
	hash_seed_random(&pipeline->seed);
	r = make_stages(pipeline, error, size);
	if (r < 0) {
		pipeline_free(pipeline);
		return r;
	}
	*ret = pipeline;
	return 0;
}

int pipeline_start(struct pipeline *pipeline, char *error, size_t size)
{
	const struct config *config = pipeline->config;
	struct windows_written before;

	pipeline->newest_ns = clock_wall_ns(pipeline->clock);
	windows_init(&pipeline->windows, (int64_t)config->interval_ns, (int64_t)config->grace_ns,
	    pipeline->newest_ns, false);
	pipeline->started = true;
	pipeline_start_wire(pipeline, config);
	if (wire_side_noted(pipeline->wire, &before, sizeof(before)))
		windows_continue(&pipeline->windows, &before);
	for (size_t i = 0; i < pipeline->n_inputs; i++) {
		struct input_setup setup;
		int r = input_setup_make(&setup, &config->inputs[i], pipeline->registry,
		    &pipeline->filters[pipeline->filter], &pipeline->seed, error, size);

		if (r < 0)
			return r;
		r = pipeline_start_input(pipeline, pipeline->inputs[i], &setup);
		if (r < 0) {
			input_setup_done(&setup);
			snprintf(error, size, "%s: %s", config->inputs[i].address, strerror(-r));
			return r;
		}
		log_info(MODULE, "listening input=%s zone=%s", config->inputs[i].address,
		    setup.zones ? "(by name)" : config->inputs[i].zone);
	}
	pipeline_renew_filter(pipeline);
	enrich_start(pipeline->enrich);
	pipeline_open_rssac002(pipeline, config);
	report_event(pipeline->report, "start", "crosstap %s, %zu inputs", CROSSTAP_VERSION,
	    pipeline->n_inputs);
	return 0;
}

void pipeline_stop(struct pipeline *pipeline, uint64_t timeout_ns)
{
	struct input_command command = {.reopen = INT64_MIN};

	if (!pipeline->started)
		return;
	pipeline->stopping = true;
	for (size_t i = 0; i < pipeline->n_inputs; i++)
		input_stop(pipeline->inputs[i]);
	pipeline_close_everything(pipeline, &command, clock_wall_ns(pipeline->clock), false);
	wire_side_stop(pipeline->wire);
	enrich_stop(pipeline->enrich);
	pipeline_close_rssac002(pipeline, pipeline->config);
	report_stop(pipeline->report, timeout_ns);
	pipeline->started = false;
}

void pipeline_free(struct pipeline *pipeline)
{
	if (!pipeline)
		return;
	free_inputs(pipeline->inputs, pipeline->n_inputs);
	for (size_t i = 0; i < pipeline->n_closed; i++)
		shard_free(pipeline->closed[i].shard);
	free(pipeline->closed);
	shard_free(pipeline->empty);
	report_free(pipeline->report);
	enrich_free(pipeline->enrich);
	rssac002_free(pipeline->rssac);
	wire_side_free(pipeline->wire);
	free((void *)pipeline->filters[0].own);
	free((void *)pipeline->filters[1].own);
	free(pipeline->report_inputs);
	free(pipeline->producers);
	zone_registry_free(pipeline->registry);
	config_unref(pipeline->config);
	free(pipeline);
}

/* -- questions */

struct report *pipeline_report(struct pipeline *pipeline)
{
	return pipeline->report;
}

const struct config *pipeline_config(const struct pipeline *pipeline)
{
	return pipeline->config;
}

bool pipeline_healthy(struct pipeline *pipeline, char *reasons, size_t size)
{
	const int64_t due_ns = atomic_load_explicit(&pipeline->due_ns, memory_order_relaxed);
	struct report_status *status;
	bool late, failing = false;

	if (report_get_status(pipeline->report, &status) < 0) {
		snprintf(reasons, size, "[\"no memory\"]");
		return false;
	}
	late = due_ns && clock_wall_ns(pipeline->clock) > due_ns + 2 * (int64_t)status->interval_ns;
	for (size_t i = 0; i < status->n_sinks; i++) {
		failing = status->sinks[i].stats.failing;
		if (!failing)
			break;
	}
	report_status_free(status);
	snprintf(reasons, size, "[%s%s%s]", late ? "\"a window is over two intervals late\"" : "",
	    late && failing ? "," : "", failing ? "\"every output fails\"" : "");
	return !late && !failing;
}
