/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "enrich/resolvers.h"
#include "enrich/resolvers_file.h"

#include "../address.h"
#include "../random.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cmocka.h>

#include "../scarce.h"

#define NOW_S 1700000000u

static const struct hash_seed seed = {0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f};
static char folder[] = "/tmp/resolvers-test-XXXXXX";
static char path[64];

static struct resolvers *make(size_t limit)
{
	struct resolvers *resolvers = NULL;

	assert_int_equal(resolvers_new(&resolvers, limit, &seed), 0);
	return resolvers;
}

static struct resolver *find(struct resolvers *resolvers, uint64_t number, unsigned family)
{
	const uint64_t address[2] = {address_word((uint32_t)number), family == 6 ? 1 : 0};

	return resolvers_find(
	    resolvers, resolvers_hash(resolvers, address, family), address, family);
}

/* As a window's end does it. */
static struct resolver *see(struct resolvers *resolvers, uint64_t number, unsigned family)
{
	const uint64_t address[2] = {address_word((uint32_t)number), family == 6 ? 1 : 0};
	struct resolver *resolver = find(resolvers, number, family);

	if (!resolver)
		resolver = resolvers_add(
		    resolvers, resolvers_hash(resolvers, address, family), address, family);
	if (resolver)
		resolvers_touch(resolvers, resolver, 1);
	return resolver;
}

static void test_families_are_apart(void **state UNUSED)
{
	const uint64_t address[2] = {42, 0};
	struct resolvers *resolvers = make(10);

	assert_non_null(
	    resolvers_add(resolvers, resolvers_hash(resolvers, address, 4), address, 4));
	assert_null(resolvers_find(resolvers, resolvers_hash(resolvers, address, 6), address, 6));
	assert_non_null(
	    resolvers_find(resolvers, resolvers_hash(resolvers, address, 4), address, 4));
	resolvers_free(resolvers);
}

static void test_grows(void **state UNUSED)
{
	struct resolvers *resolvers = make(100000);
	const size_t at_first = resolvers_memory_bytes(resolvers);

	for (uint64_t i = 0; i < 100000; i++)
		assert_non_null(see(resolvers, i, 4));
	assert_int_equal(resolvers_count(resolvers), 100000);
	for (uint64_t i = 0; i < 100000; i++)
		assert_int_equal(find(resolvers, i, 4)->address[0], address_word((uint32_t)i));
	assert_null(see(resolvers, 100000, 4)); /* all of this window */
	assert_int_equal(resolvers_refused(resolvers), 1);
	assert_true(at_first < 100 * 1024);
	assert_true(resolvers_memory_bytes(resolvers) < 100000 * 60 + 1048576 * 4);
	resolvers_free(resolvers);
}

static void test_counts_answers(void **state UNUSED)
{
	struct resolvers *resolvers = make(10);
	struct resolver *resolver = see(resolvers, 1, 4);

	resolvers_touch(resolvers, resolver, 10);
	assert_int_equal(resolver->answered, 11);
	assert_int_equal(resolver->credit, 0); /* one window, however many zones */
	resolvers_touch(resolvers, resolver, UINT32_MAX);
	assert_int_equal(resolver->answered, UINT16_MAX);
	resolvers_begin_window(resolvers);
	assert_false(resolvers_is_present(resolvers, resolver));
	resolvers_touch(resolvers, resolver, 3);
	assert_true(resolvers_is_present(resolvers, resolver));
	assert_int_equal(resolver->answered, 3);
	assert_int_equal(resolver->credit, 1);
	resolvers_free(resolvers);
}

static void test_rtt(void **state UNUSED)
{
	const uint64_t known[2] = {address_word(7), 0}, stranger[2] = {address_word(8), 0};
	struct resolvers *resolvers = make(10);

	see(resolvers, 7, 4);
	assert_int_equal(resolvers_set_icmp_rtt(resolvers, known, 4, 20000, NOW_S), 0);
	assert_int_equal(resolvers_set_tcp_rtt(resolvers, known, 4, 21000, NOW_S + 1), 0);
	assert_int_equal(resolvers_set_tcp_rtt(resolvers, known, 4, 0, NOW_S), -ERANGE);
	assert_int_equal(
	    resolvers_set_icmp_rtt(resolvers, known, 4, RESOLVER_MAX_RTT_US + 1, NOW_S), -ERANGE);
	assert_int_equal(resolvers_set_icmp_rtt(resolvers, stranger, 4, 1, NOW_S), -ENOENT);
	assert_int_equal(find(resolvers, 7, 4)->icmp_rtt_us, 20000);
	assert_int_equal(find(resolvers, 7, 4)->tcp_rtt_us, 21000);
	assert_int_equal(find(resolvers, 7, 4)->tcp_s, NOW_S + 1);
	resolvers_free(resolvers);
}

/* Against a model: whoever is in the table is found, whoever is not is not. */
static void test_index_survives_eviction(void **state UNUSED)
{
	struct resolvers *resolvers = make(512);
	uint64_t random = 3;

	for (int window = 0; window < 200; window++) {
		resolvers_begin_window(resolvers);
		for (int i = 0; i < 300; i++)
			see(resolvers, random_below(&random, 2000), i % 2 ? 4 : 6);
		assert_true(resolvers_count(resolvers) <= 512);
		for (size_t i = 0; i < resolvers_count(resolvers); i++) {
			const struct resolver *at = resolvers_at(resolvers, i);

			assert_ptr_equal(
			    find(resolvers, address_number(at->address[0]), at->family), at);
		}
	}
	assert_true(resolvers_evicted(resolvers) > 1000);
	resolvers_free(resolvers);
}

#define REAL  1000
#define FLOOD 500000

/* Five million forged sources, ten windows long, half a million in each; the real resolvers ask in
 * every second one. */
static void test_flood(void **state UNUSED)
{
	struct resolvers *resolvers = make(100000);
	uint64_t forged = 1ull << 32;
	size_t memory = 0;

	for (int window = 0; window < 8; window++) {
		resolvers_begin_window(resolvers);
		for (uint64_t i = 0; i < REAL; i++) {
			see(resolvers, i, 4)->icmp_rtt_us = 20000;
		}
	}
	for (int window = 0; window < 10; window++) {
		resolvers_begin_window(resolvers);
		for (uint64_t i = 0; window % 2 && i < REAL; i++)
			see(resolvers, i, 4);
		for (int i = 0; i < FLOOD; i++)
			see(resolvers, forged++, 4);
		if (memory)
			assert_int_equal(resolvers_memory_bytes(resolvers), memory);
		memory = resolvers_memory_bytes(resolvers);
		assert_int_equal(resolvers_count(resolvers), 100000);
	}
	assert_true(memory < 100000 * sizeof(struct resolver) + 262144 * 4 + 4096);
	for (uint64_t i = 0; i < REAL; i++) {
		assert_non_null(find(resolvers, i, 4));
		assert_int_equal(find(resolvers, i, 4)->icmp_rtt_us, 20000);
	}
	/* A resolver that begins during the flood finds a place within some windows and keeps it.
	 */
	for (int window = 0; window < 4; window++) {
		resolvers_begin_window(resolvers);
		see(resolvers, 5000, 4);
		for (int i = 0; i < FLOOD / 10; i++)
			see(resolvers, forged++, 4);
	}
	assert_int_equal(find(resolvers, 5000, 4)->credit, 3);
	resolvers_free(resolvers);
}

static void test_the_idle_make_room(void **state UNUSED)
{
	struct resolvers *resolvers = make(100);

	for (uint64_t i = 0; i < 100; i++)
		see(resolvers, i, 4);
	for (int window = 0; window < 2; window++) {
		resolvers_begin_window(resolvers);
		for (uint64_t i = 0; i < 50; i++)
			see(resolvers, i, 4);
	}
	for (uint64_t i = 100; i < 150; i++)
		assert_non_null(see(resolvers, i, 4));
	for (uint64_t i = 0; i < 150; i++)
		assert_int_equal(find(resolvers, i, 4) != NULL, i < 50 || i >= 100);
	assert_int_equal(resolvers_evicted(resolvers), 50);
	/* Seen in three windows: three windows of silence are forgiven. */
	for (int window = 0; window < 3; window++)
		resolvers_begin_window(resolvers);
	for (uint64_t i = 200; i < 300; i++)
		see(resolvers, i, 4);
	assert_non_null(find(resolvers, 0, 4));
	resolvers_begin_window(resolvers);
	for (uint64_t i = 300; i < 500; i++)
		see(resolvers, i, 4);
	assert_null(find(resolvers, 0, 4));
	resolvers_free(resolvers);
}

static void test_limit_is_lowered(void **state UNUSED)
{
	struct resolvers *resolvers = make(5000);

	for (uint64_t i = 0; i < 5000; i++)
		see(resolvers, i, 6);
	resolvers_set_limit(resolvers, 2000);
	assert_int_equal(resolvers_count(resolvers), 2000);
	for (uint64_t i = 0; i < 5000; i++)
		assert_int_equal(find(resolvers, i, 6) != NULL, i < 2000);
	resolvers_set_limit(resolvers, 3000);
	assert_non_null(see(resolvers, 4000, 6));
	resolvers_free(resolvers);
}

/* The table cannot be moved to a smaller place: it has no more entries for that. */
static void test_limit_is_lowered_without_memory(void **state UNUSED)
{
	struct resolvers *resolvers = make(8000);

	for (uint64_t i = 0; i < 8000; i++)
		see(resolvers, i, 6);
	scarce_left = 1; /* the index, then the entries */
	resolvers_set_limit(resolvers, 1000);
	assert_true(scarce_left < 0);
	assert_int_equal(resolvers_count(resolvers), 1000);
	for (int window = 0; window < 3; window++)
		resolvers_begin_window(resolvers);
	for (uint64_t i = 10000; i < 20000; i++)
		see(resolvers, i, 6);
	assert_int_equal(resolvers_count(resolvers), 1000);
	resolvers_free(resolvers);
}

/* -- on disk */

static const struct client_day shown = {.queries = 1,
    .responses = 2,
    .nxdomain = 3,
    .narrow = 4,
    .dnssec = 5,
    .lettered = 6,
    .mixed = 7,
    .ports = {8, 9},
    .day = 10,
    .before = 1 << (CLIENT_TRAIT_COUNT - 1),
    .udp = 11,
    .signs = CLIENT_SIGNS};

static void test_round_trip(void **state UNUSED)
{
	const uint64_t measured[2] = {address_word(1), 0}, other[2] = {address_word(3), 1};
	struct resolvers *from = make(100), *to = make(100);
	struct stat st;

	for (uint64_t i = 0; i < 10; i++)
		see(from, i, i % 2 ? 6 : 4);
	see(from, 1, 4);
	assert_int_equal(resolvers_set_icmp_rtt(from, measured, 4, 123, NOW_S - 5), 0);
	assert_int_equal(resolvers_set_tcp_rtt(from, other, 6, 456, NOW_S + 5), 0);
	resolvers_begin_window(from);
	see(from, 2, 4);
	find(from, 2, 4)->day = shown;
	assert_int_equal(resolvers_save(from, path, NOW_S), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(resolvers_load(to, path, NOW_S), 0);
	assert_int_equal(resolvers_count(to), 3); /* seen once and never measured: not kept */
	assert_int_equal(find(to, 1, 4)->icmp_rtt_us, 123);
	assert_int_equal(find(to, 1, 4)->icmp_s, NOW_S - 5);
	assert_int_equal(find(to, 3, 6)->tcp_rtt_us, 0); /* measured in the future */
	assert_int_equal(find(to, 2, 4)->credit, 1);
	assert_memory_equal(&find(to, 2, 4)->day, &shown, sizeof(shown));
	resolvers_free(from);
	resolvers_free(to);
}

static uint8_t *read_file(size_t *ret_size)
{
	FILE *file = fopen(path, "r");
	uint8_t *data = malloc(65536);

	assert_non_null(file);
	*ret_size = fread(data, 1, 65536, file);
	fclose(file);
	return data;
}

static void write_file(const uint8_t *data, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	fclose(file);
}

static void assert_refused(void)
{
	struct resolvers *resolvers = make(100);

	assert_int_equal(resolvers_load(resolvers, path, NOW_S), -EBADMSG);
	assert_int_equal(resolvers_count(resolvers), 0);
	resolvers_free(resolvers);
}

/* Every byte changed, every length cut. */
static void test_damaged(void **state UNUSED)
{
	struct resolvers *resolvers = make(100);
	uint8_t *data;
	size_t size;

	for (uint64_t i = 0; i < 5; i++) {
		see(resolvers, i, 4);
		resolvers_at(resolvers, i)->credit = 2;
	}
	assert_int_equal(resolvers_save(resolvers, path, NOW_S), 0);
	resolvers_free(resolvers);
	data = read_file(&size);
	for (size_t i = 0; i < size; i++) {
		data[i] ^= 0x40;
		write_file(data, size);
		assert_refused();
		data[i] ^= 0x40;
	}
	for (size_t cut = 0; cut < size; cut++) {
		write_file(data, cut);
		assert_refused();
	}
	free(data);
	unlink(path);
	resolvers = make(100);
	assert_int_equal(resolvers_load(resolvers, path, NOW_S), -ENOENT);
	assert_int_equal(resolvers_load(resolvers, folder, NOW_S), -EBADMSG);
	assert_int_equal(resolvers_save(resolvers, "/nowhere/at/all", NOW_S), -ENOENT);
	resolvers_free(resolvers);
}

static void write_with_hash(const uint8_t *data, size_t size)
{
	const uint64_t hash = XXH3_64bits(data, size);
	uint8_t file[512];

	assert_true(size + sizeof(hash) <= sizeof(file));
	memcpy(file, data, size);
	memcpy(file + size, &hash, sizeof(hash));
	write_file(file, size + sizeof(hash));
}

/* A file of one resolver, without its hash, as version 2 lays it out. */
static size_t file_of_one(uint8_t file[512])
{
	struct resolvers *resolvers = make(100);
	uint8_t *data;
	size_t size;

	see(resolvers, 7, 4)->credit = 3;
	find(resolvers, 7, 4)->icmp_rtt_us = 99;
	find(resolvers, 7, 4)->day = shown;
	assert_int_equal(resolvers_save(resolvers, path, NOW_S), 0);
	resolvers_free(resolvers);
	data = read_file(&size);
	assert_int_equal(size, 24 + 40 + sizeof(struct client_day) + 8);
	memcpy(file, data, size - 8);
	free(data);
	return size - 8;
}

/* Of the agent before, whose resolvers had no days. */
static void test_first_version(void **state UNUSED)
{
	static const struct client_day none = {0};
	struct resolvers *resolvers = make(100);
	uint8_t file[512];

	file_of_one(file);
	assert_memory_equal(file, "cslresv2", 8);
	file[7] = '1';
	memcpy(file + 8, &(uint32_t){40}, 4);
	write_with_hash(file, 24 + 40);
	assert_int_equal(resolvers_load(resolvers, path, NOW_S), 0);
	assert_int_equal(find(resolvers, 7, 4)->credit, 3);
	assert_int_equal(find(resolvers, 7, 4)->icmp_rtt_us, 99);
	assert_memory_equal(&find(resolvers, 7, 4)->day, &none, sizeof(none));
	resolvers_free(resolvers);
	/* The sizes of the one under the name of the other. */
	file[7] = '2';
	write_with_hash(file, 24 + 40);
	assert_refused();
}

/* What no day can be, under the right hash. */
static void test_unsound_days(void **state UNUSED)
{
	const size_t day = 24 + 40;
	uint8_t file[512];
	size_t size = file_of_one(file);

	file[day + offsetof(struct client_day, signs)] = CLIENT_SIGNS + 1;
	write_with_hash(file, size);
	assert_refused();
	size = file_of_one(file);
	memcpy(file + day + offsetof(struct client_day, before),
	    &(uint16_t){1 << CLIENT_TRAIT_COUNT}, 2);
	write_with_hash(file, size);
	assert_refused();
	size = file_of_one(file);
	file[7] = '1';
	write_with_hash(file, size);
	assert_refused();
}

static void test_larger_than_the_limit(void **state UNUSED)
{
	struct resolvers *from = make(100), *to = make(10);

	for (uint64_t i = 0; i < 100; i++)
		see(from, i, 4)->credit = 1;
	assert_int_equal(resolvers_save(from, path, NOW_S), 0);
	assert_int_equal(resolvers_load(to, path, NOW_S), 0);
	assert_int_equal(resolvers_count(to), 10);
	resolvers_free(from);
	resolvers_free(to);
}

static int set_up(void **state UNUSED)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/state", folder);
	return 0;
}

static int tear_down(void **state UNUSED)
{
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_families_are_apart),
	    cmocka_unit_test(test_grows),
	    cmocka_unit_test(test_counts_answers),
	    cmocka_unit_test(test_rtt),
	    cmocka_unit_test(test_index_survives_eviction),
	    cmocka_unit_test(test_flood),
	    cmocka_unit_test(test_the_idle_make_room),
	    cmocka_unit_test(test_limit_is_lowered),
	    cmocka_unit_test(test_limit_is_lowered_without_memory),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_first_version),
	    cmocka_unit_test(test_unsound_days),
	    cmocka_unit_test(test_larger_than_the_limit),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
