/* SPDX-License-Identifier: BSD-2-Clause */
/* Configurations, batches and waiting for the tests of sinks. */
#ifndef TESTS_UNIT_SINK_FIXTURE_H
#define TESTS_UNIT_SINK_FIXTURE_H

#include "base/clock.h"
#include "base/unused.h"
#include "config/output_kind.h"
#include "sink/sink.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define WAIT_NS (10 * (uint64_t)NS_PER_S)

static const struct sink_tuning quick = {
    .backoff_base_ns = 2 * NS_PER_MS,
    .backoff_limit_ns = 50 * NS_PER_MS,
    .queue_batches = 64,
    .queue_bytes = 16 << 20,
};

/* The configuration of an agent `ns1` with these outputs: items of the list in YAML, one a line. No
 * spool. */
static inline struct config *config_with(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
static inline struct config *config_with(const char *format, ...)
{
	struct config *config = NULL;
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	va_list args;

	assert_non_null(out);
	fputs("server: ns1\nstate: \"\"\noutputs:\n", out);
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fclose(out);
	assert_int_equal(config_parse("test.yaml", text, length, stderr, &config), 0);
	free(text);
	config->spool_path = "";
	return config;
}

/* What no file could hold: the text of an option of the first output, below `section.`. */
static inline void set_text_in(
    struct config *config, const char *section, const char *key, const char *value)
{
	const struct config_output *output = &config->outputs[0];
	const struct config_option *option = option_find(&output->kind->table, section, key);

	assert_non_null(option);
	memcpy((char *)(uintptr_t)output->settings + option->offset, &value, sizeof(value));
}

static inline void set_text(struct config *config, const char *key, const char *value)
{
	set_text_in(config, "", key, value);
}

/* The sink of the first output, which has begun. It keeps the configuration. */
static inline struct sink *start_sink(struct config *config, const struct sink_tuning *tuning)
{
	struct sink *sink;

	assert_int_equal(sink_new_tuned(&sink, &config->outputs[0], config, tuning), 0);
	sink_start(sink, NULL);
	config_unref(config);
	return sink;
}

/* Points numbered [from, from + n). */
static inline struct batch *numbered_batch(size_t from, size_t n)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	struct batch *batch;

	assert_non_null(out);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "m,t=x id=%zui %zu000000\n", from + i, from + i);
	fclose(out);
	assert_int_equal(batch_new(&batch, text, length, n, 0), 0);
	free(text);
	return batch;
}

static inline void push_numbered(struct sink *sink, size_t from, size_t n)
{
	struct batch *batch = numbered_batch(from, n);

	sink_push(sink, batch);
	batch_unref(batch);
}

static inline struct sink_stats stats_of(struct sink *sink)
{
	struct sink_stats stats;

	sink_stats(sink, &stats);
	return stats;
}

/* Waits until accepted, dropped and rejected points are `n` together. */
static inline struct sink_stats wait_settled(struct sink *sink, uint64_t n)
{
	uint64_t end_ns = clock_monotonic_ns() + WAIT_NS;

	for (;;) {
		struct sink_stats stats = stats_of(sink);

		if (stats.points + stats.points_dropped + stats.points_rejected >= n)
			return stats;
		assert_true(clock_monotonic_ns() < end_ns);
		usleep(1000);
	}
}

static inline struct sink_stats wait_errors(struct sink *sink, uint64_t n)
{
	uint64_t end_ns = clock_monotonic_ns() + WAIT_NS;

	for (;;) {
		struct sink_stats stats = stats_of(sink);

		if (stats.errors >= n)
			return stats;
		assert_true(clock_monotonic_ns() < end_ns);
		usleep(1000);
	}
}

static inline int remove_one(
    const char *path, const struct stat *st UNUSED, int type UNUSED, struct FTW *ftw UNUSED)
{
	return remove(path);
}

static inline void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
