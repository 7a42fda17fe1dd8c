/* SPDX-License-Identifier: BSD-2-Clause */
/* What can befall a start: no memory, a signal. */
#include "base/unused.h"
#include "command/command.h"
#include "run_command.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../scarce.h"

#define NO_MEMORY "Cannot allocate memory"

static char path[] = "/tmp/crosstap-run-XXXXXX";

/* Its socket's path is the file itself, so that it ends by itself. */
static const char configuration[] = "server: run_test\n"
				    "inputs:\n"
				    "  - unix: %s\n"
				    "    zones: [nl, example.org]\n"
				    "wire: {mode: \"off\"}\n"
				    "outputs: [{influxdb: {version: 1, database: d}}]\n"
				    "http: {listen: off}\n";

static int make_file(void **state UNUSED)
{
	const int fd = mkstemp(path);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file)
		return -1;
	fprintf(file, configuration, path);
	return fclose(file);
}

static int remove_file(void **state UNUSED)
{
	return unlink(path);
}

static long memory_left;

/* In the child, whose end has memory again: what counts the lines that ran asks for some. */
static int run_scarcely(int argc, char **argv)
{
	int status;

	scarce_left = memory_left;
	status = command_run(argc, argv);
	scarce_left = -1;
	return status;
}

static void run(struct result *result, long left)
{
	memory_left = left;
	RUN_COMMAND(result, run_scarcely, "run", "-c", path);
}

static void with_all_memory(void **state UNUSED)
{
	static struct result result;

	run(&result, -1);
	assert_int_equal(result.status, 1);
	assert_non_null(strstr(result.err, "is not a socket"));
}

/* The first allocations one by one, those of the whole start here and there. */
static void without_memory(void **state UNUSED)
{
	static struct result result;
	unsigned said = 0;

	for (int from_there = 0; from_there < 2; from_there++) {
		scarce_from_there = from_there;
		for (long left = 0; left < 2000; left += 1 + left / 8) {
			run(&result, left);
			if (result.status != 1 || !strstr(result.err, "error "))
				fail_msg("after %ld: %d, %s", left, result.status, result.err);
			said += strstr(result.err, NO_MEMORY) != NULL;
		}
	}
	assert_true(said > 40);
}

static int run_quietly(const char *file)
{
	char name[] = "run", option[] = "-c", *argv[] = {name, option, (char *)file, NULL};

	return freopen("/dev/null", "w", stderr) ? command_run(3, argv) : -1;
}

/* The configuration comes through a pipe, so that the start waits for it. */
static void a_reload_during_the_start(void **state UNUSED)
{
	char fifo[sizeof(path) + 8];
	FILE *file;
	pid_t pid;
	int status;

	snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run_quietly(fifo));
	file = fopen(fifo, "w");
	assert_non_null(file);
	assert_int_equal(kill(pid, SIGHUP), 0);
	fprintf(file, configuration, path);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(unlink(fifo), 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(with_all_memory),
	    cmocka_unit_test(without_memory),
	    cmocka_unit_test(a_reload_during_the_start),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
