/* SPDX-License-Identifier: BSD-2-Clause */
/* Priorities before the lines of the log, when stderr is the journal's stream. The process looks
 * once, at its first line: so each case has one of its own. */
#include "base/log.h"
#include "base/unused.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void write_lines(FILE *stream, const char *journal)
{
	dup2(fileno(stream), STDERR_FILENO);
	if (journal)
		setenv("JOURNAL_STREAM", journal, 1);
	else
		unsetenv("JOURNAL_STREAM");
	log_set_level(LOG_LEVEL_DEBUG);
	log_error("mod", "one");
	log_warning("mod", "two");
	log_info("mod", "three");
	log_debug("mod", "four");
	_exit(0);
}

/* NULL: the variable is not there. */
static void expect(FILE *stream, const char *journal, const char *lines)
{
	char written[256];
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		write_lines(stream, journal);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	rewind(stream);
	written[fread(written, 1, sizeof(written) - 1, stream)] = '\0';
	assert_string_equal(written, lines);
	assert_int_equal(ftruncate(fileno(stream), 0), 0);
	rewind(stream);
}

static void test_priorities(void **state UNUSED)
{
	static const char plain[] =
	    "error mod: one\nwarning mod: two\ninfo mod: three\ndebug mod: four\n";
	FILE *stream = tmpfile();
	char own[64], other[64];
	struct stat st;

	assert_non_null(stream);
	assert_int_equal(fstat(fileno(stream), &st), 0);
	snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	snprintf(other, sizeof(other), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino + 1);
	expect(stream, own,
	    "<3>error mod: one\n<4>warning mod: two\n<6>info mod: three\n<7>debug mod: four\n");
	expect(stream, other, plain); /* the shell that started us is a service, we are not */
	expect(stream, "nonsense", plain);
	expect(stream, NULL, plain);
	fclose(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_priorities)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
