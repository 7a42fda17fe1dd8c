/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/io.h"
#include "base/unused.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define BYTES 300000 /* more than a pipe holds, so that both ends are cut short */

static void *write_it(void *arg)
{
	char *data = malloc(BYTES);

	assert_non_null(data);
	memset(data, 'x', BYTES);
	assert_int_equal(io_write(*(int *)arg, data, BYTES), 0);
	free(data);
	close(*(int *)arg);
	return NULL;
}

static void test_goes_on_over_short_ones(void **state UNUSED)
{
	char *data = malloc(BYTES + 1);
	pthread_t writer;
	int fds[2];

	assert_non_null(data);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_it, &fds[1]), 0);
	assert_int_equal(io_read(fds[0], data, BYTES + 1), BYTES);
	assert_int_equal(data[0], 'x');
	assert_int_equal(data[BYTES - 1], 'x');
	pthread_join(writer, NULL);
	close(fds[0]);
	free(data);
}

static void test_errors(void **state UNUSED)
{
	int full = open("/dev/full", O_WRONLY);
	char byte = 0;

	assert_true(full >= 0);
	assert_int_equal(io_write(full, "x", 1), -ENOSPC);
	assert_int_equal(io_read(full, &byte, 1), -EBADF);
	assert_int_equal(io_write(full, NULL, 0), 0);
	close(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_goes_on_over_short_ones),
	    cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
