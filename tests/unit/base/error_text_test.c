/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/error_text.h"
#include "base/unused.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

static void test_names_the_limit_and_what_raises_it(void **state UNUSED)
{
	struct rlimit files;
	char text[ERROR_TEXT_BYTES];

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = 97;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	error_text(text, EMFILE);
	assert_non_null(strstr(text, "the process has 97,"));
	assert_non_null(strstr(text, "LimitNOFILE="));
	assert_non_null(strstr(error_text(text, ENFILE), "fs.file-max"));
	assert_non_null(strstr(error_text(text, ELOOP), "of another user"));
	assert_non_null(strstr(error_text(text, EMLINK), "a second name"));
	assert_non_null(
	    strstr(error_text(text, EROFS), "BindPaths= for the folder (systemctl edit crosstap)"));
	assert_string_equal(error_text(text, EACCES), strerror(EACCES));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names_the_limit_and_what_raises_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
