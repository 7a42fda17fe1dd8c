/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sending side of many agents, in one process: windows of a busy node, by the real collector,
 * view and encoders, pushed with the real sinks, queues and spools, of which each agent has its
 * own, as its own configuration says. Agents differ in `server`, site and clock; what they counted
 * is one of a few windows.
 *
 *   agents CONFIG N RESOLVERS FRAMES
 *
 * CONFIG is read once for each agent, with $NODE, $SITE and $SPOOL in the environment. Commands
 * come by standard input, a line each; each is answered by one JSON object a line:
 *
 *   window          what the points of one window of a node are, by measurement
 *   join N S        one window of each agent, N agents at a time: the next when theirs are written,
 *                   S seconds later at most
 *   live N          N windows, each pushed when it ends by the wall clock
 *   behind N MS     N windows, one after the other, MS milliseconds apart
 *   stats           of all sinks, by output
 *   forget          of `stats`, what was taken when
 *   drained S N     waits at most S seconds until the first N outputs have nothing queued or on
 * disk
 *
 * The times of points are those of windows in a row, the last of which is not later than now: so
 * `behind` is for an outage in less time than it would take.
 */
#include "agent/setup.h"
#include "base/clock.h"
#include "dnstap/decode.h"
#include "encode/encode.h"
#include "encode/row.h"
#include "measure/datasets.h"
#include "measure/rows.h"
#include "sink/http/post.h"
#include "sink/sink.h"

#include "../bench/workload.h"

#include <err.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORLDS      3
#define OUTPUTS_MAX 4
#define BEHIND_MAX  200 /* windows that may lie before now */
#define SITE_NODES  4
#define POINTS_MAX  (64u << 20)
#define CLOCK_MS    80 /* clocks differ by so much */
#define LOOK_MS     20
#define TENTHS      10
#define SECONDS_MAX 7200
#define SOON_MS     5
#define MANY        100 /* agents, of which one misses queries */

static const struct hash_seed seed = {0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f};

/* A window that was counted once. */
struct world {
	struct arena *arena;
	struct shard *total;
	struct window_view view;
	struct enrich *enrich;
	struct enrich_view enriched;
};

struct agent {
	struct config *config;
	struct sink *sinks[OUTPUTS_MAX];
	int64_t clock_ns; /* ahead of the true time */
	struct batch *batches[POINTS_FORMATS];
	uint64_t points;            /* in each of them */
	uint64_t seen[OUTPUTS_MAX]; /* points that the far end had at the last look */
	uint64_t pushed;            /* to each output */
};

struct fleet {
	struct config *config; /* of all, but for names */
	struct zone_registry *registry;
	struct place_names *places;
	struct privacy *privacy;
	struct world worlds[WORLDS];
	struct points *points[POINTS_FORMATS];
	struct agent *agents;
	size_t n, n_outputs;
	int64_t next; /* window, by its index */
};

/* Bytes of points by the tenth of an interval in which a request with them began. */
static _Atomic uint64_t sent[TENTHS];
static int64_t sent_interval_ns, sent_grace_ns;

long __real_http_post_send(struct http_post *post, const char *text, size_t length);
long __wrap_http_post_send(struct http_post *post, const char *text, size_t length);

long __wrap_http_post_send(struct http_post *post, const char *text, size_t length)
{
	const int64_t in_ns = (clock_wall_ns(&clock_system) - sent_grace_ns) % sent_interval_ns;

	atomic_fetch_add(&sent[in_ns * TENTHS / sent_interval_ns], length);
	return __real_http_post_send(post, text, length);
}

/* What the far ends took, as it is seen from here. */
struct taken {
	pthread_t thread;
	const struct fleet *fleet;
	_Atomic bool stop;
	pthread_mutex_t lock;
	int64_t start_ns;
	uint64_t seconds[OUTPUTS_MAX][SECONDS_MAX];
};

static void check(int r, const char *what)
{
	if (r < 0)
		errx(1, "%s: %s", what, strerror(-r));
}

static void sleep_until(int64_t wall_ns)
{
	const int64_t left_ns = wall_ns - clock_wall_ns(&clock_system);

	if (left_ns > 0)
		usleep((useconds_t)(left_ns / 1000));
}

/* --- What nodes counted --- */

static void count(struct collector *collector, const struct workload *workload)
{
	const int64_t now_ns = clock_wall_ns(&clock_system) + 3600 * NS_PER_S;
	struct decode_cache cache = {0};
	struct record record;

	for (size_t at = 0; at < workload->length;) {
		const uint8_t *p = workload->stream + at;
		const uint32_t length =
		    (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];

		check(dnstap_decode(&cache, p + 4, length, &record), "a frame");
		collector_take(collector, &record, 1, now_ns);
		dnstap_release(&record);
		at += 4 + length;
	}
}

static struct shard *collect(struct collector *collector)
{
	struct shard *shards[COLLECTOR_MAX_SHARDS];
	const size_t n = collector_close(collector, INT64_MAX, shards);

	if (n)
		shard_settle(shards[0], &seed);
	for (size_t i = 1; i < n; i++) {
		check(shard_merge(shards[0], shards[i], &seed), "a window");
		shard_free(shards[i]);
	}
	return n ? shards[0] : NULL;
}

static void make_world(struct fleet *fleet, struct world *world, size_t resolvers, size_t frames)
{
	const struct config *config = fleet->config;
	const struct workload_options options = {.frames = frames,
	    .sources = SOURCES_RANDOM,
	    .n_sources = resolvers,
	    .n_zones = config->inputs[0].zones.n};
	const struct window_span span = {.end_ns = (int64_t)config->interval_ns};
	const struct view_limits limits = {.resolvers = config->top.resolvers,
	    .names = {config->top.names, config->top.nxdomain},
	    .places = fleet->places,
	    .facts = datasets_facts(config->datasets)};
	struct collector_config counting = {
	    .interval_ns = 3600 * NS_PER_S, .seed = seed, .max_shards = 2};
	struct enrich_window window = {.now_ns = clock_wall_ns(&clock_system),
	    .traits = (config->datasets & DATASET_CLIENTS) != 0};
	struct collector *collector;
	struct input_setup setup;
	struct workload workload;
	char error[256];

	shard_limits_make(&counting.limits, config, 2);
	if (input_setup_make(&setup, config, &config->inputs[0], fleet->registry, NULL, &seed,
		error, sizeof(error)) < 0)
		errx(1, "%s", error);
	counting.traits = setup.traits;
	check(collector_new(&collector, &counting), "the collector");
	workload_make(&workload, &options);
	count(collector, &workload);
	workload_free(&workload);
	world->total = collect(collector);
	check(arena_new(&world->arena), "memory");
	check(view_make(&world->view, world->total, &span, fleet->registry, &seed, NULL, 0, &limits,
		  world->arena),
	    "the view");
	check(enrich_new(&world->enrich, config, &seed, false), "resolvers");
	check(enrich_window(world->enrich, &world->total->sources, &window, &world->enriched),
	    "resolvers of a window");
	for (size_t i = 0; i < world->view.n_zones; i++)
		world->view.zones[i].clients =
		    enrich_clients(world->enrich, world->view.zones[i].zone);
	collector_free(collector);
	/* Labels of the view are the setup's. */
}

/* --- Agents --- */

static struct config *load(const char *path, size_t number, const char *spool)
{
	char node[64], site[32], folder[512];
	struct config *config;

	snprintf(site, sizeof(site), "site%zu", number / SITE_NODES);
	snprintf(node, sizeof(node), "ns%zu.%s", number % SITE_NODES, site);
	snprintf(folder, sizeof(folder), "%s/%zu", spool, number);
	setenv("NODE", node, 1);
	setenv("SITE", site, 1);
	setenv("SPOOL", folder, 1);
	if (config_load(path, stderr, &config) < 0)
		exit(2);
	return config;
}

static void make_agent(struct agent *agent, struct config *config, size_t number)
{
	agent->config = config;
	agent->clock_ns = ((int64_t)(number * 7919 % (2 * CLOCK_MS + 1)) - CLOCK_MS) * NS_PER_MS;
	for (size_t i = 0; i < config->n_outputs; i++) {
		check(sink_new(&agent->sinks[i], &config->outputs[i], config), "a sink");
		sink_start(agent->sinks[i], NULL);
	}
}

static void make_formats(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->n_outputs; i++) {
		struct points **points = &fleet->points[sink_format(fleet->agents[0].sinks[i])];

		if (!*points)
			check(points_new(points,
				  (enum points_format)sink_format(fleet->agents[0].sinks[i]),
				  POINTS_MAX),
			    "points");
	}
}

/* The first of MANY misses what its nameserver did not log. */
static void put_verdict(
    struct points *points, size_t number, int64_t time_ms, const struct encode_context *context)
{
	struct crosscheck_result result = {
	    .verdict = number % MANY == 0 ? VERDICT_DNSTAP_LOSS : VERDICT_OK};

	result.funnel.dnstap_queries = 1000;
	encode_crosscheck(points, time_ms, &result, context);
}

static void encode(struct fleet *fleet, size_t number, int64_t window, enum points_format format)
{
	struct points *points = fleet->points[format];
	struct world *world = &fleet->worlds[((uint64_t)window + number) % WORLDS];
	const struct config *config = fleet->agents[number].config;
	static struct unassigned unassigned;
	const struct encode_context context = {
	    .privacy = fleet->privacy, .unassigned = &unassigned, .top_key = config->top.key};
	const int64_t time_ms = window * (int64_t)config->interval_ns / NS_PER_MS;
	const struct agent_figures figures = {.version = CROSSTAP_VERSION,
	    .config_hash = config->hash,
	    .interval_s = (double)config->interval_ns / NS_PER_S,
	    .connections = 1,
	    .frames = world->total->frames,
	    .resolvers = world->total->sources.used,
	    .rss_bytes = 20 << 20};

	points_reset(points);
	points_common_tag(points, "server", config->server);
	for (size_t i = 0; i < config->n_tags; i++)
		points_common_tag(points, config->tags[i].key, config->tags[i].value);
	world->view.span.time_ms = time_ms;
	encode_dns(points, &world->view, &context);
	encode_enrich(points, &world->view, &context, world->enrich, &world->enriched);
	row_point(points, &measurements[M_CROSSTAP], time_ms, NULL, &figures, 0);
	put_verdict(points, number, time_ms, &context);
}

static void make_batches(struct fleet *fleet, size_t number, int64_t window)
{
	for (int format = 0; format < POINTS_FORMATS; format++) {
		const char *text;
		size_t length;

		if (!fleet->points[format])
			continue;
		encode(fleet, number, window, (enum points_format)format);
		check(points_finish(fleet->points[format], &text, &length), "points");
		fleet->agents[number].points = points_count(fleet->points[format]);
		check(batch_new(&fleet->agents[number].batches[format], text, length,
			  points_count(fleet->points[format]),
			  window * (int64_t)fleet->config->interval_ns / NS_PER_MS),
		    "a batch");
	}
}

static void push(struct fleet *fleet, struct agent *agent)
{
	agent->pushed += agent->points;
	for (size_t i = 0; i < fleet->n_outputs; i++)
		sink_push(agent->sinks[i], agent->batches[sink_format(agent->sinks[i])]);
	for (int format = 0; format < POINTS_FORMATS; format++) {
		batch_unref(agent->batches[format]);
		agent->batches[format] = NULL;
	}
}

/* --- What is taken --- */

static void take_note(struct taken *taken, size_t output, uint64_t points, int64_t now_ns)
{
	const int64_t second = (now_ns - taken->start_ns) / NS_PER_S;

	if (second >= 0 && second < SECONDS_MAX)
		taken->seconds[output][second] += points;
}

static void *look(void *context)
{
	struct taken *taken = context;
	const struct fleet *fleet = taken->fleet;

	while (!atomic_load(&taken->stop)) {
		pthread_mutex_lock(&taken->lock);
		for (size_t i = 0; i < fleet->n * fleet->n_outputs; i++) {
			struct agent *agent = &fleet->agents[i / fleet->n_outputs];
			const size_t output = i % fleet->n_outputs;
			struct sink_stats stats;

			sink_stats(agent->sinks[output], &stats);
			if (stats.points > agent->seen[output])
				take_note(taken, output, stats.points - agent->seen[output],
				    stats.last_push_ns);
			agent->seen[output] = stats.points;
		}
		pthread_mutex_unlock(&taken->lock);
		usleep(LOOK_MS * 1000);
	}
	return NULL;
}

static void forget(struct taken *taken)
{
	pthread_mutex_lock(&taken->lock);
	for (int i = 0; i < TENTHS; i++)
		atomic_store(&sent[i], 0);
	memset(taken->seconds, 0, sizeof(taken->seconds));
	taken->start_ns = clock_wall_ns(&clock_system);
	pthread_mutex_unlock(&taken->lock);
}

/* --- Commands --- */

static void answer(json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(object);
}

/* The measurement is what stands before the first comma of a line. */
static void say_window(struct fleet *fleet)
{
	json_t *object = json_object();
	const char *text;
	size_t length;

	if (!fleet->points[POINTS_LINE])
		check(points_new(&fleet->points[POINTS_LINE], POINTS_LINE, POINTS_MAX), "points");
	encode(fleet, 0, fleet->next, POINTS_LINE);
	check(points_finish(fleet->points[POINTS_LINE], &text, &length), "points");
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		char name[64];
		json_t *n;

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(line, ","), line);
		n = json_object_get(object, name);
		json_object_set_new(object, name, json_integer(json_integer_value(n) + 1));
	}
	object = json_pack("{s:o, s:I, s:I}", "measurements", object, "points",
	    (json_int_t)points_count(fleet->points[POINTS_LINE]), "bytes", (json_int_t)length);
	answer(object);
}

static void make_all(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->n; i++)
		make_batches(fleet, i, fleet->next);
	fleet->next++;
}

static int compare_clocks(const void *a, const void *b)
{
	const struct agent *const *x = a, *const *y = b;

	/* A clock that is ahead ends the window earlier. */
	return ((*x)->clock_ns < (*y)->clock_ns) - ((*x)->clock_ns > (*y)->clock_ns);
}

/* Batches are made before the window ends; how late the last of them was pushed is said. */
static void live(struct fleet *fleet, unsigned windows)
{
	const int64_t interval_ns = (int64_t)fleet->config->interval_ns;
	struct agent **order = calloc(fleet->n, sizeof(*order));
	int64_t late_ns = 0;

	for (size_t i = 0; i < fleet->n; i++)
		order[i] = &fleet->agents[i];
	qsort(order, fleet->n, sizeof(*order), compare_clocks);
	for (unsigned w = 0; w < windows; w++) {
		int64_t due_ns;

		make_all(fleet);
		due_ns = (clock_wall_ns(&clock_system) / interval_ns + 1) * interval_ns +
		    (int64_t)fleet->config->grace_ns;
		for (size_t i = 0; i < fleet->n; i++) {
			sleep_until(due_ns - order[i]->clock_ns);
			push(fleet, order[i]);
		}
		late_ns = clock_wall_ns(&clock_system) - due_ns;
	}
	free(order);
	answer(json_pack("{s:i, s:f}", "windows", (int)windows, "last_push_after_s",
	    (double)late_ns / NS_PER_S));
}

static void behind(struct fleet *fleet, unsigned windows, unsigned apart_ms)
{
	for (unsigned w = 0; w < windows; w++) {
		const int64_t from_ns = clock_wall_ns(&clock_system);

		make_all(fleet);
		for (size_t i = 0; i < fleet->n; i++)
			push(fleet, &fleet->agents[i]);
		sleep_until(from_ns + apart_ms * NS_PER_MS);
	}
	answer(json_pack("{s:i}", "windows", (int)windows));
}

static void sum(const struct fleet *fleet, size_t output, struct sink_stats *ret)
{
	*ret = (struct sink_stats){0};
	for (size_t i = 0; i < fleet->n; i++) {
		struct sink_stats stats;

		sink_stats(fleet->agents[i].sinks[output], &stats);
		ret->points += stats.points;
		ret->bytes += stats.bytes;
		ret->points_dropped += stats.points_dropped;
		ret->points_rejected += stats.points_rejected;
		ret->errors += stats.errors;
		ret->queued += stats.queued;
		ret->spool_points += stats.spool_points;
		ret->spool_batches += stats.spool_batches;
		if (stats.failing && !*ret->last_error)
			memcpy(ret->last_error, stats.last_error, sizeof(ret->last_error));
	}
}

static json_t *list(const uint64_t *values, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_integer((json_int_t)values[i]));
	return array;
}

static void say_stats(const struct fleet *fleet, struct taken *taken)
{
	json_t *object = json_object(), *tenths = json_array();
	const int64_t seconds = (clock_wall_ns(&clock_system) - taken->start_ns) / NS_PER_S;

	pthread_mutex_lock(&taken->lock);
	for (size_t i = 0; i < fleet->n_outputs; i++) {
		struct sink_stats s;

		sum(fleet, i, &s);
		json_object_set_new(object, sink_name(fleet->agents[0].sinks[i]),
		    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "points",
			(json_int_t)s.points, "bytes", (json_int_t)s.bytes, "dropped",
			(json_int_t)s.points_dropped, "rejected", (json_int_t)s.points_rejected,
			"errors", (json_int_t)s.errors, "queued", (json_int_t)s.queued,
			"spool_points", (json_int_t)s.spool_points, "last_error", s.last_error,
			"seconds",
			list(taken->seconds[i],
			    seconds < SECONDS_MAX ? (size_t)seconds : SECONDS_MAX)));
	}
	pthread_mutex_unlock(&taken->lock);
	for (int i = 0; i < TENTHS; i++)
		json_array_append_new(tenths, json_integer((json_int_t)atomic_load(&sent[i])));
	answer(json_pack("{s:o, s:o}", "outputs", object, "sent", tenths));
}

/* A batch that waits for its turn is neither queued nor on disk. */
static bool is_drained(const struct fleet *fleet, size_t outputs)
{
	for (size_t i = 0; i < outputs && i < fleet->n_outputs; i++) {
		for (size_t n = 0; n < fleet->n; n++) {
			struct sink_stats s;

			sink_stats(fleet->agents[n].sinks[i], &s);
			if (s.points + s.points_dropped + s.points_rejected <
			    fleet->agents[n].pushed)
				return false;
		}
	}
	return true;
}

static bool wait_drained(const struct fleet *fleet, unsigned seconds, size_t outputs)
{
	const uint64_t until_ns = clock_monotonic_ns() + seconds * (uint64_t)NS_PER_S;
	bool drained;

	while (!(drained = is_drained(fleet, outputs)) && clock_monotonic_ns() < until_ns)
		usleep(SOON_MS * 1000);
	return drained;
}

static void say_drained(const struct fleet *fleet, unsigned seconds, size_t outputs)
{
	const uint64_t from_ns = clock_monotonic_ns();
	const bool drained = wait_drained(fleet, seconds, outputs);

	answer(json_pack("{s:b, s:f}", "drained", drained, "seconds",
	    (double)(clock_monotonic_ns() - from_ns) / NS_PER_S));
}

/* Nodes are installed one after the other: a database makes series slower than it adds to them. */
static void join(struct fleet *fleet, unsigned at_a_time, unsigned seconds)
{
	const uint64_t from_ns = clock_monotonic_ns();
	bool drained = true;

	make_all(fleet);
	for (size_t i = 0; i < fleet->n; i++) {
		push(fleet, &fleet->agents[i]);
		if ((i + 1) % at_a_time == 0 || i + 1 == fleet->n)
			drained = wait_drained(fleet, seconds, fleet->n_outputs) && drained;
	}
	answer(json_pack("{s:b, s:f}", "drained", drained, "seconds",
	    (double)(clock_monotonic_ns() - from_ns) / NS_PER_S));
}

static void obey(struct fleet *fleet, struct taken *taken, const char *line)
{
	unsigned n, more;

	if (strcmp(line, "window\n") == 0)
		say_window(fleet);
	else if (sscanf(line, "live %u", &n) == 1)
		live(fleet, n);
	else if (sscanf(line, "behind %u %u", &n, &more) == 2)
		behind(fleet, n, more);
	else if (strcmp(line, "stats\n") == 0)
		say_stats(fleet, taken);
	else if (sscanf(line, "drained %u %u", &n, &more) == 2)
		say_drained(fleet, n, more);
	else if (sscanf(line, "join %u %u", &n, &more) == 2 && n)
		join(fleet, n, more);
	else if (strcmp(line, "forget\n") == 0)
		forget(taken);
	else
		errx(2, "no such command: %s", line);
}

int main(int argc, char **argv)
{
	struct fleet fleet = {0};
	struct taken taken = {.fleet = &fleet, .lock = PTHREAD_MUTEX_INITIALIZER};
	const char *spool = getenv("SPOOLS");
	char line[128], error[256];

	if (argc != 5 || !spool)
		errx(2, "usage: SPOOLS=FOLDER agents CONFIG N RESOLVERS FRAMES");
	fleet.n = strtoul(argv[2], NULL, 10);
	fleet.agents = calloc(fleet.n, sizeof(*fleet.agents));
	fleet.config = load(argv[1], 0, spool);
	fleet.n_outputs = fleet.config->n_outputs;
	sent_interval_ns = (int64_t)fleet.config->interval_ns;
	sent_grace_ns = (int64_t)fleet.config->grace_ns;
	if (!fleet.n || fleet.n_outputs > OUTPUTS_MAX || !fleet.config->inputs[0].zones.n)
		errx(2, "agents, at most %d outputs, and zones are wanted", OUTPUTS_MAX);
	check(zone_registry_new(&fleet.registry), "zones");
	check(place_names_new(&fleet.places), "names");
	if (privacy_new(&fleet.privacy, fleet.config, error, sizeof(error)) < 0)
		errx(2, "%s", error);
	for (size_t i = 0; i < WORLDS; i++)
		make_world(&fleet, &fleet.worlds[i], strtoul(argv[3], NULL, 10),
		    strtoul(argv[4], NULL, 10));
	for (size_t i = 0; i < fleet.n; i++)
		make_agent(&fleet.agents[i], load(argv[1], i, spool), i);
	make_formats(&fleet);
	fleet.next =
	    window_index(clock_wall_ns(&clock_system), (int64_t)fleet.config->interval_ns) -
	    BEHIND_MAX;
	forget(&taken);
	if (pthread_create(&taken.thread, NULL, look, &taken))
		errx(1, "no thread");
	while (fgets(line, sizeof(line), stdin))
		obey(&fleet, &taken, line);
	atomic_store(&taken.stop, true);
	pthread_join(taken.thread, NULL);
	for (size_t i = 0; i < fleet.n * fleet.n_outputs; i++)
		sink_stop(fleet.agents[i / fleet.n_outputs].sinks[i % fleet.n_outputs], 0);
	/* The process ends with all that it holds. */
	return 0;
}
