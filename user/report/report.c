/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/report_internal.h"

#include "base/clock.h"
#include "encode/attacks.h"
#include "measure/datasets.h"
#include "report/feed.h"
#include "report/remember.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

const struct config *report_config(const struct report *report)
{
	return report->config;
}

int report_new(struct report **ret, const struct config *config, struct zone_registry *registry,
    const struct hash_seed *seed, char *error, size_t size)
{
	struct report *report = calloc(1, sizeof(*report));
	struct report_next *first;
	int r = -ENOMEM;

	if (report) {
		report->registry = registry;
		report->seed = *seed;
		report->settled.common = UINT_MAX;
		r = totals_new(&report->totals, seed);
		if (r == 0)
			r = place_names_new(&report->places);
		if (r == 0)
			r = attacks_new(&report->attacks, seed);
		if (r == 0)
			r = outputs_new(&report->outputs);
		if (r == 0)
			r = board_new(&report->board);
		if (r == 0)
			r = ticker_new(&report->ticker, clock_wall_ns(&clock_system) / NS_PER_MS);
		if (r == 0)
			r = changes_new(&report->changes);
		if (r == 0)
			r = arena_new(&report->arena);
	}
	if (r < 0)
		snprintf(error, size, "%s", strerror(-r));
	else
		r = report_prepare(report, config, UINT32_MAX, &first, error, size);
	if (r < 0) {
		report_free(report);
		return r;
	}
	report_commit(report, first);
	*ret = report;
	return 0;
}

void report_use_rssac002(struct report *report, struct rssac002 *rssac)
{
	report->rssac = rssac;
}

void report_use_magnitude(struct report *report, struct magnitude *magnitude)
{
	report->magnitude = magnitude;
	report->magnitude_due_ns = 0;
	board_put(report->board, BOARD_MAGNITUDE, NULL);
}

void report_sum_outputs(struct report *report, struct sink_stats *ret)
{
	outputs_sum(report->outputs, ret);
}

void report_use_history(struct report *report, struct history *history)
{
	remember_load(history, report->config);
	report->history = history;
}

void report_stop(struct report *report, uint64_t timeout_ns)
{
	if (report->history)
		remember_save(report->history, report->config);
	outputs_stop(report->outputs, timeout_ns);
}

void report_free(struct report *report)
{
	if (!report)
		return;
	outputs_free(report->outputs);
	board_free(report->board);
	changes_free(report->changes);
	ticker_free(report->ticker);
	comparison_free(report->comparison);
	privacy_free(report->privacy);
	totals_free(report->totals);
	place_names_free(report->places);
	attacks_free(report->attacks);
	arena_free(report->arena);
	report_always_release(report->registry, report->always, report->n_always);
	report_source_key_free(report->source_key);
	free(report->before);
	config_unref(report->config);
	free(report);
}

void report_event(struct report *report, const char *kind, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	events_add(&report->events, clock_wall_ns(&clock_system) / NS_PER_MS, kind, format, args);
	va_end(args);
}

static void note_databases(struct report *report)
{
	for (int i = 0; i < GEO_DATABASES; i++) {
		char text[DATABASES_TEXT_BYTES];
		struct geo_status status;
		bool usable;

		geo_get_status(enrich_geo(report->enrich), (enum geo_database)i, &status);
		if (!databases_note(
			&report->databases, (enum geo_database)i, &status, &usable, text))
			continue;
		if (usable)
			log_info(REPORT_MODULE, "database in use: %s path=%s", text, status.path);
		else
			log_warning(REPORT_MODULE, "%s", text);
		report_event(report, "database", "%s", text);
	}
}

void report_use_enrich(struct report *report, struct enrich *enrich)
{
	report->enrich = enrich;
	note_databases(report);
}

static void tell_attacks(
    void *context, const struct source *source, const struct source_traits *traits, uint32_t asn)
{
	attacks_source(context, source, traits, asn);
}

/* Who the resolvers are. Without memory for that, the window goes without. */
static void enrich_sources(struct report *report, const struct shard *total,
    const struct window_span *span, const struct wire_window *wire,
    const struct report_agent *agent, struct enrich_view *ret)
{
	const struct enrich_window window = {.start_ns = span->start_ns,
	    .now_ns = agent ? agent->now_ns : span->end_ns,
	    .tell = report->datasets & DATASET_ATTACKS ? tell_attacks : NULL,
	    .context = report->attacks,
	    .traits = (report->datasets & DATASET_CLIENTS) != 0};
	int r;

	*ret = (struct enrich_view){0};
	if (!report->enrich)
		return;
	if (agent) {
		enrich_refresh(report->enrich);
		note_databases(report);
	}
	if (wire)
		feed_tcp_rtt(report->enrich, wire, window.now_ns);
	r = enrich_window(report->enrich, &total->sources, &window, ret);
	if (r < 0)
		log_error(REPORT_MODULE, "resolvers not reported: %s", strerror(-r));
}

static void note_news(
    struct report *report, const struct wire_window *wire, const struct report_agent *agent)
{
	const struct news news = {.changes = report->changes,
	    .events = &report->events,
	    .now_ms = agent->now_ns / NS_PER_MS};

	changes_begin(report->changes);
	news_of_inputs(&news, agent->inputs, agent->n_inputs);
	news_of_wire(&news, wire);
	news_of_outputs(&news, report->outputs);
}

/* A window that the wire counted before it was switched off still goes into the points; no more is
 * said of it. */
static void compare(struct report *report, const struct window_view *view,
    const struct comparison_window *window, const struct report_agent *agent)
{
	const bool compares = report->compares;

	report->compared = NULL;
	if (!window || !report->comparison || (!compares && !window->wire))
		return;
	report->compared = comparison_make(report->comparison, view, window, report->arena);
	if (!report->compared) {
		log_error(REPORT_MODULE, "no memory for the cross-check of a window");
		return;
	}
	if (!agent || !compares)
		return;
	news_of_verdict(&(struct news){.changes = report->changes,
			    .events = &report->events,
			    .now_ms = agent->now_ns / NS_PER_MS},
	    report->compared, view->span.start_ns);
	atomic_store(&report->verdict, 1 + (int)report->compared->verdict);
	board_put(report->board, BOARD_CROSSCHECK,
	    comparison_json(report->compared, window->wire, view->span.time_ms, report->privacy));
}

static bool is_figured(const struct config *config)
{
	for (size_t i = 0; i < config->n_inputs; i++) {
		if (config->inputs[i].scope != SCOPE_WITNESS)
			return true;
	}
	return false;
}

static void keep_history(struct report *report, struct remember *window)
{
	window->enrich = report->enrich;
	window->compared = report->compared;
	window->unassigned = &report->unassigned;
	window->events = &report->events;
	window->figured = is_figured(report->config);
	if (remember_window(report->history, window, report->arena) < 0)
		log_error(
		    REPORT_MODULE, "no memory: the history is short of a part of this window");
	remember_save_when_due(report->history, report->config, &report->history_due_ns);
}

static void begin_attacks(struct report *report, const struct window_span *span)
{
	const struct config *config = report->config;
	const struct attack_limits limits = attack_limits_of(config);

	report->attacked = (struct attacks_now){0};
	if (report->datasets & DATASET_ATTACKS)
		attacks_begin(report->attacks, span->start_ns,
		    (uint64_t)(span->end_ns - span->start_ns), &limits);
}

/* Once the window's sources have been told. */
static void name_attacks(struct report *report, const struct shard *total,
    const struct window_span *span, const struct report_agent *agent)
{
	const struct news news = {.changes = report->changes,
	    .events = &report->events,
	    .now_ms = (agent ? agent->now_ns : span->end_ns) / NS_PER_MS};

	if (!(report->datasets & DATASET_ATTACKS))
		return;
	attacks_sum(report->attacks, &total->sources);
	if (total->domains)
		attacks_domains(report->attacks, total->domains);
	attacks_finish(report->attacks, &report->attacked);
	news_of_attacks(&news, &report->attacked, span->start_ns, span->end_ns, report->privacy);
}

/* Without memory for it, its frames are told as lost with the next one. */
static int view_window(struct report *report, struct shard *total, const struct window_span *span,
    const struct report_agent *agent, struct window_view *ret)
{
	const struct config *config = report->config;
	const bool listed = report->datasets & DATASET_DOMAINS;
	const struct view_limits limits = {
	    .resolvers = config->top.resolvers,
	    .names = {config->top.names, config->top.nxdomain},
	    .domains = {listed ? config->top.names : 0, listed ? config->top.nxdomain : 0,
		listed ? config->top.names : 0},
	    .subnets = config->top.subnets,
	    .talkers = config->top.talkers,
	    .places = report->places,
	    .facts = datasets_facts(report->datasets),
	};
	int r = view_make(ret, total, span, report->registry, &report->seed, report->always,
	    report->n_always, &limits, report->arena);

	if (r == 0)
		return 0;
	report->unreported += total->frames + total->lost + (agent ? agent->lost : 0);
	log_error(REPORT_MODULE, "window not reported: %s start_ms=%lld frames=%llu", strerror(-r),
	    (long long)(span->start_ns / NS_PER_MS), (unsigned long long)total->frames);
	return r;
}

static void put_clients(struct report *report, struct window_view *view)
{
	if (!report->enrich || !(datasets_facts(report->datasets) & FACTS_CLIENTS))
		return;
	for (size_t i = 0; i < view->n_zones; i++)
		view->zones[i].clients = enrich_clients(report->enrich, view->zones[i].zone);
}

/* At a stop the window ends with the agent. */
static struct outputs_times times_of(
    const struct window_span *span, const struct report_agent *agent)
{
	const int64_t end_ns = agent && agent->now_ns < span->end_ns ? agent->now_ns : span->end_ns;

	return (struct outputs_times){.start_ms = span->time_ms, .end_ms = end_ns / NS_PER_MS};
}

static void push(struct report *report, const struct window_view *view,
    const struct enrich_view *enriched, const struct comparison_window *compared,
    const struct agent_figures *figures, const struct report_agent *agent)
{
	const struct outputs_times times = times_of(&view->span, agent);

	for (int format = 0; format < OUTPUT_FORMATS; format++) {
		struct points *points = outputs_points(report->outputs, (enum points_format)format);

		if (!points)
			continue;
		report_encode(report, points, view, enriched, compared, figures, agent);
		outputs_push(report->outputs, (enum points_format)format, &times, !agent);
	}
}

static void show(struct report *report, const struct window_view *view,
    const struct enrich_view *enriched, const struct wire_window *wire,
    const struct agent_figures *figures, const struct report_agent *agent)
{
	const struct outputs_times times = times_of(&view->span, agent);
	struct remember window = {.view = view,
	    .enriched = enriched,
	    .wire = wire,
	    .figures = figures,
	    .watched_ms =
		times.end_ms > times.start_ms ? (uint64_t)(times.end_ms - times.start_ms) : 0};

	if (report->history)
		keep_history(report, &window);
	outputs_say_orphans(report->outputs, report->config);
	report_publish(report, view, enriched, figures, agent);
	ticker_events(report->ticker, &report->events);
	ticker_window(report->ticker, view->span.start_ns, view->span.end_ns);
}

void report_window(struct report *report, struct shard *total, const struct window_span *span,
    const struct comparison_window *compared, const struct report_agent *agent)
{
	const struct wire_window *wire = compared ? compared->wire : NULL;
	struct agent_figures figures = {0};
	struct enrich_view enriched;
	struct window_view view;

	report->datasets = report_datasets_of(report, span->start_ns);
	if (view_window(report, total, span, agent, &view) < 0) {
		arena_reset(report->arena);
		return;
	}
	begin_attacks(report, span);
	enrich_sources(report, total, span, wire, agent, &enriched);
	name_attacks(report, total, span, agent);
	put_clients(report, &view);
	if (report->rssac)
		report_keep_rssac002(report, &view);
	if (report->magnitude)
		report_keep_magnitude(report, total, span->start_ns);
	if (agent) {
		report_figure_agent(report, total, agent, &figures);
		if (totals_add(report->totals, &view, &report->unassigned) < 0)
			log_error(REPORT_MODULE,
			    "no memory for all totals: /metrics is short of a part of this window");
	}
	compare(report, &view, compared, agent);
	if (report->compared)
		figures.wire_stepped_down =
		    comparison_stepped_down(report->comparison, report->config->wire.mode);
	if (agent)
		note_news(report, wire, agent);
	push(report, &view, &enriched, compared, &figures, agent);
	if (agent)
		show(report, &view, &enriched, wire, &figures, agent);
	events_clear(&report->events);
	arena_reset(report->arena);
}

struct wire_totals *report_wire_totals(struct report *report)
{
	struct comparison *comparison = report->comparison;

	return comparison && report->compares ? comparison_totals(comparison) : NULL;
}

const char *report_verdict(struct report *report)
{
	const int verdict = atomic_load(&report->verdict);

	return verdict && atomic_load(&report->compares) ? verdict_name((enum verdict)(verdict - 1))
							 : NULL;
}

char *report_crosscheck_json(struct report *report)
{
	return board_get(report->board, BOARD_CROSSCHECK);
}

void report_certificate(struct report *report, const char *name, int64_t end_s)
{
	board_certificate(report->board, name, end_s);
}

char *report_window_json(struct report *report)
{
	char *text = board_get(report->board, BOARD_WINDOW);

	return text ? text : strdup("{\"zones\":{}}");
}

char *report_magnitude_json(struct report *report)
{
	return board_get(report->board, BOARD_MAGNITUDE);
}

char *report_resolvers_json(struct report *report)
{
	return board_get(report->board, BOARD_RESOLVERS);
}

int report_get_status(struct report *report, struct report_status **ret)
{
	struct report_status *status;
	int r = board_status(report->board, &status);

	if (r == 0) {
		r = outputs_status(report->outputs, &status->sinks, &status->n_sinks);
		if (r == 0)
			*ret = status;
		else
			report_status_free(status);
	}
	return r;
}

struct tops *report_tops(struct report *report)
{
	return board_tops(report->board);
}

struct ticker *report_ticker(struct report *report)
{
	return report->ticker;
}

struct history *report_history(struct report *report)
{
	return report->history;
}

const struct place_names *report_places(const struct report *report)
{
	return report->places;
}

struct totals *report_totals(struct report *report)
{
	return report->totals;
}

int report_forget_zones(struct report *report, const struct zone_numbers *zones)
{
	int r = totals_forget(report->totals, zones);

	return r == 0 && report->enrich ? enrich_forget_zones(report->enrich, zones) : r;
}
