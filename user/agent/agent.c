/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/agent_internal.h"
#include "agent/health.h"
#include "base/error_text.h"
#include "base/log.h"
#include "history/history.h"
#include "privacy/key_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODULE AGENT_MODULE

static void *memdup(const void *data, size_t size)
{
	void *copy = malloc(size);

	return copy ? memcpy(copy, data, size) : NULL;
}

/* -- the wire */

/* Clients with this host's own addresses are not compared. Threads go on with the old list until
 * they have the new one. */
void agent_renew_filter(struct agent *agent)
{
	struct compare_filter *next = &agent->filters[!agent->filter];
	const uint64_t(*own)[2], (*copy)[2];
	uint64_t version;
	size_t n = wire_own(agent->wire, &own, &version);

	if (version == agent->own_version)
		return;
	copy = n ? memdup(own, n * sizeof(*own)) : NULL;
	if (n && !copy)
		return; /* tried again at the next change */
	free((void *)next->own);
	compare_filter_make(next, agent->config);
	next->own = copy;
	next->n_own = n;
	agent->filter = !agent->filter;
	agent->own_version = version;
	for (size_t i = 0; i < agent->n_inputs; i++) {
		struct input *input = agent->inputs[i];

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
	struct agent *agent = context;

	report_wire(agent->report, window, start_ns);
}

int agent_fd(const struct agent *agent)
{
	return wire_fd(agent->wire);
}

void agent_process(struct agent *agent)
{
	wire_process(agent->wire);
	agent_renew_filter(agent);
}

/* -- start and stop */

/* Files are no reason not to count. */
void agent_open_rssac002(struct agent *agent, const struct config *config)
{
	const char *fresh, *key_file = config->rssac002.key_file;
	uint8_t key[KEY_FILE_BYTES];
	char reason[256];
	int r;

	if (!*config->rssac002.dir)
		return;
	if (*key_file && key_file_read(key_file, key, reason, sizeof(reason)) < 0) {
		log_warning(MODULE, "no RSSAC002 files: rssac002.key_file: %s", reason);
		return;
	}
	r = rssac002_new(&agent->rssac, config->rssac002.dir, config->server,
	    config->rssac002.prefix, *key_file ? key : NULL, clock_wall_ns(agent->clock), &fresh);
	explicit_bzero(key, sizeof(key));
	if (r < 0)
		log_warning(
		    MODULE, "no RSSAC002 files: %s dir=%s", strerror(-r), config->rssac002.dir);
	else if (fresh)
		log_warning(MODULE, "RSSAC002: the day's count begins anew: %s dir=%s", fresh,
		    config->rssac002.dir);
	report_use_rssac002(agent->report, agent->rssac);
}

void agent_close_rssac002(struct agent *agent, const struct config *config)
{
	int r = agent->rssac ? rssac002_flush(agent->rssac) : 0;
	char words[ERROR_TEXT_BYTES];

	if (r < 0)
		log_warning(MODULE, "RSSAC002 files not written: %s dir=%s", error_text(words, -r),
		    config->rssac002.dir);
	report_use_rssac002(agent->report, NULL);
	rssac002_free(agent->rssac);
	agent->rssac = NULL;
}

void agent_open_magnitude(struct agent *agent, const struct config *config)
{
	const struct magnitude_options options = {.dir = config->magnitude.dir,
	    .server = config->server,
	    .domains = config->magnitude.domains,
	    .live = true,
	    .now_ns = clock_wall_ns(agent->clock)};
	const char *fresh;
	int r;

	if (!*options.dir)
		return;
	r = magnitude_new(&agent->magnitude, &options, &fresh);
	if (r < 0)
		log_warning(
		    MODULE, "no DNS Magnitude: %s dir=%s", strerror(-r), config->magnitude.dir);
	else if (fresh)
		log_warning(MODULE, "DNS Magnitude: the day's count begins anew: %s dir=%s", fresh,
		    config->magnitude.dir);
	report_use_magnitude(agent->report, agent->magnitude);
}

void agent_close_magnitude(struct agent *agent, const struct config *config)
{
	int r = agent->magnitude ? magnitude_flush(agent->magnitude) : 0;
	char words[ERROR_TEXT_BYTES];

	if (r < 0)
		log_warning(MODULE, "DNS Magnitude not written: %s dir=%s", error_text(words, -r),
		    config->magnitude.dir);
	report_use_magnitude(agent->report, NULL);
	magnitude_free(agent->magnitude);
	agent->magnitude = NULL;
}

static int make_stages(struct agent *agent, char *error, size_t size)
{
	const struct wire_listener listener = {take_wire, agent};
	const struct config *config = agent->config;
	int r = zone_registry_new(&agent->registry);

	if (r == 0) {
		agent_limits_make(&agent->limits, config);
		r = shard_new(&agent->empty, &agent->limits, &agent->seed);
	}
	if (r == 0)
		r = wire_new(&agent->wire, config, agent->clock, agent->passed, &listener);
	if (r < 0) {
		snprintf(error, size, "%s", strerror(-r));
		return r;
	}
	compare_filter_make(&agent->filters[agent->filter], config);
	return input_set_prepare(agent, config, &agent->opened, error, size);
}

static int make_report(struct agent *agent, char *error, size_t size)
{
	const struct config *config = agent->config;
	/* Before the report's sinks have threads: it sets up libcurl. */
	int r = enrich_new(&agent->enrich, config, &agent->seed, true);
	if (r < 0) {
		snprintf(error, size, "%s", strerror(-r));
		return r;
	}
	r = history_new(&agent->history, config);
	if (r < 0) {
		snprintf(error, size, "%s", strerror(-r));
		return r;
	}
	r = report_new(&agent->report, config, agent->registry, &agent->seed, error, size);
	if (r == 0)
		report_use_enrich(agent->report, agent->enrich);
	return r;
}

int agent_new(struct agent **ret, const struct agent_options *options, char *error, size_t size)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	int r;

	if (!agent) {
		snprintf(error, size, "%s", strerror(ENOMEM));
		config_unref(options->config);
		return -ENOMEM;
	}
	pthread_mutex_init(&agent->lock, NULL);
	agent->config = options->config;
	agent->clock = options->clock;
	agent->passed = options->passed;
	agent->lag_ns = -1;
	hash_seed_random(&agent->seed);
	r = make_stages(agent, error, size);
	if (r < 0) {
		agent_free(agent);
		return r;
	}
	*ret = agent;
	return 0;
}

int agent_start(struct agent *agent, char *error, size_t size)
{
	const struct config *config = agent->config;
	struct input_set *opened = agent->opened;
	struct windows_written before;
	int r;

	agent->newest_ns = clock_wall_ns(agent->clock);
	windows_init(&agent->windows, (int64_t)config->interval_ns, (int64_t)config->grace_ns,
	    agent->newest_ns, false);
	agent->started = true;
	agent->opened = NULL;
	/* Inputs first: producers that are waiting have buffers for less than it takes to load
	 * databases and programs. */
	r = input_set_commit(agent, opened);
	if (r < 0) {
		snprintf(error, size, "an input does not start: %s", strerror(-r));
		return r;
	}
	r = make_report(agent, error, size);
	if (r < 0)
		return r;
	agent_report_certificates(agent);
	wire_start(agent->wire, agent->newest_ns);
	if (wire_noted(agent->wire, &before, sizeof(before)))
		windows_continue(&agent->windows, &before);
	agent_renew_filter(agent);
	enrich_start(agent->enrich);
	report_use_history(agent->report, agent->history);
	agent_open_rssac002(agent, config);
	agent_open_magnitude(agent, config);
	agent_publish_config(agent);
	report_event(
	    agent->report, "start", "crosstap %s, %zu inputs", CROSSTAP_VERSION, agent->n_inputs);
	return 0;
}

void agent_stop(struct agent *agent, uint64_t timeout_ns)
{
	struct input_command command = {.reopen = INT64_MIN};

	if (!agent->started)
		return;
	agent->stopping = true;
	for (size_t i = 0; i < agent->n_inputs; i++)
		input_stop(agent->inputs[i], true);
	agent_close_everything(agent, &command, clock_wall_ns(agent->clock), false);
	wire_stop(agent->wire);
	enrich_stop(agent->enrich);
	agent_close_rssac002(agent, agent->config);
	agent_close_magnitude(agent, agent->config);
	report_stop(agent->report, timeout_ns);
	agent->started = false;
}

void agent_free(struct agent *agent)
{
	if (!agent)
		return;
	input_set_free(agent->opened);
	for (size_t i = 0; i < agent->n_inputs; i++)
		input_free(agent->inputs[i]);
	free(agent->inputs);
	for (size_t i = 0; i < agent->n_closed; i++)
		shard_free(agent->closed[i].shard);
	free(agent->closed);
	shard_free(agent->empty);
	report_free(agent->report);
	history_free(agent->history);
	enrich_free(agent->enrich);
	rssac002_free(agent->rssac);
	magnitude_free(agent->magnitude);
	wire_free(agent->wire);
	free((void *)agent->filters[0].own);
	free((void *)agent->filters[1].own);
	free(agent->report_inputs);
	free(agent->left);
	free(agent->producers);
	zone_registry_free(agent->registry);
	config_unref(agent->config);
	free(agent->config_json);
	pthread_mutex_destroy(&agent->lock);
	free(agent);
}

/* -- questions */

struct report *agent_report(struct agent *agent)
{
	return agent->report;
}

const struct config *agent_config(const struct agent *agent)
{
	return agent->config;
}

bool agent_healthy(struct agent *agent, char *reasons, size_t size)
{
	struct report_status *status;
	struct health_facts facts;
	bool good;

	if (report_get_status(agent->report, &status) < 0) {
		snprintf(reasons, size, "[\"no memory\"]");
		return false;
	}
	facts = (struct health_facts){
	    .now_ns = clock_wall_ns(agent->clock),
	    .started_ns = status->started_ns,
	    .due_ns = atomic_load_explicit(&agent->due_ns, memory_order_relaxed),
	    .interval_ns = status->interval_ns,
	    .inputs = status->n_inputs,
	    .connected = atomic_load_explicit(&agent->connected, memory_order_relaxed),
	    .outputs = status->sinks,
	    .n_outputs = status->n_sinks,
	};
	good = health_judge(&facts, reasons, size);
	report_status_free(status);
	return good;
}
