/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of clients while several CPUs count and enter clients, and user space reads it and
 * makes room in it all the while: at the end every query is told of once, and no client got more
 * than it sent. Needs root and BPF.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "crosstap.skel.h"
#include "host.h"
#include "wire/bpf/sources.h"

#define THREADS 4
#define QUERIES 60000u /* of each thread */
#define CLIENTS 1024
#define BUCKETS 32 /* far too few: they come and go */
#define SOURCE  26 /* where the frame has it */
#define QUERY   "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\7example\0\0\1\0\1"

struct bench {
	struct crosstap_bpf *skeleton;
	struct wire_sources *sources;
	struct wire_config *config; /* shared with the programs */
	struct frame frame;
	u64 sent[CLIENTS], told[CLIENTS], strangers;
	unsigned readings, most;
};

struct sender {
	pthread_t thread;
	struct bench *bench;
	u32 number;
	int error;
};

/* Clients of one thread and time overlap with those of the others; older ones come to rest. */
static u32 client_of(u32 thread, u32 i)
{
	const u32 mixed = (i + thread * QUERIES) * 2654435761u;

	return (i / 512 + (mixed >> 24) % 96) % CLIENTS;
}

static void *send_queries(void *argument)
{
	struct sender *sender = argument;
	const int program = bpf_program__fd(sender->bench->skeleton->progs.xdp_ingress);
	struct frame frame = sender->bench->frame;

	for (u32 i = 0; i < QUERIES && !sender->error; i++) {
		const u32 client = client_of(sender->number, i);
		const u32 address = htonl(0xc6120000 + client);
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.bytes,
		    .data_size_in = frame.length, .repeat = 1);

		memcpy(frame.bytes + SOURCE, &address, 4);
		if (bpf_prog_test_run_opts(program, &opts))
			sender->error = -errno;
		__atomic_add_fetch(&sender->bench->sent[client], 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void read_once(struct bench *bench)
{
	const u32 closed = bench->config->slot & 1;
	const struct wire_client *clients;
	size_t n;

	__atomic_store_n(&bench->config->slot, !closed, __ATOMIC_RELEASE);
	usleep(3000);
	wire_sources_read(bench->sources, closed, &clients, &n);
	for (size_t i = 0; i < n; i++) {
		const u32 client = ntohl(clients[i].address.words[3]) - 0xc6120000;

		if (client < CLIENTS)
			bench->told[client] += clients[i].messages;
		else
			bench->strangers += clients[i].messages;
	}
	if (wire_sources_count(bench->sources) > bench->most)
		bench->most = wire_sources_count(bench->sources);
	bench->readings++;
}

static int configure(const struct bench *bench)
{
	struct wire_config *config = calloc(1, sizeof(*config));
	const u32 zero = 0;
	int r;

	if (!config)
		return -ENOMEM;
	host_configure(config, WIRE_PER_SOURCE, BUCKETS);
	r = bpf_map_update_elem(bpf_map__fd(bench->skeleton->maps.config), &zero, config, BPF_ANY);
	free(config);
	return r;
}

static int bench_new(struct bench *bench)
{
	static struct frames frames;
	int r;

	frames_add(&frames,
	    (struct frame_spec){.payload = (const u8 *)QUERY, .length = sizeof(QUERY) - 1});
	bench->frame = frames.frames[0];
	bench->skeleton = crosstap_bpf__open();
	if (!bench->skeleton)
		return -ENOMEM;
	for (int i = 0; i < 2; i++) /* what this test does not run may want a newer kernel */
		bpf_program__set_autoload(i ? bench->skeleton->progs.xdp_ingress_frags
					    : bench->skeleton->progs.tc_ingress,
		    false);
	r = crosstap_bpf__load(bench->skeleton);
	if (r == 0)
		r = configure(bench);
	if (r < 0)
		return r;
	bench->config = mmap(NULL, sizeof(*bench->config), PROT_READ | PROT_WRITE, MAP_SHARED,
	    bpf_map__fd(bench->skeleton->maps.config), 0);
	return bench->config == MAP_FAILED
	    ? -errno
	    : wire_sources_new(&bench->sources, bpf_map__fd(bench->skeleton->maps.sources),
		  bpf_map__fd(bench->skeleton->maps.source_tags), bench->config);
}

static int run(struct bench *bench)
{
	struct sender senders[THREADS] = {0};
	u32 started = 0, done = 0;
	int r = 0;

	for (; started < THREADS && r == 0; started++) {
		senders[started].bench = bench;
		senders[started].number = started;
		r = -pthread_create(
		    &senders[started].thread, NULL, send_queries, &senders[started]);
	}
	while (done < started) {
		read_once(bench);
		while (done < started && pthread_tryjoin_np(senders[done].thread, NULL) == 0)
			r = senders[done].error ? senders[done].error : r, done++;
	}
	for (int i = 0; i < 6; i++) /* both slots, and ways that leave */
		read_once(bench);
	return r;
}

static int count_others(struct bench *bench, u64 *ret)
{
	const int cpus = libbpf_num_possible_cpus();
	struct wire_counters *values = calloc((size_t)cpus, sizeof(*values));
	int r = values ? 0 : -ENOMEM;

	for (u32 slot = 0; slot < WIRE_SLOTS && r == 0; slot++) {
		const u32 index = wire_counters_index(0, WIRE_IN, slot);

		r = bpf_map_lookup_elem(
		    bpf_map__fd(bench->skeleton->maps.counters), &index, values);
		for (int cpu = 0; cpu < cpus && r == 0; cpu++)
			*ret += values[cpu].sources_other;
	}
	free(values);
	return r;
}

/* Ways whose tag is not their client's, but for those that are leaving: the programs would look
 * past who is there, or seek room where none is. */
static int count_mistagged(struct bench *bench, u32 *ret)
{
	struct wire_source_bucket bucket;
	struct wire_source_tags tags;
	int r = 0;

	for (u32 i = 0; i < BUCKETS * WIRE_SOURCE_WAYS && r == 0; i++) {
		const u32 index = i / WIRE_SOURCE_WAYS, entry = index / WIRE_SOURCE_TAGGED;
		const struct wire_source_id *id = &bucket.clients[i % WIRE_SOURCE_WAYS];
		struct packet_address client;
		u8 tag, expected;

		r = bpf_map_lookup_elem(
		    bpf_map__fd(bench->skeleton->maps.sources), &index, &bucket);
		if (r == 0)
			r = bpf_map_lookup_elem(
			    bpf_map__fd(bench->skeleton->maps.source_tags), &entry, &tags);
		if (r < 0 || (id->low && !id->high))
			continue;
		client = wire_source_address(id);
		tag = tags.of[index % WIRE_SOURCE_TAGGED][i % WIRE_SOURCE_WAYS];
		expected = id->low ? wire_source_tag(wire_source_hash(bench->config, &client)) : 0;
		*ret += tag != expected;
	}
	return r;
}

static int judge(struct bench *bench)
{
	u64 others = 0, told = 0;
	u32 mistagged = 0;
	int r = count_others(bench, &others), failures = 0;

	if (r == 0)
		r = count_mistagged(bench, &mistagged);

	for (u32 i = 0; i < CLIENTS; i++) {
		told += bench->told[i];
		if (bench->told[i] > bench->sent[i] && ++failures < 5)
			fprintf(stderr, "FAIL client %u sent %llu and is told of with %llu\n", i,
			    (unsigned long long)bench->sent[i], (unsigned long long)bench->told[i]);
	}
	printf("%u queries by %u threads: %llu told of in %u readings, %llu of clients without a "
	       "way; at most %u clients; %u tags are not their way's\n",
	    THREADS * QUERIES, THREADS, (unsigned long long)told, bench->readings,
	    (unsigned long long)others, bench->most, mistagged);
	if (told + others != THREADS * QUERIES || bench->strangers || !told || !others || mistagged)
		failures++;
	return r ? r : failures;
}

int main(void)
{
	static struct bench bench;
	int r = bench_new(&bench);

	if (r == 0)
		r = run(&bench);
	if (r == 0)
		r = judge(&bench);
	if (r < 0)
		fprintf(stderr, "sources_test: %s (root?)\n", strerror(-r));
	wire_sources_free(bench.sources);
	crosstap_bpf__destroy(bench.skeleton);
	return r != 0;
}
