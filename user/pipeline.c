/* SPDX-License-Identifier: BSD-2-Clause */
#include "pipeline.h"

#include "base/log.h"
#include "enrich/enrich.h"
#include "input.h"
#include "report/report.h"
#include "stats/windows.h"
#include "wire_side.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MODULE    "pipeline"
#define MAX_EMPTY 16 /* windows without a frame, reported in a row: more are a clock that leapt */

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

static void dnstap_limits_make(
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

static int open_input(struct pipeline *pipeline, const struct config_input *config,
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

static int start_input(struct pipeline *pipeline, struct input *input, struct input_setup *setup)
{
	struct collector_config config = {
	    .interval_ns = (int64_t)pipeline->config->interval_ns,
	    .seed = pipeline->seed,
	    .limits = pipeline->limits,
	    .max_shards = shards_per_collector(pipeline->config),
	};
	struct dnstap_limits limits;

	dnstap_limits_make(pipeline, pipeline->config, &limits);
	return input_start(input, setup, &config, pipeline->windows.oldest, &limits);
}

/* -- windows */

static int note_closed(struct pipeline *pipeline, struct shard *shard, struct input *owner)
{
	if (pipeline->n_closed == pipeline->closed_size) {
		size_t size = pipeline->closed_size ? pipeline->closed_size * 2 : 16;
		struct closed_shard *closed = reallocarray(pipeline->closed, size, sizeof(*closed));

		if (!closed)
			return -ENOMEM;
		pipeline->closed = closed;
		pipeline->closed_size = size;
	}
	pipeline->closed[pipeline->n_closed++] = (struct closed_shard){shard, owner};
	return 0;
}

static void collect_closed(struct pipeline *pipeline, struct input *input)
{
	struct shard *shard;

	while ((shard = ring_pop(&input->closed))) {
		if (note_closed(pipeline, shard, input) < 0) {
			log_error(MODULE, "no memory: a window of one input is lost frames=%llu",
			    (unsigned long long)shard->frames);
			shard_free(shard);
		}
	}
}

/* All inputs at once, then all answers: they work side by side. */
static void command_all(struct pipeline *pipeline, const struct input_command *command)
{
	for (size_t i = 0; i < pipeline->n_inputs; i++)
		input_send(pipeline->inputs[i], command);
	for (size_t i = 0; i < pipeline->n_inputs; i++) {
		input_wait(pipeline->inputs[i]);
		collect_closed(pipeline, pipeline->inputs[i]);
	}
}

static void give_back(struct pipeline *pipeline, struct shard *shard, struct input *owner)
{
	shard_clear(shard, &pipeline->limits);
	if (!owner || !ring_push(&owner->returned, shard))
		shard_free(shard);
}

static void fill_agent(struct pipeline *pipeline, struct report_agent *agent)
{
	for (size_t i = 0; i < pipeline->n_inputs; i++) {
		struct report_input *input = &pipeline->report_inputs[i];

		snprintf(input->address, sizeof(input->address), "%s",
		    dnstap_input_address(pipeline->inputs[i]->source));
		dnstap_input_stats(pipeline->inputs[i]->source, &input->stats);
		input->late = input->skewed = 0;
	}
	*agent = (struct report_agent){
	    .inputs = pipeline->report_inputs,
	    .n_inputs = pipeline->n_inputs,
	    .now_ns = clock_wall_ns(pipeline->clock),
	    .window_lag_ns = pipeline->lag_ns,
	};
}

/* What happened to the dnstap side since the last window. */
static void fill_comparison(
    struct pipeline *pipeline, const struct window_span *span, struct comparison_window *ret)
{
	const int64_t now_ns = clock_wall_ns(pipeline->clock);
	const int64_t from_ns = span->partial ? span->time_ms * NS_PER_MS : span->start_ns;
	const int64_t to_ns = now_ns < span->end_ns ? now_ns : span->end_ns;
	struct crosscheck_inputs *inputs = &ret->inputs;

	*ret = (struct comparison_window){
	    .wire = wire_side_get(pipeline->wire, span->index),
	    .duration_ns = to_ns > from_ns ? (uint64_t)(to_ns - from_ns) : 0,
	    .inputs = {.started = !pipeline->reported,
		.stopped = pipeline->stopping,
		.reloaded = pipeline->reloaded,
		.changed = pipeline->changed},
	};
	for (size_t i = 0; i < pipeline->n_inputs; i++)
		input_witness(pipeline->inputs[i], &pipeline->config->inputs[i],
		    &pipeline->report_inputs[i].stats, inputs);
	inputs->producers = pipeline->producers;
	for (size_t i = 0; i < pipeline->n_inputs; i++) {
		if (pipeline->config->inputs[i].scope != SCOPE_ZONE)
			pipeline->producers[inputs->n_producers++] = pipeline->inputs[i]->producer;
	}
	pipeline->reported = true;
	pipeline->reloaded = pipeline->changed = false;
}

static void note_late(struct pipeline *pipeline, const struct closed_shard *closed)
{
	for (size_t i = 0; i < pipeline->n_inputs; i++) {
		if (pipeline->inputs[i] == closed->owner) {
			pipeline->report_inputs[i].late += closed->shard->late;
			pipeline->report_inputs[i].skewed += closed->shard->skewed;
		}
	}
}

/* Merges every closed shard up to this window into one, and reports it. A shard that missed its
 * window (its thread was stopped for a while) joins here. */
static void report_span(struct pipeline *pipeline, const struct window_span *span)
{
	struct closed_shard base = {NULL, NULL};
	struct report_agent agent;
	size_t kept = 0;

	fill_agent(pipeline, &agent);
	fill_comparison(pipeline, span, &agent.window);
	for (size_t i = 0; i < pipeline->n_closed; i++) {
		struct closed_shard *closed = &pipeline->closed[i];

		if (closed->shard->index > span->index) {
			pipeline->closed[kept++] = *closed;
			continue;
		}
		note_late(pipeline, closed);
		if (!base.shard) {
			base = *closed;
			continue;
		}
		if (shard_merge(base.shard, closed->shard, &pipeline->seed) < 0)
			log_error(
			    MODULE, "no memory to merge a window: some of its sources are missing");
		give_back(pipeline, closed->shard, closed->owner);
	}
	pipeline->n_closed = kept;
	report_window(pipeline->report, base.shard ? base.shard : pipeline->empty, span, &agent);
	wire_side_done(pipeline->wire, span->index);
	if (base.shard)
		give_back(pipeline, base.shard, base.owner);
	else
		shard_clear(pipeline->empty, &pipeline->limits);
}

static int64_t newest_closed(const struct pipeline *pipeline)
{
	int64_t newest = INT64_MIN;

	for (size_t i = 0; i < pipeline->n_closed; i++) {
		if (pipeline->closed[i].shard->index > newest)
			newest = pipeline->closed[i].shard->index;
	}
	return newest;
}

static bool is_counted(const struct pipeline *pipeline, int64_t index)
{
	for (size_t i = 0; i < pipeline->n_closed; i++) {
		if (pipeline->closed[i].shard->index <= index)
			return true;
	}
	return false;
}

/* Reports all windows before `oldest`. Where the clock leapt, those in between that nobody counted
 * in are left out. */
static void report_until(struct pipeline *pipeline, int64_t oldest)
{
	const bool leapt = oldest - pipeline->windows.oldest > MAX_EMPTY;
	struct window_span span;

	while (pipeline->windows.oldest < oldest) {
		if (leapt && !is_counted(pipeline, pipeline->windows.oldest)) {
			const int64_t newest = newest_closed(pipeline);

			windows_skip(&pipeline->windows,
			    newest >= pipeline->windows.oldest && newest < oldest
				? pipeline->windows.oldest + 1
				: oldest);
			continue;
		}
		windows_close(&pipeline->windows, &span);
		report_span(pipeline, &span);
	}
}

/* The open windows, before their time: at the end, on a step of the clock, for a new interval. */
static void close_everything(struct pipeline *pipeline, struct input_command *command)
{
	const int64_t now = windows_index(&pipeline->windows, clock_wall_ns(pipeline->clock));
	int64_t last;

	wire_side_cut(pipeline->wire);
	command->oldest = INT64_MAX;
	command_all(pipeline, command);
	last = newest_closed(pipeline);
	/* The window of this moment too, though nobody may have counted in it; none that lies
	 * ahead. */
	if (last < now)
		last = now;
	report_until(pipeline, last + 1);
}

static void step_back(struct pipeline *pipeline, int64_t now_ns)
{
	struct input_command command = {.reopen = windows_index(&pipeline->windows, now_ns)};

	log_warning(MODULE, "the clock was set back: windows begin anew");
	close_everything(pipeline, &command);
	windows_reopen(&pipeline->windows, now_ns);
}

int64_t pipeline_tick(struct pipeline *pipeline)
{
	const int64_t wire_ns = wire_side_tick(pipeline->wire);
	const int64_t now_ns = clock_wall_ns(pipeline->clock);
	const int64_t due_ns = windows_due_ns(&pipeline->windows);
	int64_t next_ns;

	if (windows_stepped_back(&pipeline->windows, now_ns)) {
		step_back(pipeline, now_ns);
	} else if (now_ns >= due_ns) {
		const int64_t oldest =
		    windows_index(&pipeline->windows, now_ns - pipeline->windows.grace_ns);

		command_all(
		    pipeline, &(struct input_command){.oldest = oldest, .reopen = INT64_MIN});
		report_until(pipeline, oldest);
		pipeline->lag_ns = (uint64_t)(clock_wall_ns(pipeline->clock) - due_ns);
	}
	next_ns = windows_due_ns(&pipeline->windows);
	atomic_store_explicit(&pipeline->due_ns, next_ns, memory_order_relaxed);
	return next_ns < wire_ns ? next_ns : wire_ns;
}

/* -- the wire */

/* Clients with this host's own addresses are not compared. Threads go on with the old list until
 * they have the new one. */
static void renew_filter(struct pipeline *pipeline)
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

static void start_wire(struct pipeline *pipeline, const struct config *config)
{
	int r = wire_side_new(&pipeline->wire, config, pipeline->clock);

	if (r < 0)
		log_warning(MODULE, "the wire is not watched: %s", strerror(-r));
	wire_side_start(pipeline->wire);
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
		start_wire(pipeline, config);
	}
}

int pipeline_fd(const struct pipeline *pipeline)
{
	return wire_side_fd(pipeline->wire);
}

void pipeline_process(struct pipeline *pipeline)
{
	wire_side_process(pipeline->wire);
	renew_filter(pipeline);
}

/* -- start and stop */

static void make_limits(struct pipeline *pipeline, const struct config *config)
{
	/* One more set for merging. */
	shard_limits_make(
	    &pipeline->limits, config, shards_per_collector(config) * (config->n_inputs + 1));
}

static int allocate_report_inputs(struct pipeline *pipeline, size_t n)
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
static void open_rssac002(struct pipeline *pipeline, const struct config *config)
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

static void close_rssac002(struct pipeline *pipeline, const struct config *config)
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
		make_limits(pipeline, config);
		r = shard_new(&pipeline->empty, &pipeline->limits, &pipeline->seed);
	}
	if (r == 0)
		r = allocate_report_inputs(pipeline, config->n_inputs);
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
		r = open_input(pipeline, &config->inputs[i], &pipeline->inputs[i], error, size);
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
		config_free(options->config);
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

	windows_init(&pipeline->windows, (int64_t)config->interval_ns, (int64_t)config->grace_ns,
	    clock_wall_ns(pipeline->clock), false);
	pipeline->started = true;
	start_wire(pipeline, config);
	for (size_t i = 0; i < pipeline->n_inputs; i++) {
		struct input_setup setup;
		int r = input_setup_make(&setup, &config->inputs[i], pipeline->registry,
		    &pipeline->filters[pipeline->filter], &pipeline->seed, error, size);

		if (r < 0)
			return r;
		r = start_input(pipeline, pipeline->inputs[i], &setup);
		if (r < 0) {
			input_setup_done(&setup);
			snprintf(error, size, "%s: %s", config->inputs[i].address, strerror(-r));
			return r;
		}
		log_info(MODULE, "listening input=%s zone=%s", config->inputs[i].address,
		    setup.zones ? "(by name)" : config->inputs[i].zone);
	}
	renew_filter(pipeline);
	enrich_start(pipeline->enrich);
	open_rssac002(pipeline, config);
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
	close_everything(pipeline, &command);
	wire_side_stop(pipeline->wire);
	enrich_stop(pipeline->enrich);
	close_rssac002(pipeline, pipeline->config);
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
	config_free(pipeline->config);
	free(pipeline);
}

/* -- reload */

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
		r = open_input(pipeline, &config->inputs[i], &new->inputs[i], error, size);
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
		collect_closed(pipeline, input);
		for (size_t j = 0; j < pipeline->n_closed; j++) {
			if (pipeline->closed[j].owner == input)
				pipeline->closed[j].owner = NULL;
		}
		input_free(input);
	}
	free(pipeline->inputs);
}

static void retrait_inputs(
    struct pipeline *pipeline, struct new_inputs *new, const struct dnstap_limits *limits)
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
		int r = new->is_new[i] ? start_input(pipeline, new->inputs[i], &new->setups[i]) : 0;

		if (r < 0)
			log_error(MODULE, "input does not start: %s input=%s", strerror(-r),
			    dnstap_input_address(new->inputs[i]->source));
		else if (new->is_new[i])
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
	close_everything(pipeline, &command);
	windows_regrid(&pipeline->windows, next.interval_ns, next.grace_ns, now_ns);
}

int pipeline_reload(struct pipeline *pipeline, struct config *config, char *error, size_t size)
{
	const bool interval = config->interval_ns != pipeline->config->interval_ns ||
	    config->grace_ns != pipeline->config->grace_ns ||
	    config->limits.memory != pipeline->config->limits.memory;
	struct new_inputs new = {0};
	struct config *old = pipeline->config;
	struct dnstap_limits limits;
	int r = report_check(config, error, size);

	if (r == 0)
		r = prepare_inputs(pipeline, config, &new, error, size);
	if (r == 0)
		r = allocate_report_inputs(
		    pipeline, config->n_inputs > old->n_inputs ? config->n_inputs : old->n_inputs);
	if (r == 0) {
		make_limits(pipeline, config);
		if (interval)
			change_interval(pipeline, config);
		r = report_configure(pipeline->report, config, error, size);
	}
	if (r < 0) {
		new_inputs_free(&new);
		config_free(config);
		return r;
	}
	enrich_configure(pipeline->enrich, config);
	if (strcmp(config->rssac002.dir, old->rssac002.dir) != 0) {
		close_rssac002(pipeline, old);
		open_rssac002(pipeline, config);
	}
	pipeline->config = config;
	dnstap_limits_make(pipeline, config, &limits);
	retrait_inputs(pipeline, &new, &limits);
	drop_inputs(pipeline, &new);
	pipeline->inputs = new.inputs;
	pipeline->n_inputs = new.n;
	start_new_inputs(pipeline, &new);
	configure_wire(pipeline, config);
	pipeline->own_version = 0; /* ports may differ */
	renew_filter(pipeline);
	pipeline->reloaded = pipeline->changed = true;
	free(new.is_new);
	free(new.setups);
	config_free(old);
	report_event(pipeline->report, "reload", "%zu inputs, %zu outputs", config->n_inputs,
	    config->n_outputs);
	return 0;
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
