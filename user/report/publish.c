/* SPDX-License-Identifier: BSD-2-Clause */
/* A window as points, as JSON and on the board. */
#include "report/report_internal.h"

#include "base/clock.h"
#include "encode/attacks.h"
#include "encode/documents.h"
#include "encode/row.h"
#include "measure/datasets.h"
#include "text/json_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct report_input *input_before(
    const struct report *report, const struct report_input *input)
{
	for (size_t i = 0; i < report->n_before; i++) {
		if (report->before[i].number == input->number)
			return &report->before[i];
	}
	return NULL;
}

static uint64_t since(uint64_t now, uint64_t *before)
{
	const uint64_t difference = now - *before;

	*before = now;
	return difference;
}

void report_figure_agent(struct report *report, const struct shard *total,
    const struct report_agent *agent, struct agent_figures *figures)
{
	const uint64_t cpu_ns = clock_cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
	const int64_t age_s =
	    report->enrich ? geo_age_s(enrich_geo(report->enrich), agent->now_ns / NS_PER_S) : -1;
	struct sink_stats sinks;

	*figures = (struct agent_figures){
	    .version = CROSSTAP_VERSION,
	    .config_hash = report->config->hash,
	    .interval_s = (double)report->config->interval_ns / NS_PER_S,
	    .resolvers = total->sources.used,
	    .frames = total->frames,
	    .frames_bad = total->frames_bad,
	    .late = total->late,
	    .skewed = total->skewed,
	    .merged = total->merged,
	    .lost = total->lost + agent->lost + report->unreported,
	    .frames_ignored = total->ignored,
	    .overflow = total->overflow ? total->overflow->messages : 0,
	    .pairs_evicted = total->evicted,
	    .rss_bytes = agent_rss_bytes(),
	    .cpu_us = cpu_ns / NS_PER_US - report->cpu_before_ns / NS_PER_US,
	    .window_lag_ms =
		agent->window_lag_ns < 0 ? NAN : (double)agent->window_lag_ns / NS_PER_MS,
	    .mmdb_age_s = age_s < 0 ? NAN : (double)age_s,
	};
	report->unreported = 0;
	report->cpu_before_ns = cpu_ns;
	for (size_t i = 0; i < agent->n_inputs; i++)
		figures->connections += (uint64_t)agent->inputs[i].stats.connections;
	outputs_sum(report->outputs, &sinks);
	figures->points = since(sinks.points, &report->points_before);
	figures->points_dropped = since(sinks.points_dropped, &report->dropped_before);
	figures->points_rejected = since(sinks.points_rejected, &report->rejected_before);
	figures->points_found = since(sinks.points_found, &report->found_before);
	figures->spool_points = sinks.spool_points;
	figures->spool_bytes = sinks.spool_bytes;
	figures->spool_limit_bytes = sinks.spool_limit_bytes;
	figures->log_dropped = since(log_dropped(), &report->log_dropped_before);
}

static void encode_certificates(
    const struct report *report, struct points *points, int64_t time_ms, int64_t now_ns)
{
	struct report_status *status;

	if (board_status(report->board, &status) < 0)
		return;
	for (size_t i = 0; i < status->n_certificates; i++) {
		struct certificate_row row;

		certificate_row_of(&status->certificates[i], now_ns, &row);
		row_point(points, &measurements[M_CROSSTAP_CERTIFICATE], time_ms,
		    (const char *[]){status->certificates[i].name}, &row, 0);
	}
	report_status_free(status);
}

static void encode_input(const struct report *report, struct points *points, int64_t time_ms,
    const struct report_input *input, int64_t now_ns)
{
	struct input_row row;

	input_row_of(input, input_before(report, input), now_ns, &row);
	row_point(points, &measurements[M_CROSSTAP_INPUT], time_ms,
	    (const char *[]){input->address}, &row, input_row_knows(input));
}

static void encode_agent(const struct report *report, struct points *points, int64_t time_ms,
    const struct agent_figures *figures, const struct report_agent *agent)
{
	row_point(points, &measurements[M_CROSSTAP], time_ms, NULL, figures, 0);
	for (size_t i = 0; i < agent->n_inputs; i++)
		encode_input(report, points, time_ms, &agent->inputs[i], agent->now_ns);
	for (size_t i = 0; i < agent->n_left; i++)
		encode_input(report, points, time_ms, &agent->left[i], agent->now_ns);
	encode_certificates(report, points, time_ms, agent->now_ns);
}

static void encode_events(const struct report *report, struct points *points)
{
	for (size_t i = 0; i < report->events.n; i++) {
		const struct event_row row = {report->events.list[i].text};

		row_begin(points, &measurements[M_CROSSTAP_EVENT], report->events.list[i].time_ms,
		    (const char *[]){report->events.list[i].kind});
		row_fields(points, &measurements[M_CROSSTAP_EVENT], &row, 0);
		if (points_are_running(points))
			points_uint(points, "events", 1);
		points_end(points);
	}
}

void report_encode(struct report *report, struct points *points, const struct window_view *view,
    const struct enrich_view *enriched, const struct comparison_window *compared,
    const struct agent_figures *figures, const struct report_agent *agent)
{
	const struct encode_context context = {
	    .privacy = report->privacy,
	    .unassigned = agent ? &report->unassigned : NULL,
	    .source_key = report->source_key,
	    /* Over OTLP no client and no name makes a series. */
	    .top_key = points_are_running(points) ? TOP_KEY_RANK : report->config->top.key,
	    .always = report->always,
	    .n_always = report->n_always,
	};

	points_reset(points);
	encode_dns(points, view, &context);
	encode_attacks(points, view->span.time_ms, view->span.end_ns, &report->attacked, &context);
	if (report->enrich)
		encode_enrich(points, view, &context, report->enrich, enriched);
	if (agent)
		encode_agent(report, points, view->span.time_ms, figures, agent);
	if (compared && report->compared)
		comparison_encode(points, view->span.time_ms, compared->wire, report->compared,
		    &context, report->arena);
	encode_events(report, points);
}

static json_t *make_window_head(const struct report *report, const struct window_view *view)
{
	struct json_build build = {0};
	json_t *document = json_build_object(&build);

	json_put_text(&build, document, "server", report->config->server);
	json_put_int(&build, document, "start_ms", view->span.start_ns / NS_PER_MS);
	json_put_int(&build, document, "end_ms", view->span.end_ns / NS_PER_MS);
	json_put_int(&build, document, "time_ms", view->span.time_ms);
	json_put_real(
	    &build, document, "interval_s", (double)report->config->interval_ns / NS_PER_S);
	json_put_bool(&build, document, "partial", view->span.partial);
	json_put_count(&build, document, "frames", view->total->frames);
	json_put_count(&build, document, "frames_bad", view->total->frames_bad);
	json_put_count(&build, document, "late", view->total->late);
	json_put_count(&build, document, "skewed", view->total->skewed);
	if (report->datasets & DATASET_ATTACKS)
		json_put_attacks(
		    &build, document, view->span.end_ns, &report->attacked, report->privacy);
	return json_build_finish(&build, document);
}

struct zones_left {
	const struct report *report;
	const struct window_view *view;
	size_t next;
	bool failed;
};

static json_t *next_zone(void *context)
{
	struct zones_left *left = context;
	json_t *zone;

	if (left->next == left->view->n_zones)
		return NULL;
	zone = json_zones(left->view, left->next++, 1, left->report->privacy);
	left->failed |= !zone;
	return zone;
}

/* Zone by zone: of 10,000 the tree would take ten times what the text does. */
static char *make_window_json(const struct report *report, const struct window_view *view)
{
	struct zones_left left = {.report = report, .view = view};
	const struct json_parts parts = {next_zone, &left};
	json_t *head = make_window_head(report, view);
	char *text = json_text_with(head, "zones", &parts);

	json_decref(head);
	if (!left.failed)
		return text;
	free(text);
	return NULL;
}

static void keep_inputs(struct report *report, const struct report_agent *agent)
{
	struct report_input *inputs = calloc(agent->n_inputs + 1, sizeof(*inputs));

	if (inputs && agent->n_inputs)
		memcpy(inputs, agent->inputs, agent->n_inputs * sizeof(*inputs));
	free(report->before);
	report->before = inputs;
	report->n_before = inputs ? agent->n_inputs : 0;
}

void report_publish(struct report *report, const struct window_view *view,
    const struct enrich_view *enriched, const struct agent_figures *figures,
    const struct report_agent *agent)
{
	board_put(report->board, BOARD_WINDOW, make_window_json(report, view));
	board_put(report->board, BOARD_RESOLVERS,
	    report->enrich ? json_resolvers(view, report->enrich, enriched, report->privacy,
				 agent->now_ns / NS_PER_S)
			   : NULL);
	board_put_tops(report->board,
	    tops_make(view, report->enrich, enriched, &report->attacked, report->privacy));
	board_window(report->board, &view->span, figures, agent->inputs, agent->n_inputs);
	keep_inputs(report, agent);
}
