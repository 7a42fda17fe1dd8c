/* SPDX-License-Identifier: BSD-2-Clause */
/* A pipe that has to be read twice. */
#include "base/unused.h"
#include "replay/spool.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LENGTH (3u << 20) /* several parts, the last of them not full */

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 2654435761u >> 13);
}

/* Its other end writes and goes. */
static int pipe_of(size_t length, pid_t *ret)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	*ret = fork();
	assert_true(*ret >= 0);
	if (*ret == 0) {
		static uint8_t bytes[LENGTH];

		for (size_t i = 0; i < length; i++)
			bytes[i] = byte_at(i);
		for (size_t done = 0; done < length;) {
			const ssize_t n = write(ends[1], bytes + done, length - done);

			if (n <= 0)
				_exit(1);
			done += (size_t)n;
		}
		_exit(0);
	}
	close(ends[1]);
	return ends[0];
}

static void must_end(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void what_came_can_be_read_twice(void **state UNUSED)
{
	static uint8_t seen[LENGTH];
	const size_t lengths[] = {0, 1, LENGTH - 17};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		char error[256] = "";
		int copy = -1;
		pid_t pid;
		const int from = pipe_of(lengths[i], &pid);

		assert_int_equal(spool_copy(from, &copy, error, sizeof(error)), 0);
		assert_string_equal(error, "");
		must_end(pid);
		close(from);
		for (int twice = 0; twice < 2; twice++) {
			assert_int_equal(read(copy, seen, sizeof(seen)), lengths[i]);
			for (size_t at = 0; at < lengths[i]; at++)
				assert_int_equal(seen[at], byte_at(at));
			assert_int_equal(lseek(copy, 0, SEEK_SET), 0);
		}
		close(copy);
	}
}

static void where_it_cannot_be_kept(void **state UNUSED)
{
	char error[256] = "";
	int copy = -1;

	assert_int_equal(setenv("TMPDIR", "/nonexistent/folder", 1), 0);
	assert_int_equal(spool_copy(STDIN_FILENO, &copy, error, sizeof(error)), -ENOENT);
	assert_int_equal(unsetenv("TMPDIR"), 0);
	assert_int_equal(copy, -1);
	assert_non_null(strstr(error, "cannot be kept in /nonexistent/folder, to be read twice: "));
	assert_non_null(strstr(error, "wire.addresses"));
}

static void what_cannot_be_read(void **state UNUSED)
{
	char error[256] = "";
	int copy = -1;

	assert_int_equal(spool_copy(-1, &copy, error, sizeof(error)), -EBADF);
	assert_int_equal(copy, -1);
	assert_non_null(strstr(error, "Bad file descriptor"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_came_can_be_read_twice),
	    cmocka_unit_test(where_it_cannot_be_kept),
	    cmocka_unit_test(what_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
