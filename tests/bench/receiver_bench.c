/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dnstap side: decoder, receiver, memory; each beside a yardstick that runs in turn with it.
 * Prints a table and, as its last lines, one JSON object a figure. Figures are medians of ratios
 * over the rounds.
 *
 *   receiver_bench [ROUNDS] [SAMPLE.fstrm]
 */
#include "base/unused.h"
#include "workload.h"

#include "agent/setup.h"
#include "base/clock.h"
#include "config/config.h"
#include "dnstap/decode.h"
#include "dnstap/dnstap.h"
#include "measure/datasets.h"
#include "report/report.h"

#include "proto/dnstap.pb-c.h"

#include <err.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAMES        600000
#define HOT_FRAMES    2000
#define MAX_ROUNDS    101
#define CHUNK         8192 /* what Knot's buffer writes at a time */
#define EVERY_DATASET "core, edns, names, domains, clients, addresses, attacks"

static char folder[] = "/tmp/crosstap-bench.XXXXXX";

static double cpu_ns(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1e9 +
	    (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1e3;
}

/* -- decoders in memory, ns per frame */

static double unpack_all(const struct workload *workload)
{
	const uint64_t start = clock_cpu_ns(CLOCK_THREAD_CPUTIME_ID);

	for (size_t at = 0; at < workload->length;) {
		const uint8_t *p = workload->stream + at;
		const size_t length =
		    (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
		Dnstap__Dnstap *dnstap = dnstap__dnstap__unpack(NULL, length, p + 4);

		if (!dnstap)
			errx(1, "protobuf-c refuses a frame");
		dnstap__dnstap__free_unpacked(dnstap, NULL);
		at += 4 + length;
	}
	return (double)(clock_cpu_ns(CLOCK_THREAD_CPUTIME_ID) - start) / (double)workload->frames;
}

static double walk_all(const struct workload *workload)
{
	const uint64_t start = clock_cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	struct decode_cache cache = {0};
	struct record record;
	uint64_t sum = 0;

	for (size_t at = 0; at < workload->length;) {
		const uint8_t *p = workload->stream + at;
		const uint32_t length =
		    (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];

		if (dnstap_decode(&cache, p + 4, length, &record) < 0)
			errx(1, "the decoder refuses a frame");
		sum += record.query_length + record.response_length;
		dnstap_release(&record);
		at += 4 + length;
	}
	if (sum == 0)
		errx(1, "empty messages");
	return (double)(clock_cpu_ns(CLOCK_THREAD_CPUTIME_ID) - start) / (double)workload->frames;
}

/* Small enough to stay in the cache, so that decoding is all that is timed. */
static double repeat(double (*run)(const struct workload *), const struct workload *workload)
{
	double best = 0;

	for (int i = 0; i < 50; i++)
		best += run(workload);
	return best / 50;
}

/* -- the receiver, in a process of its own */

struct receiver_options {
	const char *yaml;
	uint64_t frames;
	int keep_windows; /* report every window, as the daemon does */
};

struct sink_context {
	struct collector *collector;
	const struct shard_limits *limits;
	int64_t now_ns;
	uint64_t counted;
	_Atomic int woken;
};

static void take(void *context, const struct record *records, size_t n)
{
	struct sink_context *sink = context;

	collector_take(sink->collector, records, n, sink->now_ns);
}

static void bad(void *context UNUSED)
{
	errx(1, "a bad frame");
}

static void now(void *context, int64_t wall_ns)
{
	struct sink_context *sink = context;

	sink->now_ns = wall_ns;
}

/* A window's end: the tables are emptied and used again, as the report does. */
static void wake(void *context)
{
	struct sink_context *sink = context;
	struct shard *shards[COLLECTOR_MAX_SHARDS];
	size_t n = collector_close(sink->collector, INT64_MAX, shards);

	for (size_t i = 0; i < n; i++) {
		sink->counted += shards[i]->frames;
		shard_clear(shards[i], sink->limits);
		collector_give(sink->collector, shards[i]);
	}
	sink->woken++;
}

/* Sources beyond SOURCES_GROW_SLOTS double between windows only: as after some windows of this
 * traffic. */
static void give_grown(
    struct collector *collector, const struct collector_config *config, size_t slots)
{
	struct shard *shard;

	if (shard_new(&shard, &config->limits, &config->seed) < 0 ||
	    sources_resize(&shard->sources, slots, &config->seed) < 0)
		errx(1, "no memory");
	collector_give(collector, shard);
}

static void await(const struct dnstap_input *source, uint64_t frames)
{
	struct dnstap_stats stats;

	do {
		usleep(2000);
		dnstap_input_stats(source, &stats);
	} while (stats.frames < frames);
}

/* Counts until `frames` have come twice; writes its CPU time to `fd`. */
static void receive(
    const char *path, const struct config *config, uint8_t facts, uint64_t frames, int fd)
{
	static const struct dnstap_ops ops = {
	    .receiver = {.take = take, .bad = bad}, .now = now, .wake = wake};
	struct config_input input = {.kind = INPUT_UNIX,
	    .address = path,
	    .zone = "default",
	    .mode = 0600,
	    .zones = config->inputs[0].zones,
	    .owner = "",
	    .group = ""};
	struct collector_config collector = {
	    .interval_ns = (int64_t)config->interval_ns, .max_shards = 4};
	struct compare_filter filter;
	struct zone_registry *registry;
	struct input_setup setup;
	struct dnstap_input *source;
	struct sink_context context = {.limits = &collector.limits};
	struct budget budget = {0};
	const struct dnstap_limits limits = {.frame = 256 << 10,
	    .handshake_ns = 5 * NS_PER_S,
	    .connections = 64,
	    .inputs = 1,
	    .bytes = 4 << 20,
	    .budget = &budget};
	struct rusage before, after;
	char error[256];
	double used = 0;

	hash_seed_random(&collector.seed);
	compare_filter_make(&filter, config);
	shard_limits_make(&collector.limits, config, 4);
	if (zone_registry_new(&registry) < 0 ||
	    input_setup_make(&setup, config, &input, registry, &filter, &collector.seed, error,
		sizeof(error)) < 0)
		errx(1, "setup");
	collector.traits = setup.traits;
	collector.traits.facts = facts;
	if (collector_new(&context.collector, &collector) < 0)
		errx(1, "collector");
	if (config->limits.memory > 512u << 20) /* as for traffic of so many */
		give_grown(context.collector, &collector, 2u << 20);
	collector_reopen(
	    context.collector, clock_wall_ns(&clock_system) / (int64_t)config->interval_ns - 1);
	if (dnstap_input_open(&source, &input, NULL, 0, error, sizeof(error)) < 0)
		errx(1, "%s", error);
	if (dnstap_input_start(source, &limits, &ops, &context) < 0)
		errx(1, "start");
	/* The first time through, memory is taken and tables grow: what a daemon does once. */
	await(source, frames);
	dnstap_input_wake(source);
	while (!context.woken)
		usleep(1000);
	getrusage(RUSAGE_SELF, &before);
	if (write(fd, &used, 1) != 1)
		err(1, "pipe");
	await(source, 2 * frames);
	getrusage(RUSAGE_SELF, &after);
	used = cpu_ns(&after) - cpu_ns(&before);
	dnstap_input_stop(source);
	if (context.counted != 2 * frames)
		errx(1, "counted %llu of %llu frames", (unsigned long long)context.counted,
		    2 * (unsigned long long)frames);
	if (write(fd, &used, sizeof(used)) != sizeof(used))
		err(1, "pipe");
	_exit(0);
}

/* CPU ns per frame of a receiving process, socket to statistics. */
static double run_receiver_with(
    const struct workload *workload, const struct config *config, uint8_t facts)
{
	char path[128];
	double used = 0;
	int pipes[2], status;
	pid_t child;

	snprintf(path, sizeof(path), "%s/receiver.sock", folder);
	unlink(path);
	if (pipe(pipes) < 0)
		err(1, "pipe");
	child = fork();
	if (child == 0)
		receive(path, config, facts, workload->frames, pipes[1]);
	close(pipes[1]);
	workload_send(workload, path, CHUNK, 0);
	if (read(pipes[0], &used, 1) != 1)
		errx(1, "the receiver died");
	workload_send(workload, path, CHUNK, 0);
	if (read(pipes[0], &used, sizeof(used)) != sizeof(used))
		errx(1, "the receiver died");
	close(pipes[0]);
	waitpid(child, &status, 0);
	return used / (double)workload->frames;
}

static double run_receiver(const struct workload *workload, const struct config *config)
{
	return run_receiver_with(workload, config, datasets_counted(config->datasets));
}

/* With the datasets of one configuration, and of the other. */
static double cost_of_datasets(
    const struct workload *workload, const struct config *all, const struct config *none)
{
	return run_receiver(workload, all) / run_receiver(workload, none);
}

/* With all further facts, and without any. */
static double cost_of_facts(const struct workload *workload, const struct config *config)
{
	return run_receiver_with(workload, config, FACTS_ALL) /
	    run_receiver_with(workload, config, 0);
}

/* CPU ns per frame of fstrm_capture, which decodes nothing. */
static double run_fstrm_capture(const struct workload *workload)
{
	struct rusage usage;
	char path[128];
	pid_t child;

	snprintf(path, sizeof(path), "%s/capture.sock", folder);
	unlink(path);
	child = fork();
	if (child == 0) {
		execlp("fstrm_capture", "fstrm_capture", "-t", FRAME_STREAM_CONTENT_TYPE, "-u",
		    path, "-w", "/dev/null", NULL);
		err(127, "fstrm_capture (Debian's fstrm-bin)");
	}
	workload_send(workload, path, CHUNK, 0);
	kill(child, SIGTERM);
	if (wait4(child, NULL, 0, &usage) < 0)
		err(1, "wait4");
	return cpu_ns(&usage) / (double)workload->frames;
}

/* -- threads: the same work in one and in two, from memory, so that no sender takes part */

struct lane {
	const struct workload *workload;
	struct sink_context context;
	pthread_t thread;
	pthread_barrier_t *ready;
	uint64_t start_ns, end_ns;
};

static void *run_lane(void *argument)
{
	static const struct receiver_ops ops = {.take = take, .bad = bad};
	struct lane *lane = argument;
	uint8_t start[FRAME_STREAM_MAX_CONTROL_BYTES];
	struct receiver receiver;
	struct receiver_step step;

	receiver_init(&receiver, 256 << 10);
	receiver_feed(
	    &receiver, &ops, &lane->context, start, frame_stream_write_start(start), &step);
	/* The first time through, memory is taken and tables grow. */
	for (int pass = 0; pass < 4; pass++) {
		if (pass == 1) {
			pthread_barrier_wait(lane->ready);
			lane->start_ns = clock_monotonic_ns();
		}
		receiver_feed(&receiver, &ops, &lane->context, lane->workload->stream,
		    lane->workload->length, &step);
	}
	lane->end_ns = clock_monotonic_ns();
	return NULL;
}

/* Elapsed ns with n threads, each doing all of the work. */
static double run_lanes(const struct workload *workload, const struct config *config, size_t n)
{
	struct collector_config collector = {.interval_ns = (int64_t)config->interval_ns,
	    .max_shards = 4,
	    .traits = {.figures = true}};
	struct lane lanes[2] = {{0}};
	pthread_barrier_t ready;
	uint64_t start = UINT64_MAX, end = 0;

	hash_seed_random(&collector.seed);
	shard_limits_make(&collector.limits, config, 8);
	pthread_barrier_init(&ready, NULL, (unsigned)n);
	for (size_t i = 0; i < n; i++) {
		lanes[i].workload = workload;
		lanes[i].ready = &ready;
		lanes[i].context.now_ns = clock_wall_ns(&clock_system) + 60 * NS_PER_S;
		if (collector_new(&lanes[i].context.collector, &collector) < 0)
			errx(1, "collector");
	}
	for (size_t i = 0; i < n; i++)
		pthread_create(&lanes[i].thread, NULL, run_lane, &lanes[i]);
	for (size_t i = 0; i < n; i++) {
		pthread_join(lanes[i].thread, NULL);
		collector_free(lanes[i].context.collector);
		start = lanes[i].start_ns < start ? lanes[i].start_ns : start;
		end = lanes[i].end_ns > end ? lanes[i].end_ns : end;
	}
	pthread_barrier_destroy(&ready);
	return (double)(end - start);
}

/* -- figures */

struct figure {
	const char *name;
	double values[MAX_ROUNDS];
	double bar, excellent; /* 0: none */
	bool at_least;         /* more is better */
	const char *unit;
};

static void print_figure(struct figure *figure, size_t rounds)
{
	const double value = median(figure->values, rounds);
	const bool met = figure->at_least ? value >= figure->bar : value <= figure->bar;

	printf("%-58s %8.3f", figure->name, value);
	if (figure->bar > 0)
		printf("  %s %.2f %-4s (excellent %.2f)",
		    figure->at_least ? ">=" : "<=", figure->bar, met ? "ok" : "MISS",
		    figure->excellent);
	printf("\n");
}

static void print_json(struct figure *figure, size_t rounds)
{
	printf("{\"name\":\"%s\",\"value\":%.4f,\"unit\":\"%s\",\"min\":%.4f,\"max\":%.4f,"
	       "\"rounds\":%zu}\n",
	    figure->name, median(figure->values, rounds), figure->unit, figure->values[0],
	    figure->values[rounds - 1], rounds);
}

static struct config *parse(const char *yaml)
{
	struct config *config;

	if (config_parse("benchmark", yaml, strlen(yaml), stderr, &config) < 0)
		errx(1, "configuration");
	return config;
}

static struct config *zones_config(size_t n)
{
	char *yaml = malloc(n * 24 + 256), *p = yaml;
	struct config *config;

	p += sprintf(p, "interval: 1h\ninputs: [{unix: /unused, zones: [");
	for (size_t i = 0; i < n; i++)
		p += sprintf(p, "%szone%zu.example", i ? "," : "", i);
	sprintf(p, "]}]\n");
	config = parse(yaml);
	free(yaml);
	return config;
}

enum {
	UNPACK,
	DECODER,
	RECEIVER,
	VS_UNPACK,
	VS_CAPTURE,
	CAPTURE,
	RANDOM_VS_ZIPF,
	ZONES_VS_ONE,
	ZONES_SPREAD,
	SCALING,
	FACTS,
	FACTS_RANDOM,
	FACTS_ZONES,
	DATASETS_DEFAULT,
	DATASETS,
	DATASETS_RANDOM,
	DATASETS_DOMAINS,
	FIGURES
};

int main(int argc, char **argv)
{
	static struct figure figures[FIGURES] = {
	    [SCALING] = {.name = "two threads: work done in the time of one",
		.bar = 1.8,
		.excellent = 1.8,
		.at_least = true,
		.unit = "ratio"},
	    [UNPACK] = {.name = "protobuf-c unpack, ns per frame", .unit = "ns"},
	    [DECODER] = {.name = "decoder / protobuf-c unpack, hot",
		.bar = 0.20,
		.excellent = 0.08,
		.unit = "ratio"},
	    [RECEIVER] = {.name = "receiver, CPU ns per frame", .unit = "ns"},
	    [VS_UNPACK] = {.name = "receiver / protobuf-c unpack, CPU",
		.bar = 0.50,
		.excellent = 0.40,
		.unit = "ratio"},
	    [CAPTURE] = {.name = "fstrm_capture -w /dev/null, CPU ns per frame", .unit = "ns"},
	    [VS_CAPTURE] = {.name = "receiver / fstrm_capture, CPU",
		.bar = 1.0,
		.excellent = 0.6,
		.unit = "ratio"},
	    [RANDOM_VS_ZIPF] = {.name = "receiver, 1,000,000 random sources / 20,000 Zipf",
		.bar = 2.0,
		.excellent = 1.3,
		.unit = "ratio"},
	    [ZONES_SPREAD] = {.name = "the same with traffic in all 10,000, by Zipf's law / 1",
		.unit = "ratio"},
	    [ZONES_VS_ONE] = {.name = "receiver, 10,000 zones listed / 1",
		.bar = 1.15,
		.excellent = 1.15,
		.unit = "ratio"},
	    [FACTS] = {.name = "receiver with all further facts / with none",
		.bar = 1.05,
		.excellent = 1.03,
		.unit = "ratio"},
	    [FACTS_RANDOM] = {.name = "the same, 1,000,000 random sources",
		.bar = 1.05,
		.excellent = 1.03,
		.unit = "ratio"},
	    [FACTS_ZONES] = {.name = "the same, traffic in all of 10,000 zones, by Zipf's law",
		.unit = "ratio"},
	    [DATASETS_DEFAULT] = {.name = "receiver with the default datasets / with none",
		.bar = 1.10,
		.excellent = 1.05,
		.unit = "ratio"},
	    [DATASETS] = {.name = "receiver with all datasets / with none",
		.bar = 1.10,
		.excellent = 1.05,
		.unit = "ratio"},
	    [DATASETS_RANDOM] = {.name = "all datasets / none, 1,000,000 random sources",
		.bar = 1.10,
		.excellent = 1.05,
		.unit = "ratio"},
	    [DATASETS_DOMAINS] = {.name = "all datasets / none, 1,000,000 domains",
		.bar = 1.10,
		.excellent = 1.05,
		.unit = "ratio"},
	};
	const size_t rounds =
	    argc > 1 && atoi(argv[1]) > 0 && atoi(argv[1]) < MAX_ROUNDS ? (size_t)atoi(argv[1]) : 7;
	const char *sample = argc > 2 ? argv[2] : NULL;
	struct config *normal = parse("interval: 1h\n"),
		      *large = parse("interval: 1h\nlimits: {memory: 1GiB}\n");
	struct config *all = parse("interval: 1h\ndatasets: [" EVERY_DATASET "]\n"),
		      *none = parse("interval: 1h\ndatasets: []\n");
	struct config *large_all = parse("interval: 1h\nlimits: {memory: 1GiB}\n"
					 "datasets: [" EVERY_DATASET "]\n"),
		      *large_none = parse("interval: 1h\nlimits: {memory: 1GiB}\ndatasets: []\n");
	struct config *one_zone = zones_config(1), *many_zones = zones_config(10000);
	struct workload stream, hot, random_sources, one, many, domains;

	if (!mkdtemp(folder))
		err(1, "%s", folder);
	signal(SIGPIPE, SIG_IGN);
	workload_make(&stream, &(struct workload_options){FRAMES, SOURCES_ZIPF, 20000, 1, sample});
	workload_make(&hot, &(struct workload_options){HOT_FRAMES, SOURCES_ZIPF, 20000, 1, sample});
	workload_make(
	    &random_sources, &(struct workload_options){2000000, SOURCES_RANDOM, 1000000, 1, NULL});
	workload_make(&one, &(struct workload_options){FRAMES, SOURCES_ZIPF, 20000, 1, NULL});
	workload_make(&many, &(struct workload_options){FRAMES, SOURCES_ZIPF, 20000, 10000, NULL});
	workload_make(
	    &domains, &(struct workload_options){2000000, SOURCES_ZIPF, 20000, 1000000, NULL});
	for (size_t i = 0; i < rounds; i++) {
		const double unpack = unpack_all(&stream), receiver = run_receiver(&stream, normal);
		const double capture = run_fstrm_capture(&stream),
			     unpack_hot = repeat(unpack_all, &hot);

		figures[UNPACK].values[i] = unpack;
		figures[DECODER].values[i] = repeat(walk_all, &hot) / unpack_hot;
		figures[RECEIVER].values[i] = receiver;
		figures[VS_UNPACK].values[i] = receiver / unpack;
		figures[CAPTURE].values[i] = capture;
		figures[VS_CAPTURE].values[i] = receiver / capture;
		figures[RANDOM_VS_ZIPF].values[i] =
		    run_receiver(&random_sources, large) / run_receiver(&one, normal);
		figures[ZONES_VS_ONE].values[i] =
		    run_receiver(&one, many_zones) / run_receiver(&one, one_zone);
		figures[ZONES_SPREAD].values[i] =
		    run_receiver(&many, many_zones) / run_receiver(&many, one_zone);
		figures[FACTS].values[i] = cost_of_facts(&stream, normal);
		figures[FACTS_RANDOM].values[i] = cost_of_facts(&random_sources, large);
		figures[FACTS_ZONES].values[i] = cost_of_facts(&many, many_zones);
		figures[DATASETS_DEFAULT].values[i] = cost_of_datasets(&stream, normal, none);
		figures[DATASETS].values[i] = cost_of_datasets(&stream, all, none);
		figures[DATASETS_RANDOM].values[i] =
		    cost_of_datasets(&random_sources, large_all, large_none);
		figures[DATASETS_DOMAINS].values[i] = cost_of_datasets(&domains, all, none);
		figures[SCALING].values[i] =
		    2 * run_lanes(&stream, normal, 1) / run_lanes(&stream, normal, 2);
		fprintf(stderr, "round %zu of %zu\r", i + 1, rounds);
	}
	printf("%zu rounds, %zu frames each, medians\n", rounds, stream.frames);
	for (size_t i = 0; i < FIGURES; i++)
		print_figure(&figures[i], rounds);
	for (size_t i = 0; i < FIGURES; i++)
		print_json(&figures[i], rounds);
	rmdir(folder);
	return 0;
}
