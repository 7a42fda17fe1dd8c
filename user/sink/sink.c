/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/sink.h"

#include "base/arena.h"
#include "base/clock.h"
#include "sink/spool.h"
#include "sink/worker.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define SPREAD_MAX_NS     (5 * (uint64_t)NS_PER_S)
#define QUEUE_BATCHES     1024
#define QUEUE_BYTES_LEAST (1 << 20)

struct sink {
	struct arena *arena; /* name and output */
	const char *name;
	struct config_output output;
	struct worker *worker;
};

static const struct sink_ops *ops_of(enum output_kind kind)
{
	switch (kind) {
	case OUTPUT_INFLUXDB:
		return &sink_influx_ops;
	case OUTPUT_FILE:
		return &sink_file_ops;
	case OUTPUT_OTLP:
		return &sink_otlp_ops;
	}
	return NULL;
}

static size_t count_remote(const struct config *config)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_outputs; i++) {
		const struct sink_ops *ops = ops_of(config->outputs[i].kind);

		n += ops && ops->remote;
	}
	return n ? n : 1;
}

void sink_tuning_default(
    struct sink_tuning *ret, const struct config_output *output, const struct config *config)
{
	const struct sink_ops *ops = ops_of(output->kind);
	uint64_t spread_ns = config->interval_ns / 2;

	if (spread_ns > SPREAD_MAX_NS)
		spread_ns = SPREAD_MAX_NS;
	*ret = (struct sink_tuning){
	    .backoff_base_ns = NS_PER_S,
	    .backoff_limit_ns = 60 * (uint64_t)NS_PER_S,
	    .queue_batches = QUEUE_BATCHES,
	    .queue_bytes = config->limits.memory / 16,
	};
	if (ret->queue_bytes < QUEUE_BYTES_LEAST)
		ret->queue_bytes = QUEUE_BYTES_LEAST;
	if (ops && ops->remote && spread_ns)
		ret->spread_ns = XXH64(config->server, strlen(config->server), 0) % spread_ns;
}

/* The URL without user, password, query and fragment; "?" if it is none. */
static char *public_url(struct arena *arena, const char *text)
{
	CURLU *url = curl_url();
	char *clean = NULL, *copy;
	size_t length;

	if (url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK) {
		curl_url_set(url, CURLUPART_USER, NULL, 0);
		curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
		curl_url_set(url, CURLUPART_QUERY, NULL, 0);
		curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
		if (curl_url_get(url, CURLUPART_URL, &clean, 0))
			clean = NULL;
	}
	length = clean ? strlen(clean) : 0;
	while (length && clean[length - 1] == '/')
		length--;
	copy = clean ? arena_strndup(arena, clean, length) : arena_strdup(arena, "?");
	curl_free(clean);
	curl_url_cleanup(url);
	return copy;
}

static const char *make_name(struct arena *arena, const struct config_output *output)
{
	const char *url;

	if (output->kind == OUTPUT_FILE)
		return arena_printf(arena, "file %s", output->path);
	url = public_url(arena, output->url);
	if (!url)
		return NULL;
	if (output->kind == OUTPUT_OTLP)
		return arena_printf(arena, "otlp %s", url);
	if (output->version == 1)
		return arena_printf(arena, "influxdb %s database=%s", url, output->database);
	return arena_printf(arena, "influxdb %s bucket=%s", url, output->bucket);
}

/* Which spool folder is ours: the place and the agent, not its credentials. */
static uint64_t identity_of(
    const char *name, const struct config_output *output, const struct config *config)
{
	const char *parts[] = {name, output->org, config->server, output->version == 1 ? "1" : "2"};
	uint64_t hash = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		hash = XXH64(parts[i], strlen(parts[i]) + 1, hash);
	return hash;
}

#define OUTPUT_STRINGS(X)                                                                          \
	X(url) X(org) X(bucket) X(token) X(database) X(username) X(password) X(ca) X(path)

static int copy_output(struct sink *sink, const struct config_output *output)
{
	sink->output = *output;
#define COPY(field)                                                                                \
	if (!(sink->output.field = arena_strdup(sink->arena, output->field ? output->field : ""))) \
		return -ENOMEM;
	OUTPUT_STRINGS(COPY)
#undef COPY
	return 0;
}

bool sink_matches(const struct sink *sink, const struct config_output *output)
{
	const struct config_output *own = &sink->output;

#define DIFFERS(field)                                                                             \
	if (strcmp(own->field, output->field ? output->field : "") != 0)                           \
		return false;
	OUTPUT_STRINGS(DIFFERS)
#undef DIFFERS
	return own->kind == output->kind && own->version == output->version &&
	    own->timeout_ns == output->timeout_ns && own->format == output->format;
}

int sink_new_tuned(struct sink **ret, const struct config_output *output,
    const struct config *config, const struct sink_tuning *tuning)
{
	struct worker_options options = {.ops = ops_of(output->kind), .tuning = *tuning};
	struct sink *sink;
	int r;

	if (!options.ops)
		return -EOPNOTSUPP;
	sink = calloc(1, sizeof(*sink));
	if (!sink)
		return -ENOMEM;
	r = arena_new(&sink->arena);
	if (r == 0)
		r = copy_output(sink, output);
	if (r == 0 && !(sink->name = make_name(sink->arena, &sink->output)))
		r = -ENOMEM;
	options.name = sink->name;
	if (r == 0 && options.ops->remote && config->spool_path && config->spool_path[0])
		r = spool_new(&options.spool, config->spool_path,
		    identity_of(sink->name, &sink->output, config),
		    config->limits.spool / count_remote(config));
	if (r == 0)
		r = worker_new(&sink->worker, &options, &sink->output);
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
	if (sink->output.kind == OUTPUT_OTLP)
		return POINTS_JSON;
	if (sink->output.kind == OUTPUT_FILE && sink->output.format == FORMAT_JSON)
		return POINTS_JSON;
	return POINTS_LINE;
}

const char *sink_name(const struct sink *sink)
{
	return sink->name;
}

void sink_stats(const struct sink *sink, struct sink_stats *ret)
{
	worker_stats(sink->worker, ret);
}

void sink_stop(struct sink *sink, uint64_t timeout_ns)
{
	worker_stop(sink->worker, timeout_ns);
}

void sink_free(struct sink *sink)
{
	if (!sink)
		return;
	/* A thread that could not be ended keeps its name. */
	if (worker_free(sink->worker))
		arena_free(sink->arena);
	free(sink);
}
