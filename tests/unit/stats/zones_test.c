/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "stats/zones.h"

#include "counting.h"

#include "../guard.h"
#include "../random.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct guard guard;
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
	const uint8_t *wire = guard_put(&guard, name, length);

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

static int setup(void **state UNUSED)
{
	guard_init(&guard, 4096);
	return zone_registry_new(&registry);
}

static int teardown(void **state UNUSED)
{
	guard_done(&guard);
	zone_registry_free(registry);
	return 0;
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
	    cmocka_unit_test(test_zone_of_the_paired_query),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
