/* SPDX-License-Identifier: BSD-2-Clause */
#include "zones/suffixes.h"

#include "base/unused.h"
#include "zones/zones.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct hash_seed seed = {0xd6e8feb86659fd93, 0xbf58476d1ce4e5b9};

static const char *const rules[] = {"com", "*.jp", "uk", "co.uk", "*.ck", "!www.ck", "*.kobe.jp",
    "!city.kobe.jp", "a.b.c.example", "xn--p1ai"};

static unsigned labels_of(const struct suffixes *suffixes, const char *text)
{
	uint8_t wire[ZONE_WIRE_BYTES];
	unsigned labels;
	const int length = zone_name_to_wire(text, wire, &labels);

	assert_true(length > 0);
	return suffixes_labels(suffixes, wire, (size_t)length, labels);
}

/* As the list's own tests have it, with labels in the place of names. */
static void the_longest_rule_prevails(void **state UNUSED)
{
	static const struct {
		const char *name;
		unsigned labels;
	} cases[] = {{".", 0}, {"com", 1}, {"example.COM", 1}, {"b.example.com", 1}, {"org", 1},
	    {"a.b.org", 1}, {"uk", 1}, {"co.uk", 2}, {"Co.Uk", 2}, {"a.b.co.uk", 2}, {"ac.uk", 1},
	    {"ck", 1}, {"test.ck", 2}, {"b.test.ck", 2}, {"www.ck", 1}, {"www.www.ck", 1},
	    {"jp", 1}, {"kobe.jp", 2}, {"c.kobe.jp", 3}, {"b.c.kobe.jp", 3}, {"city.kobe.jp", 2},
	    {"www.city.kobe.jp", 2}, {"b.c.example", 1}, {"a.b.c.example", 4},
	    {"z.y.a.b.c.example", 4}, {"b.xn--p1ai", 1}};
	struct suffixes *suffixes;

	assert_int_equal(
	    suffixes_new(&suffixes, rules, sizeof(rules) / sizeof(rules[0]), &seed), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (labels_of(suffixes, cases[i].name) != cases[i].labels)
			fail_msg("%s: %u labels, expected %u", cases[i].name,
			    labels_of(suffixes, cases[i].name), cases[i].labels);
	}
	suffixes_free(suffixes);
}

static void without_rules_it_is_the_last_label(void **state UNUSED)
{
	static const char *const star[] = {"*"};
	struct suffixes *suffixes;

	assert_int_equal(suffixes_new(&suffixes, NULL, 0, &seed), 0);
	assert_int_equal(labels_of(suffixes, "a.co.uk"), 1);
	suffixes_free(suffixes);
	assert_int_equal(suffixes_new(&suffixes, star, 1, &seed), 0);
	assert_int_equal(labels_of(suffixes, "a.co.uk"), 1);
	suffixes_free(suffixes);
}

static void what_is_no_name_is_no_rule(void **state UNUSED)
{
	static const char *const bad[] = {"com", "a..b"};
	struct suffixes *suffixes;

	assert_int_equal(suffixes_new(&suffixes, bad, 2, &seed), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_longest_rule_prevails),
	    cmocka_unit_test(without_rules_it_is_the_last_label),
	    cmocka_unit_test(what_is_no_name_is_no_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
