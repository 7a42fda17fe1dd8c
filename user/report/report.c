/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/report.h"

#include "base/clock.h"
#include "base/log.h"
#include "report/encode_agent.h"
#include "report/encode_dns.h"
#include "report/encode_enrich.h"
#include "report/feed.h"
#include "report/json.h"
#include "report/json_resolvers.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MODULE           "report"
#define MAX_EVENTS       64
#define MAX_POINTS_BYTES (64u << 20) /* of one window, encoded */
#define PATIENCE_NS      (60 * NS_PER_S)
#define FORMATS          2

struct event {
	int64_t time_ms;
	char kind[16];
	char text[240];
};

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
	struct comparison *comparison;            /* NULL where wire.mode is off */
	const struct crosscheck_result *compared; /* of the window that is being reported */
	struct points *points[FORMATS]; /* by enum points_format; NULL: no sink wants it */
	struct sink **sinks;
	size_t n_sinks;
	uint16_t *always;
	size_t n_always;
	struct event events[MAX_EVENTS];
	size_t n_events;
	int64_t last_event_ms;
	struct report_input *before; /* inputs at the last window */
	size_t n_before;
	uint64_t cpu_before_ns, points_before, dropped_before, rejected_before;

	pthread_mutex_t lock; /* what other threads read: below */
	char *crosscheck_json;
	char *window_json, *resolvers_json;
	struct report_status status; /* its sinks are filled in on request */
};

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
		id = zone_registry_id(report->registry, input->zone);
		if (id < 0) {
			free(always);
			return id;
		}
		always[n++] = (uint16_t)id;
	}
	free(report->always);
	report->always = always;
	report->n_always = n;
	return 0;
}

static int make_points(struct report *report, const struct config *config)
{
	for (int format = 0; format < FORMATS; format++) {
		struct points *points = NULL;
		bool wanted = false;

		for (size_t i = 0; i < report->n_sinks; i++)
			wanted |= (int)sink_format(report->sinks[i]) == format;
		if (wanted) {
			int r = points_new(&points, (enum points_format)format, MAX_POINTS_BYTES);

			if (r < 0)
				return r;
			points_common_tag(points, "server", config->server);
			for (size_t i = 0; i < config->n_tags; i++)
				points_common_tag(
				    points, config->tags[i].key, config->tags[i].value);
		}
		points_free(report->points[format]);
		report->points[format] = points;
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

/* The old sinks that no output wants any more get a second to deliver what they hold. */
static int make_sinks(struct report *report, const struct config *config)
{
	const bool may_stay = sinks_may_stay(report->config, config);
	struct sink **old = report->sinks, **sinks = calloc(config->n_outputs + 1, sizeof(*sinks));
	size_t n_old = report->n_sinks, n = 0;

	if (!sinks)
		return -ENOMEM;
	pthread_mutex_lock(&report->lock);
	report->sinks = NULL;
	report->n_sinks = 0;
	pthread_mutex_unlock(&report->lock);
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
	pthread_mutex_lock(&report->lock);
	report->sinks = sinks;
	report->n_sinks = n;
	pthread_mutex_unlock(&report->lock);
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
	pthread_mutex_lock(&report->lock);
	report->comparison = comparison;
	pthread_mutex_unlock(&report->lock);
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
		r = make_sinks(report, config);
	if (r == 0)
		r = make_points(report, config);
	if (r < 0) {
		snprintf(error, size, "%s", strerror(-r));
		privacy_free(privacy);
		return r;
	}
	privacy_free(report->privacy);
	report->privacy = privacy;
	pthread_mutex_lock(&report->lock);
	report->config = config;
	snprintf(report->status.server, sizeof(report->status.server), "%s", config->server);
	report->status.interval_ns = config->interval_ns;
	report->status.config_hash = config->hash;
	pthread_mutex_unlock(&report->lock);
	return 0;
}

int report_new(struct report **ret, const struct config *config, struct zone_registry *registry,
    const struct hash_seed *seed, char *error, size_t size)
{
	struct report *report = calloc(1, sizeof(*report));
	int r = -ENOMEM;

	if (report) {
		pthread_mutex_init(&report->lock, NULL);
		report->registry = registry;
		report->seed = *seed;
		report->status.started_ns = clock_wall_ns(&clock_system);
		r = totals_new(&report->totals, seed);
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
	const uint64_t until = clock_monotonic_ns() + timeout_ns;

	for (size_t i = 0; i < report->n_sinks; i++) {
		const uint64_t now = clock_monotonic_ns();

		sink_stop(report->sinks[i], now < until ? until - now : 0);
	}
}

void report_free(struct report *report)
{
	if (!report)
		return;
	for (size_t i = 0; i < report->n_sinks; i++)
		sink_free(report->sinks[i]);
	free(report->sinks);
	for (int format = 0; format < FORMATS; format++)
		points_free(report->points[format]);
	comparison_free(report->comparison);
	free(report->crosscheck_json);
	privacy_free(report->privacy);
	totals_free(report->totals);
	arena_free(report->arena);
	free(report->always);
	free(report->before);
	free(report->window_json);
	free(report->resolvers_json);
	free(report->status.inputs);
	pthread_mutex_destroy(&report->lock);
	free(report);
}

void report_event(struct report *report, const char *kind, const char *format, ...)
{
	const int64_t now_ms = clock_wall_ns(&clock_system) / NS_PER_MS;
	struct event *event;
	va_list args;

	/* The newest ones are kept: they say how things stand. */
	if (report->n_events == MAX_EVENTS)
		memmove(report->events, report->events + 1, --report->n_events * sizeof(*event));
	event = &report->events[report->n_events++];
	event->time_ms = now_ms > report->last_event_ms ? now_ms : report->last_event_ms + 1;
	report->last_event_ms = event->time_ms;
	snprintf(event->kind, sizeof(event->kind), "%s", kind);
	va_start(args, format);
	vsnprintf(event->text, sizeof(event->text), format, args);
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

static void sum_sinks(const struct report *report, struct agent_figures *figures)
{
	struct sink_stats stats;

	for (size_t i = 0; i < report->n_sinks; i++) {
		sink_stats(report->sinks[i], &stats);
		figures->points += stats.points;
		figures->points_dropped += stats.points_dropped;
		figures->points_rejected += stats.points_rejected;
		figures->spool_bytes += stats.spool_bytes;
	}
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
	sum_sinks(report, figures);
	figures->points = since(figures->points, &report->points_before);
	figures->points_dropped = since(figures->points_dropped, &report->dropped_before);
	figures->points_rejected = since(figures->points_rejected, &report->rejected_before);
}

static void encode_all(struct report *report, struct points *points, const struct window_view *view,
    const struct enrich_view *enriched, const struct agent_figures *figures,
    const struct report_agent *agent)
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
		comparison_encode(points, view->span.time_ms, agent->window.wire, report->compared,
		    &context, report->arena);
	for (size_t i = 0; i < report->n_events; i++)
		encode_event(points, report->events[i].time_ms, report->events[i].kind,
		    report->events[i].text);
}

static void push(struct report *report, enum points_format format, int64_t time_ms, bool patient)
{
	struct points *points = report->points[format];
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
	for (size_t i = 0; i < report->n_sinks; i++) {
		if ((enum points_format)sink_format(report->sinks[i]) != format)
			continue;
		/* Live, nothing waits for a sink; a file can be read again as slowly as its points
		 * are taken. */
		if (patient)
			sink_wait_room(report->sinks[i], PATIENCE_NS);
		sink_push(report->sinks[i], batch);
	}
	batch_unref(batch);
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

static void publish_resolvers(struct report *report, const struct window_view *view,
    const struct enrich_view *enriched, int64_t now_ns)
{
	char *json = report->enrich
	    ? json_resolvers(view, report->enrich, enriched, report->privacy, now_ns / NS_PER_S)
	    : NULL;
	char *old;

	pthread_mutex_lock(&report->lock);
	old = report->resolvers_json;
	report->resolvers_json = json;
	pthread_mutex_unlock(&report->lock);
	free(old);
}

static void publish(struct report *report, const struct window_view *view,
    const struct agent_figures *figures, const struct report_agent *agent)
{
	char *json = make_window_json(report, view);
	struct report_input *inputs = calloc(agent->n_inputs + 1, sizeof(*inputs));
	struct report_status *status = &report->status;

	if (inputs && agent->n_inputs)
		memcpy(inputs, agent->inputs, agent->n_inputs * sizeof(*inputs));
	free(report->before);
	report->before = inputs;
	report->n_before = inputs ? agent->n_inputs : 0;
	pthread_mutex_lock(&report->lock);
	free(report->window_json);
	report->window_json = json;
	status->window_start_ns = view->span.start_ns;
	status->window_end_ns = view->span.end_ns;
	status->windows++;
	status->frames += figures->frames;
	status->frames_bad += figures->frames_bad;
	status->late += figures->late;
	status->skewed += figures->skewed;
	status->merged += figures->merged;
	status->lost += figures->lost;
	status->evicted += figures->pairs_evicted;
	status->ignored += figures->ignored;
	status->overflow += figures->overflow;
	status->resolvers = figures->resolvers;
	status->rss_bytes = figures->rss_bytes;
	status->cpu_us = clock_cpu_ns(CLOCK_PROCESS_CPUTIME_ID) / NS_PER_US;
	free(status->inputs);
	status->inputs = calloc(agent->n_inputs + 1, sizeof(*inputs));
	status->n_inputs = status->inputs ? agent->n_inputs : 0;
	if (status->n_inputs)
		memcpy(status->inputs, agent->inputs, agent->n_inputs * sizeof(*inputs));
	pthread_mutex_unlock(&report->lock);
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
    const struct window_span *span, const struct report_agent *agent, struct enrich_view *ret)
{
	const struct enrich_window window = {
	    .start_ns = span->start_ns, .now_ns = agent ? agent->now_ns : span->end_ns};
	const struct wire_window *wire = agent ? agent->window.wire : NULL;
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
	/* Once more: who is new is known now. */
	if (wire)
		feed_tcp_rtt(report->enrich, wire, window.now_ns);
}

static void feed_rssac002(
    struct report *report, const struct window_view *view, const struct report_agent *agent)
{
	const struct wire_window *wire = agent ? agent->window.wire : NULL;
	int r = 0, flushed;

	if (!report->rssac)
		return;
	if (report->config->rssac002.source == RSSAC002_DNSTAP)
		r = feed_rssac002_dnstap(report->rssac, view);
	else if (wire)
		r = feed_rssac002_wire(report->rssac, wire, view->span.start_ns);
	flushed = rssac002_flush_when_due(report->rssac, clock_monotonic_ns());
	if (r == 0)
		r = flushed;
	if (r < 0)
		log_warning(MODULE, "RSSAC002 files not written: %s dir=%s", strerror(-r),
		    report->config->rssac002.dir);
}

static void compare(
    struct report *report, const struct window_view *view, const struct report_agent *agent)
{
	char *json, *old;

	report->compared = NULL;
	if (!agent || !report->comparison)
		return;
	report->compared = comparison_make(report->comparison, view, &agent->window, report->arena);
	if (!report->compared) {
		log_error(MODULE, "no memory for the cross-check of a window");
		return;
	}
	if (report->compared->verdict != report->compared->verdict_before)
		report_event(report, "verdict", "%s", verdict_name(report->compared->verdict));
	json = comparison_json(
	    report->compared, agent->window.wire, view->span.time_ms, report->privacy);
	pthread_mutex_lock(&report->lock);
	old = report->crosscheck_json;
	report->crosscheck_json = json;
	pthread_mutex_unlock(&report->lock);
	free(old);
}

void report_window(struct report *report, struct shard *total, const struct window_span *span,
    const struct report_agent *agent)
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
	enrich_sources(report, total, span, agent, &enriched);
	feed_rssac002(report, &view, agent);
	if (agent) {
		figure_agent(report, total, agent, &figures);
		if (totals_add(report->totals, &view, &report->unassigned) < 0)
			log_error(MODULE,
			    "no memory for all totals: /metrics is short of a part of this window");
	}
	compare(report, &view, agent);
	for (int format = 0; format < FORMATS; format++) {
		if (!report->points[format])
			continue;
		encode_all(report, report->points[format], &view, &enriched, &figures, agent);
		push(report, (enum points_format)format, span->time_ms, !agent);
	}
	report->n_events = 0;
	if (agent) {
		publish(report, &view, &figures, agent);
		publish_resolvers(report, &view, &enriched, agent->now_ns);
	}
	arena_reset(report->arena);
}

char *report_crosscheck_json(struct report *report)
{
	char *text;

	pthread_mutex_lock(&report->lock);
	text = report->crosscheck_json ? strdup(report->crosscheck_json) : NULL;
	pthread_mutex_unlock(&report->lock);
	return text;
}

struct wire_totals *report_wire_totals(struct report *report)
{
	struct wire_totals *totals;

	pthread_mutex_lock(&report->lock);
	totals = report->comparison ? comparison_totals(report->comparison) : NULL;
	pthread_mutex_unlock(&report->lock);
	return totals;
}

char *report_window_json(struct report *report)
{
	char *text;

	pthread_mutex_lock(&report->lock);
	text = report->window_json ? strdup(report->window_json) : strdup("{\"zones\":{}}");
	pthread_mutex_unlock(&report->lock);
	return text;
}

char *report_resolvers_json(struct report *report)
{
	char *text;

	pthread_mutex_lock(&report->lock);
	text = report->resolvers_json ? strdup(report->resolvers_json) : NULL;
	pthread_mutex_unlock(&report->lock);
	return text;
}

static int copy_status(struct report *report, struct report_status *status)
{
	*status = report->status;
	status->inputs = calloc(status->n_inputs + 1, sizeof(*status->inputs));
	status->sinks = calloc(report->n_sinks + 1, sizeof(*status->sinks));
	if (!status->inputs || !status->sinks)
		return -ENOMEM;
	if (status->n_inputs)
		memcpy(status->inputs, report->status.inputs,
		    status->n_inputs * sizeof(*status->inputs));
	for (size_t i = 0; i < report->n_sinks; i++) {
		snprintf(status->sinks[i].name, sizeof(status->sinks[i].name), "%s",
		    sink_name(report->sinks[i]));
		sink_stats(report->sinks[i], &status->sinks[i].stats);
	}
	status->n_sinks = report->n_sinks;
	return 0;
}

int report_get_status(struct report *report, struct report_status **ret)
{
	struct report_status *status = calloc(1, sizeof(*status));
	int r = -ENOMEM;

	if (status) {
		pthread_mutex_lock(&report->lock);
		r = copy_status(report, status);
		pthread_mutex_unlock(&report->lock);
	}
	if (r < 0) {
		report_status_free(status);
		return r;
	}
	*ret = status;
	return 0;
}

void report_status_free(struct report_status *status)
{
	if (!status)
		return;
	free(status->inputs);
	free(status->sinks);
	free(status);
}

struct totals *report_totals(struct report *report)
{
	return report->totals;
}

const char *report_zone_label(struct report *report, uint16_t zone)
{
	return zone_registry_label(report->registry, zone);
}
