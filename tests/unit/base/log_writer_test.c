/* SPDX-License-Identifier: BSD-2-Clause */
/* A log that nobody reads. */
#include "base/clock.h"
#include "base/log.h"
#include "base/unused.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LINES       20000 /* more than ring and pipe hold */
#define PIPE_BYTES  4096
#define PATIENCE_NS (10 * (uint64_t)NS_PER_S)

struct pipe_of_log {
	int reader, saved;
};

static int redirect(void **state)
{
	static struct pipe_of_log f;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
	f.reader = ends[0];
	f.saved = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	*state = &f;
	return 0;
}

static int setup(void **state)
{
	return redirect(state) < 0 ? -1 : log_start();
}

/* Also lets go of a thread that a full pipe still holds. */
static int teardown(void **state)
{
	struct pipe_of_log *f = *state;

	dup2(f->saved, STDERR_FILENO);
	close(f->saved);
	if (f->reader >= 0)
		close(f->reader);
	return 0;
}

/* Reads until `what` has come; the lines before its own. */
static size_t read_until(struct pipe_of_log *f, const char *what, char *line, size_t size)
{
	FILE *reader = fdopen(dup(f->reader), "r");
	size_t lines = 0;

	assert_non_null(reader);
	while (fgets(line, (int)size, reader) && !strstr(line, what))
		lines++;
	fclose(reader);
	return lines;
}

/* Reads until the lines that came and those that are told of as dropped are `all`. */
static uint64_t read_all(struct pipe_of_log *f, uint64_t all)
{
	FILE *reader = fdopen(dup(f->reader), "r");
	uint64_t read = 0, told = 0;
	unsigned long long n;
	char line[4096];

	assert_non_null(reader);
	while (read + told < all && fgets(line, sizeof(line), reader)) {
		if (sscanf(line, "warning log: nobody read the log: lines dropped lines=%llu",
			&n) == 1)
			told += n;
		else
			read++;
	}
	assert_int_equal(read + told, all);
	fclose(reader);
	return told;
}

static void test_nobody_waits_and_what_is_dropped_is_told(void **state)
{
	struct pipe_of_log *f = *state;
	const uint64_t before = clock_monotonic_ns(), dropped = log_dropped();
	char line[4096];

	for (int i = 0; i < LINES; i++)
		log_info("test", "line=%d", i);
	assert_true(clock_monotonic_ns() - before < PATIENCE_NS);
	assert_true(log_dropped() > dropped);
	assert_int_equal(read_all(f, LINES), log_dropped() - dropped);
	log_info("test", "after");
	log_stop(PATIENCE_NS);
	assert_int_equal(read_until(f, "after", line, sizeof(line)), 0);
	assert_string_equal(line, "info test: after\n");
}

static void test_the_end_does_not_wait(void **state UNUSED)
{
	uint64_t before;

	for (int i = 0; i < LINES; i++)
		log_info("test", "line=%d", i);
	before = clock_monotonic_ns();
	log_stop(NS_PER_S / 20);
	log_info("test", "one more, which nobody waits for either");
	assert_true(clock_monotonic_ns() - before < PATIENCE_NS);
}

static void test_a_child_waits_for_nobody(void **state)
{
	struct pipe_of_log *f = *state;
	int status;
	pid_t child;

	for (int i = 0; i < LINES; i++)
		log_info("test", "line=%d", i);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		log_info("test", "of the child");
		_exit(7);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 7);
	close(f->reader); /* lets the thread go */
	f->reader = -1;
	log_stop(PATIENCE_NS);
}

static void test_all_that_waits_is_written_at_the_end(void **state)
{
	struct pipe_of_log *f = *state;
	char line[4096];

	for (int i = 0; i < 50; i++)
		log_info("test", "line=%d", i);
	log_stop(PATIENCE_NS);
	assert_int_equal(read_until(f, "line=49", line, sizeof(line)), 49);
}

/* Also those of which the pipe would take but a few. */
static void test_lines_wait_for_the_start(void **state)
{
	struct pipe_of_log *f = *state;
	struct pollfd in = {.fd = f->reader, .events = POLLIN};
	char line[4096];

	log_hold();
	for (int i = 0; i < 500; i++)
		log_info("test", "line=%d", i);
	assert_int_equal(poll(&in, 1, 100), 0);
	assert_int_equal(log_start(), 0);
	assert_int_equal(read_until(f, "line=499", line, sizeof(line)), 499);
	log_stop(PATIENCE_NS);
}

static void test_no_start_comes(void **state)
{
	struct pipe_of_log *f = *state;
	char line[4096];

	log_hold();
	log_info("test", "last");
	log_stop(PATIENCE_NS);
	assert_int_equal(read_until(f, "last", line, sizeof(line)), 0);
}

/* What waits is written then, and all that comes at once. */
static void test_no_thread_is_to_be_had(void **state)
{
	struct pipe_of_log *f = *state;
	pthread_attr_t before, larger_than_memory;
	char line[4096];
	int r;

	log_hold();
	log_info("test", "held");
	pthread_getattr_default_np(&before);
	pthread_attr_init(&larger_than_memory);
	pthread_attr_setstacksize(&larger_than_memory, (size_t)1 << 47);
	assert_int_equal(pthread_setattr_default_np(&larger_than_memory), 0);
	r = log_start();
	pthread_setattr_default_np(&before);
	assert_int_equal(r, -EAGAIN);
	log_info("test", "direct");
	assert_int_equal(read_until(f, "direct", line, sizeof(line)), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_nobody_waits_and_what_is_dropped_is_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_all_that_waits_is_written_at_the_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_child_waits_for_nobody, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lines_wait_for_the_start, redirect, teardown),
	    cmocka_unit_test_setup_teardown(test_no_start_comes, redirect, teardown),
	    cmocka_unit_test_setup_teardown(test_no_thread_is_to_be_had, redirect, teardown),
	    /* Last: its thread is left behind. */
	    cmocka_unit_test_setup_teardown(test_the_end_does_not_wait, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
