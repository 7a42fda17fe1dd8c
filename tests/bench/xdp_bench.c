/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a packet costs in XDP and tc, in multiples of the smallest program that counts UDP packets
 * to port 53 (floor.bpf.c). BPF_PROG_TEST_RUN, runs of program and floor in turn, medians. Needs
 * root.
 *
 *   xdp_bench [--json FILE] [--rounds N] [--repeat N] [NAME]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "crosstap/wire_config.h"
#include "floor.skel.h"

#define MAX_ROUNDS 101
#define OPTIONS    (WIRE_PER_SOURCE | WIRE_RTT)

struct frame {
	u8 bytes[512];
	u32 length;
};

struct bench_case {
	const char *name, *program, *floor;
	void (*make)(struct frame *frame);
	u32 options;
	double bar, excellent;
	u32 random_mask; /* of the source address */
};

static void put16(struct frame *frame, u32 value)
{
	frame->bytes[frame->length++] = (u8)(value >> 8);
	frame->bytes[frame->length++] = (u8)value;
}

static void put32(struct frame *frame, u32 value)
{
	put16(frame, value >> 16);
	put16(frame, value & 0xffff);
}

static void put(struct frame *frame, const void *bytes, u32 n)
{
	memcpy(frame->bytes + frame->length, bytes, n);
	frame->length += n;
}

/* Ethernet and IPv4; lengths are set when the frame is complete. */
static void put_ipv4(struct frame *frame, u8 protocol, bool response)
{
	frame->length = 0;
	put(frame, "\x02\0\0\0\0\1\x02\0\0\0\0\2", 12);
	put16(frame, 0x0800);
	put(frame, "\x45\0\0\0\0\0\x40\0\x40", 9);
	put(frame, &protocol, 1);
	put16(frame, 0);
	put32(frame, response ? 0xc0000201 : 0xc6336401); /* 192.0.2.1, 198.51.100.1 */
	put32(frame, response ? 0xc6336401 : 0xc0000201);
}

static void put_udp(struct frame *frame, u32 source, u32 destination)
{
	put16(frame, source);
	put16(frame, destination);
	put32(frame, 0);
}

static void close_udp(struct frame *frame)
{
	const u16 ip = htons((u16)(frame->length - 14)), udp = htons((u16)(frame->length - 34));

	memcpy(frame->bytes + 16, &ip, 2);
	memcpy(frame->bytes + 38, &udp, 2);
}

static void put_message(
    struct frame *frame, u32 word, const char *name, u32 name_bytes, u32 additional)
{
	put16(frame, 0x1234);
	put16(frame, word);
	put16(frame, 1);
	put32(frame, 0);
	put16(frame, additional);
	put(frame, name, name_bytes);
	put32(frame, 0x00010001);
	if (additional)
		put(frame, "\0\0\x29\x04\xd0\0\0\x80\0\0\0", 11);
}

static void make_query(struct frame *frame)
{
	put_ipv4(frame, PACKET_UDP, false);
	put_udp(frame, 40000, 53);
	put_message(frame, 0, "\3www\7example\2nl", 16, 1);
	close_udp(frame);
}

static void make_labels(struct frame *frame)
{
	char name[256] = {0};

	for (u32 i = 0; i < 254; i += 2) {
		name[i] = 1;
		name[i + 1] = (char)('a' + i / 2 % 26);
	}
	put_ipv4(frame, PACKET_UDP, false);
	put_udp(frame, 40000, 53);
	put_message(frame, 0, name, 255, 1);
	close_udp(frame);
}

static void make_long_labels(struct frame *frame)
{
	char name[256] = {0};

	for (u32 i = 0; i < 4; i++) {
		memset(name + (size_t)i * 63, 'x', 63);
		name[i * 63] = 62;
	}
	put_ipv4(frame, PACKET_UDP, false);
	put_udp(frame, 40000, 53);
	put_message(frame, 0, name, 253, 1);
	close_udp(frame);
}

static void make_other(struct frame *frame)
{
	put_ipv4(frame, PACKET_UDP, false);
	put_udp(frame, 40000, 9999);
	put_message(frame, 0, "\3www\7example\2nl", 16, 1);
	close_udp(frame);
}

static void make_other_tcp(struct frame *frame)
{
	put_ipv4(frame, PACKET_TCP, false);
	put16(frame, 40000);
	put16(frame, 22);
	put32(frame, 1);
	put32(frame, 1);
	put32(frame, 0x50101000);
	put32(frame, 0);
	frame->bytes[17] = 40;
}

static void make_syn(struct frame *frame)
{
	make_other_tcp(frame);
	frame->bytes[37] = 53;
	frame->bytes[47] = PACKET_SYN;
}

static void make_response(struct frame *frame)
{
	put_ipv4(frame, PACKET_UDP, true);
	put_udp(frame, 53, 40000);
	put_message(frame, 0x8400, "\3www\7example\2nl", 16, 1);
	frame->bytes[42 + 7] = 1; /* ANCOUNT, and an A record before the OPT */
	frame->length -= 11;
	put(frame, "\xc0\x0c\0\1\0\1\0\0\x0e\x10\0\4\xc0\0\2\7\0\0\x29\x04\xd0\0\0\x80\0\0\0", 27);
	close_udp(frame);
}

static const struct bench_case cases[] = {
    {"udp_query", "xdp_ingress", "floor_udp", make_query, OPTIONS, 3.0, 2.2, 0},
    {"udp_query_no_sources", "xdp_ingress", "floor_udp", make_query, WIRE_RTT, 2.0, 1.5, 0},
    {"udp_query_127_labels", "xdp_ingress", "floor_udp", make_labels, WIRE_RTT, 5.0, 3.0, 0},
    {"udp_query_62_bytes_labels", "xdp_ingress", "floor_udp", make_long_labels, WIRE_RTT, 5.0, 3.0,
	0},
    {"udp_query_4k_sources", "xdp_random", "floor_random", make_query, OPTIONS, 3.0, 2.2, 0xfff},
    {"udp_query_16k_sources", "xdp_random", "floor_random", make_query, OPTIONS, 3.0, 2.2, 0x3fff},
    {"udp_query_1m_sources", "xdp_random", "floor_random", make_query, OPTIONS, 3.0, 2.2, 0xfffff},
    {"not_dns_udp", "xdp_ingress", "floor_udp", make_other, OPTIONS, 1.2, 1.1, 0},
    {"not_dns_tcp", "xdp_ingress", "floor_udp", make_other_tcp, OPTIONS, 1.2, 1.1, 0},
    {"syn_flood", "xdp_random", "floor_random", make_syn, OPTIONS, 5.0, 3.5, 0xffffff},
    {"syn_flood_timed_in", "xdp_random", "floor_random", make_syn, OPTIONS | WIRE_RTT_SYN, 5.0, 3.5,
	0xffffff},
    {"tc_udp_response", "tc_egress", "floor_udp", make_response, OPTIONS, 4.0, 3.0, 0},
    {"pass_only", "pass_only", "floor_udp", make_query, 0, 0, 0, 0},
};

struct bench {
	struct floor_bpf *skeleton;
	struct wire_config *config;
	int rounds, repeat;
	const char *only;
	json_t *json;
};

static int bench_load(struct bench *bench)
{
	bench->config = calloc(1, sizeof(*bench->config));
	bench->skeleton = floor_bpf__open();
	if (!bench->config || !bench->skeleton || floor_bpf__load(bench->skeleton)) {
		fprintf(
		    stderr, "xdp_bench: cannot load the programs: %s (root?)\n", strerror(errno));
		return -1;
	}
	bench->config->ports[53] = WIRE_PORT_DNS;
	bench->config->ports[853] = WIRE_PORT_DOT | WIRE_PORT_DOQ;
	bench->config->ports[443] = WIRE_PORT_DOH;
	bench->config->seed = 0x123456789abcdef;
	memcpy(bench->config->source_keys,
	    (u64[]){0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3, 0x589965cc75374cc3,
		0x1d8e4e27c47d124f},
	    sizeof(bench->config->source_keys));
	bench->config->source_mask = WIRE_SOURCE_BUCKETS - 1;
	return 0;
}

/* One local address, as on most servers. */
static int bench_configure(struct bench *bench, u32 options, u32 random_mask)
{
	const struct wire_local local = {.address = {{0, 0, htonl(0xffff), htonl(0xc0000201)}},
	    .family = PACKET_IPV4,
	    .flags = WIRE_ADDRESS_SERVER | WIRE_ADDRESS_HOST};
	struct wire_config *config = bench->config;
	const u32 zero = 0;

	config->options = options;
	if (!wire_config_addresses(config, &local, 1))
		return -1;
	if (bpf_map_update_elem(bpf_map__fd(bench->skeleton->maps.config), &zero, config, BPF_ANY))
		return -1;
	return bpf_map_update_elem(
	    bpf_map__fd(bench->skeleton->maps.random_mask), &zero, &random_mask, BPF_ANY);
}

/* Nanoseconds of CPU for one run; negative on error. */
static double bench_run(struct bench *bench, const char *program, const struct frame *frame)
{
	struct bpf_program *found = bpf_object__find_program_by_name(bench->skeleton->obj, program);
	struct timespec start, end;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->bytes, .data_size_in = frame->length,
	    .repeat = bench->repeat);

	if (!found)
		return -1;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
	if (bpf_prog_test_run_opts(bpf_program__fd(found), &opts))
		return -1;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	return ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) /
	    bench->repeat;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void report(struct bench *bench, const struct bench_case *c, double ns, double floor_ns)
{
	const double ratio = ns / floor_ns;
	const char *verdict = !c->bar ? ""
	    : ratio <= c->excellent   ? "excellent"
	    : ratio <= c->bar         ? "ok"
				      : "MISSED";

	printf("%-26s %8.1f %8.1f %7.2f", c->name, ns, floor_ns, ratio);
	if (c->bar)
		printf(" %6.1f %6.1f  %s", c->bar, c->excellent, verdict);
	putchar('\n');
	json_object_set_new(bench->json, c->name,
	    json_pack("{s:f,s:f,s:f,s:f,s:f}", "ns", ns, "floor_ns", floor_ns, "ratio", ratio,
		"bar", c->bar, "excellent", c->excellent));
}

static int bench_case(struct bench *bench, const struct bench_case *c)
{
	double times[MAX_ROUNDS], floors[MAX_ROUNDS];
	struct frame frame, query;

	c->make(&frame);
	make_query(&query);
	if (bench_configure(bench, c->options, c->random_mask))
		return -1;
	for (int i = 0; i < bench->rounds; i++) {
		floors[i] = bench_run(bench, c->floor, &query);
		times[i] = bench_run(bench, c->program, &frame);
		if (floors[i] < 0 || times[i] < 0)
			return -1;
	}
	qsort(times, (size_t)bench->rounds, sizeof(*times), compare);
	qsort(floors, (size_t)bench->rounds, sizeof(*floors), compare);
	report(bench, c, times[bench->rounds / 2], floors[bench->rounds / 2]);
	return 0;
}

/* How many instructions the verifier looked at (5.16), per program. */
static int bench_verified(struct bench *bench)
{
	static const char *const programs[] = {
	    "xdp_ingress", "xdp_ingress_frags", "tc_ingress", "tc_egress"};

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		struct bpf_program *found =
		    bpf_object__find_program_by_name(bench->skeleton->obj, programs[i]);
		struct bpf_prog_info info = {0};
		u32 size = sizeof(info);

		if (!found || bpf_obj_get_info_by_fd(bpf_program__fd(found), &info, &size))
			return -1;
		printf("%-26s %8u verified instructions (bar 50000, excellent 10000), %u bytes\n",
		    programs[i], info.verified_insns, info.jited_prog_len);
		json_object_set_new(bench->json, programs[i],
		    json_pack("{s:i}", "verified_insns", (int)info.verified_insns));
	}
	return 0;
}

static int bench_all(struct bench *bench)
{
	printf("%-26s %8s %8s %7s %6s %6s\n", "", "ns", "floor", "ratio", "bar", "excel.");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (bench->only && strcmp(bench->only, cases[i].name) != 0)
			continue;
		if (bench_case(bench, &cases[i])) {
			fprintf(stderr, "xdp_bench: %s: %s\n", cases[i].name, strerror(errno));
			return -1;
		}
	}
	return bench_verified(bench);
}

int main(int argc, char **argv)
{
	struct bench bench = {.rounds = 41, .repeat = 100000, .json = json_object()};
	const char *path = NULL;
	int status = 1;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0 && i + 1 < argc)
			path = argv[++i];
		else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
			bench.rounds = atoi(argv[++i]);
		else if (strcmp(argv[i], "--repeat") == 0 && i + 1 < argc)
			bench.repeat = atoi(argv[++i]);
		else
			bench.only = argv[i];
	}
	if (bench.rounds < 1 || bench.rounds > MAX_ROUNDS || bench.repeat < 1) {
		fprintf(stderr, "xdp_bench: --rounds 1 to %d, --repeat from 1\n", MAX_ROUNDS);
		return 2;
	}
	if (!bench_load(&bench) && !bench_all(&bench))
		status = path && json_dump_file(bench.json, path, JSON_INDENT(1)) ? 1 : 0;
	floor_bpf__destroy(bench.skeleton);
	free(bench.config);
	json_decref(bench.json);
	return status;
}
