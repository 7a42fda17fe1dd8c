/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "zones/zones.h"

#include "../stats/counting.h"

#include "../guard.h"
#include "../random.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct zone_registry *registry;

static struct zone_set *make(const char *const *names, size_t n)
{
	struct zone_set *set = NULL;

	assert_int_equal(zone_set_new(&set, registry, names, n, &test_seed), 0);
	return set;
}

/* Label of a name in wire format, whose root label is the string's end. */
static const char *label_of(const struct zone_set *set, const char *name, bool ds)
{
	const size_t length = strlen(name) + 1;
	const uint8_t *wire = guard_put(name, length);

	return zone_registry_label(registry, zone_set_find(set, wire, length, ds));
}

static void test_longest_suffix(void **state UNUSED)
{
	static const char *const names[] = {"nl", "example.nl", "a.b.example.nl", "org"};
	struct zone_set *set = make(names, 4);

	assert_string_equal(label_of(set, "\2nl", false), "nl");
	assert_string_equal(label_of(set, "\3foo\2nl", false), "nl");
	assert_string_equal(label_of(set, "\7example\2nl", false), "example.nl");
	assert_string_equal(label_of(set, "\1b\7example\2nl", false), "example.nl");
	assert_string_equal(label_of(set, "\1a\1b\7example\2nl", false), "a.b.example.nl");
	assert_string_equal(label_of(set, "\1x\1a\1b\7example\2nl", false), "a.b.example.nl");
	/* Labels, not characters. */
	assert_string_equal(label_of(set, "\10xexample\2nl", false), "nl");
	assert_string_equal(label_of(set, "\3xnl", false), "other");
	assert_string_equal(label_of(set, "\2nl\3com", false), "other");
	assert_string_equal(label_of(set, "", false), "other");
	assert_string_equal(zone_registry_label(registry, zone_set_other(set)), "other");
	zone_set_free(set);
	zone_set_free(NULL);
}

static void test_without_case(void **state UNUSED)
{
	static const char *const names[] = {"example-long-label.nl", "\\192\\224.x", "@[`{.y"};
	struct zone_set *set = make(names, 3);

	assert_string_equal(label_of(set, "\22ExAmPlE-LoNg-LaBeL\2NL", false), names[0]);
	assert_string_equal(label_of(set, "\1Q\22EXAMPLE-LONG-LABEL\2nL", false), names[0]);
	/* Case is ASCII's alone, and of letters alone. */
	assert_string_equal(label_of(set, "\2\xc0\xe0\1X", false), names[1]);
	assert_string_equal(label_of(set, "\2\xe0\xe0\1x", false), "other");
	assert_string_equal(label_of(set, "\4@[`{\1Y", false), names[2]);
	assert_string_equal(label_of(set, "\4`{@[\1y", false), "other");
	zone_set_free(set);
}

static void test_root(void **state UNUSED)
{
	static const char *const names[] = {".", "nl"};
	struct zone_set *set = make(names, 2);

	assert_string_equal(label_of(set, "", false), ".");
	assert_string_equal(label_of(set, "\3com", false), ".");
	assert_string_equal(label_of(set, "\1x\2nl", false), "nl");
	assert_string_equal(label_of(set, "\2nl", true), ".");
	assert_string_equal(label_of(set, "", true), ".");
	zone_set_free(set);
}

static void test_ds_belongs_to_the_parent(void **state UNUSED)
{
	static const char *const names[] = {"nl", "a.example.nl", "org"};
	struct zone_set *set = make(names, 3);

	assert_string_equal(label_of(set, "\1a\7example\2nl", true), "nl");
	assert_string_equal(label_of(set, "\1a\7example\2nl", false), "a.example.nl");
	assert_string_equal(label_of(set, "\1b\1a\7example\2nl", true), "a.example.nl");
	assert_string_equal(label_of(set, "\3org", true), "org"); /* no parent is listed */
	assert_string_equal(label_of(set, "\3com", true), "other");
	zone_set_free(set);
}

static void test_ten_thousand_zones(void **state UNUSED)
{
	enum { N = 10000 };
	static char texts[N][24];
	static const char *names[N];
	struct zone_set *set;
	char wire[64];

	for (int i = 0; i < N; i++) {
		snprintf(texts[i], sizeof(texts[i]), i % 3 ? "z%05d.test" : "s.z%05d.test", i);
		names[i] = texts[i];
	}
	set = make(names, N);
	assert_true(zone_registry_bound(registry) >= N);
	for (int i = 0; i < N; i++) {
		snprintf(wire, sizeof(wire), "\3www\1S\6Z%05d\4tesT", i);
		assert_string_equal(label_of(set, wire, false), names[i]);
	}
	snprintf(wire, sizeof(wire), "\6z%05d\4test", 3);
	assert_string_equal(label_of(set, wire, false), "other"); /* s.z00003.test is listed */
	zone_set_free(set);
}

/* Names of the most labels and of the most bytes. */
static void test_deep_and_long_names(void **state UNUSED)
{
	static char deep[260], longest[260], text[256];
	const char *names[2];
	struct zone_set *set;

	for (int i = 0; i < 127; i++) {
		deep[2 * i] = 1;
		deep[2 * i + 1] = 'd';
		memcpy(text + 2 * i, i < 126 ? "d." : "d", i < 126 ? 2 : 1);
	}
	names[0] = text;
	names[1] = text + 2 * 100;
	set = make(names, 2);
	assert_string_equal(label_of(set, deep, false), text);
	assert_string_equal(label_of(set, deep + 2, false), names[1]);
	assert_string_equal(label_of(set, deep, true), names[1]);
	memset(longest, 'l', 254);
	longest[0] = longest[64] = longest[128] = 63;
	longest[192] = 61;
	assert_string_equal(label_of(set, longest, false), "other");
	zone_set_free(set);
}

static void test_refuses_what_is_no_name(void **state UNUSED)
{
	static const char *const bad[] = {"", "a..b", ".a", "\\", "\\999",
	    "0123456789012345678901234567890123456789012345678901234567890123"};
	struct zone_set *set = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(zone_set_new(&set, registry, &bad[i], 1, &test_seed), -EINVAL);
	assert_null(set);
}

static void test_registry(void **state UNUSED)
{
	struct zone_registry *own = NULL;
	char label[16];

	assert_int_equal(zone_registry_new(&own), 0);
	assert_int_equal(zone_registry_ref(own, "a"), 0);
	assert_int_equal(zone_registry_ref(own, "b"), 1);
	assert_int_equal(zone_registry_ref(own, "a"), 0);
	assert_string_equal(zone_registry_label(own, 1), "b");
	assert_string_equal(zone_registry_label(own, 999), "other");
	for (unsigned i = 2; i < 1u << 14; i++) {
		snprintf(label, sizeof(label), "%c%u", 'a' + i % 26, i);
		assert_int_equal(zone_registry_ref(own, label), i);
	}
	assert_int_equal(zone_registry_ref(own, "more"), -ENOSPC);
	assert_int_equal(zone_registry_ref(own, "b"), 1);
	zone_registry_free(own);
	zone_registry_free(NULL);
}

/* A response whose question cannot be read has the zone of the query that it answers. */
static void test_zone_of_the_paired_query(void **state UNUSED)
{
	static const char *const names[] = {"nl"};
	struct zone_set *set = make(names, 1);
	struct collector_config config = test_config();
	struct collector *collector = NULL;
	struct shard *total;
	struct sample q, r;
	uint16_t nl;

	config.traits.zones = set;
	assert_int_equal(collector_new(&collector, &config), 0);
	sample_init(&q, RECORD_AUTH_QUERY, 1, 7, T0_NS);
	sample_question(&q, "\1x\2nl", 1);
	take_one(collector, &q, T0_NS);
	sample_init(&r, RECORD_AUTH_RESPONSE, 1, 7, T0_NS + 5);
	take_one(collector, &r, T0_NS);
	take_one(collector, &r, T0_NS); /* answers nothing: other */
	total = collect(collector);
	nl = (uint16_t)zone_registry_ref(registry, "nl");
	assert_int_equal(margin_count(total, nl, MARGIN_MESSAGES, DIR_QUERY, 0, 0, 0), 1);
	assert_int_equal(margin_count(total, nl, MARGIN_MESSAGES, DIR_RESPONSE, 0, 0, 0), 1);
	assert_int_equal(
	    margin_count(total, zone_set_other(set), MARGIN_MESSAGES, DIR_RESPONSE, 0, 0, 0), 1);
	assert_int_equal(total->sources.used, 2); /* one client, two zones */
	shard_free(total);
	collector_free(collector);
	zone_set_free(set);
}

/* -- labels that come and go */

#define SHARDS      6
#define LABELS_EACH 5000

/* A window of some thread, and what it counted: the label that each number had. */
struct open_shard {
	uint64_t since; /* 0: not open */
	size_t n;
	uint16_t ids[64];
	char labels[64][24];
};

static void count_label(
    struct open_shard *shard, const struct zone_registry *own, uint16_t id, const char *label)
{
	if (!shard->since)
		shard->since = zone_registry_generation(own);
	if (shard->n == 64)
		return;
	shard->ids[shard->n] = id;
	snprintf(shard->labels[shard->n++], sizeof(shard->labels[0]), "%s", label);
}

/* Closed and reported: its figures still go by the names that they were counted under. */
static void report_shard(struct open_shard *shard, const struct zone_registry *own)
{
	for (size_t i = 0; i < shard->n; i++)
		assert_string_equal(zone_registry_label(own, shard->ids[i]), shard->labels[i]);
	*shard = (struct open_shard){0};
}

static void forget_due(struct zone_registry *own, const struct open_shard *shards)
{
	uint64_t since = UINT64_MAX;
	struct zone_numbers due;

	for (int i = 0; i < SHARDS; i++) {
		if (shards[i].since && since > shards[i].since)
			since = shards[i].since;
	}
	if (zone_registry_due(own, since, &due))
		zone_registry_forget(own, &due);
}

/* 200 reloads of 5,000 labels each, half of them new: half a million labels. */
static void test_labels_turn_over(void **state UNUSED)
{
	static struct open_shard shards[SHARDS];
	struct zone_registry *own = NULL;
	uint16_t *ids = calloc(LABELS_EACH, sizeof(*ids)),
		 *next = calloc(LABELS_EACH, sizeof(*next));
	uint64_t random = 0x9e3779b97f4a7c15;
	char label[24];
	size_t n = 0;

	assert_int_equal(zone_registry_new(&own), 0);
	for (unsigned reload = 0; reload < 200; reload++) {
		for (unsigned i = 0; i < LABELS_EACH; i++) {
			int id;

			snprintf(label, sizeof(label), "z%u.example", reload * LABELS_EACH / 2 + i);
			id = zone_registry_ref(own, label);
			assert_true(id >= 0);
			next[i] = (uint16_t)id;
			if (n && i < LABELS_EACH / 2) /* it stays, under its number */
				assert_int_equal(next[i], ids[i + LABELS_EACH / 2]);
		}
		for (size_t i = 0; i < n; i++)
			zone_registry_unref(own, ids[i]);
		memcpy(ids, next, LABELS_EACH * sizeof(*ids));
		n = LABELS_EACH;
		for (int i = 0; i < 40; i++) {
			const uint16_t id = ids[random_below(&random, LABELS_EACH)];

			count_label(&shards[random_below(&random, SHARDS)], own, id,
			    zone_registry_label(own, id));
		}
		report_shard(&shards[random_below(&random, SHARDS)], own);
		if (reload % 4 == 3) {
			for (int i = 0; i < SHARDS; i++)
				report_shard(&shards[i], own);
		}
		forget_due(own, shards);
	}
	/* With nobody left, all are forgotten. */
	for (size_t i = 0; i < n; i++)
		zone_registry_unref(own, ids[i]);
	memset(shards, 0, sizeof(shards));
	forget_due(own, shards);
	for (unsigned i = 0; i < zone_registry_bound(own); i++)
		assert_string_equal(zone_registry_label(own, (uint16_t)i), ZONE_OTHER_LABEL);
	for (unsigned i = 0; i < ZONES_MAX; i++) {
		snprintf(label, sizeof(label), "n%u", i);
		assert_true(zone_registry_ref(own, label) >= 0);
	}
	free(ids);
	free(next);
	zone_registry_free(own);
}

static void test_label_that_comes_back(void **state UNUSED)
{
	struct zone_registry *own = NULL;
	struct zone_numbers due;
	uint64_t before;

	assert_int_equal(zone_registry_new(&own), 0);
	assert_int_equal(zone_registry_ref(own, "a"), 0);
	assert_int_equal(zone_registry_ref(own, "b"), 1);
	before = zone_registry_generation(own);
	zone_registry_unref(own, 0);
	assert_int_equal(zone_registry_due(own, before, &due), 0); /* a shard may hold it */
	assert_int_equal(zone_registry_due(own, zone_registry_generation(own), &due), 1);
	assert_int_equal(zone_registry_ref(own, "a"), 0); /* it has not been forgotten */
	assert_int_equal(zone_registry_due(own, UINT64_MAX, &due), 0);
	zone_registry_unref(own, 0);
	assert_int_equal(zone_registry_due(own, UINT64_MAX, &due), 1);
	assert_true(zone_numbers_has(&due, 0) && !zone_numbers_has(&due, 1));
	zone_registry_forget(own, &due);
	assert_string_equal(zone_registry_label(own, 0), ZONE_OTHER_LABEL);
	assert_int_equal(zone_registry_ref(own, "c"), 0);
	assert_int_equal(zone_registry_ref(own, "a"), 2);
	zone_registry_free(own);
}

/* Sets share labels, and give each back once. */
static void test_set_holds_labels(void **state UNUSED)
{
	static const char *const names[] = {"nl", "org", "nl", "example.org"};
	struct zone_registry *own = NULL;
	struct zone_numbers due;
	struct zone_set *a, *b;

	assert_int_equal(zone_registry_new(&own), 0);
	assert_int_equal(zone_set_new(&a, own, names, 4, &test_seed), 0);
	assert_int_equal(zone_set_new(&b, own, names, 1, &test_seed), 0);
	assert_int_equal(zone_registry_due(own, UINT64_MAX, &due), 0);
	zone_set_free(a);
	assert_int_equal(zone_registry_due(own, UINT64_MAX, &due), 2); /* org, example.org */
	zone_set_free(b);
	assert_int_equal(zone_registry_due(own, UINT64_MAX, &due), 4);
	/* One that cannot be made holds nothing. */
	assert_int_equal(
	    zone_set_new(&a, own, (const char *const[]){"new", ".."}, 2, &test_seed), -EINVAL);
	assert_int_equal(zone_registry_due(own, UINT64_MAX, &due), 5);
	zone_registry_free(own);
}

/* After new traits a response has no label that only the old ones had. */
static void test_paired_query_of_a_label_that_went(void **state UNUSED)
{
	struct zone_set *before = make((const char *const[]){"nl", "org"}, 2);
	struct zone_set *after = make((const char *const[]){"org", "net"}, 2);
	struct collector_config config = test_config();
	struct collector *collector = NULL;
	struct sample q, r;
	struct shard *total;

	config.traits.zones = before;
	config.traits.zone = zone_set_other(before);
	config.labels_since = 7;
	assert_int_equal(collector_new(&collector, &config), 0);
	assert_true(collector_labels_since(collector) == UINT64_MAX);
	for (uint16_t id = 1; id <= 2; id++) {
		sample_init(&q, RECORD_AUTH_QUERY, 1, id, T0_NS);
		sample_question(&q, id == 1 ? "\1x\2nl" : "\1x\3org", 1);
		take_one(collector, &q, T0_NS);
	}
	config.traits.zones = after;
	config.traits.zone = zone_set_other(after);
	collector_set_traits(collector, &config.traits);
	collector_renew_labels(collector, 9);
	for (uint16_t id = 1; id <= 2; id++) {
		sample_init(&r, RECORD_AUTH_RESPONSE, 1, id, T0_NS + 5);
		take_one(collector, &r, T0_NS);
	}
	assert_int_equal(collector_labels_since(collector), 7); /* this window has nl */
	total = collect(collector);
	assert_true(collector_labels_since(collector) == UINT64_MAX);
	assert_int_equal(margin_count(total, (uint32_t)zone_registry_ref(registry, "nl"),
			     MARGIN_MESSAGES, DIR_RESPONSE, 0, 0, 0),
	    0);
	assert_int_equal(margin_count(total, (uint32_t)zone_registry_ref(registry, "org"),
			     MARGIN_MESSAGES, DIR_RESPONSE, 0, 0, 0),
	    1);
	assert_int_equal(
	    margin_count(total, zone_set_other(after), MARGIN_MESSAGES, DIR_RESPONSE, 0, 0, 0), 1);
	take_one(collector, &q, T0_NS);
	assert_int_equal(collector_labels_since(collector), 9);
	shard_free(total);
	collector_free(collector);
	zone_set_free(before);
	zone_set_free(after);
}

static int setup(void **state)
{
	const int r = guard_setup(state);

	return r < 0 ? r : zone_registry_new(&registry);
}

static int teardown(void **state)
{
	zone_registry_free(registry);
	return guard_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_longest_suffix),
	    cmocka_unit_test(test_without_case),
	    cmocka_unit_test(test_root),
	    cmocka_unit_test(test_ds_belongs_to_the_parent),
	    cmocka_unit_test(test_ten_thousand_zones),
	    cmocka_unit_test(test_deep_and_long_names),
	    cmocka_unit_test(test_refuses_what_is_no_name),
	    cmocka_unit_test(test_registry),
	    cmocka_unit_test(test_labels_turn_over),
	    cmocka_unit_test(test_label_that_comes_back),
	    cmocka_unit_test(test_set_holds_labels),
	    cmocka_unit_test(test_paired_query_of_a_label_that_went),
	    cmocka_unit_test(test_zone_of_the_paired_query),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
