/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/suffix_rule.h"

#include "base/unused.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A-labels as Python's codec `punycode` makes them. */
static void good_rules(void **state UNUSED)
{
	static const struct {
		const char *text, *expected;
	} rules[] = {
	    {"uk", "uk"},
	    {"Co.UK", "co.uk"},
	    {"*", "*"},
	    {"*.ck", "*.ck"},
	    {"!www.ck", "!www.ck"},
	    {"公司.cn", "xn--55qx5d.cn"},
	    {"aéroport.ci", "xn--aroport-bya.ci"},
	    {"individualizará.example", "xn--individualizar-8gb.example"},
	    {"*.ಭಾರತ", "*.xn--2scrj9c"},
	    {"!москва.рф", "!xn--80adxhks.xn--p1ai"},
	    {"𝄞x.example", "xn--x-yg8q.example"},
	    {"\\001\\001\\001\\001\\001\\001\\001\\001\\001\\001\\001\\001\\001\\001\\001\\001.uk",
		"\\001\\001\\001\\001\\001\\001\\001\\001\\001\\001\\001\\001\\001\\001\\001\\001."
		"uk"},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		char rule[SUFFIX_RULE_SIZE];
		const char *problem = NULL;

		assert_int_equal(suffix_rule_normalize(rules[i].text, rule, &problem), 0);
		assert_string_equal(rule, rules[i].expected);
	}
}

static void bad_rules(void **state UNUSED)
{
	static const char *const rules[] = {"", "!", "*.", "a..b", "*.*.uk", "a.*", "\xff.uk",
	    "\xc0\x80.uk", "\xe4\xbd", "\xf5\x80\x80\x80", "\xc3\xbc\\002.uk", "\\!.uk", "\\033.uk",
	    "\\042.uk", "a.\\042",
	    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one rule of three parts */
	    "公公公公公公公公公公公公公公公公公公公公公公公公公公公公公公公公公公公公公公公公公公公"
	    "公"
	    "公司公司公司公司公司公司公司公司公司公司",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.uk"};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		char rule[SUFFIX_RULE_SIZE];
		const char *problem = NULL;

		if (suffix_rule_normalize(rules[i], rule, &problem) != -EINVAL)
			fail_msg("%s became %s", rules[i], rule);
		assert_non_null(problem);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_rules),
	    cmocka_unit_test(bad_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
