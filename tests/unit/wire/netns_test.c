/* SPDX-License-Identifier: BSD-2-Clause */
/* What is taken for a network namespace. */
#include "base/unused.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../skip.h"
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

/* What had the name may be gone, and its name be another's. */
static void a_name_that_changes_hands(void **state UNUSED)
{
	const int ours = netns_open("/proc/self/ns/net");
	char path[64];
	int ends[2];
	pid_t child;
	char ready;

	assert_true(ours >= 0);
	assert_false(netns_is_another(ours, "/proc/self/ns/net"));
	assert_false(netns_is_another(ours, "no-such-namespace"));
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		ready = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
		if (write(ends[1], &ready, 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(ends[0], &ready, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)child);
	if (ready)
		assert_true(netns_is_another(ours, path));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(ends[0]);
	close(ends[1]);
	close(ours);
	if (!ready)
		skip_because("no network namespace of one's own");
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
	    cmocka_unit_test(a_name_that_changes_hands),
	    cmocka_unit_test(is_entered_or_nothing_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
