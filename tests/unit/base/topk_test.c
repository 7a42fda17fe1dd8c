/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/hash.h"
#include "base/topk.h"
#include "base/unused.h"

#include "../random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEAVY 20

static const struct hash_seed seed = {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9};

static void add(struct topk *topk, uint16_t group, const char *name, uint32_t count)
{
	uint64_t words[4] = {0};

	strncpy((char *)words, name, sizeof(words) - 1);
	topk_add(topk, hash_u64x3(&seed, words[0], words[1], words[2] ^ words[3] ^ group), group,
	    (const uint8_t *)name, strlen(name), count);
}

struct lookup {
	const char *name;
	uint16_t group;
	int found;
	struct topk_entry entry;
	size_t entries;
};

static void look(void *context, const struct topk_entry *entry)
{
	struct lookup *lookup = context;

	lookup->entries++;
	if (entry->group == lookup->group && entry->length == strlen(lookup->name) &&
	    memcmp(entry->key, lookup->name, entry->length) == 0) {
		lookup->found++;
		lookup->entry = *entry;
	}
}

static struct lookup find(const struct topk *topk, uint16_t group, const char *name)
{
	struct lookup lookup = {.name = name, .group = group};

	topk_each(topk, look, &lookup);
	assert_in_range(lookup.found, 0, 1);
	return lookup;
}

static void test_is_exact_while_it_has_room(void **state UNUSED)
{
	struct topk *topk = NULL;
	char name[16];

	assert_int_equal(topk_new(&topk, 1024), 0);
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 64; i++) {
			snprintf(name, sizeof(name), "n%u", i);
			add(topk, (uint16_t)(i % 3), name, i + 1);
		}
	}
	for (uint32_t i = 0; i < 64; i++) {
		struct lookup lookup;

		snprintf(name, sizeof(name), "n%u", i);
		lookup = find(topk, (uint16_t)(i % 3), name);
		assert_int_equal(lookup.found, 1);
		assert_int_equal(lookup.entry.count, 3 * (i + 1));
		assert_int_equal(lookup.entry.error, 0);
		assert_int_equal(find(topk, (uint16_t)(i % 3 + 1), name).found, 0);
	}
	topk_clear(topk);
	assert_int_equal(find(topk, 0, "n0").entries, 0);
	topk_free(topk);
	topk_free(NULL);
}

static void test_heavy_names_survive_random_ones(void **state UNUSED)
{
	struct topk *topk = NULL;
	uint64_t random = 3;
	uint32_t sent[HEAVY] = {0};
	char name[24];

	assert_int_equal(topk_new(&topk, 1024), 0);
	for (uint32_t i = 0; i < 1000000; i++) {
		snprintf(name, sizeof(name), "r%016llx", (unsigned long long)random_next(&random));
		add(topk, 0, name, 1);
		if (i % 10 == 0) {
			const uint32_t heavy = i / 10 % HEAVY;

			snprintf(name, sizeof(name), "heavy%u", heavy);
			add(topk, 0, name, 1);
			sent[heavy]++;
		}
	}
	for (uint32_t i = 0; i < HEAVY; i++) {
		struct lookup lookup;

		snprintf(name, sizeof(name), "heavy%u", i);
		lookup = find(topk, 0, name);
		assert_int_equal(lookup.found, 1);
		/* An upper bound, and no lower than its error allows. */
		assert_true(lookup.entry.count >= sent[i]);
		assert_true(lookup.entry.count - lookup.entry.error <= sent[i]);
		assert_true(lookup.entry.error < sent[i] / 2);
	}
	topk_free(topk);
}

static void test_merge_sums(void **state UNUSED)
{
	struct topk *a = NULL, *b = NULL;

	assert_int_equal(topk_new(&a, 256), 0);
	assert_int_equal(topk_new(&b, 256), 0);
	add(a, 1, "both", 5);
	add(b, 1, "both", 7);
	add(a, 1, "a", 1);
	add(b, 1, "b", 2);
	topk_merge(a, b);
	assert_int_equal(topk_count(a, 0x123456789abcdef), 0);
	assert_int_equal(find(a, 1, "both").entry.count, 12);
	assert_int_equal(find(a, 1, "a").entry.count, 1);
	assert_int_equal(find(a, 1, "b").entry.count, 2);
	assert_int_equal(find(b, 1, "both").entry.count, 7);
	topk_free(a);
	topk_free(b);
}

static void test_counts_saturate(void **state UNUSED)
{
	struct topk *topk = NULL;

	assert_int_equal(topk_new(&topk, 64), 0);
	add(topk, 0, "x", UINT32_MAX - 1);
	add(topk, 0, "x", 5);
	assert_int_equal(find(topk, 0, "x").entry.count, UINT32_MAX);
	topk_free(topk);
}

static void test_leaves_out_keys_that_are_too_long(void **state UNUSED)
{
	struct topk *topk = NULL;
	uint8_t key[TOPK_MAX_KEY_BYTES + 1] = {0};

	assert_int_equal(topk_new(&topk, 64), 0);
	topk_add(topk, 77, 0, key, sizeof(key), 1);
	assert_int_equal(find(topk, 0, "").entries, 0);
	topk_add(topk, 77, 0, key, TOPK_MAX_KEY_BYTES, 1);
	assert_int_equal(find(topk, 0, "").entries, 1);
	topk_free(topk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_is_exact_while_it_has_room),
	    cmocka_unit_test(test_heavy_names_survive_random_ones),
	    cmocka_unit_test(test_merge_sums),
	    cmocka_unit_test(test_counts_saturate),
	    cmocka_unit_test(test_leaves_out_keys_that_are_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
