/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A report that tests fill: it stands in for report.c, of which HTTP uses these functions only.
 * Windows may be added by one thread while HTTP's reads.
 */
#ifndef TESTS_UNIT_HTTP_FAKE_REPORT_H
#define TESTS_UNIT_HTTP_FAKE_REPORT_H

#include "base/unused.h"
#include "report/report.h"

#include "base/clock.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct report {
	pthread_mutex_t lock;
	struct totals *totals;
	struct tops *tops;
	struct zone_registry *registry;
	struct ticker *ticker;
	struct report_status status;
	char window_json[2048];
	unsigned windows;
	uint8_t facts; /* enum facts_wanted of its windows */
};

struct ticker *report_ticker(struct report *report)
{
	return report->ticker;
}

struct history *report_history(struct report *report UNUSED)
{
	return NULL;
}

const struct place_names *report_places(const struct report *report UNUSED)
{
	return NULL;
}

struct totals *report_totals(struct report *report)
{
	return report->totals;
}

struct tops *report_tops(struct report *report)
{
	return tops_ref(report->tops);
}

struct wire_totals *report_wire_totals(struct report *report UNUSED)
{
	return NULL;
}

const char *report_verdict(struct report *report UNUSED)
{
	return "socket-loss";
}

char *report_window_json(struct report *report)
{
	char *text;

	pthread_mutex_lock(&report->lock);
	text = strdup(report->window_json);
	pthread_mutex_unlock(&report->lock);
	return text;
}

int report_get_status(struct report *report, struct report_status **ret)
{
	struct report_status *status = calloc(1, sizeof(*status));

	pthread_mutex_lock(&report->lock);
	*status = report->status;
	status->inputs = calloc(status->n_inputs + 1, sizeof(*status->inputs));
	status->sinks = calloc(status->n_sinks + 1, sizeof(*status->sinks));
	for (size_t i = 0; i < status->n_inputs; i++)
		status->inputs[i] = report->status.inputs[i];
	for (size_t i = 0; i < status->n_sinks; i++)
		status->sinks[i] = report->status.sinks[i];
	pthread_mutex_unlock(&report->lock);
	*ret = status;
	return 0;
}

static inline struct report *fake_report(void)
{
	static const struct hash_seed seed = {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9};
	struct report *report = calloc(1, sizeof(*report));

	pthread_mutex_init(&report->lock, NULL);
	assert_int_equal(totals_new(&report->totals, &seed), 0);
	assert_int_equal(zone_registry_new(&report->registry), 0);
	assert_int_equal(ticker_new(&report->ticker, 1000), 0);
	strcpy(report->status.server, "ns1.test");
	report->status.started_ns = 1000 * NS_PER_S;
	report->status.interval_ns = 10 * NS_PER_S;
	report->status.figures = (struct agent_figures){
	    .version = CROSSTAP_VERSION, .start_time_s = 1000, .interval_s = 10, .mmdb_age_s = NAN};
	strcpy(report->window_json, "{\"zones\":{}}");
	return report;
}

static inline void fake_report_free(struct report *report)
{
	totals_free(report->totals);
	tops_unref(report->tops);
	zone_registry_free(report->registry);
	ticker_free(report->ticker);
	free(report->status.inputs);
	free(report->status.sinks);
	pthread_mutex_destroy(&report->lock);
	free(report);
}

static inline uint16_t fake_zone(struct report *report, const char *label)
{
	int zone = zone_registry_ref(report->registry, label);

	assert_true(zone >= 0);
	return (uint16_t)zone;
}

static inline struct report_input *fake_inputs(struct report *report, size_t n)
{
	report->status.inputs = calloc(n, sizeof(*report->status.inputs));
	report->status.n_inputs = n;
	return report->status.inputs;
}

static inline void fake_sinks(struct report *report, size_t n)
{
	report->status.sinks = calloc(n, sizeof(*report->status.sinks));
	report->status.n_sinks = n;
}

/* A window with these margins of one zone, sorted by key. */
static inline void fake_window(
    struct report *report, uint16_t zone, const struct cell *cells, size_t n)
{
	struct zone_view view = {
	    .zone = zone, .label = zone_registry_label(report->registry, zone)};
	struct window_view window = {.zones = &view, .n_zones = 1, .facts = report->facts};
	struct unassigned unassigned = {0};

	for (size_t i = 0; i < n; i++) {
		struct margin_slice *slice = &view.margins[margin_kind(cells[i].key)];

		if (slice->n++ == 0)
			slice->cells = &cells[i];
	}
	assert_int_equal(totals_add(report->totals, &window, &unassigned), 0);
	pthread_mutex_lock(&report->lock);
	report->status.figures.windows++;
	report->status.window_start_ns = (int64_t)report->status.figures.windows * 10 * NS_PER_S;
	report->status.window_end_ns = report->status.window_start_ns + 10 * NS_PER_S;
	pthread_mutex_unlock(&report->lock);
}

#endif
