/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"
#include "base/unused.h"

#include "base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char written[8192];

/* What the call wrote to stderr. */
#define CAPTURE(call)                                                                              \
	do {                                                                                       \
		int ends[2], saved = dup(STDERR_FILENO);                                           \
		ssize_t n;                                                                         \
		assert_int_equal(pipe(ends), 0);                                                   \
		dup2(ends[1], STDERR_FILENO);                                                      \
		close(ends[1]);                                                                    \
		call;                                                                              \
		dup2(saved, STDERR_FILENO);                                                        \
		close(saved);                                                                      \
		n = read(ends[0], written, sizeof(written) - 1);                                   \
		close(ends[0]);                                                                    \
		written[n > 0 ? n : 0] = '\0';                                                     \
	} while (0)

static void test_lines(void **state UNUSED)
{
	CAPTURE(log_info("mod", "text key=%d", 7));
	assert_string_equal(written, "info mod: text key=7\n");
	CAPTURE(log_debug("mod", "unseen"));
	assert_string_equal(written, "");
	log_set_level(LOG_LEVEL_DEBUG);
	CAPTURE(log_debug("mod", "seen"));
	assert_string_equal(written, "debug mod: seen\n");
	log_set_level(LOG_LEVEL_ERROR);
	CAPTURE(log_warning("mod", "unseen"));
	assert_string_equal(written, "");
	log_set_level(LOG_LEVEL_INFO);
}

static void test_hostile_bytes_do_not_break_a_line(void **state UNUSED)
{
	char many[3000];

	CAPTURE(log_error("mod", "a\nerror mod: b\r\t\x1b[2J\x7f"));
	assert_string_equal(written, "error mod: a\\x0aerror mod: b\\x0d\\x09\\x1b[2J\\x7f\n");
	memset(many, '\n', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	CAPTURE(log_error("mod", "%s", many));
	assert_true(strlen(written) <= 4096);
	assert_ptr_equal(strchr(written, '\n'), written + strlen(written) - 1);
	memset(many, 'x', sizeof(many) - 1);
	CAPTURE(log_error(many, "text"));
	assert_ptr_equal(strchr(written, '\n'), written + strlen(written) - 1);
}

/* In an identity, an organisation's name, a URL: what turns a terminal or the order of letters. */
static void test_hostile_characters_are_escaped(void **state UNUSED)
{
	CAPTURE(log_info("mod",
	    "identity=\xc2\x9b"
	    "2J org=\xe2\x80\xae"
	    "lmth \xe2\x81\xa6x "
	    "url=\xd8\x9c\xe2\x80\xa8\xe2\x80\x8f"));
	assert_string_equal(written,
	    "info mod: identity=\\xc2\\x9b2J org=\\xe2\\x80\\xaelmth \\xe2\\x81\\xa6x "
	    "url=\\xd8\\x9c\\xe2\\x80\\xa8\\xe2\\x80\\x8f\n");
	/* No UTF-8: overlong, surrogate, past the end, alone, cut off. */
	CAPTURE(log_info("mod", "\xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \x85 \xe2\x82"));
	assert_string_equal(written,
	    "info mod: \\xc0\\xaf \\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80 \\x85 \\xe2\\x82\n");
	CAPTURE(log_info("mod", "K\xc3\xb6ln \xe4\xba\xac \xf0\x9f\x8c\x8d"));
	assert_string_equal(written, "info mod: K\xc3\xb6ln \xe4\xba\xac \xf0\x9f\x8c\x8d\n");
}

static void test_a_new_reason_is_never_silent(void **state UNUSED)
{
	const uint64_t hour_ns = 3600 * (uint64_t)NS_PER_S;
	struct log_reasons reasons = {0};
	uint64_t suppressed = 99;
	char reason[32];

	assert_true(log_reason_pass(&reasons, "no such database 1", hour_ns, &suppressed));
	assert_int_equal(suppressed, 0);
	assert_false(log_reason_pass(&reasons, "no such database 2", hour_ns, &suppressed));
	assert_true(log_reason_pass(&reasons, "no route", hour_ns, &suppressed));
	assert_false(log_reason_pass(&reasons, "no route", hour_ns, &suppressed));
	reasons.places[0].limit.next_ns = 0; /* its hour is over, that of the other is not */
	assert_true(log_reason_pass(&reasons, "no such database 3", hour_ns, &suppressed));
	assert_int_equal(suppressed, 1);
	for (int c = 'a'; c <= 'z'; c++) {
		snprintf(reason, sizeof(reason), "made up %c", c);
		assert_int_equal(log_reason_pass(&reasons, reason, hour_ns, &suppressed),
		    c - 'a' < LOG_REASONS - 2 + 1);
	}
}

static void test_level_names(void **state UNUSED)
{
	enum log_level level = LOG_LEVEL_INFO;

	assert_int_equal(log_level_from_name("debug", &level), 0);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_from_name("Debug", &level), -EINVAL);
	assert_int_equal(log_level_from_name("", &level), -EINVAL);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
}

static void test_limit_passes_once_and_counts_the_rest(void **state UNUSED)
{
	struct log_limit limit = {0};
	uint64_t suppressed = 99;

	assert_true(log_limit_pass(&limit, 3600 * (uint64_t)NS_PER_S, &suppressed));
	assert_int_equal(suppressed, 0);
	for (int i = 0; i < 5; i++)
		assert_false(log_limit_pass(&limit, 3600 * (uint64_t)NS_PER_S, &suppressed));
	limit.next_ns = 0; /* the hour is over */
	assert_true(log_limit_pass(&limit, 0, &suppressed));
	assert_int_equal(suppressed, 5);
	assert_true(log_limit_pass(&limit, 0, &suppressed));
	assert_int_equal(suppressed, 0);
}

static void test_a_burst_passes_and_the_rest_is_counted(void **state UNUSED)
{
	struct log_burst burst = {0};
	uint64_t suppressed = 99;

	for (int i = 0; i < 5; i++) {
		assert_int_equal(
		    log_burst_pass(&burst, 3600 * (uint64_t)NS_PER_S, 3, &suppressed), i < 3);
		assert_int_equal(suppressed, 0);
	}
	burst.until_ns = 0; /* the hour is over */
	assert_true(log_burst_pass(&burst, 3600 * (uint64_t)NS_PER_S, 3, &suppressed));
	assert_int_equal(suppressed, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_hostile_bytes_do_not_break_a_line),
	    cmocka_unit_test(test_hostile_characters_are_escaped),
	    cmocka_unit_test(test_a_new_reason_is_never_silent),
	    cmocka_unit_test(test_level_names),
	    cmocka_unit_test(test_a_burst_passes_and_the_rest_is_counted),
	    cmocka_unit_test(test_limit_passes_once_and_counts_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
