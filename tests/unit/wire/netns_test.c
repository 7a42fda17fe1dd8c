/* SPDX-License-Identifier: BSD-2-Clause */
/* What is taken for a network namespace. */
#include "base/unused.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire/netlink/netns.h"

static void ours_by_its_path(void **state UNUSED)
{
	const int fd = netns_open("/proc/self/ns/net");

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
}

static void what_is_none(void **state UNUSED)
{
	char folder[] = "/tmp/crosstap-netns-XXXXXX", path[64];

	assert_int_equal(netns_open("/proc/self/ns/mnt"), -EINVAL);
	assert_int_equal(netns_open("/dev/null"), -EINVAL);
	assert_int_equal(netns_open("no-such-namespace"), -ENOENT);
	assert_non_null(mkdtemp(folder));
	assert_int_equal(netns_open(folder), -EINVAL);
	snprintf(path, sizeof(path), "%s/file", folder);
	assert_int_equal(mknod(path, S_IFREG | 0600, 0), 0);
	assert_int_equal(netns_open(path), -EINVAL);
	assert_int_equal(unlink(path), 0);
	/* Nobody ever writes to it. */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(netns_open(path), -EINVAL);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void count(void *context)
{
	++*(unsigned *)context;
}

static void is_entered_or_nothing_is_done(void **state UNUSED)
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
	    cmocka_unit_test(ours_by_its_path),
	    cmocka_unit_test(what_is_none),
	    cmocka_unit_test(is_entered_or_nothing_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
