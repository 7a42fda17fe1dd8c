/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap check as a command: exit status, and what stdout and stderr hold. */
#include "command/command.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define MAX_OUTPUT 65536

struct result {
	int status;
	char out[MAX_OUTPUT], err[MAX_OUTPUT];
};

static char path[] = "/tmp/crosstap-check-XXXXXX";

static void read_all(FILE *file, char *text)
{
	size_t n;

	rewind(file);
	n = fread(text, 1, MAX_OUTPUT - 1, file);
	text[n] = '\0';
	fclose(file);
}

/* In a process of its own, since the command writes to stdout and stderr. */
static void run(struct result *result, int argc, char **argv)
{
	FILE *out = tmpfile(), *err = tmpfile();
	int status;
	pid_t pid;

	assert_non_null(out);
	assert_non_null(err);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fileno(out), STDOUT_FILENO);
		dup2(fileno(err), STDERR_FILENO);
		status = command_check(argc, argv);
		fflush(NULL);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	result->status = WEXITSTATUS(status);
	read_all(out, result->out);
	read_all(err, result->err);
}

#define RUN(result, ...)                                                                           \
	do {                                                                                       \
		char *argv_[] = {"check", __VA_ARGS__, NULL};                                      \
		run(result, (int)(sizeof(argv_) / sizeof(argv_[0])) - 1, argv_);                   \
	} while (0)

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void a_good_file(void **state)
{
	static struct result result;

	write_file("interval: 5s\noutputs:\n  - influxdb: {token: hunter2}\n");
	RUN(&result, "-c", path);
	assert_int_equal(result.status, 0);
	assert_string_equal(result.err, "");
	assert_non_null(strstr(result.out, "\ninterval: 5s\n"));
	assert_non_null(strstr(result.out, "    token: \"***\"\n"));
	assert_non_null(strstr(result.out, "# total "));
}

static void one_json_document(void **state)
{
	static struct result result;
	json_t *json, *series;

	write_file("wire: {mode: off}\n");
	RUN(&result, "--json", "-c", path);
	assert_int_equal(result.status, 0);
	assert_string_equal(result.err, "");
	json = json_loads(result.out, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(
				json_object_get(json_object_get(json, "config"), "wire"), "mode")),
	    "off");
	series = json_object_get(json, "series");
	assert_true(json_integer_value(json_object_get(series, "total")) > 0);
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(series, "measurements"), "dns")),
	    14);
	json_decref(json);
}

static void a_bad_file(void **state)
{
	static struct result result;

	write_file("wire: {prots: [53]}\n");
	RUN(&result, "--json", "-c", path);
	assert_int_equal(result.status, 2);
	assert_string_equal(result.out, "");
	assert_string_equal(
	    result.err + strlen(path), ":1:8: wire.prots: unknown key (did you mean \"ports\"?)\n");
	RUN(&result, "-c", "/nonexistent/x");
	assert_int_equal(result.status, 2);
	assert_non_null(strstr(result.err, "/nonexistent/x: cannot be read"));
}

static void usage(void **state)
{
	static struct result result;

	RUN(&result, "--help");
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.out, "usage: crosstap check"));
	RUN(&result, "--no-such-option");
	assert_int_equal(result.status, 2);
	assert_string_equal(result.out, "");
	RUN(&result, "-c", path, "more");
	assert_int_equal(result.status, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_good_file),
	    cmocka_unit_test(one_json_document),
	    cmocka_unit_test(a_bad_file),
	    cmocka_unit_test(usage),
	};
	int fd = mkstemp(path), failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
