/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/status.h"

#include "base/clock.h"
#include "encode/escape.h"
#include "encode/json_text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TEXT 512

/* jansson takes NULL for any value and then fails; the caller looks at the last result only. */
static void put(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

/* Paths and messages of peers need not be UTF-8. */
static void put_text(json_t *object, const char *key, const char *text)
{
	char clean[4 * MAX_TEXT];
	size_t length =
	    escape_write(clean, ESCAPE_PLAIN, text, strnlen(text, MAX_TEXT), sizeof(clean));

	json_object_set_new(object, key, json_stringn(clean, length));
}

static json_t *input_json(const struct report_input *input, int64_t now_ns)
{
	const struct dnstap_stats *stats = &input->stats;
	json_t *object = json_object();

	put_text(object, "address", input->address);
	put(object, "connections", (uint64_t)stats->connections);
	put(object, "accepted", stats->accepted);
	put(object, "refused", stats->refused);
	put(object, "frames", stats->frames);
	put(object, "frames_bad", stats->frames_bad);
	put(object, "bytes", stats->bytes);
	put(object, "late", input->late);
	put(object, "skewed", input->skewed);
	if (stats->last_frame_ns)
		json_object_set_new(object, "last_frame_age_s",
		    json_real(now_ns > stats->last_frame_ns
			    ? (double)(now_ns - stats->last_frame_ns) / NS_PER_S
			    : 0));
	return object;
}

static json_t *output_json(const char *name, const struct sink_stats *stats)
{
	json_t *object = json_object();

	put_text(object, "name", name);
	put(object, "points", stats->points);
	put(object, "bytes", stats->bytes);
	put(object, "points_dropped", stats->points_dropped);
	put(object, "points_rejected", stats->points_rejected);
	put(object, "errors", stats->errors);
	put(object, "queued", stats->queued);
	put(object, "spool_bytes", stats->spool_bytes);
	json_object_set_new(object, "failing", json_boolean(stats->failing));
	put_text(object, "last_error", stats->last_error);
	return object;
}

static void put_identity(json_t *object, const struct report_status *status, int64_t now_ns)
{
	char hash[20];

	put_text(object, "server", status->server);
	put_text(object, "version", CROSSTAP_VERSION);
	put(object, "now_ms", (uint64_t)(now_ns / NS_PER_MS));
	put(object, "started_ms", (uint64_t)(status->started_ns / NS_PER_MS));
	json_object_set_new(
	    object, "interval_s", json_real((double)status->interval_ns / NS_PER_S));
	snprintf(hash, sizeof(hash), "%016" PRIx64, status->config_hash);
	put_text(object, "config_hash", hash);
}

static void put_counts(json_t *object, const struct report_status *status)
{
	json_t *window;

	if (status->window_end_ns) {
		window = json_object();
		put(window, "start_ms", (uint64_t)(status->window_start_ns / NS_PER_MS));
		put(window, "end_ms", (uint64_t)(status->window_end_ns / NS_PER_MS));
		json_object_set_new(object, "window", window);
	}
	put(object, "windows", status->windows);
	put(object, "frames", status->frames);
	put(object, "frames_bad", status->frames_bad);
	put(object, "frames_ignored", status->ignored);
	put(object, "late", status->late);
	put(object, "skewed", status->skewed);
	put(object, "merged", status->merged);
	put(object, "lost", status->lost);
	put(object, "pairs_evicted", status->evicted);
	put(object, "resolvers", status->resolvers);
	put(object, "overflow", status->overflow);
	put(object, "rss_bytes", status->rss_bytes);
	put(object, "cpu_us", status->cpu_us);
}

char *status_json(const struct report_status *status, int64_t now_ns)
{
	json_t *object = json_object(), *inputs = json_array(), *outputs = json_array();
	char *text = NULL;

	put_identity(object, status, now_ns);
	put_counts(object, status);
	for (size_t i = 0; i < status->n_inputs; i++)
		json_array_append_new(inputs, input_json(&status->inputs[i], now_ns));
	for (size_t i = 0; i < status->n_sinks; i++)
		json_array_append_new(
		    outputs, output_json(status->sinks[i].name, &status->sinks[i].stats));
	json_object_set_new(object, "inputs", inputs);
	if (json_object_set_new(object, "outputs", outputs) == 0)
		text = json_text(object);
	json_decref(object);
	return text;
}
