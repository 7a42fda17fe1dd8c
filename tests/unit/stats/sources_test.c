/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "counting.h"
#include "stats/sources.h"

#include "../random.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static void fill(struct sources *sources, uint64_t n)
{
	for (uint64_t i = 1; i <= n; i++) {
		const uint64_t address[2] = {i, 0};
		struct source *source =
		    sources_at(sources, source_hash(&test_seed, address, 0), address, 0);

		assert_non_null(source);
		source->transports = 1;
		sources_add_bytes(sources, source, i);
		if (sources->has_traits)
			sources_traits(source)->narrow = 1;
	}
}

static void check_empty(const struct sources *sources)
{
	assert_int_equal(sources->used, 0);
	assert_false(sources->has_bytes);
	for (size_t i = 0; i < sources->size; i++) {
		assert_int_equal(sources_slot(sources, i)->transports, 0);
		assert_int_equal(sources->bytes[i], 0);
		assert_int_equal(sources_traits(sources_slot(sources, i))->narrow, 0);
	}
}

/* The slots of a table of `slots` after a window with `n` sources. */
static size_t slots_after(size_t slots, size_t n, size_t most)
{
	struct sources sources;
	size_t left;

	assert_int_equal(sources_init(&sources, slots), 0);
	assert_int_equal(sources_want_traits(&sources, true), 0);
	fill(&sources, n);
	assert_int_equal(sources_clear(&sources, most), 0);
	check_empty(&sources);
	left = sources.size;
	sources_done(&sources);
	return left;
}

static void test_a_small_table_grows_when_full(void **state UNUSED)
{
	assert_int_equal(slots_after(8192, 8192 / 4 * 3 - 1, 1 << 20), 8192);
	assert_int_equal(slots_after(8192, 8192 / 4 * 3, 1 << 20), 12288);
	assert_int_equal(slots_after(8192, 8192 / 4 * 3, 8192), 8192);
}

/* It cannot grow while its window is open. */
static void test_a_large_table_doubles_when_half_full(void **state UNUSED)
{
	const size_t half = SOURCES_GROW_SLOTS / 8 * 3;

	assert_int_equal(slots_after(SOURCES_GROW_SLOTS, half - 1, 1 << 20), SOURCES_GROW_SLOTS);
	assert_int_equal(slots_after(SOURCES_GROW_SLOTS, half, 1 << 20), 2 * SOURCES_GROW_SLOTS);
}

static void test_a_table_that_is_nearly_empty_halves(void **state UNUSED)
{
	assert_int_equal(slots_after(8192, 8192 / 32 * 3, 1 << 20), 8192);
	assert_int_equal(slots_after(8192, 8192 / 32 * 3 - 1, 1 << 20), 4096);
	assert_int_equal(slots_after(1024, 0, 1 << 20), 1024);
}

static bool is_resident(const void *memory, size_t bytes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char resident;

	for (size_t at = 0; at < bytes; at += page) {
		assert_int_equal(mincore((char *)memory + at, page, &resident), 0);
		if (!(resident & 1))
			return false;
	}
	return true;
}

/* The pages of a large table are there when its window begins; a small one waits without memory. */
static void check_pages(size_t slots, size_t n, bool kept)
{
	struct sources sources;

	assert_int_equal(sources_init(&sources, slots), 0);
	assert_int_equal(sources_want_traits(&sources, true), 0);
	fill(&sources, n);
	assert_int_equal(sources_clear(&sources, 1 << 20), 0);
	assert_int_equal(is_resident(sources.slots, (size_t)sources.size << sources.shift), kept);
	sources_done(&sources);
}

static void test_a_large_table_keeps_its_pages(void **state UNUSED)
{
	check_pages(65536, 20000, false);
	check_pages(131072, 20000, true);
	check_pages(SOURCES_GROW_SLOTS, SOURCES_GROW_SLOTS / 2, true); /* another, twice as large */
}

static struct source *at(struct sources *sources, uint64_t hash, uint64_t address)
{
	const uint64_t addresses[2] = {address, 0};

	return sources_at(sources, hash, addresses, 0);
}

static bool has(const struct sources *sources, uint64_t hash, uint64_t address)
{
	const uint64_t addresses[2] = {address, 0};

	return sources_has(sources, hash, addresses, 0);
}

/* The right one, another's, a free one, and one of a larger table. */
static void check_guesses(
    struct sources *sources, uint64_t hash, uint64_t address, const struct source *source)
{
	const uint64_t addresses[2] = {address, 0};
	const uint32_t guesses[] = {(uint32_t)sources_index(sources, source),
	    (uint32_t)sources_index(sources, source) ? 0 : 1, sources->size / 2, sources->size};

	for (size_t i = 0; i < sizeof(guesses) / sizeof(*guesses); i++)
		assert_ptr_equal(sources_at_guess(sources, guesses[i], hash, addresses, 0), source);
}

/* All begin at the last slot, with the tags that `tags` says: they go on at the table's beginning,
 * over more slots than are read at a time. */
static void crowd(uint64_t tags)
{
	struct sources sources;
	struct source *made[3 * SOURCES_TAGS];

	assert_int_equal(sources_init(&sources, 1024), 0);
	for (uint64_t i = 0; i < 3 * SOURCES_TAGS; i++) {
		const uint64_t hash = i % tags << 57 | UINT32_MAX;

		assert_false(has(&sources, hash, i + 1));
		made[i] = at(&sources, hash, i + 1);
		assert_int_equal(
		    sources_index(&sources, made[i]), i ? i - 1 : (uint64_t)sources.size - 1);
		made[i]->transports = 1;
		if (i % tags == 0) /* its tag is the first on the way */
			assert_int_equal(sources_guess(&sources, hash), sources.size - 1);
	}
	for (uint64_t i = 0; i < 3 * SOURCES_TAGS; i++) {
		const uint64_t hash = i % tags << 57 | UINT32_MAX;

		assert_ptr_equal(at(&sources, hash, i + 1), made[i]);
		check_guesses(&sources, hash, i + 1, made[i]);
		assert_true(has(&sources, hash, i + 1));
		assert_false(has(&sources, hash, i + 1000));
	}
	assert_int_equal(sources.used, 3 * SOURCES_TAGS);
	assert_int_equal(sources_clear(&sources, 1024), 0);
	assert_false(has(&sources, UINT32_MAX, 1));
	sources_done(&sources);
}

static void test_a_way_leads_over_the_end(void **state UNUSED)
{
	crowd(1);
	crowd(2);
	crowd(128);
}

/* Up to the limit each is found, and then none is made. */
static void test_a_full_table_finds_all(void **state UNUSED)
{
	struct sources sources;
	uint64_t n = 0;

	assert_int_equal(sources_init(&sources, 1536), 0);
	n = sources.limit;
	fill(&sources, n);
	for (uint64_t i = 1; i <= n; i++) {
		const uint64_t address[2] = {i, 0};
		const uint64_t hash = source_hash(&test_seed, address, 0);

		assert_true(has(&sources, hash, i));
		assert_int_equal(sources_bytes(&sources, at(&sources, hash, i)), i);
		assert_false(has(&sources, hash, i + n));
	}
	assert_null(at(&sources, 0, n + 1));
	assert_int_equal(sources.used, n);
	sources_done(&sources);
}

/* -- growing while it is asked */

#define CLIENTS 3000

/* What a message does, in either table. */
static void touch(struct sources *sources, struct source *source, uint64_t client, uint64_t nth)
{
	source->transports |= (uint16_t)(1 << nth % 5);
	source->queries++;
	sources_traits(source)->narrow++;
	sources_add_traits_bytes(sources, source, (uint32_t)(client << 21)); /* some beside them */
}

static void expect_same(const struct source *a, const struct sources *grown, const struct source *b,
    const struct sources *large)
{
	assert_memory_equal(a, b, (size_t)1 << grown->shift);
	assert_true(sources_bytes(grown, a) == sources_bytes(large, b));
}

static void expect_same_tables(struct sources *grown, struct sources *large)
{
	size_t n = 0;

	assert_int_equal(grown->used, large->used);
	for (size_t i = 0; i < grown->size; i++) {
		const struct source *source = sources_slot(grown, i);

		if (!source->transports)
			continue;
		n++;
		expect_same(source, grown,
		    at(large, source_hash(&test_seed, source->address, 0), source->address[0]),
		    large);
	}
	assert_int_equal(n, large->used);
}

/* `often`: how many messages come between two of sources_go_on(). */
static void check_growing(uint64_t random, uint32_t often)
{
	struct sources grown, large;
	size_t moving = 0;

	assert_int_equal(sources_init(&grown, 1024), 0);
	assert_int_equal(sources_init(&large, 8192), 0);
	assert_int_equal(sources_want_traits(&grown, true), 0);
	assert_int_equal(sources_want_traits(&large, true), 0);
	grown.has_bytes = large.has_bytes = true;
	for (uint64_t nth = 0; nth < 10 * CLIENTS; nth++) {
		const uint64_t client = 1 + random_below(&random, CLIENTS);
		const uint64_t address[2] = {client, 0};
		const uint64_t hash = source_hash(&test_seed, address, 0);
		struct source *source = at(&grown, hash, client), *same = at(&large, hash, client);

		if (!source) {
			assert_int_equal(
			    sources_grow(&grown, sources_next_size(grown.size), &test_seed), 0);
			source = at(&grown, hash, client);
		}
		expect_same(source, &grown, same, &large);
		touch(&grown, source, client, nth);
		touch(&large, same, client, nth);
		moving += grown.old != NULL;
		if (nth % often == 0)
			sources_go_on(&grown, &test_seed);
	}
	assert_true(moving > 0);
	sources_settle(&grown, &test_seed);
	assert_null(grown.old);
	expect_same_tables(&grown, &large);
	sources_done(&grown);
	sources_done(&large);
}

static void test_a_table_grows_while_it_is_asked(void **state UNUSED)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		check_growing(seed, 1);
		check_growing(seed, 16);
		check_growing(seed, UINT32_MAX);
	}
}

/* All that is left of the old table goes with it. */
static void test_a_growing_table_is_cleared(void **state UNUSED)
{
	struct sources sources;

	assert_int_equal(sources_init(&sources, 1024), 0);
	assert_int_equal(sources_want_traits(&sources, true), 0);
	fill(&sources, sources.limit);
	assert_int_equal(sources_grow(&sources, 1536, &test_seed), 0);
	for (int i = 0; i < 20; i++)
		sources_go_on(&sources, &test_seed);
	assert_non_null(sources.old);
	assert_int_equal(sources_clear(&sources, 1536), 0);
	assert_int_equal(sources.size, 1536);
	assert_null(sources.old);
	check_empty(&sources);
	assert_false(has(&sources, source_hash(&test_seed, (uint64_t[]){1, 0}, 0), 1));
	sources_done(&sources);
}

static void test_a_table_never_becomes_too_small(void **state UNUSED)
{
	struct sources sources;

	assert_int_equal(sources_init(&sources, 2048), 0);
	fill(&sources, sources.limit);
	assert_int_equal(sources_resize(&sources, 1536, &test_seed), -ENOSPC);
	assert_int_equal(sources_resize(&sources, 2048, &test_seed), 0);
	assert_int_equal(sources.used, sources.limit);
	for (uint64_t i = 1; i <= sources.limit; i++)
		assert_true(has(&sources, source_hash(&test_seed, (uint64_t[]){i, 0}, 0), i));
	sources_done(&sources);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_small_table_grows_when_full),
	    cmocka_unit_test(test_a_large_table_doubles_when_half_full),
	    cmocka_unit_test(test_a_table_that_is_nearly_empty_halves),
	    cmocka_unit_test(test_a_large_table_keeps_its_pages),
	    cmocka_unit_test(test_a_way_leads_over_the_end),
	    cmocka_unit_test(test_a_full_table_finds_all),
	    cmocka_unit_test(test_a_table_grows_while_it_is_asked),
	    cmocka_unit_test(test_a_growing_table_is_cleared),
	    cmocka_unit_test(test_a_table_never_becomes_too_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
