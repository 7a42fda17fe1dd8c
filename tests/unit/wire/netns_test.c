/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "wire/netlink/netns.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_path(void **state UNUSED)
{
	const int fd = netns_open("/proc/self/ns/net");

	assert_true(fd >= 0);
	close(fd);
}

/* `crosstap detach` goes through all names, and one of these is no failure of it. */
static void test_no_namespace(void **state UNUSED)
{
	char path[] = "/tmp/crosstap-netns-XXXXXX", name[PATH_MAX + 1];
	const int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(netns_open(path), -EINVAL);
	unlink(path);
	assert_int_equal(netns_open(path), -ENOENT);
	assert_int_equal(netns_open("/proc/self/ns/mnt"), -EINVAL);
	memset(name, 'n', PATH_MAX);
	name[PATH_MAX] = '\0';
	assert_int_equal(netns_open(name), -ENAMETOOLONG);
}

static void count(void *context)
{
	++*(unsigned *)context;
}

static void test_call(void **state UNUSED)
{
	unsigned calls = 0;
	int pipes[2];

	assert_int_equal(netns_call(-1, count, &calls), 0);
	assert_int_equal(calls, 1);
	/* None to enter: nothing is done in another one instead. */
	assert_int_equal(pipe(pipes), 0);
	assert_true(netns_call(pipes[0], count, &calls) < 0);
	assert_int_equal(calls, 1);
	close(pipes[0]);
	close(pipes[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_path),
	    cmocka_unit_test(test_no_namespace),
	    cmocka_unit_test(test_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
