/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "config/zone_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void good_names(void **state UNUSED)
{
	static const struct {
		const char *text, *expected;
	} names[] = {
	    {".", "."},
	    {"nl", "nl"},
	    {"NL.", "nl"},
	    {"Example.ORG", "example.org"},
	    {"_dns.x", "_dns.x"},
	    {"a\\.b.c", "a\\.b.c"},           /* a dot in a label */
	    {"a\\046b.c", "a\\.b.c"},         /* the same */
	    {"a\\\\b", "a\\\\b"},             /* a backslash */
	    {"\\065\\x", "ax"},               /* needless escapes */
	    {"a\\000b\\255", "a\\000b\\255"}, /* octets that cannot be shown */
	    {"a\\032b\\ c", "a\\032b\\032c"}, /* spaces */
	    {"*.nl", "*.nl"},
	    {"0/25.2.0.192.in-addr.arpa", "0/25.2.0.192.in-addr.arpa"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char name[ZONE_NAME_SIZE];
		const char *problem = NULL;

		assert_int_equal(zone_name_normalize(names[i].text, name, &problem), 0);
		assert_string_equal(name, names[i].expected);
		/* What was written is written again the same way. */
		assert_int_equal(zone_name_normalize(names[i].expected, name, &problem), 0);
		assert_string_equal(name, names[i].expected);
	}
}

static void bad_names(void **state UNUSED)
{
	static const char *const names[] = {"", "..", ".nl", "a..b", "nl..", "a b", "a\tb",
	    "b\303\274cher", "a\\", "a\\2", "a\\25", "a\\256", "a\\999", "a\\1x1", "\x7f"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char name[ZONE_NAME_SIZE] = "untouched";
		const char *problem = NULL;

		assert_int_equal(zone_name_normalize(names[i], name, &problem), -22);
		assert_non_null(problem);
		assert_string_equal(name, "untouched");
	}
}

static void lengths(void **state UNUSED)
{
	char text[2048], name[ZONE_NAME_SIZE];
	const char *problem = NULL;

	memset(text, 'a', 64);
	text[63] = '\0';
	assert_int_equal(zone_name_normalize(text, name, &problem), 0);
	text[63] = 'a';
	text[64] = '\0';
	assert_int_equal(zone_name_normalize(text, name, &problem), -22);
	assert_string_equal(problem, "has a label over 63 octets");

	/* 127 labels of one octet and the root are 255 octets. */
	for (size_t i = 0; i < 127; i++)
		memcpy(text + 2 * i, "a.", 3);
	assert_int_equal(zone_name_normalize(text, name, &problem), 0);
	memcpy(text + 254, "a", 2);
	assert_int_equal(zone_name_normalize(text, name, &problem), -22);
	assert_string_equal(problem, "is over 255 octets");

	/* The longest text: all octets escaped, labels of 63, 63, 63 and 61. */
	text[0] = '\0';
	for (size_t i = 0; i < 250; i++)
		strcat(text, i == 63 || i == 126 || i == 189 ? ".\\001" : "\\001");
	assert_int_equal(zone_name_normalize(text, name, &problem), 0);
	assert_string_equal(name, text);
	strcat(text, "\\001");
	assert_int_equal(zone_name_normalize(text, name, &problem), -22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_names),
	    cmocka_unit_test(bad_names),
	    cmocka_unit_test(lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
