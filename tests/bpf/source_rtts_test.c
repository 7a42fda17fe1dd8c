/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What user space makes of the map `source_rtt`, with the programs' part played: no handshake is
 * told of twice and none left out, whatever comes, goes and moves meanwhile, also where the kernel
 * has no batches (before 5.6). Needs root and BPF.
 */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <bpf/bpf.h>

#include "../unit/refuse.h"
#include "judge.h"
#include "wire/bpf/source_rtts.h"

#define MOST WIRE_MAX_SOURCE_RTTS

struct bench {
	struct wire_source_rtts *rtts;
	int fd;
	uint64_t told[2 * MOST], told_us[2 * MOST]; /* of each client, since bench_new() */
	size_t n;                                   /* clients of the last reading */
};

static struct bench *bench_new(void)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	must(bench && wire_source_rtts_new(&bench->rtts) == 0, "memory");
	bench->fd = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "source_rtt",
	    sizeof(struct packet_address), sizeof(struct wire_source_rtt), MOST, NULL);
	must(bench->fd >= 0, "map");
	return bench;
}

static void bench_free(struct bench *bench)
{
	wire_source_rtts_free(bench->rtts);
	close(bench->fd);
	free(bench);
}

static struct packet_address address_of(uint32_t client)
{
	return (struct packet_address){{0, 0, htonl(0xffff), htonl(0xc6120000 + client)}};
}

/* As the programs do: counts only grow. */
static void count(struct bench *bench, uint32_t client, uint32_t slot, uint64_t n)
{
	const struct packet_address address = address_of(client);
	struct wire_source_rtt value = {.min_us = 10 + client};

	(void)bpf_map_lookup_elem(bench->fd, &address, &value);
	value.count[slot] += n;
	value.sum_us[slot] += 1000 * n;
	must(bpf_map_update_elem(bench->fd, &address, &value, BPF_ANY) == 0, "update");
}

static void count_all(struct bench *bench, uint32_t from, uint32_t to, uint32_t slot, uint64_t n)
{
	for (uint32_t client = from; client < to; client++)
		count(bench, client, slot, n);
}

static void take_out(struct bench *bench, uint32_t from, uint32_t to)
{
	for (uint32_t client = from; client < to; client++) {
		const struct packet_address address = address_of(client);

		must(bpf_map_delete_elem(bench->fd, &address) == 0, "delete");
	}
}

static void read_slot(struct bench *bench, uint32_t slot)
{
	const struct wire_client_rtt *rtts = NULL;

	must(wire_source_rtts_read(bench->rtts, bench->fd, slot, &rtts, &bench->n) == 0, "read");
	for (size_t i = 0; i < bench->n; i++) {
		const uint32_t client = ntohl(rtts[i].address.words[3]) - 0xc6120000;

		must(client < 2 * MOST, "a client that nobody is");
		expect(rtts[i].count && rtts[i].min_us == 10 + client, "client %u: %llu, %llu us",
		    client, (unsigned long long)rtts[i].count, (unsigned long long)rtts[i].min_us);
		bench->told[client] += rtts[i].count;
		bench->told_us[client] += rtts[i].sum_us;
	}
	wire_source_rtts_tidy(bench->rtts, bench->fd);
}

static void expect_told(const struct bench *bench, uint32_t from, uint32_t to, uint64_t n)
{
	uint32_t wrong = 0;

	for (uint32_t client = from; client < to; client++)
		wrong += bench->told[client] != n || bench->told_us[client] != 1000 * n;
	expect(!wrong, "%u of clients %u to %u are not told of with %llu", wrong, from, to,
	    (unsigned long long)n);
}

static uint32_t entries(const struct bench *bench)
{
	struct packet_address key, *previous = NULL;
	uint32_t n = 0;

	for (; bpf_map_get_next_key(bench->fd, previous, &key) == 0; n++)
		previous = &key;
	return n;
}

/* -- tests */

static void test_each_once(void)
{
	struct bench *bench = bench_new();

	count_all(bench, 0, 100, 0, 2);
	read_slot(bench, 0);
	expect(bench->n == 100, "%zu clients", bench->n);
	count_all(bench, 0, 50, 1, 3);
	read_slot(bench, 0);
	expect(bench->n == 0, "%zu clients of a slot that rests", bench->n);
	read_slot(bench, 1);
	expect(bench->n == 50, "%zu clients", bench->n);
	read_slot(bench, 1);
	expect(bench->n == 0, "%zu clients, told of already", bench->n);
	expect_told(bench, 0, 50, 5);
	expect_told(bench, 50, 100, 2);
	bench_free(bench);
}

/* A killed agent's: what it has counted, it may have told of. */
static void test_skip(void)
{
	struct bench *bench = bench_new();

	count_all(bench, 0, 10, 0, 7);
	count_all(bench, 0, 10, 1, 8);
	must(wire_source_rtts_skip(bench->rtts, bench->fd) == 0, "skip");
	count_all(bench, 5, 15, 0, 1);
	count_all(bench, 5, 15, 1, 1);
	read_slot(bench, 0);
	read_slot(bench, 1);
	expect_told(bench, 0, 5, 0);
	expect_told(bench, 5, 15, 2);
	bench_free(bench);
}

/* The kernel made an entry anew, between two readings and over one. */
static void test_made_anew(void)
{
	struct bench *bench = bench_new();

	count_all(bench, 0, 20, 0, 9);
	read_slot(bench, 0);
	take_out(bench, 0, 20);
	count_all(bench, 0, 10, 0, 4);
	read_slot(bench, 0);
	expect_told(bench, 0, 10, 9 + 4);
	count_all(bench, 10, 20, 0, 11);
	read_slot(bench, 0);
	expect_told(bench, 10, 20, 9 + 11);
	bench_free(bench);
}

/* Who rests makes room once the map is half full; who does not stays, with what was read. */
static void test_crowded(void)
{
	struct bench *bench = bench_new();
	const uint32_t n = MOST / 2 + 1000;

	count_all(bench, 0, n, 0, 1);
	for (int turn = 0; turn < 4; turn++) {
		read_slot(bench, turn % 2);
		count_all(bench, 0, 100, 1, 1);
	}
	expect(entries(bench) == 100, "%u entries", entries(bench));
	read_slot(bench, 0);
	read_slot(bench, 1);
	expect_told(bench, 0, 100, 1 + 4);
	expect_told(bench, 100, n, 1);
	count_all(bench, 50, 150, 0, 2);
	read_slot(bench, 0);
	expect_told(bench, 50, 100, 1 + 4 + 2);
	expect_told(bench, 100, 150, 1 + 2);
	bench_free(bench);
}

/* Far more clients come and go than there is room for, here and in the map. */
static void test_come_and_go(void)
{
	struct bench *bench = bench_new();
	const uint32_t step = MOST / 4;

	for (uint32_t from = 0; from + step <= 2 * MOST; from += step) {
		if (from)
			take_out(bench, from - step, from);
		count_all(bench, from, from + step, from / step % 2, 3);
		read_slot(bench, from / step % 2);
	}
	expect_told(bench, 0, 2 * MOST, 3);
	bench_free(bench);
}

/* The same without a look at what is gone: there is no more room, and nothing is written there. */
static void test_no_room(void)
{
	struct bench *bench = bench_new();
	const uint32_t step = MOST / 2;
	const struct wire_client_rtt *rtts;
	size_t n = 0, told = 0;

	for (uint32_t turn = 0; turn < 6; turn++) {
		for (uint32_t i = 0; turn && i < step; i++) {
			const struct packet_address old = address_of((turn - 1) * step + i);

			must(bpf_map_delete_elem(bench->fd, &old) == 0, "delete");
		}
		count_all(bench, turn * step, (turn + 1) * step, 0, 1);
		must(wire_source_rtts_read(bench->rtts, bench->fd, 0, &rtts, &n) == 0, "read");
		told += n;
	}
	expect(told == (size_t)2 * MOST && n == 0, "%zu told of, %zu of them at last", told, n);
	wire_source_rtts_tidy(bench->rtts, bench->fd);
	count_all(bench, 5 * step, 6 * step, 1, 1);
	must(wire_source_rtts_read(bench->rtts, bench->fd, 1, &rtts, &n) == 0, "read");
	expect(n == step, "%zu told of when there was room again", n);
	bench_free(bench);
}

static void test_no_map(void)
{
	struct bench *bench = bench_new();
	const struct wire_client_rtt *rtts;
	size_t n;
	int r;

	r = wire_source_rtts_read(bench->rtts, -1, 0, &rtts, &n);
	expect(r == -EBADF, "read says %d", r);
	r = wire_source_rtts_skip(bench->rtts, -1);
	expect(r == -EBADF, "skip says %d", r);
	bench_free(bench);
}

/* As before 5.6: the same, entry by entry. */
static void without_batches(void)
{
	const struct refusal refusal = {
	    .call = SCMP_SYS(bpf), .error = EINVAL, .value = BPF_MAP_LOOKUP_BATCH};
	uint32_t n = 1;

	errno = -refuse(&refusal);
	must(errno == 0, "filter");
	must(bpf_map_lookup_batch(-1, NULL, &n, &n, &n, &n, NULL) == -EINVAL, "filtered");
	test_each_once();
	test_skip();
	test_made_anew();
	test_crowded();
	test_come_and_go();
	test_no_map();
}

static void test_without_batches(void)
{
	in_child(without_batches);
}

static const struct test tests[] = {
    {"each_once", test_each_once},
    {"skip", test_skip},
    {"made_anew", test_made_anew},
    {"crowded", test_crowded},
    {"come_and_go", test_come_and_go},
    {"no_room", test_no_room},
    {"no_map", test_no_map},
    {"without_batches", test_without_batches},
};

int main(int argc, char **argv)
{
	return judge_each(
	    "handshakes by client", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
