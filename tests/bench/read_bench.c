/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What reading a window of all maps takes with 64k clients that all asked in it, and as many
 * handshakes timed as that map holds without evicting. Works on a veth in a network namespace of
 * its own. Needs root.
 *
 *   read_bench [ROUNDS]
 */
#include "base/unused.h"
#include "wire/bpf/internal.h"
#include "wire/watch.h"

#include "base/clock.h"
#include "crosstap/wire_source_table.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>

#define SOURCES    65536
#define HANDSHAKES (WIRE_MAX_SOURCE_RTTS / 2) /* an LRU evicts early */
#define WALK_BATCH 4096
#define ROUNDS_MAX 101
#define BAR_MS     20.0
#define EXCELLENT  8.0

struct bench {
	struct config config;
	struct watch *watch;
	struct wire_bpf *wire; /* of it */
	struct arena *arena;
	struct packet_address *keys;
	struct wire_source_bucket *table; /* `sources`, as the programs have it */
	struct wire_source_rtt *rtts;
	uint64_t counted; /* clients that found room */
	struct packet_address walked[WALK_BATCH];
	struct wire_source_rtt walked_values[WALK_BATCH];
};

static void say(void *context UNUSED, enum log_level level UNUSED, const char *text)
{
	if (strstr(text, "mode="))
		printf("%s\n", text);
}

static int make_link(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	return system("ip link add va type veth peer name vb && ip address add 192.0.2.1/24 dev va "
		      "&& ip link set va up && ip link set vb up") == 0
	    ? 0
	    : -ENODEV;
}

/* Addresses as a hash of nothing in particular would give them. */
static void make_clients(struct bench *bench)
{
	uint32_t address = 1;

	for (uint32_t i = 0; i < SOURCES; i++) {
		address = address * 1664525 + 1013904223;
		((uint8_t *)bench->keys[i].words)[10] = 0xff;
		((uint8_t *)bench->keys[i].words)[11] = 0xff;
		bench->keys[i].words[3] = address;
	}
}

static int bench_open(struct bench *bench)
{
	static const char *names[] = {"va"};
	struct watch_options options = {
	    .config = &bench->config, .clock = &clock_system, .say = say};
	int r = make_link();

	bench->config.references = 1; /* ours: nobody frees it */
	bench->config.server = "read-bench";
	bench->config.wire.interfaces.items = names;
	bench->config.wire.interfaces.n = 1;
	bench->config.wire.ports.ports[0] = 53;
	bench->config.wire.ports.n = 1;
	bench->config.wire.rtt = bench->config.wire.per_source = true;
	bench->config.wire.netns = "";
	bench->keys = calloc(SOURCES, sizeof(*bench->keys));
	bench->rtts = calloc(HANDSHAKES, sizeof(*bench->rtts));
	if (r < 0)
		return r;
	if (!bench->keys || !bench->rtts || arena_new(&bench->arena) < 0 ||
	    watch_new(&bench->watch, &options) < 0)
		return -ENOMEM;
	make_clients(bench);
	r = watch_start(bench->watch);
	bench->wire = watch_bpf(bench->watch);
	if (r < 0 || !bench->wire->config_map)
		return r < 0 ? r : -ENOTSUP;
	bench->wire->config_map->source_mask =
	    WIRE_SOURCE_BUCKETS - 1; /* as it has grown by then */
	bench->table =
	    wire_map_memory(bench->wire->shared.fds[WIRE_MAP_SOURCES], WIRE_SOURCES_BYTES);
	return bench->table ? 0 : -errno;
}

static void bench_close(struct bench *bench)
{
	if (bench->watch)
		watch_stop(bench->watch);
	watch_free(bench->watch);
	arena_free(bench->arena);
	free(bench->keys);
	free(bench->rtts);
}

/* One query and, of some, a handshake for each client. */
static int count(struct bench *bench)
{
	const uint32_t slot = bench->wire->config_map->slot & 1;
	uint32_t n_rtts = HANDSHAKES;

	bench->counted = 0;
	for (uint32_t i = 0; i < SOURCES; i++) {
		uint64_t *messages =
		    wire_source_place(bench->wire->config_map, bench->table, &bench->keys[i], slot);

		if (!messages)
			continue;
		++*messages;
		bench->counted++;
	}
	for (uint32_t i = 0; i < HANDSHAKES; i++) {
		bench->rtts[i].count[slot]++;
		bench->rtts[i].sum_us[slot] += 20000;
	}
	return bpf_map_update_batch(
	    bench->wire->shared.fds[WIRE_MAP_SOURCE_RTT], bench->keys, bench->rtts, &n_rtts, NULL);
}

/* Milliseconds of CPU for one reading; negative on error. All of what was counted is in it. */
static double measure(struct bench *bench)
{
	const int64_t now_ns = clock_wall_ns(&clock_system);
	struct wire_window window;
	uint64_t start, sum = 0;
	double ms;

	if (count(bench) < 0)
		return -1;
	watch_flip(bench->watch, now_ns, now_ns);
	usleep(WIRE_SETTLE_NS / 1000);
	start = clock_cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	if (watch_collect(bench->watch, &window, bench->arena) < 0)
		return -1;
	ms = (double)(clock_cpu_ns(CLOCK_THREAD_CPUTIME_ID) - start) / NS_PER_MS;
	for (size_t i = 0; i < window.n_clients; i++)
		sum += window.clients[i].messages;
	if (sum != bench->counted || bench->counted < SOURCES * 99 / 100 ||
	    window.n_client_rtts != HANDSHAKES) {
		fprintf(stderr, "read_bench: %zu clients, %llu messages, %zu handshakes\n",
		    window.n_clients, (unsigned long long)sum, window.n_client_rtts);
		errno = EPROTO;
		return -1;
	}
	arena_reset(bench->arena);
	return ms;
}

/* The kernel's part of the handshakes: that map, walked in the same batches, and nothing done with
 * it. */
static double measure_walk(struct bench *bench)
{
	const int fd = bench->wire->shared.fds[WIRE_MAP_SOURCE_RTT];
	const uint64_t start = clock_cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	uint32_t token, *in = NULL;
	int r = 0;

	while (r == 0) {
		uint32_t n = WALK_BATCH;

		r = bpf_map_lookup_batch(
		    fd, in, &token, bench->walked, bench->walked_values, &n, NULL);
		in = &token;
	}
	return r == -ENOENT ? (double)(clock_cpu_ns(CLOCK_THREAD_CPUTIME_ID) - start) / NS_PER_MS
			    : -1;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int bench_run(struct bench *bench, int rounds)
{
	const size_t per_cpu = (size_t)WIRE_DIRECTIONS * WIRE_SLOTS * sizeof(struct wire_counters);
	double times[ROUNDS_MAX], walks[ROUNDS_MAX], ms, walk;

	measure(bench); /* the first one meets every client anew */
	for (int i = 0; i < rounds; i++) {
		times[i] = measure(bench);
		walks[i] = measure_walk(bench);
		if (times[i] < 0 || walks[i] < 0)
			return -1;
	}
	qsort(times, (size_t)rounds, sizeof(*times), compare);
	qsort(walks, (size_t)rounds, sizeof(*walks), compare);
	ms = times[rounds / 2];
	walk = walks[rounds / 2];
	printf("reading a window, %u sources: %.1f ms of CPU (%.1f to %.1f; bar %.0f, excellent "
	       "%.0f)  %s\n",
	    SOURCES, ms, times[0], times[rounds - 1], BAR_MS, EXCELLENT,
	    ms <= EXCELLENT    ? "excellent"
		: ms <= BAR_MS ? "ok"
			       : "MISSED");
	printf("the kernel's walk of `source_rtt` alone: %.1f ms (%.1f to %.1f)\n", walk, walks[0],
	    walks[rounds - 1]);
	printf("counters of an interface: %zu KiB per CPU, %.1f MiB with 64 CPUs; this machine has "
	       "%d\n",
	    per_cpu >> 10, (double)per_cpu * 64 / (1 << 20), bench->wire->cpus);
	printf("{\"read_window\": {\"ms\": %.3f, \"least_ms\": %.3f, \"most_ms\": %.3f, "
	       "\"walk_ms\": %.3f, \"sources\": "
	       "%u, \"bar\": %.1f, \"excellent\": %.1f, \"per_cpu_bytes\": %zu, "
	       "\"per_cpu_bytes_64\": %zu}}\n",
	    ms, times[0], times[rounds - 1], walk, SOURCES, BAR_MS, EXCELLENT, per_cpu,
	    per_cpu * 64);
	return 0;
}

int main(int argc, char **argv)
{
	const int rounds = argc > 1 ? atoi(argv[1]) : 21;
	static struct bench bench;
	int r;

	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "read_bench: 1 to %d rounds\n", ROUNDS_MAX);
		return 2;
	}
	r = bench_open(&bench);
	if (r == 0)
		r = bench_run(&bench, rounds);
	if (r < 0)
		fprintf(stderr, "read_bench: %s (root?)\n", strerror(errno));
	bench_close(&bench);
	return r < 0;
}
