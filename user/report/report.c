/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/report.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/options.h"
#include "encode/attacks.h"
#include "encode/documents.h"
#include "encode/encode.h"
#include "text/json_text.h"
#include "encode/row.h"
#include "measure/datasets.h"
#include "report/agent_rows.h"
#include "report/events/databases.h"
#include "report/events/events.h"
#include "report/feed.h"
#include "report/events/news.h"
#include "report/remember.h"
#include "privacy/key_file.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MODULE             "report"
#define REMIND_INTERVAL_NS (3600 * (uint64_t)NS_PER_S)
#define MAGNITUDE_EVERY_NS (10 * (uint64_t)NS_PER_S) /* sorts some thousand domains */

/* Whether a day's files are written, as it was said last. */
struct day_files {
	bool fails;
	struct log_reasons failures;
};

struct report {
	struct config *config; /* NULL only before the first */
	struct zone_registry *registry;
	struct hash_seed seed;
	struct privacy *privacy;
	struct source_key *source_key; /* NULL: no registers of sources */
	struct enrich *enrich;         /* the caller's, as is the next; NULL: none */
	struct rssac002 *rssac;
	struct magnitude *magnitude; /* NULL: off */
	struct history *_Atomic history;
	uint64_t history_due_ns;
	struct unassigned unassigned;
	struct totals *totals;
	struct place_names *places;
	struct attacks *attacks;
	struct attacks_now attacked; /* in the window that is being reported */
	struct arena *arena;
	struct comparison
	    *_Atomic comparison; /* NULL while wire.mode was always off; never replaced */
	_Atomic bool compares;   /* wire.mode is not off */
	_Atomic int verdict;     /* 1 + enum verdict; 0: none yet */
	const struct crosscheck_result *compared; /* of the window that is being reported */
	struct outputs *outputs;
	struct board *board;
	uint16_t *always;
	size_t n_always;
	struct events events;
	struct ticker *ticker;
	struct changes *changes;
	struct databases databases;
	struct report_input *before; /* inputs at the last window */
	size_t n_before;
	uint64_t unreported; /* frames of windows that found no memory; not told yet */
	struct day_files rssac_files, magnitude_files;
	uint64_t magnitude_due_ns; /* of its document */
	uint64_t cpu_before_ns, points_before, dropped_before, rejected_before, found_before,
	    log_dropped_before;
};

static void release_always(struct zone_registry *registry, uint16_t *always, size_t n)
{
	for (size_t i = 0; always && i < n; i++)
		zone_registry_unref(registry, always[i]);
	free(always);
}

static void free_source_key(struct source_key *key)
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
	release_always(next->registry, next->always, next->n_always);
	free_source_key(next->source_key);
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
		log_warning(MODULE, "no registers of sources: rssac002.key_file: %s", reason);
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

void report_commit(struct report *report, struct report_next *next)
{
	struct config *before = report->config;

	if (next->privacy) {
		privacy_free(report->privacy);
		report->privacy = next->privacy;
		next->privacy = NULL;
	}
	if (next->always) {
		release_always(report->registry, report->always, report->n_always);
		report->always = next->always;
		report->n_always = next->n_always;
		next->always = NULL;
		next->n_always = 0;
		free_source_key(report->source_key);
		report->source_key = next->source_key;
		next->source_key = NULL;
	}
	commit_comparison(report, next);
	if (next->outputs)
		outputs_commit(report->outputs, next->outputs);
	next->outputs = NULL;
	report->config = next->config;
	next->config = before;
	board_configure(report->board, report->config);
	report_next_free(next);
}

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
	release_always(report->registry, report->always, report->n_always);
	free_source_key(report->source_key);
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
			log_info(MODULE, "database in use: %s path=%s", text, status.path);
		else
			log_warning(MODULE, "%s", text);
		report_event(report, "database", "%s", text);
	}
}

void report_use_enrich(struct report *report, struct enrich *enrich)
{
	report->enrich = enrich;
	note_databases(report);
}

static const struct report_input *input_before(const struct report *report, const char *address)
{
	for (size_t i = 0; i < report->n_before; i++) {
		if (strcmp(report->before[i].address, address) == 0)
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

static void figure_agent(struct report *report, const struct shard *total,
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
	    .window_lag_ms = (double)agent->window_lag_ns / NS_PER_MS,
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

static void encode_agent(const struct report *report, struct points *points, int64_t time_ms,
    const struct agent_figures *figures, const struct report_agent *agent)
{
	row_point(points, &measurements[M_CROSSTAP], time_ms, NULL, figures, 0);
	for (size_t i = 0; i < agent->n_inputs; i++) {
		const struct report_input *input = &agent->inputs[i];
		struct input_row row;

		input_row_of(input, input_before(report, input->address), agent->now_ns, &row);
		row_point(points, &measurements[M_CROSSTAP_INPUT], time_ms,
		    (const char *[]){input->address}, &row, input_row_knows(input));
	}
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

static void encode_all(struct report *report, struct points *points, const struct window_view *view,
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

static char *make_window_json(const struct report *report, const struct window_view *view)
{
	struct json_build build = {0};
	json_t *document = json_build_object(&build);
	char *text;

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
	json_put(&build, document, "zones", json_zones(view, report->privacy));
	if (report->config->datasets & DATASET_ATTACKS)
		json_put_attacks(
		    &build, document, view->span.end_ns, &report->attacked, report->privacy);
	document = json_build_finish(&build, document);
	text = json_text(document);
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
	board_put_tops(report->board,
	    tops_make(view, report->enrich, enriched, &report->attacked, report->privacy));
	board_window(report->board, &view->span, figures, agent->inputs, agent->n_inputs);
	keep_inputs(report, agent);
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
	    .tell = report->config->datasets & DATASET_ATTACKS ? tell_attacks : NULL,
	    .context = report->attacks};
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
		log_error(MODULE, "resolvers not reported: %s", strerror(-r));
}

/* Once when it begins, the same reason once an hour, and when it is over. */
static void say_files(struct day_files *files, const char *what, const char *dir, int error)
{
	uint64_t suppressed;

	if (error == 0 && files->fails)
		log_info(MODULE, "%s files are written again dir=%s", what, dir);
	if (error < 0 && !files->fails)
		files->failures = (struct log_reasons){0};
	files->fails = error < 0;
	if (error < 0 &&
	    log_reason_pass(&files->failures, strerror(-error), REMIND_INTERVAL_NS, &suppressed))
		log_warning(MODULE, "%s files not written: %s dir=%s suppressed=%llu", what,
		    strerror(-error), dir, (unsigned long long)suppressed);
}

static void keep_rssac002(struct report *report, int fed)
{
	const int flushed = rssac002_flush_when_due(report->rssac, clock_monotonic_ns());

	say_files(&report->rssac_files, "RSSAC002", report->config->rssac002.dir,
	    fed < 0 ? fed : flushed);
}

/* What both have to tell is fed before the state is written. */
static void keep_of_dnstap(struct report *report, const struct window_view *view)
{
	const bool custom = *report->config->rssac002.prefix != '\0',
		   all = report->config->rssac002.source == RSSAC002_DNSTAP;
	const int of_custom = custom ? feed_rssac002_custom(report->rssac, view) : 0;
	const int of_all = all ? feed_rssac002_dnstap(report->rssac, view) : 0;

	if (custom || all)
		keep_rssac002(report, of_custom < 0 ? of_custom : of_all);
}

static void keep_magnitude(struct report *report, const struct shard *total, int64_t start_ns)
{
	const uint64_t now_ns = clock_monotonic_ns();
	const int added = magnitude_add(report->magnitude, start_ns, total->tally);
	const int flushed = magnitude_flush_when_due(report->magnitude, now_ns);

	say_files(&report->magnitude_files, "DNS Magnitude", report->config->magnitude.dir,
	    added < 0 ? added : flushed);
	if (now_ns < report->magnitude_due_ns)
		return;
	report->magnitude_due_ns = now_ns + MAGNITUDE_EVERY_NS;
	board_put(report->board, BOARD_MAGNITUDE, magnitude_json(report->magnitude));
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
		log_error(MODULE, "no memory for the cross-check of a window");
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
		log_error(MODULE, "no memory: the history is short of a part of this window");
	remember_save_when_due(report->history, report->config, &report->history_due_ns);
}

static void begin_attacks(struct report *report, const struct window_span *span)
{
	const struct config *config = report->config;
	const struct attack_limits limits = attack_limits_of(config);

	report->attacked = (struct attacks_now){0};
	if (config->datasets & DATASET_ATTACKS)
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

	if (!(report->config->datasets & DATASET_ATTACKS))
		return;
	if (total->domains)
		attacks_domains(report->attacks, total->domains);
	attacks_finish(report->attacks, &report->attacked);
	news_of_attacks(&news, &report->attacked, span->start_ns, span->end_ns, report->privacy);
}

void report_window(struct report *report, struct shard *total, const struct window_span *span,
    const struct comparison_window *compared, const struct report_agent *agent)
{
	const struct config *config = report->config;
	const bool listed = config->datasets & DATASET_DOMAINS;
	const struct view_limits limits = {
	    .resolvers = config->top.resolvers,
	    .names = {config->top.names, config->top.nxdomain},
	    .domains = {listed ? config->top.names : 0, listed ? config->top.nxdomain : 0,
		listed ? config->top.names : 0},
	    .subnets = config->top.subnets,
	    .talkers = config->top.talkers,
	    .places = report->places,
	    .facts = datasets_facts(config->datasets),
	};
	struct agent_figures figures = {0};
	struct outputs_times times;
	struct enrich_view enriched;
	struct window_view view;
	int r = view_make(&view, total, span, report->registry, &report->seed, report->always,
	    report->n_always, &limits, report->arena);

	if (r < 0) {
		report->unreported += total->frames + total->lost + (agent ? agent->lost : 0);
		log_error(MODULE, "window not reported: %s start_ms=%lld frames=%llu", strerror(-r),
		    (long long)(span->start_ns / NS_PER_MS), (unsigned long long)total->frames);
		arena_reset(report->arena);
		return;
	}
	begin_attacks(report, span);
	enrich_sources(report, total, span, compared ? compared->wire : NULL, agent, &enriched);
	name_attacks(report, total, span, agent);
	for (size_t i = 0; report->enrich && limits.facts & FACTS_CLIENTS && i < view.n_zones; i++)
		view.zones[i].clients = enrich_clients(report->enrich, view.zones[i].zone);
	if (report->rssac)
		keep_of_dnstap(report, &view);
	if (report->magnitude)
		keep_magnitude(report, total, span->start_ns);
	if (agent) {
		figure_agent(report, total, agent, &figures);
		if (totals_add(report->totals, &view, &report->unassigned) < 0)
			log_error(MODULE,
			    "no memory for all totals: /metrics is short of a part of this window");
	}
	compare(report, &view, compared, agent);
	if (report->compared)
		figures.wire_stepped_down =
		    comparison_stepped_down(report->comparison, config->wire.mode);
	if (agent)
		note_news(report, compared ? compared->wire : NULL, agent);
	times.start_ms = span->time_ms;
	/* At a stop the window ends with the agent. */
	times.end_ms =
	    (agent && agent->now_ns < span->end_ns ? agent->now_ns : span->end_ns) / NS_PER_MS;
	for (int format = 0; format < OUTPUT_FORMATS; format++) {
		struct points *points = outputs_points(report->outputs, (enum points_format)format);

		if (!points)
			continue;
		encode_all(report, points, &view, &enriched, compared, &figures, agent);
		outputs_push(report->outputs, (enum points_format)format, &times, !agent);
	}
	if (agent && report->history)
		keep_history(report,
		    &(struct remember){.view = &view,
			.enriched = &enriched,
			.wire = compared ? compared->wire : NULL,
			.figures = &figures,
			.watched_ms = times.end_ms > times.start_ms
			    ? (uint64_t)(times.end_ms - times.start_ms)
			    : 0});
	if (agent) {
		outputs_say_orphans(report->outputs, config);
		publish(report, &view, &enriched, &figures, agent);
		ticker_events(report->ticker, &report->events);
		ticker_window(report->ticker, span->start_ns, span->end_ns);
	}
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
