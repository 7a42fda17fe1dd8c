/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet fixtures, and random and mutated packets, through BPF_PROG_TEST_RUN: every entry point
 * counts what user space counts, and passes every packet on unchanged. Needs root and BPF.
 *
 *   packet_bpf_test [ROUNDS [SEED]]     rounds of the differential test
 */
#include <errno.h>
#include <sys/mman.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "crosstap.skel.h"
#include "host.h"
#include "kernel.h"
#include "table.h"

enum ingress { BY_XDP, BY_XDP_FRAGS, BY_TC, INGRESSES };

static const char *const ingress_names[] = {"xdp", "xdp.frags", "tc"};

struct kernel {
	struct crosstap_bpf *skeleton;
	int cpus;
	u64 seed; /* another one for each run: hints of earlier runs match nothing */
};

static struct frames frames;
static struct totals_text kernel_text, host_text;
static int failures;

static bool has_ingress(enum ingress ingress)
{
	return ingress != BY_XDP_FRAGS || kernel_at_least(5, 18);
}

static void kernel_free(struct kernel *kernel)
{
	crosstap_bpf__destroy(kernel->skeleton);
}

static int kernel_new(struct kernel *kernel, bool raw)
{
	kernel->cpus = libbpf_num_possible_cpus();
	kernel->skeleton = crosstap_bpf__open();
	if (!kernel->skeleton)
		return -errno;
	kernel->skeleton->rodata->wire_raw = raw;
	bpf_program__set_autoload(
	    kernel->skeleton->progs.xdp_ingress_frags, has_ingress(BY_XDP_FRAGS));
	return crosstap_bpf__load(kernel->skeleton);
}

static int forget(const struct bpf_map *map, void *key)
{
	const int fd = bpf_map__fd(map);

	while (bpf_map_get_next_key(fd, NULL, key) == 0)
		if (bpf_map_delete_elem(fd, key))
			return -errno;
	return 0;
}

static int clear(const struct bpf_map *map, u32 entries)
{
	const size_t bytes = bpf_map__type(map) == BPF_MAP_TYPE_PERCPU_ARRAY
	    ? (size_t)bpf_map__value_size(map) * (size_t)libbpf_num_possible_cpus()
	    : bpf_map__value_size(map);
	void *zeros = calloc(1, bytes);
	int error = zeros ? 0 : -ENOMEM;

	for (u32 i = 0; !error && i < entries; i++)
		error = bpf_map_update_elem(bpf_map__fd(map), &i, zeros, BPF_ANY);
	free(zeros);
	return error;
}

/* As if it had just been loaded, in a tenth of the time. */
static int kernel_reset(struct kernel *kernel, u32 options, u32 buckets)
{
	struct wire_config *config = calloc(1, sizeof(*config));
	struct wire_flow_key flow;
	const u32 zero = 0;
	int error = config ? 0 : -ENOMEM;

	if (!error)
		error = clear(kernel->skeleton->maps.counters, WIRE_DIRECTIONS * WIRE_SLOTS);
	if (!error)
		error = clear(kernel->skeleton->maps.rtt, WIRE_SLOTS);
	if (!error)
		error = clear(kernel->skeleton->maps.scratch, WIRE_DIRECTIONS);
	if (!error)
		error = clear(kernel->skeleton->maps.sources, buckets);
	if (!error)
		error = clear(kernel->skeleton->maps.source_tags,
		    (buckets + WIRE_SOURCE_TAGGED - 1) / WIRE_SOURCE_TAGGED);
	if (!error)
		error = forget(kernel->skeleton->maps.flows, &flow);
	if (!error) {
		host_configure(config, options, buckets);
		/* Far apart: the seed is mixed with addresses, which differ in their last bits. */
		config->seed += ++kernel->seed * 0x9e3779b97f4a7c15;
		error = bpf_map_update_elem(
		    bpf_map__fd(kernel->skeleton->maps.config), &zero, config, BPF_ANY);
	}
	free(config);
	return error;
}

static int kernel_run(struct kernel *kernel, const struct frame *frame, enum ingress ingress)
{
	static u8 out[FRAME_BYTES + 256];
	struct __sk_buff skb = {.gso_segs = frame->segments > 1 ? frame->segments : 0};
	const struct crosstap_bpf *skeleton = kernel->skeleton;
	const struct bpf_program *program = frame->direction == WIRE_OUT ? skeleton->progs.tc_egress
	    : ingress == BY_XDP       ? skeleton->progs.xdp_ingress
	    : ingress == BY_XDP_FRAGS ? skeleton->progs.xdp_ingress_frags
				      : skeleton->progs.tc_ingress;
	const bool tc = frame->direction == WIRE_OUT || ingress == BY_TC;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->bytes, .data_size_in = frame->length,
	    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);

	if (tc) {
		opts.ctx_in = &skb;
		opts.ctx_size_in = sizeof(skb);
	}
	/* Newer kernels make no skb of less than an IP header; XDP takes the same frame. */
	if (bpf_prog_test_run_opts(bpf_program__fd(program), &opts))
		return tc && errno == EINVAL && frame->length < 14 + 40 ? 0 : -errno;
	if (opts.retval != (tc ? (u32)-1 : XDP_PASS) || opts.data_size_out != frame->length ||
	    memcmp(out, frame->bytes, frame->length) != 0) {
		fprintf(stderr, "a packet was changed or not passed on: %d\n", opts.retval);
		return -EPROTO;
	}
	return 0;
}

static int kernel_counters(struct kernel *kernel, struct totals *totals)
{
	struct wire_counters *values = calloc((size_t)kernel->cpus, sizeof(*values));
	const int fd = bpf_map__fd(kernel->skeleton->maps.counters);
	int error = values ? 0 : -ENOMEM;

	for (u32 index = 0; !error && index < WIRE_DIRECTIONS * WIRE_SLOTS; index++) {
		error = bpf_map_lookup_elem(fd, &index, values);
		for (int cpu = 0; !error && cpu < kernel->cpus; cpu++)
			totals_add(
			    &totals->counters[index / WIRE_SLOTS], &values[cpu], sizeof(*values));
	}
	free(values);
	return error;
}

/* Read as the daemon reads it, through memory; and emptied, so that it is as if newly loaded. */
static int kernel_rare(struct kernel *kernel, struct totals *totals)
{
	const size_t entries = (size_t)WIRE_SLOTS * WIRE_RARE_ENTRIES,
		     bytes = entries * sizeof(u64);
	u64 *values;

	if (!(totals->counters[0].rare + totals->counters[1].rare))
		return 0;
	values = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
	    bpf_map__fd(kernel->skeleton->maps.rare), 0);
	if (values == MAP_FAILED)
		return -errno;
	for (size_t i = 0; i < entries; i++)
		totals->rare[i % WIRE_RARE_ENTRIES] += values[i];
	memset(values, 0, bytes);
	munmap(values, bytes);
	return 0;
}

static int kernel_shared(struct kernel *kernel, struct totals *totals, u32 buckets)
{
	const int sources = bpf_map__fd(kernel->skeleton->maps.sources);
	const int histograms = bpf_map__fd(kernel->skeleton->maps.rtt);
	static struct wire_rtt rtt;
	struct wire_source_bucket bucket;

	for (u32 i = 0; i < buckets; i++) {
		if (bpf_map_lookup_elem(sources, &i, &bucket))
			return -errno;
		totals_add_sources(totals, &bucket);
	}
	for (u32 slot = 0; slot < WIRE_SLOTS; slot++) {
		if (bpf_map_lookup_elem(histograms, &slot, &rtt))
			return -errno;
		for (u32 bin = 0; bin < 2 * WIRE_RTT_BINS; bin++)
			totals->rtt[bin / WIRE_RTT_BINS] +=
			    rtt.bins[bin / WIRE_RTT_BINS][bin % WIRE_RTT_BINS];
	}
	return 0;
}

static int kernel_totals(struct kernel *kernel, struct totals *totals, u32 buckets)
{
	int error = totals_new(totals);

	if (!error)
		error = kernel_counters(kernel, totals);
	if (!error)
		error = kernel_rare(kernel, totals);
	return error ? error : kernel_shared(kernel, totals, buckets);
}

/* What this entry point cannot be given: XDP sees no merged segments, a test run no frame that is
 * not longer than an Ethernet header. */
static bool can_run(const struct frame *frame, enum ingress ingress)
{
	return frame->length > 14 &&
	    (frame->segments == 1 || frame->direction == WIRE_OUT || ingress == BY_TC);
}

static void fail(const char *name, enum ingress ingress, const char *expected)
{
	failures++;
	fprintf(stderr, "FAIL %s by %s\ncounted  %s\nexpected %s\n", name, ingress_names[ingress],
	    kernel_text.text, expected);
}

/* Runs the frames, those with a link header or those without, and reads the counters. */
static int run_frames(struct kernel *kernel, enum ingress ingress, u32 options, u32 buckets,
    bool raw, struct totals *totals)
{
	int error = kernel_reset(kernel, options, buckets);

	for (u32 i = 0; !error && i < frames.n; i++)
		if (frames.frames[i].raw == raw && can_run(&frames.frames[i], ingress))
			error = kernel_run(kernel, &frames.frames[i], ingress);
	return error ? error : kernel_totals(kernel, totals, buckets);
}

static int run_fixture(
    struct kernel kernels[2], const struct fixture *fixture, enum ingress ingress)
{
	const u32 options = FIXTURE_OPTIONS | fixture->options;
	struct totals totals = {0}, raw_totals = {0};
	bool raw = false;
	int error;

	frames.n = 0;
	fixture->make(&frames);
	for (u32 i = 0; i < frames.n; i++)
		raw |= frames.frames[i].raw;
	error = run_frames(&kernels[0], ingress, options, FIXTURE_BUCKETS, false, &totals);
	if (!error && raw) {
		error =
		    run_frames(&kernels[1], ingress, options, FIXTURE_BUCKETS, true, &raw_totals);
		totals_add(totals.counters, raw_totals.counters, sizeof(totals.counters));
		totals.source_messages += raw_totals.source_messages; /* of the same sources */
		totals_free(&raw_totals);
	}
	if (error) {
		fprintf(stderr, "%s by %s: %s\n", fixture->name, ingress_names[ingress],
		    strerror(-error));
		totals_free(&totals);
		return error;
	}
	totals_print(&totals, &kernel_text);
	totals_free(&totals);
	if (strcmp(kernel_text.text, fixture->expected) != 0)
		fail(fixture->name, ingress, fixture->expected);
	return 0;
}

/* --- random and mutated packets ------------------------------------------------------------- */

static u64 random_state;

static u32 random_below(u32 n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (u32)((random_state >> 16) % n);
}

static void mutate(struct frame *frame)
{
	const u32 changes = random_below(4);

	for (u32 i = 0; i < changes && frame->length > 14; i++) {
		/* Mostly behind the addresses: what is not for us is not looked at. */
		const u32 from = random_below(4) ? 34 : 12;
		u32 at;

		if (frame->length <= from)
			continue;
		at = from + random_below(frame->length - from);
		switch (random_below(3)) {
		case 0:
			frame->bytes[at] = (u8)random_below(256);
			break;
		case 1:
			frame->bytes[at] ^= (u8)(1u << random_below(8));
			break;
		default:
			frame->length = at < 15 ? 15 : at;
			break;
		}
	}
}

/* A handful of frames from all fixtures, some of them changed. */
static void random_frames(struct frames *all)
{
	frames.n = 0;
	for (u32 i = 0; i < 200; i++) {
		struct frame frame = all->frames[random_below(all->n)];

		if (frame.raw || frame.length < 15)
			continue;
		frame.segments = 1;
		if (random_below(3))
			mutate(&frame);
		frames.frames[frames.n++] = frame;
	}
}

/* The same keys, the same order of packets: the same places. */
static bool same_sources(struct kernel *kernel, const struct wire_state *state)
{
	const int fd = bpf_map__fd(kernel->skeleton->maps.sources);
	struct wire_source_bucket bucket;

	for (u32 i = 0; i <= state->config->source_mask; i++) {
		if (bpf_map_lookup_elem(fd, &i, &bucket) ||
		    memcmp(&bucket, &state->sources[i], sizeof(bucket)) != 0)
			return false;
	}
	return true;
}

static int compare_random(
    struct kernel *kernel, struct wire_state *state, u32 round, enum ingress ingress)
{
	struct totals totals;
	int error;

	for (u32 i = 0; i < frames.n; i++)
		host_run(state, &frames.frames[i]);
	error = host_totals(state, &totals);
	totals_print(&totals, &host_text);
	totals_free(&totals);
	if (!error)
		error = run_frames(kernel, ingress, FIXTURE_OPTIONS, state->config->source_mask + 1,
		    false, &totals);
	if (error)
		return error;
	totals_print(&totals, &kernel_text);
	totals_free(&totals);
	if (strcmp(kernel_text.text, host_text.text) != 0 || !same_sources(kernel, state)) {
		fprintf(stderr, "round %u, or the places of clients\n", round);
		fail("random packets", ingress, host_text.text);
	}
	return 0;
}

static int run_random(struct kernel *kernel, u32 round, enum ingress ingress)
{
	struct wire_state state;
	int error = host_new(&state, FIXTURE_OPTIONS, round & 1 ? 1 : 4);

	if (error)
		return error;
	error = compare_random(kernel, &state, round, ingress);
	host_free(&state);
	return error;
}

static int run_differential(struct kernel *kernel, u32 rounds)
{
	static struct frames all;
	int error = 0;

	/* Frames of one connection stay together in time: streams get holes, not noise only. */
	for (size_t i = 0; i < FIXTURES; i++) {
		frames.n = 0;
		fixtures[i].make(&frames);
		for (u32 j = 0; j < frames.n && j < 14 && all.n < FRAMES_MAX; j++)
			all.frames[all.n++] = frames.frames[j];
	}
	for (u32 round = 0; round < rounds && !error && !failures; round++) {
		random_frames(&all);
		if (has_ingress(round % INGRESSES))
			error = run_random(kernel, round, round % INGRESSES);
	}
	return error;
}

int main(int argc, char **argv)
{
	const u32 rounds = argc > 1 ? (u32)atoi(argv[1]) : 30;
	struct kernel kernels[2] = {0};
	int error;

	random_state = argc > 2 ? strtoull(argv[2], NULL, 0) : 0x2545f4914f6cdd1d;
	error = kernel_new(&kernels[0], false);
	if (!error)
		error = kernel_new(&kernels[1], true);
	for (size_t i = 0; i < FIXTURES && !error; i++)
		for (u32 ingress = 0; ingress < INGRESSES && !error; ingress++)
			if (has_ingress(ingress))
				error = run_fixture(kernels, &fixtures[i], ingress);
	if (!error)
		error = run_differential(&kernels[0], rounds);
	kernel_free(&kernels[0]);
	kernel_free(&kernels[1]);
	if (error) {
		fprintf(stderr, "packet_bpf_test: %s\n", strerror(-error));
		return 1;
	}
	printf("%zu fixtures by %d ways, %u rounds of random packets, %d failures\n", FIXTURES,
	    INGRESSES, rounds, failures);
	return failures != 0;
}
