/* SPDX-License-Identifier: BSD-2-Clause */
/* Another configuration: all that may fail comes first. */
#include "report/report_internal.h"

#include "config/options.h"
#include "measure/datasets.h"
#include "privacy/key_file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

void report_always_release(struct zone_registry *registry, uint16_t *always, size_t n)
{
	for (size_t i = 0; always && i < n; i++)
		zone_registry_unref(registry, always[i]);
	free(always);
}

void report_source_key_free(struct source_key *key)
{
	if (key)
		explicit_bzero(key, sizeof(*key));
	free(key);
}

/* What another configuration comes to, beside what is in force. */
struct report_next {
	struct config *config;
	struct privacy *privacy; /* NULL: as it is; so are the next */
	struct zone_registry *registry;
	uint16_t *always;
	size_t n_always;
	struct source_key *source_key; /* beside `always` */
	bool compares;
	struct comparison *comparison;      /* the first one */
	struct crosscheck_next *crosscheck; /* of the one that there is */
	struct outputs_next *outputs;
};

void report_next_free(struct report_next *next)
{
	if (!next)
		return;
	outputs_next_free(next->outputs);
	comparison_free(next->comparison);
	crosscheck_next_free(next->crosscheck);
	privacy_free(next->privacy);
	report_always_release(next->registry, next->always, next->n_always);
	report_source_key_free(next->source_key);
	config_unref(next->config);
	free(next);
}

/* Zones that an input is labelled with send `dns` in every window. */
static int find_always(struct report *report, const struct config *config, struct report_next *next)
{
	next->always = calloc(config->n_inputs + 1, sizeof(*next->always));
	if (!next->always)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_inputs; i++) {
		const struct config_input *input = &config->inputs[i];
		int id;

		if (input->zones.n || input->scope == SCOPE_WITNESS)
			continue;
		id = zone_registry_ref(report->registry, input->zone);
		if (id < 0)
			return id;
		next->always[next->n_always++] = (uint16_t)id;
	}
	return 0;
}

/* Registers under a key that nobody else has could be united with nobody's: then there are none. */
static int read_source_key(const struct config *config, struct report_next *next)
{
	const char *path = config->rssac002.key_file;
	uint8_t bytes[KEY_FILE_BYTES];
	char reason[256];

	_Static_assert(KEY_FILE_BYTES == SOURCE_KEY_BYTES, "the file is the key");
	if (!(config->datasets & DATASET_SKETCHES) || !*path)
		return 0;
	if (key_file_read(path, bytes, reason, sizeof(reason)) < 0) {
		log_warning(
		    REPORT_MODULE, "no registers of sources: rssac002.key_file: %s", reason);
		return 0;
	}
	next->source_key = malloc(sizeof(*next->source_key));
	if (next->source_key)
		source_key_init(next->source_key, bytes);
	explicit_bzero(bytes, sizeof(bytes));
	return next->source_key ? 0 : -ENOMEM;
}

/* Nobody is asked to compare dnstap with a wire that was switched off. */
static int prepare_comparison(
    struct report *report, const struct config *config, struct report_next *next)
{
	if (report->comparison)
		return comparison_prepare(report->comparison, config, &next->crosscheck);
	return next->compares ? comparison_new(&next->comparison, config, &report->seed) : 0;
}

int report_check(const struct config *config, char *error, size_t size)
{
	struct privacy *privacy;
	int r = privacy_new(&privacy, config, error, size);

	if (r == 0)
		privacy_free(privacy);
	return r;
}

static int prepare(struct report *report, const struct config *config, uint32_t takers,
    struct report_next *next, char *error, size_t size)
{
	int r = 0;

	*error = 0;
	if (takers & 1u << TAKER_PRIVACY)
		r = privacy_new(&next->privacy, config, error, size);
	if (r == 0 && takers & 1u << TAKER_REPORT)
		r = find_always(report, config, next);
	if (r == 0 && takers & 1u << TAKER_REPORT)
		r = read_source_key(config, next);
	if (r == 0 && takers & 1u << TAKER_CROSSCHECK)
		r = prepare_comparison(report, config, next);
	if (r == 0 && takers & 1u << TAKER_OUTPUTS)
		r = outputs_prepare(report->outputs, config, &next->outputs, error, size);
	if (r < 0 && !*error)
		snprintf(error, size, "%s", strerror(-r));
	return r;
}

int report_prepare(struct report *report, const struct config *config, uint32_t takers,
    struct report_next **ret, char *error, size_t size)
{
	struct report_next *next = calloc(1, sizeof(*next));
	int r;

	if (!next) {
		snprintf(error, size, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	next->config = config_ref(config);
	next->registry = report->registry;
	next->compares = config->wire.mode != WIRE_OFF;
	r = prepare(report, config, takers, next, error, size);
	if (r < 0) {
		report_next_free(next);
		return r;
	}
	*ret = next;
	return 0;
}

static void commit_comparison(struct report *report, struct report_next *next)
{
	if (next->comparison) {
		report->comparison = next->comparison;
		next->comparison = NULL;
	}
	if (next->crosscheck) {
		comparison_commit(report->comparison, next->crosscheck);
		next->crosscheck = NULL;
	}
	if (!next->compares)
		board_put(report->board, BOARD_CROSSCHECK, NULL);
	atomic_store(&report->compares, next->compares);
}

unsigned report_datasets_of(struct report *report, int64_t start_ns)
{
	struct datasets_settled *settled = &report->settled;

	/* Where the clock was set back all windows ended, and this one is the first after that. */
	if (start_ns >= settled->start_ns || start_ns < settled->latest_ns)
		*settled = (struct datasets_settled){.common = UINT_MAX, .start_ns = INT64_MIN};
	settled->latest_ns = start_ns;
	return report->config->datasets & report->settled.common;
}

void report_settle(struct report *report, int64_t now_ns)
{
	if (report->settled.start_ns == INT64_MAX)
		report->settled.start_ns = now_ns;
}

static void unsettle(struct report *report, const struct config *next)
{
	if (report->config && report->config->datasets != next->datasets) {
		report->settled.common &= report->config->datasets;
		report->settled.start_ns = INT64_MAX;
	}
}

void report_commit(struct report *report, struct report_next *next)
{
	struct config *before = report->config;

	if (next->privacy) {
		privacy_free(report->privacy);
		report->privacy = next->privacy;
		next->privacy = NULL;
	}
	if (next->always) {
		report_always_release(report->registry, report->always, report->n_always);
		report->always = next->always;
		report->n_always = next->n_always;
		next->always = NULL;
		next->n_always = 0;
		report_source_key_free(report->source_key);
		report->source_key = next->source_key;
		next->source_key = NULL;
	}
	commit_comparison(report, next);
	if (next->outputs)
		outputs_commit(report->outputs, next->outputs);
	next->outputs = NULL;
	unsettle(report, next->config);
	report->config = next->config;
	next->config = before;
	board_configure(report->board, report->config);
	report_next_free(next);
}
