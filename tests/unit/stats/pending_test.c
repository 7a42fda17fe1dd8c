/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables that are full while their window is open: whatever is still to be done when it closes,
 * nothing is lost. */
#include "base/pages.h"
#include "base/unused.h"
#include "counting.h"

#include "../random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MESSAGES 60000
#define BATCH    32
#define STEP     1700 /* messages, between one end of a window and the next */

/* -- memory that runs out */

static long pages_left = -1; /* allocations until one fails; below 0: none does */
static bool all_fail;        /* that follow, too */

void *__real_pages_alloc(size_t size);
void *__real_pages_reserve(size_t size);
void *__wrap_pages_alloc(size_t size);
void *__wrap_pages_reserve(size_t size);

static bool fails(void)
{
	if (pages_left == 0 && all_fail)
		return true;
	return pages_left >= 0 && pages_left-- == 0;
}

void *__wrap_pages_alloc(size_t size)
{
	return fails() ? NULL : __real_pages_alloc(size);
}

void *__wrap_pages_reserve(size_t size)
{
	return fails() ? NULL : __real_pages_reserve(size);
}

/* -- traffic */

static struct collector_config large_config(void)
{
	struct collector_config config = test_config();

	config.limits = (struct shard_limits){.cube_slots = 1 << 18,
	    .source_slots = 1 << 20,
	    .facts_blocks = 1,
	    .facts_cells = 1 << 18,
	    .source_traits = true,
	    .unassigned = 1 << 20};
	config.traits.facts = FACTS_ALL | FACTS_CLIENTS;
	return config;
}

/* Types of all kinds from as many clients as there are cells. No response has a query of ours. */
static void make_sample(struct sample *sample, uint64_t *random)
{
	const bool query = random_below(random, 2);
	const uint16_t id = (uint16_t)(random_below(random, 32768) * 2 + query);

	sample_init(sample, query ? RECORD_AUTH_QUERY : RECORD_AUTH_RESPONSE,
	    random_below(random, 30000), id, T0_NS);
	sample->record.query_port = (uint16_t)random_below(random, 3);
	sample->message[3] = (uint8_t)random_below(random, 4);
	sample_question(sample, "\7example\2nl", (uint16_t)random_below(random, 65536));
}

static void feed(struct collector *collector, size_t first, size_t n)
{
	static struct sample samples[BATCH];
	struct record records[BATCH];
	uint64_t random = 1;
	size_t batch = 0;

	for (size_t i = 0; i < first + n; i++) {
		make_sample(&samples[batch], &random);
		if (i < first)
			continue;
		records[batch] = samples[batch].record;
		if (++batch == BATCH || i + 1 == first + n) {
			collector_take(collector, records, batch, T0_NS);
			batch = 0;
		}
	}
}

/* The only window of the collector, which may begin another. */
static struct shard *close_window(struct collector *collector)
{
	struct shard *shards[COLLECTOR_MAX_SHARDS];

	assert_int_equal(collector_close(collector, INT64_MAX, shards), 1);
	collector_reopen(collector, INT64_MIN);
	return shards[0];
}

/* What comes of them in windows in which no table is ever full. */
static struct shard *count_in_pieces(size_t n)
{
	const struct collector_config config = large_config();
	struct shard *total = NULL;

	assert_int_equal(shard_new(&total, &config.limits, &test_seed), 0);
	for (size_t at = 0; at < n; at += 400) {
		struct collector *collector = NULL;
		struct shard *shard;

		assert_int_equal(collector_new(&collector, &config), 0);
		feed(collector, at, n - at < 400 ? n - at : 400);
		shard = close_window(collector);
		assert_false(shard->pending.any);
		assert_int_equal(shard_merge(total, shard, &test_seed), 0);
		shard_free(shard);
		collector_free(collector);
	}
	return total;
}

/* -- comparing */

static void expect_same_margins(struct shard *found, struct shard *expected)
{
	const struct cell *a, *b;
	size_t n;

	shard_fold(found);
	shard_fold(expected);
	n = cells_sort(&found->margins, &a);
	assert_int_equal(n, cells_sort(&expected->margins, &b));
	assert_memory_equal(a, b, n * sizeof(*a));
	assert_int_equal(found->lost + expected->lost, 0);
}

static void expect_same_sources(struct sources *found, struct sources *expected)
{
	assert_int_equal(found->used, expected->used);
	for (size_t i = 0; i < expected->size; i++) {
		const struct source *right = sources_slot(expected, i);
		struct source *source;

		if (!right->transports)
			continue;
		source =
		    sources_at(found, source_hash(&test_seed, right->address, right->zone_family),
			right->address, right->zone_family);
		assert_memory_equal(source, right, (size_t)1 << expected->shift);
		assert_true(sources_bytes(found, source) == sources_bytes(expected, right));
	}
}

struct seen {
	size_t full, facts, outgrown, sources;
};

static void note_seen(struct seen *seen, const struct shard *shard)
{
	seen->full += shard->pending.full.used != 0;
	seen->facts += shard->pending.facts.slots != NULL;
	seen->outgrown += shard->pending.outgrown.slots != NULL;
	seen->sources += shard->sources.old != NULL;
}

/* A window in which all tables grow, and one with the same messages in which none does. */
static void check_window(size_t n, struct seen *seen)
{
	const struct collector_config config = large_config();
	struct collector *collector = NULL;
	struct shard *grown, *other, *right = count_in_pieces(n);

	assert_int_equal(collector_new(&collector, &config), 0);
	feed(collector, 0, n);
	grown = close_window(collector);
	note_seen(seen, grown);
	shard_settle(grown, &test_seed);
	assert_false(grown->pending.any);
	other = NULL;
	assert_int_equal(shard_new(&other, &config.limits, &test_seed), 0);
	assert_int_equal(sources_resize(&other->sources, 1 << 17, &test_seed), 0);
	collector_give(collector, other);
	feed(collector, 0, n);
	other = close_window(collector);
	assert_null(other->sources.old);
	expect_same_sources(&grown->sources, &other->sources);
	expect_same_margins(grown, right);
	shard_free(grown);
	shard_free(other);
	shard_free(right);
	collector_free(collector);
}

static void test_nothing_is_lost(void **state UNUSED)
{
	struct seen seen = {0};

	for (size_t n = STEP; n <= MESSAGES; n += STEP)
		check_window(n, &seen);
	assert_true(seen.full && seen.facts && seen.outgrown && seen.sources);
}

/* A window that nobody wanted to read leaves nothing to the next one. */
static void test_a_shard_is_empty_again(void **state UNUSED)
{
	const struct collector_config config = large_config();
	struct collector *collector = NULL;
	struct shard *shard, *right = count_in_pieces(MESSAGES);
	struct seen seen = {0}, left = {0};

	assert_int_equal(collector_new(&collector, &config), 0);
	for (size_t n = STEP; n <= MESSAGES; n += STEP) {
		feed(collector, 0, n);
		shard = close_window(collector);
		note_seen(&seen, shard);
		shard_clear(shard, &config.limits);
		note_seen(&left, shard);
		assert_int_equal(left.full + left.facts + left.outgrown + left.sources, 0);
		assert_int_equal(shard->cube.used + shard->margins.used + shard->sources.used, 0);
		collector_give(collector, shard);
	}
	assert_true(seen.full && seen.facts);
	feed(collector, 0, MESSAGES);
	shard = close_window(collector);
	shard_settle(shard, &test_seed);
	expect_same_margins(shard, right);
	shard_free(shard);
	shard_free(right);
	collector_free(collector);
}

/* -- without a batch between one full table and the next */

#define ENTRIES 150000

static void add_to_cube(struct shard *shard, const struct shard_limits *limits, uint64_t i)
{
	const uint64_t key = (uint64_t)CUBE_OTHER << CUBE_KIND_SHIFT | i % 16384 |
	    (i / 16384) << CUBE_TYPE_SHIFT | (uint64_t)OTHER_OUTGOING << CUBE_OPCODE_SHIFT;
	struct cube_cell *cell = cube_at(&shard->cube, cube_hash(&shard->cube, key), key);

	if (!cell)
		cell = shard_cell_slow(shard, limits, key);
	cell->count++;
}

static void add_to_facts(struct shard *shard, const struct shard_limits *limits, uint64_t i)
{
	const uint64_t key =
	    margin_key((uint32_t)(i % 16384), MARGIN_CLASS, 0, 0, 0, (uint32_t)(i / 16384));
	struct cells *cells = &shard->facts.cells;
	struct cell *cell = cells_at(cells, cells_hash(cells, key), key);

	if (!cell)
		cell = shard_fact_slow(shard, limits, key);
	cell->count++;
}

/* The second is full before anything of the first is summed: that is done at once. */
static void test_full_again_at_once(void **state UNUSED)
{
	const struct shard_limits limits = {
	    .cube_slots = 32768, .facts_blocks = 1, .facts_cells = 32768};
	struct shard *shard = NULL;

	assert_int_equal(shard_new(&shard, &limits, &test_seed), 0);
	for (uint64_t i = 0; i < ENTRIES; i++) {
		add_to_cube(shard, &limits, i);
		add_to_facts(shard, &limits, i);
	}
	shard_fold(shard);
	for (uint32_t zone = 0; zone < 16384; zone++) {
		const uint64_t each = ENTRIES / 16384 + (zone < ENTRIES % 16384);

		assert_int_equal(margin_count(shard, zone, MARGIN_OUTGOING, 0, 0, 0, 0), each);
		for (uint32_t i = 0; i < each; i++)
			assert_int_equal(margin_count(shard, zone, MARGIN_CLASS, 0, 0, 0, i), 1);
	}
	assert_int_equal(shard->lost, 0);
	shard_free(shard);
}

#define UNASSIGNED 200

static uint64_t response_key(uint32_t zone, uint32_t qtype)
{
	return margin_key(zone, MARGIN_QTYPE_RCODE, 0, 0, 0, key_qtype_rcode(qtype, 0));
}

static bool is_assigned(uint16_t qtype)
{
	return qtype < 256;
}

static void add_response(
    struct shard *shard, const struct shard_limits *limits, uint32_t zone, uint32_t qtype)
{
	const uint64_t key = response_key(zone, qtype);
	struct cells *cells = &shard->facts.cells;
	struct cell *cell = cells_at(cells, cells_hash(cells, key), key);

	if (!cell)
		cell = shard_fact_slow(shard, limits, key);
	if (!cell->count && !facts_is_assigned(key, is_assigned))
		cell = shard_fact_unassigned(shard, limits, cell);
	cell->count++;
}

/* A type without a name that was seen before the cells were full is none of those that are over the
 * limit. */
static void test_unassigned_types_stay(void **state UNUSED)
{
	const struct shard_limits limits = {.cube_slots = 32768,
	    .facts_blocks = 1,
	    .facts_cells = 1 << 17,
	    .unassigned = UNASSIGNED + 10};
	struct shard *shard = NULL;
	size_t exchanged = 0;

	assert_int_equal(shard_new(&shard, &limits, &test_seed), 0);
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < UNASSIGNED; i++)
			add_response(shard, &limits, 0, 1000 + i);
		for (uint32_t zone = 1; zone <= 10000; zone++)
			add_response(shard, &limits, zone, 1 + round);
		exchanged += shard->pending.facts.slots != NULL;
		while (round % 3 && shard->pending.any)
			shard_go_on(shard, &test_seed);
	}
	assert_true(exchanged > 2);
	shard_fold(shard);
	for (uint32_t i = 0; i < UNASSIGNED; i++)
		assert_int_equal(cells_find(&shard->margins, response_key(0, 1000 + i))->count, 20);
	assert_int_equal(shard->facts.unassigned, UNASSIGNED);
	shard_free(shard);
}

/* A busy window's second cube waits for the next one, and not for ever. */
static void test_a_spare_goes(void **state UNUSED)
{
	static const size_t messages[] = {MESSAGES, MESSAGES, MESSAGES / 4, MESSAGES / 100};
	struct collector_config config = large_config();
	struct collector *collector = NULL;
	struct shard *shard;

	config.limits.cube_slots = 32768;
	assert_int_equal(collector_new(&collector, &config), 0);
	for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
		feed(collector, 0, messages[i]);
		shard = close_window(collector);
		shard_settle(shard, &test_seed);
		shard_fold(shard);
		shard_clear(shard, &config.limits);
		assert_int_equal(shard->pending.full.cells != NULL, messages[i] == MESSAGES);
		collector_give(collector, shard);
	}
	collector_free(collector);
}

static uint64_t counted(struct shard *shard)
{
	shard_fold(shard);
	return shard->margins.slots ? margin_count(shard, 0, MARGIN_MESSAGES, 0, 0, 0, 0) +
		margin_count(shard, 0, MARGIN_MESSAGES, 1, 0, 0, 0)
				    : 0;
}

/* Without memory for another table, what can be done is done at once; or it is said. Returns in how
 * many cases all was counted. */
static size_t count_without(bool all)
{
	const struct collector_config config = large_config();
	size_t exact = 0;
	bool enough = false;

	for (long pages = 0; !enough; pages++) {
		struct collector *collector = NULL;
		struct shard *shard;

		assert_int_equal(collector_new(&collector, &config), 0);
		pages_left = pages;
		all_fail = all;
		feed(collector, 0, MESSAGES);
		shard = close_window(collector);
		shard_settle(shard, &test_seed);
		enough = pages_left > 0;
		pages_left = -1;
		assert_true(shard->lost || counted(shard) == MESSAGES);
		exact += !shard->lost;
		shard_free(shard);
		collector_free(collector);
	}
	return exact;
}

static void test_without_memory(void **state UNUSED)
{
	assert_true(count_without(false) > 10);
	assert_true(count_without(true) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing_is_lost),
	    cmocka_unit_test(test_a_shard_is_empty_again),
	    cmocka_unit_test(test_full_again_at_once),
	    cmocka_unit_test(test_unassigned_types_stay),
	    cmocka_unit_test(test_a_spare_goes),
	    cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
