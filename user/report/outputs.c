/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/outputs.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/output_kind.h"
#include "encode/running.h"
#include "report/drain.h"
#include "sink/orphans.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define MODULE           "report"
#define MAX_POINTS_BYTES (64u << 20) /* of one window, encoded */
#define PATIENCE_NS      (60 * NS_PER_S)
#define ORPHANS_SAID     8
#define LEAVE_NS         ((uint64_t)NS_PER_S) /* for a sink that is not wanted any more */

struct outputs {
	struct points *points[OUTPUT_FORMATS];
	struct running *running[OUTPUT_FORMATS]; /* of the formats that have such */
	uint64_t tags_hash;                      /* of the tags of all points */
	pthread_mutex_t lock;                    /* the list below, which other threads read */
	struct sink **sinks;
	size_t n;
	struct drain *drain; /* those that had to leave */
	uint64_t unsent;     /* points that found no memory on their way to a sink */
	bool orphans_unsaid;
};

struct outputs_next {
	struct points *points[OUTPUT_FORMATS];
	struct running *running[OUTPUT_FORMATS]; /* those that there are not yet */
	uint64_t tags_hash;
	struct config *config;
	struct sink **sinks; /* in the configuration's order */
	bool *is_new;
	size_t n;
};

int outputs_new(struct outputs **ret)
{
	struct outputs *outputs = calloc(1, sizeof(*outputs));
	int r;

	if (!outputs)
		return -ENOMEM;
	pthread_mutex_init(&outputs->lock, NULL);
	r = drain_new(&outputs->drain);
	if (r < 0)
		outputs_free(outputs);
	else
		*ret = outputs;
	return r;
}

void outputs_free(struct outputs *outputs)
{
	if (!outputs)
		return;
	for (size_t i = 0; i < outputs->n; i++)
		sink_stop_begin(outputs->sinks[i], SINK_END_PROCESS, 0);
	drain_free(outputs->drain);
	for (size_t i = 0; i < outputs->n; i++)
		sink_free(outputs->sinks[i]);
	free(outputs->sinks);
	for (int format = 0; format < OUTPUT_FORMATS; format++) {
		points_free(outputs->points[format]);
		running_free(outputs->running[format]);
	}
	pthread_mutex_destroy(&outputs->lock);
	free(outputs);
}

void outputs_stop(struct outputs *outputs, uint64_t timeout_ns)
{
	for (size_t i = 0; i < outputs->n; i++)
		sink_stop_begin(outputs->sinks[i], SINK_END_PROCESS, timeout_ns);
	drain_finish(outputs->drain, timeout_ns);
	for (size_t i = 0; i < outputs->n; i++)
		sink_stop_wait(outputs->sinks[i]);
}

/* --- Another configuration --- */

void outputs_next_free(struct outputs_next *next)
{
	if (!next)
		return;
	for (size_t i = 0; i < next->n; i++) {
		if (next->is_new[i])
			sink_free(next->sinks[i]);
	}
	for (int format = 0; format < OUTPUT_FORMATS; format++) {
		points_free(next->points[format]);
		running_free(next->running[format]);
	}
	free(next->sinks);
	free(next->is_new);
	config_unref(next->config);
	free(next);
}

static uint64_t hash_tags(const struct config *config)
{
	uint64_t hash = XXH64(config->server, strlen(config->server) + 1, 0);

	for (size_t i = 0; i < config->n_tags; i++) {
		hash = XXH64(config->tags[i].key, strlen(config->tags[i].key) + 1, hash);
		hash = XXH64(config->tags[i].value, strlen(config->tags[i].value) + 1, hash);
	}
	return hash;
}

static int make_running(const struct outputs *outputs, struct outputs_next *next)
{
	static const enum points_format formats[] = {POINTS_CUMULATIVE, POINTS_DELTA};
	int r = 0;

	next->tags_hash = hash_tags(next->config);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]) && r == 0; i++) {
		const enum points_format format = formats[i];

		if (next->points[format] && !outputs->running[format])
			r = running_new(&next->running[format], format, RUNNING_SERIES_MAX);
	}
	return r;
}

static int make_points(struct outputs_next *next)
{
	const struct config *config = next->config;

	for (size_t i = 0; i < next->n; i++) {
		const enum points_format format = sink_format(next->sinks[i]);
		struct points **points = &next->points[format];
		int r;

		if (*points)
			continue;
		r = points_new(points, format, MAX_POINTS_BYTES);
		if (r < 0)
			return r;
		points_common_tag(*points, "server", config->server);
		for (size_t k = 0; k < config->n_tags; k++)
			points_common_tag(*points, config->tags[k].key, config->tags[k].value);
		r = points_error(*points);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_in(const struct outputs_next *next, const struct sink *sink)
{
	for (size_t i = 0; i < next->n; i++) {
		if (next->sinks[i] == sink)
			return true;
	}
	return false;
}

/* The one that does what `output` asks for and is not taken yet. */
static struct sink *find_staying(const struct outputs *outputs, const struct outputs_next *next,
    const struct config_output *output)
{
	for (size_t i = 0; i < outputs->n; i++) {
		if (sink_stays(outputs->sinks[i], output, next->config) &&
		    !is_in(next, outputs->sinks[i]))
			return outputs->sinks[i];
	}
	return NULL;
}

static int make_sinks(
    const struct outputs *outputs, struct outputs_next *next, char *error, size_t size)
{
	const struct config *config = next->config;

	for (size_t i = 0; i < config->n_outputs; i++) {
		const struct config_output *output = &config->outputs[i];
		struct sink *sink = find_staying(outputs, next, output);
		int r;

		next->is_new[i] = !sink;
		if (!sink) {
			r = sink_new(&sink, output, config);
			if (r < 0) {
				snprintf(error, size, "outputs[%zu].%s: %s", i, output->kind->name,
				    r == -EINVAL ? "these options cannot work" : strerror(-r));
				return r;
			}
		}
		next->sinks[next->n++] = sink;
	}
	return 0;
}

static size_t count_leaving(const struct outputs *outputs, const struct outputs_next *next)
{
	size_t n = 0;

	for (size_t i = 0; i < outputs->n; i++)
		n += !is_in(next, outputs->sinks[i]);
	return n;
}

static int prepare(struct outputs *outputs, struct outputs_next *next, char *error, size_t size)
{
	int r = make_sinks(outputs, next, error, size);

	if (r < 0)
		return r;
	r = make_points(next);
	if (r == 0)
		r = make_running(outputs, next);
	if (r == 0)
		r = drain_prepare(outputs->drain, count_leaving(outputs, next));
	if (r < 0)
		snprintf(error, size, "outputs: %s",
		    r == -EBUSY ? "too many of earlier configurations still deliver; try again "
				  "in some seconds"
				: strerror(-r));
	return r;
}

int outputs_prepare(struct outputs *outputs, const struct config *config, struct outputs_next **ret,
    char *error, size_t size)
{
	struct outputs_next *next = calloc(1, sizeof(*next));
	int r = -ENOMEM;

	if (next) {
		next->config = config_ref(config);
		next->sinks = calloc(config->n_outputs + 1, sizeof(*next->sinks));
		next->is_new = calloc(config->n_outputs + 1, sizeof(*next->is_new));
	}
	if (next && next->sinks && next->is_new)
		r = prepare(outputs, next, error, size);
	else
		snprintf(error, size, "%s", strerror(ENOMEM));
	if (r < 0)
		outputs_next_free(next);
	else
		*ret = next;
	return r;
}

/* Before new ones that have the same place look for whom they must wait. */
static void dismiss(struct outputs *outputs, const struct outputs_next *next)
{
	for (size_t i = 0; i < outputs->n; i++) {
		if (is_in(next, outputs->sinks[i]))
			continue;
		sink_stop_begin(outputs->sinks[i], SINK_END_OUTPUT, LEAVE_NS);
		drain_add(outputs->drain, outputs->sinks[i]);
	}
}

/* Sums go on as long as somebody wants them and the tags of all points stay. */
static void commit_running(struct outputs *outputs, struct outputs_next *next)
{
	for (int format = 0; format < OUTPUT_FORMATS; format++) {
		struct running **running = &outputs->running[format];

		if (!outputs->points[format]) {
			running_free(*running);
			*running = NULL;
		} else if (next->running[format]) {
			*running = next->running[format];
			next->running[format] = NULL;
		} else if (*running && outputs->tags_hash != next->tags_hash) {
			running_restart(*running);
		}
	}
	outputs->tags_hash = next->tags_hash;
}

void outputs_commit(struct outputs *outputs, struct outputs_next *next)
{
	struct sink **sinks = outputs->sinks;

	/* Whoever asks for the status meanwhile waits for this short while. */
	pthread_mutex_lock(&outputs->lock);
	dismiss(outputs, next);
	outputs->sinks = next->sinks;
	outputs->n = next->n;
	for (size_t i = 0; i < next->n; i++) {
		if (next->is_new[i])
			drain_start_behind(outputs->drain, next->sinks[i]);
		else
			sink_keep(next->sinks[i], &next->config->outputs[i], next->config);
		next->is_new[i] = false;
	}
	pthread_mutex_unlock(&outputs->lock);
	next->sinks = sinks;
	next->n = 0;
	for (int format = 0; format < OUTPUT_FORMATS; format++) {
		struct points *points = outputs->points[format];

		outputs->points[format] = next->points[format];
		next->points[format] = points;
	}
	commit_running(outputs, next);
	outputs->orphans_unsaid = true;
	outputs_next_free(next);
}

/* --- A window --- */

struct points *outputs_points(struct outputs *outputs, enum points_format format)
{
	return outputs->points[format];
}

/* Sums since the start instead of a window's points; takes `text`. */
static int finish_running(struct running *running, char *text, size_t length,
    const struct outputs_times *times, struct batch **ret)
{
	const char *sums;
	size_t n;
	int r = running_window(
	    running, text, length, times->start_ms, times->end_ms, &sums, &length, &n);

	free(text);
	if (r < 0)
		log_warning(MODULE, "sums of a window are not whole: %s", strerror(-r));
	return length ? batch_new(ret, sums, length, n, times->start_ms) : 0;
}

/* What was encoded, in the form in which it leaves; NULL: nothing, as of a replay's window without
 * figures. */
static int finish(struct outputs *outputs, enum points_format format,
    const struct outputs_times *times, struct batch **ret)
{
	struct points *points = outputs->points[format];
	size_t length, n;
	char *text;
	int r = points_take(points, &text, &length);

	*ret = NULL;
	if (r < 0)
		return r;
	n = points_count(points);
	if (points_dropped(points))
		log_warning(MODULE, "window not encoded whole: over 64 MiB points=%zu dropped=%zu",
		    n, points_dropped(points));
	if (outputs->running[format])
		return finish_running(outputs->running[format], text, length, times, ret);
	if (length)
		return batch_take(ret, text, length, n, times->start_ms);
	free(text);
	return 0;
}

/* Points that no sink of this format gets are lost for each of them. */
static void count_unsent(struct outputs *outputs, enum points_format format, size_t points)
{
	for (size_t i = 0; i < outputs->n && points; i++)
		outputs->unsent += sink_format(outputs->sinks[i]) == format ? points : 0;
}

static void send(
    struct outputs *outputs, enum points_format format, struct batch *batch, bool patient)
{
	for (size_t i = 0; i < outputs->n; i++) {
		if ((enum points_format)sink_format(outputs->sinks[i]) != format)
			continue;
		if (patient)
			sink_wait_room(outputs->sinks[i], PATIENCE_NS);
		sink_push(outputs->sinks[i], batch);
	}
}

void outputs_push(struct outputs *outputs, enum points_format format,
    const struct outputs_times *times, bool patient)
{
	struct points *points = outputs->points[format];
	struct batch *batch;
	int r = finish(outputs, format, times, &batch);

	count_unsent(outputs, format, points_dropped(points));
	if (r < 0) {
		count_unsent(outputs, format, points_count(points));
		log_error(MODULE, "window not sent: %s", strerror(-r));
	}
	if (!batch)
		return;
	send(outputs, format, batch, patient);
	batch_unref(batch);
}

static void say_orphan(const struct config *config, const struct orphan *orphan)
{
	log_warning(MODULE,
	    "no output delivers the spool %s/%s (%s) files=%zu points=%llu bytes=%llu: configure "
	    "that "
	    "output again, or remove the folder",
	    config->spool_path, orphan->folder, *orphan->output ? orphan->output : "unnamed",
	    orphan->files, (unsigned long long)orphan->points, (unsigned long long)orphan->bytes);
}

void outputs_say_orphans(struct outputs *outputs, const struct config *config)
{
	struct orphan orphans[ORPHANS_SAID];
	uint64_t *ids;
	size_t n;

	if (!outputs->orphans_unsaid || !*config->spool_path || !drain_is_empty(outputs->drain))
		return;
	outputs->orphans_unsaid = false;
	ids = calloc(outputs->n + 1, sizeof(*ids));
	if (!ids)
		return;
	for (size_t i = 0; i < outputs->n; i++)
		ids[i] = sink_place_id(outputs->sinks[i]);
	n = orphans_find(config->spool_path, ids, outputs->n, orphans, ORPHANS_SAID);
	for (size_t i = 0; i < n && i < ORPHANS_SAID; i++)
		say_orphan(config, &orphans[i]);
	if (n > ORPHANS_SAID)
		log_warning(MODULE, "and so it is with more spools folders=%zu", n - ORPHANS_SAID);
	free(ids);
}

void outputs_sum(struct outputs *outputs, struct sink_stats *ret)
{
	struct sink_stats stats;

	*ret = (struct sink_stats){.points_dropped = outputs->unsent};
	drain_sum(outputs->drain, ret);
	for (size_t i = 0; i < outputs->n; i++) {
		sink_stats(outputs->sinks[i], &stats);
		ret->points += stats.points;
		ret->bytes += stats.bytes;
		ret->points_dropped += stats.points_dropped;
		ret->points_rejected += stats.points_rejected;
		ret->errors += stats.errors;
		ret->queued += stats.queued;
		ret->points_found += stats.points_found;
		ret->spool_points += stats.spool_points;
		ret->spool_batches += stats.spool_batches;
		ret->spool_bytes += stats.spool_bytes;
		ret->spool_limit_bytes += stats.spool_limit_bytes;
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
