/* SPDX-License-Identifier: BSD-2-Clause */
/* A command as its caller sees it: exit status, stdout and stderr. */
#ifndef CROSSTAP_TESTS_RUN_COMMAND_H
#define CROSSTAP_TESTS_RUN_COMMAND_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define MAX_OUTPUT 65536

struct result {
	int status;
	char out[MAX_OUTPUT], err[MAX_OUTPUT];
};

static inline void read_all(FILE *file, char *text)
{
	rewind(file);
	text[fread(text, 1, MAX_OUTPUT - 1, file)] = '\0';
	fclose(file);
}

/* In a process of its own, since the command writes to stdout and stderr. */
static inline void run_command(
    struct result *result, int (*command)(int argc, char **argv), int argc, char **argv)
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
		status = command(argc, argv);
		fflush(NULL);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	result->status = WEXITSTATUS(status);
	read_all(out, result->out);
	read_all(err, result->err);
}

/* RUN_COMMAND(&result, command_check, "check", "--json"): the name, then what follows it. */
#define RUN_COMMAND(result, command, ...)                                                          \
	do {                                                                                       \
		char *argv_[] = {__VA_ARGS__, NULL};                                               \
		run_command(result, command, (int)(sizeof(argv_) / sizeof(argv_[0])) - 1, argv_);  \
	} while (0)

#endif
