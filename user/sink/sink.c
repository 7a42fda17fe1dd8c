/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/sink.h"

#include "base/arena.h"
#include "base/clock.h"
#include "sink/backend.h"
#include "sink/spool.h"
#include "sink/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define SPREAD_MAX_NS     (60 * (uint64_t)NS_PER_S) /* nobody wants to see a window later */
#define BACKOFF_MAX_NS    (60 * (uint64_t)NS_PER_S) /* nor rarer than windows end */
#define QUEUE_BATCHES     1024
#define QUEUE_BYTES_LEAST (1 << 20)

struct sink {
	struct arena *arena; /* of the place's strings */
	struct sink_place place;
	uint64_t place_id;
	const struct sink_ops *ops;
	const struct config
	    *config; /* a reference; `output` and the spool's path are parts of it */
	const struct config_output *output;
	struct worker *worker;
};

/* Each keeps its share on disk. */
static uint64_t spool_share(const struct config *config)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_outputs; i++)
		n += sink_ops_of(&config->outputs[i])->remote;
	return config->limits.spool / (n ? n : 1);
}

void sink_tuning_default(
    struct sink_tuning *ret, const struct config_output *output, const struct config *config)
{
	/* Over the whole interval: with any part of it left empty a fleet's peak is that much
	 * higher. */
	const uint64_t spread_ns =
	    config->interval_ns < SPREAD_MAX_NS ? config->interval_ns : SPREAD_MAX_NS;

	*ret = (struct sink_tuning){
	    .backoff_base_ns = NS_PER_S,
	    .backoff_limit_ns =
		config->interval_ns < BACKOFF_MAX_NS ? config->interval_ns : BACKOFF_MAX_NS,
	    .queue_batches = QUEUE_BATCHES,
	    .queue_bytes = config->limits.memory / 16,
	};
	if (ret->queue_bytes < QUEUE_BYTES_LEAST)
		ret->queue_bytes = QUEUE_BYTES_LEAST;
	if (sink_ops_of(output)->remote && spread_ns)
		ret->spread_ns = XXH64(config->server, strlen(config->server), 0) % spread_ns;
}

/* Of the place and, where there is a spool, the agent; not of credentials. */
static int hash_place(struct arena *arena, const struct config_output *output,
    const struct config *config, struct sink_place *ret, uint64_t *ret_hash)
{
	const struct sink_ops *ops = sink_ops_of(output);
	int r = ops->describe(arena, output->settings, ret);
	const char *parts[] = {ret->name, ret->realm, ops->remote ? config->server : ""};

	*ret_hash = 0;
	for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
		*ret_hash = XXH64(parts[i], strlen(parts[i]) + 1, *ret_hash);
	return r;
}

/* The name of the spool's folder: which of those with this place it is, in the configuration's
 * order, tells two outputs apart that differ in credentials alone. */
static int identify(struct arena *arena, const struct config_output *output,
    const struct config *config, struct sink_place *ret, uint64_t *ret_id)
{
	uint64_t before = 0, hash;
	int r = hash_place(arena, output, config, ret, ret_id);

	for (size_t i = 0; r == 0 && i < config->n_outputs && &config->outputs[i] != output; i++) {
		struct sink_place other;

		if (config->outputs[i].kind != output->kind)
			continue;
		r = hash_place(arena, &config->outputs[i], config, &other, &hash);
		before += r == 0 && hash == *ret_id;
	}
	if (r == 0 && before)
		*ret_id = XXH64(&before, sizeof(before), *ret_id);
	return r;
}

static bool has_spool(const struct sink_ops *ops, const struct config *config)
{
	return ops->remote && config->spool_path && config->spool_path[0];
}

int sink_new_tuned(struct sink **ret, const struct config_output *output,
    const struct config *config, const struct sink_tuning *tuning)
{
	struct worker_options options = {.ops = sink_ops_of(output), .tuning = *tuning};
	struct sink *sink = calloc(1, sizeof(*sink));
	int r;

	if (!sink)
		return -ENOMEM;
	sink->ops = options.ops;
	sink->config = config_ref(config);
	sink->output = output;
	r = arena_new(&sink->arena);
	if (r == 0)
		r = identify(sink->arena, output, config, &sink->place, &sink->place_id);
	if (r == 0) {
		options.name = sink->place.name;
		options.server = arena_printf(sink->arena, "%s", config->server);
		r = options.server ? 0 : -ENOMEM;
	}
	if (r == 0 && has_spool(sink->ops, config))
		r = spool_new(
		    &options.spool, config->spool_path, sink->place_id, spool_share(config));
	if (r == 0 && options.spool) {
		/* Agents that share a folder are told apart by their servers. */
		char *place =
		    arena_printf(sink->arena, "%s of server %s", sink->place.name, config->server);

		if (place)
			spool_set_place(options.spool, place);
	}
	if (r == 0)
		r = worker_new(&sink->worker, &options, output->settings);
	if (r < 0)
		sink_free(sink);
	else
		*ret = sink;
	return r;
}

int sink_new(struct sink **ret, const struct config_output *output, const struct config *config)
{
	struct sink_tuning tuning;

	sink_tuning_default(&tuning, output, config);
	return sink_new_tuned(ret, output, config, &tuning);
}

void sink_start(struct sink *sink, const struct sink *after)
{
	worker_start(sink->worker, after ? after->worker : NULL);
}

bool sink_stays(
    const struct sink *sink, const struct config_output *output, const struct config *config)
{
	struct arena *arena;
	struct sink_place place;
	uint64_t id;
	bool same;

	if (!output_equal(sink->output, output))
		return false;
	if (sink->ops->remote && strcmp(sink->config->spool_path, config->spool_path) != 0)
		return false;
	if (arena_new(&arena) < 0)
		return false;
	same = identify(arena, output, config, &place, &id) == 0 && id == sink->place_id;
	arena_free(arena);
	return same;
}

void sink_keep(struct sink *sink, const struct config_output *output, const struct config *config)
{
	const struct config *before = sink->config;
	struct sink_tuning tuning;

	sink_tuning_default(&tuning, output, config);
	worker_tune(sink->worker, &tuning, spool_share(config));
	sink->config = config_ref(config);
	sink->output = output;
	config_unref(before);
}

uint64_t sink_place_id(const struct sink *sink)
{
	return sink->place_id;
}

void sink_push(struct sink *sink, struct batch *batch)
{
	worker_push(sink->worker, batch);
}

bool sink_wait_room(struct sink *sink, uint64_t timeout_ns)
{
	return worker_wait_room(sink->worker, timeout_ns);
}

enum points_format sink_format(const struct sink *sink)
{
	return sink->ops->format(sink->output->settings);
}

const char *sink_name(const struct sink *sink)
{
	return sink->place.name;
}

void sink_stats(const struct sink *sink, struct sink_stats *ret)
{
	worker_stats(sink->worker, ret);
}

void sink_stop_begin(struct sink *sink, enum sink_end end, uint64_t timeout_ns)
{
	worker_stop_begin(sink->worker, end, timeout_ns);
}

void sink_stop_wait(struct sink *sink)
{
	worker_stop_wait(sink->worker);
}

void sink_stop(struct sink *sink, uint64_t timeout_ns)
{
	sink_stop_begin(sink, SINK_END_PROCESS, timeout_ns);
	sink_stop_wait(sink);
}

void sink_free(struct sink *sink)
{
	if (!sink)
		return;
	/* A thread that could not be ended keeps its name. */
	if (worker_free(sink->worker))
		arena_free(sink->arena);
	config_unref(sink->config);
	free(sink);
}

bool sink_probe(const struct config_output *output, struct sink_finding *ret)
{
	const struct sink_ops *ops = sink_ops_of(output);

	if (!ops->probe)
		return false;
	*ret = (struct sink_finding){0};
	ops->probe(output->settings, ret);
	return true;
}

const char *sink_local_file(const struct config_output *output)
{
	const struct sink_ops *ops = sink_ops_of(output);

	return ops->local_file ? ops->local_file(output->settings) : NULL;
}
