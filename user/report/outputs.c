/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/outputs.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/unused.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODULE           "report"
#define MAX_POINTS_BYTES (64u << 20) /* of one window, encoded */
#define PATIENCE_NS      (60 * NS_PER_S)

struct outputs {
	struct points *points[OUTPUT_FORMATS];
	pthread_mutex_t lock; /* the list below, which other threads read */
	struct sink **sinks;
	size_t n;
	struct config *config; /* in force; NULL at first */
};

struct outputs_next {
	struct config *config;
};

int outputs_new(struct outputs **ret)
{
	struct outputs *outputs = calloc(1, sizeof(*outputs));

	if (!outputs)
		return -ENOMEM;
	pthread_mutex_init(&outputs->lock, NULL);
	*ret = outputs;
	return 0;
}

void outputs_free(struct outputs *outputs)
{
	if (!outputs)
		return;
	for (size_t i = 0; i < outputs->n; i++)
		sink_free(outputs->sinks[i]);
	free(outputs->sinks);
	for (int format = 0; format < OUTPUT_FORMATS; format++)
		points_free(outputs->points[format]);
	pthread_mutex_destroy(&outputs->lock);
	config_unref(outputs->config);
	free(outputs);
}

void outputs_stop(struct outputs *outputs, uint64_t timeout_ns)
{
	const uint64_t until = clock_monotonic_ns() + timeout_ns;

	for (size_t i = 0; i < outputs->n; i++) {
		const uint64_t now = clock_monotonic_ns();

		sink_stop(outputs->sinks[i], now < until ? until - now : 0);
	}
}

static int make_points(struct outputs *outputs, const struct config *config)
{
	for (int format = 0; format < OUTPUT_FORMATS; format++) {
		struct points *points = NULL;
		bool wanted = false;

		for (size_t i = 0; i < outputs->n; i++)
			wanted |= (int)sink_format(outputs->sinks[i]) == format;
		if (wanted) {
			int r = points_new(&points, (enum points_format)format, MAX_POINTS_BYTES);

			if (r < 0)
				return r;
			points_common_tag(points, "server", config->server);
			for (size_t i = 0; i < config->n_tags; i++)
				points_common_tag(
				    points, config->tags[i].key, config->tags[i].value);
		}
		points_free(outputs->points[format]);
		outputs->points[format] = points;
	}
	return 0;
}

/* What a sink took from the configuration beside its own output. */
static bool sinks_may_stay(const struct config *a, const struct config *b)
{
	return a && strcmp(a->server, b->server) == 0 && a->interval_ns == b->interval_ns &&
	    strcmp(a->spool_path, b->spool_path) == 0 && a->limits.spool == b->limits.spool &&
	    a->n_outputs == b->n_outputs;
}

static struct sink *take_matching(struct sink **sinks, size_t n, const struct config_output *output)
{
	for (size_t i = 0; i < n; i++) {
		struct sink *sink = sinks[i];

		if (sink && sink_matches(sink, output)) {
			sinks[i] = NULL;
			return sink;
		}
	}
	return NULL;
}

static void make_sink(
    struct sink **ret, const struct config_output *output, const struct config *config)
{
	int r = sink_new(ret, output, config);

	if (r < 0)
		log_warning(MODULE, "output left out: %s url=%s path=%s", strerror(-r), output->url,
		    output->path);
}

static int make_sinks(
    struct outputs *outputs, const struct config *before, const struct config *config)
{
	const bool may_stay = sinks_may_stay(before, config);
	struct sink **old = outputs->sinks, **sinks = calloc(config->n_outputs + 1, sizeof(*sinks));
	size_t n_old = outputs->n, n = 0;

	if (!sinks)
		return -ENOMEM;
	pthread_mutex_lock(&outputs->lock);
	outputs->sinks = NULL;
	outputs->n = 0;
	pthread_mutex_unlock(&outputs->lock);
	for (size_t i = 0; may_stay && i < config->n_outputs; i++)
		sinks[i] = take_matching(old, n_old, &config->outputs[i]);
	/* Before new ones open the same file or spool. */
	for (size_t i = 0; i < n_old; i++) {
		if (old[i]) {
			sink_stop(old[i], NS_PER_S);
			sink_free(old[i]);
		}
	}
	free(old);
	for (size_t i = 0; i < config->n_outputs; i++) {
		struct sink *sink = sinks[i];

		if (!sink)
			make_sink(&sink, &config->outputs[i], config);
		if (sink)
			sinks[n++] = sink;
	}
	pthread_mutex_lock(&outputs->lock);
	outputs->sinks = sinks;
	outputs->n = n;
	pthread_mutex_unlock(&outputs->lock);
	return 0;
}

int outputs_prepare(struct outputs *outputs UNUSED, const struct config *config,
    struct outputs_next **ret, char *error, size_t size)
{
	struct outputs_next *next = malloc(sizeof(*next));

	if (!next) {
		snprintf(error, size, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	next->config = config_ref(config);
	*ret = next;
	return 0;
}

void outputs_next_free(struct outputs_next *next)
{
	if (!next)
		return;
	config_unref(next->config);
	free(next);
}

void outputs_commit(struct outputs *outputs, struct outputs_next *next)
{
	struct config *before = outputs->config;
	int r = make_sinks(outputs, before, next->config);

	if (r == 0)
		r = make_points(outputs, next->config);
	if (r < 0)
		log_error(MODULE, "outputs are not as configured: %s", strerror(-r));
	outputs->config = next->config;
	next->config = before;
	outputs_next_free(next);
}

struct points *outputs_points(struct outputs *outputs, enum points_format format)
{
	return outputs->points[format];
}

void outputs_push(struct outputs *outputs, enum points_format format, int64_t time_ms, bool patient)
{
	struct points *points = outputs->points[format];
	struct batch *batch;
	const char *text;
	size_t length;
	int r = points_finish(points, &text, &length);

	if (r < 0 || points_dropped(points))
		log_warning(MODULE, "window not encoded whole: %s points=%zu dropped=%zu",
		    r < 0 ? strerror(-r) : "over 64 MiB", points_count(points),
		    points_dropped(points));
	if (r < 0 || batch_new(&batch, text, length, points_count(points), time_ms) < 0)
		return;
	for (size_t i = 0; i < outputs->n; i++) {
		if ((enum points_format)sink_format(outputs->sinks[i]) != format)
			continue;
		if (patient)
			sink_wait_room(outputs->sinks[i], PATIENCE_NS);
		sink_push(outputs->sinks[i], batch);
	}
	batch_unref(batch);
}

void outputs_sum(const struct outputs *outputs, struct sink_stats *ret)
{
	struct sink_stats stats;

	*ret = (struct sink_stats){0};
	for (size_t i = 0; i < outputs->n; i++) {
		sink_stats(outputs->sinks[i], &stats);
		ret->points += stats.points;
		ret->bytes += stats.bytes;
		ret->points_dropped += stats.points_dropped;
		ret->points_rejected += stats.points_rejected;
		ret->errors += stats.errors;
		ret->queued += stats.queued;
		ret->spool_bytes += stats.spool_bytes;
	}
}

int outputs_status(struct outputs *outputs, struct output_status **ret, size_t *ret_n)
{
	struct output_status *status;

	pthread_mutex_lock(&outputs->lock);
	status = calloc(outputs->n + 1, sizeof(*status));
	for (size_t i = 0; status && i < outputs->n; i++) {
		snprintf(
		    status[i].name, sizeof(status[i].name), "%s", sink_name(outputs->sinks[i]));
		sink_stats(outputs->sinks[i], &status[i].stats);
	}
	*ret_n = outputs->n;
	pthread_mutex_unlock(&outputs->lock);
	if (!status)
		return -ENOMEM;
	*ret = status;
	return 0;
}
