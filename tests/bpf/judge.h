/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program of tests expects, and needs. */
#ifndef CROSSTAP_TESTS_JUDGE_H
#define CROSSTAP_TESTS_JUDGE_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures;
static const char *running;

static inline void expect(bool holds, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void expect(bool holds, const char *format, ...)
{
	va_list arguments;

	if (holds)
		return;
	failures++;
	fprintf(stderr, "FAIL %s: ", running);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

static inline void must(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "%s: %s: %s\n", running, what, strerror(errno));
		exit(1);
	}
}

/* For what cannot be taken back: rights that are given up, calls that are refused. */
static inline void in_child(void (*work)(void))
{
	const pid_t pid = fork();
	int status;

	if (pid == 0) {
		failures = 0;
		work();
		_exit(failures != 0);
	}
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child failed");
}

struct test {
	const char *name;
	void (*run)(void);
};

/* All of them, or the one that an argument chooses, each between `before` and `after` (NULL:
 * nothing); the exit status. */
static inline int judge_between(const char *what, const struct test *tests, size_t n, int argc,
    char **argv, void (*before)(void), void (*after)(void))
{
	for (size_t i = 0; i < n; i++) {
		if (argc > 1 && strcmp(argv[1], tests[i].name) != 0)
			continue;
		running = tests[i].name;
		if (before)
			before();
		tests[i].run();
		if (after)
			after();
	}
	printf("%zu tests of %s, %d failures\n", n, what, failures);
	return failures != 0;
}

static inline int judge_each(
    const char *what, const struct test *tests, size_t n, int argc, char **argv)
{
	return judge_between(what, tests, n, argc, argv, NULL, NULL);
}

#endif
