/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/report.h"

#include "base/clock.h"
#include "base/log.h"
#include "encode/encode_agent.h"
#include "encode/encode_dns.h"
#include "encode/encode_enrich.h"
#include "report/events.h"
#include "report/feed.h"
#include "encode/json.h"
#include "encode/json_resolvers.h"
#include "report/news.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MODULE "report"

struct report {
	const struct config *config;
	struct zone_registry *registry;
	struct hash_seed seed;
	struct privacy *privacy;
	struct enrich *enrich; /* the caller's, as is the next; NULL: none */
	struct rssac002 *rssac;
	struct unassigned unassigned;
	struct totals *totals;
	struct arena *arena;
	struct comparison *_Atomic comparison;    /* NULL where wire.mode is off; never replaced */
	const struct crosscheck_result *compared; /* of the window that is being reported */
	struct outputs *outputs;
	struct board *board;
	uint16_t *always;
	size_t n_always;
	struct events events;
	struct changes *changes;
	struct report_input *before; /* inputs at the last window */
	size_t n_before;
	uint64_t cpu_before_ns, points_before, dropped_before, rejected_before;
};

static void release_always(struct zone_registry *registry, uint16_t *always, size_t n)
{
	for (size_t i = 0; i < n; i++)
		zone_registry_unref(registry, always[i]);
	free(always);
}

/* Zones that an input is labelled with send `dns` in every window. */
static int find_always(struct report *report, const struct config *config)
{
	uint16_t *always = calloc(config->n_inputs + 1, sizeof(*always));
	size_t n = 0;

	if (!always)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_inputs; i++) {
		const struct config_input *input = &config->inputs[i];
		int id;

		if (input->zones.n || input->scope == SCOPE_WITNESS)
			continue;
		id = zone_registry_ref(report->registry, input->zone);
		if (id < 0) {
			release_always(report->registry, always, n);
			return id;
		}
		always[n++] = (uint16_t)id;
	}
	release_always(report->registry, report->always, report->n_always);
	report->always = always;
	report->n_always = n;
	return 0;
}

/* Nobody is asked to compare dnstap with a wire that was switched off. */
static int make_comparison(struct report *report, const struct config *config)
{
	struct comparison *comparison;
	int r;

	if (report->comparison)
		return comparison_configure(report->comparison, config);
	if (config->wire.mode == WIRE_OFF)
		return 0;
	r = comparison_new(&comparison, config, &report->seed);
	if (r < 0)
		return r;
	report->comparison = comparison;
	return 0;
}

int report_check(const struct config *config, char *error, size_t size)
{
	struct privacy *privacy;
	int r = privacy_new(&privacy, config, error, size);

	if (r == 0)
		privacy_free(privacy);
	return r;
}

int report_configure(struct report *report, const struct config *config, char *error, size_t size)
{
	struct privacy *privacy;
	int r = privacy_new(&privacy, config, error, size);

	if (r < 0)
		return r;
	r = find_always(report, config);
	if (r == 0)
		r = make_comparison(report, config);
	if (r == 0)
		r = outputs_configure(report->outputs, report->config, config);
	if (r < 0) {
		snprintf(error, size, "%s", strerror(-r));
		privacy_free(privacy);
		return r;
	}
	privacy_free(report->privacy);
	report->privacy = privacy;
	report->config = config;
	board_configure(report->board, config);
	return 0;
}

int report_new(struct report **ret, const struct config *config, struct zone_registry *registry,
    const struct hash_seed *seed, char *error, size_t size)
{
	struct report *report = calloc(1, sizeof(*report));
	int r = -ENOMEM;

	if (report) {
		report->registry = registry;
		report->seed = *seed;
		r = totals_new(&report->totals, seed);
		if (r == 0)
			r = outputs_new(&report->outputs);
		if (r == 0)
			r = board_new(&report->board);
		if (r == 0)
			r = changes_new(&report->changes);
		if (r == 0)
			r = arena_new(&report->arena);
	}
	if (r < 0)
		snprintf(error, size, "%s", strerror(-r));
	else
		r = report_configure(report, config, error, size);
	if (r < 0) {
		report_free(report);
		return r;
	}
	*ret = report;
	return 0;
}

void report_use_enrich(struct report *report, struct enrich *enrich)
{
	report->enrich = enrich;
}

void report_use_rssac002(struct report *report, struct rssac002 *rssac)
{
	report->rssac = rssac;
}

void report_stop(struct report *report, uint64_t timeout_ns)
{
	outputs_stop(report->outputs, timeout_ns);
}

void report_free(struct report *report)
{
	if (!report)
		return;
	outputs_free(report->outputs);
	board_free(report->board);
	changes_free(report->changes);
	comparison_free(report->comparison);
	privacy_free(report->privacy);
	totals_free(report->totals);
	arena_free(report->arena);
	release_always(report->registry, report->always, report->n_always);
	free(report->before);
	free(report);
}

void report_event(struct report *report, const char *kind, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	events_add(&report->events, clock_wall_ns(&clock_system) / NS_PER_MS, kind, format, args);
	va_end(args);
}

static const struct dnstap_stats *stats_before(const struct report *report, const char *address)
{
	for (size_t i = 0; i < report->n_before; i++) {
		if (strcmp(report->before[i].address, address) == 0)
			return &report->before[i].stats;
	}
	return NULL;
}

/* A sink that left with a reload takes its counts with it: the difference then begins anew. */
static uint64_t since(uint64_t now, uint64_t *before)
{
	const uint64_t difference = now >= *before ? now - *before : now;

	*before = now;
	return difference;
}

static void figure_agent(struct report *report, const struct shard *total,
    const struct report_agent *agent, struct agent_figures *figures)
{
	const uint64_t cpu_ns = clock_cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
	struct sink_stats sinks;

	*figures = (struct agent_figures){
	    .config_hash = report->config->hash,
	    .interval_ns = report->config->interval_ns,
	    .resolvers = total->sources.used,
	    .frames = total->frames,
	    .frames_bad = total->frames_bad,
	    .late = total->late,
	    .skewed = total->skewed,
	    .merged = total->merged,
	    .lost = total->lost,
	    .ignored = total->ignored,
	    .overflow = total->overflow ? total->overflow->messages : 0,
	    .pairs_evicted = total->evicted,
	    .rss_bytes = agent_rss_bytes(),
	    .cpu_us = (cpu_ns - report->cpu_before_ns) / NS_PER_US,
	    .window_lag_ns = agent->window_lag_ns,
	    .mmdb_age_s = report->enrich
		? geo_age_s(enrich_geo(report->enrich), agent->now_ns / NS_PER_S)
		: -1,
	};
	report->cpu_before_ns = cpu_ns;
	for (size_t i = 0; i < agent->n_inputs; i++)
		figures->connections += (uint64_t)agent->inputs[i].stats.connections;
	outputs_sum(report->outputs, &sinks);
	figures->points = since(sinks.points, &report->points_before);
	figures->points_dropped = since(sinks.points_dropped, &report->dropped_before);
	figures->points_rejected = since(sinks.points_rejected, &report->rejected_before);
	figures->spool_bytes = sinks.spool_bytes;
}

static void encode_all(struct report *report, struct points *points, const struct window_view *view,
    const struct enrich_view *enriched, const struct comparison_window *compared,
    const struct agent_figures *figures, const struct report_agent *agent)
{
	const struct encode_context context = {
	    .privacy = report->privacy,
	    .unassigned = agent ? &report->unassigned : NULL,
	    .top_key = report->config->top.key,
	    .always = report->always,
	    .n_always = report->n_always,
	};

	points_reset(points);
	encode_dns(points, view, &context);
	if (report->enrich)
		encode_enrich(points, view, &context, report->enrich, enriched);
	if (agent) {
		encode_agent(points, view->span.time_ms, figures);
		for (size_t i = 0; i < agent->n_inputs; i++)
			encode_input(points, view->span.time_ms, agent->now_ns, &agent->inputs[i],
			    stats_before(report, agent->inputs[i].address));
	}
	if (report->compared)
		comparison_encode(points, view->span.time_ms, compared->wire, report->compared,
		    &context, report->arena);
	for (size_t i = 0; i < report->events.n; i++)
		encode_event(points, report->events.list[i].time_ms, report->events.list[i].kind,
		    report->events.list[i].text);
}

static char *make_window_json(const struct report *report, const struct window_view *view)
{
	json_t *zones = json_zones(view);
	json_t *document = json_pack("{s:s, s:I, s:I, s:I, s:f, s:b, s:I, s:I, s:I, s:I, s:o}",
	    "server", report->config->server, "start_ms",
	    (json_int_t)(view->span.start_ns / NS_PER_MS), "end_ms",
	    (json_int_t)(view->span.end_ns / NS_PER_MS), "time_ms", (json_int_t)view->span.time_ms,
	    "interval_s", (double)report->config->interval_ns / NS_PER_S, "partial",
	    (int)view->span.partial, "frames", (json_int_t)view->total->frames, "frames_bad",
	    (json_int_t)view->total->frames_bad, "late", (json_int_t)view->total->late, "skewed",
	    (json_int_t)view->total->skewed, "zones", zones);
	char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;

	json_decref(document);
	return text;
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

static void publish(struct report *report, const struct window_view *view,
    const struct enrich_view *enriched, const struct agent_figures *figures,
    const struct report_agent *agent)
{
	board_put(report->board, BOARD_WINDOW, make_window_json(report, view));
	board_put(report->board, BOARD_RESOLVERS,
	    report->enrich ? json_resolvers(view, report->enrich, enriched, report->privacy,
				 agent->now_ns / NS_PER_S)
			   : NULL);
	board_window(report->board, &view->span, figures, agent->inputs, agent->n_inputs);
	keep_inputs(report, agent);
}

static void note_databases(struct report *report, unsigned changed)
{
	static const char *const names[GEO_DATABASES] = {"country", "asn"};

	for (int i = 0; i < GEO_DATABASES; i++) {
		struct geo_status status;

		if (!(changed & 1u << i))
			continue;
		geo_get_status(enrich_geo(report->enrich), (enum geo_database)i, &status);
		log_info(MODULE, "database in use geo.%s=%s type=%s built_s=%lld", names[i],
		    status.path, status.type, (long long)status.built_s);
		report_event(report, "database", "geo.%s %s, built %lld", names[i], status.type,
		    (long long)status.built_s);
	}
}

/* Who the resolvers are. Without memory for that, the window goes without. */
static void enrich_sources(struct report *report, const struct shard *total,
    const struct window_span *span, const struct wire_window *wire,
    const struct report_agent *agent, struct enrich_view *ret)
{
	const struct enrich_window window = {
	    .start_ns = span->start_ns, .now_ns = agent ? agent->now_ns : span->end_ns};
	int r;

	*ret = (struct enrich_view){0};
	if (!report->enrich)
		return;
	if (agent)
		note_databases(report, enrich_refresh(report->enrich));
	if (wire)
		feed_tcp_rtt(report->enrich, wire, window.now_ns);
	r = enrich_window(report->enrich, &total->sources, &window, ret);
	if (r < 0)
		log_error(MODULE, "resolvers not reported: %s", strerror(-r));
}

static void keep_rssac002(struct report *report, int fed)
{
	const int flushed = rssac002_flush_when_due(report->rssac, clock_monotonic_ns());
	const int r = fed < 0 ? fed : flushed;

	if (r < 0)
		log_warning(MODULE, "RSSAC002 files not written: %s dir=%s", strerror(-r),
		    report->config->rssac002.dir);
}

void report_wire(struct report *report, const struct wire_window *wire, int64_t start_ns)
{
	if (report->rssac && report->config->rssac002.source == RSSAC002_WIRE)
		keep_rssac002(report, feed_rssac002_wire(report->rssac, wire, start_ns));
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

static void compare(struct report *report, const struct window_view *view,
    const struct comparison_window *window, const struct report_agent *agent)
{
	report->compared = NULL;
	if (!window || !report->comparison)
		return;
	report->compared = comparison_make(report->comparison, view, window, report->arena);
	if (!report->compared) {
		log_error(MODULE, "no memory for the cross-check of a window");
		return;
	}
	if (!agent)
		return;
	if (report->compared->verdict != report->compared->verdict_before)
		report_event(report, "verdict", "%s", verdict_name(report->compared->verdict));
	board_put(report->board, BOARD_CROSSCHECK,
	    comparison_json(report->compared, window->wire, view->span.time_ms, report->privacy));
}

void report_window(struct report *report, struct shard *total, const struct window_span *span,
    const struct comparison_window *compared, const struct report_agent *agent)
{
	const struct config *config = report->config;
	const struct view_limits limits = {
	    .resolvers = config->top.resolvers,
	    .names = {config->top.names, config->top.nxdomain},
	};
	struct agent_figures figures = {0};
	struct enrich_view enriched;
	struct window_view view;
	int r = view_make(&view, total, span, report->registry, &report->seed, report->always,
	    report->n_always, &limits, report->arena);

	if (r < 0) {
		log_error(MODULE, "window not reported whole: %s start_ms=%lld", strerror(-r),
		    (long long)(span->start_ns / NS_PER_MS));
		arena_reset(report->arena);
		return;
	}
	enrich_sources(report, total, span, compared ? compared->wire : NULL, agent, &enriched);
	if (report->rssac && config->rssac002.source == RSSAC002_DNSTAP)
		keep_rssac002(report, feed_rssac002_dnstap(report->rssac, &view));
	if (agent) {
		figure_agent(report, total, agent, &figures);
		if (totals_add(report->totals, &view, &report->unassigned) < 0)
			log_error(MODULE,
			    "no memory for all totals: /metrics is short of a part of this window");
	}
	compare(report, &view, compared, agent);
	if (agent)
		note_news(report, compared ? compared->wire : NULL, agent);
	for (int format = 0; format < OUTPUT_FORMATS; format++) {
		struct points *points = outputs_points(report->outputs, (enum points_format)format);

		if (!points)
			continue;
		encode_all(report, points, &view, &enriched, compared, &figures, agent);
		outputs_push(report->outputs, (enum points_format)format, span->time_ms, !agent);
	}
	events_clear(&report->events);
	if (agent)
		publish(report, &view, &enriched, &figures, agent);
	arena_reset(report->arena);
}

struct wire_totals *report_wire_totals(struct report *report)
{
	struct comparison *comparison = report->comparison;

	return comparison ? comparison_totals(comparison) : NULL;
}

char *report_crosscheck_json(struct report *report)
{
	return board_get(report->board, BOARD_CROSSCHECK);
}

char *report_window_json(struct report *report)
{
	char *text = board_get(report->board, BOARD_WINDOW);

	return text ? text : strdup("{\"zones\":{}}");
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

struct totals *report_totals(struct report *report)
{
	return report->totals;
}

int report_forget_zones(struct report *report, const struct zone_numbers *zones)
{
	int r = totals_forget(report->totals, zones);

	return r == 0 && report->enrich ? enrich_forget_zones(report->enrich, zones) : r;
}
