/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/io.h"
#include "base/path.h"
#include "base/unused.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define STRANGER 65534
#define APPEND   (O_WRONLY | O_APPEND | O_CREAT)

static char top[] = "/tmp/crosstap-path-XXXXXX";
static uid_t me; /* whose process this is */

/* In place of the C library's. */
uid_t geteuid(void)
{
	return me;
}

static int make_top(void **state UNUSED)
{
	me = getuid();
	return mkdtemp(top) && chdir(top) == 0 && mkdir("real", 0700) == 0 &&
		mkdir("real/deep", 0700) == 0
	    ? 0
	    : -1;
}

static int remove_top(void **state UNUSED)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

/* Where one may not give things away, it is the process that becomes another user's. */
static void give_away(const char *path)
{
	if (getuid() == 0)
		assert_int_equal(lchown(path, STRANGER, STRANGER), 0);
	else
		me = STRANGER;
}

static void take_back(const char *path)
{
	if (getuid() == 0)
		assert_int_equal(lchown(path, 0, 0), 0);
	me = getuid();
}

static const char *whole(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static void expect(const char *path, int flags, int error)
{
	const int fd = path_open(path, flags, 0640);

	if (error) {
		assert_int_equal(fd, -error);
		return;
	}
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
}

static void as_open_without_links(void **state UNUSED)
{
	char longest[PATH_MAX + 1];
	struct stat st;

	expect("real/file", O_RDONLY, ENOENT);
	expect("real/file", APPEND, 0);
	assert_int_equal(stat("real/file", &st), 0);
	expect(whole("real//deep/.././file"), O_RDONLY, 0);
	expect("real/file/below", O_RDONLY, ENOTDIR);
	expect("none/file", APPEND, ENOENT);
	expect("real", O_WRONLY, EISDIR);
	expect("real/", O_RDONLY | O_DIRECTORY, 0);
	expect("/", O_RDONLY | O_DIRECTORY, 0);
	expect("real/file", O_RDONLY | O_DIRECTORY, ENOTDIR);
	memset(longest, 'x', PATH_MAX);
	longest[PATH_MAX] = '\0';
	expect(longest, O_RDONLY, ENAMETOOLONG);
	assert_int_equal(unlink("real/file"), 0);
}

static void ones_own_links_are_followed(void **state UNUSED)
{
	struct stat st;

	assert_int_equal(symlink("real/deep", "relative"), 0);
	assert_int_equal(symlink(whole("relative"), "absolute"), 0);
	assert_int_equal(symlink("absolute/new", "dangling"), 0);
	expect("dangling", APPEND, 0);
	assert_int_equal(stat("real/deep/new", &st), 0);
	expect("absolute/new", O_WRONLY, 0);
	expect("absolute", O_RDONLY | O_DIRECTORY, 0);
	assert_int_equal(symlink("circle", "circle"), 0);
	expect("circle", APPEND, ELOOP);
	expect("circle/file", APPEND, ELOOP);
}

/* The links and the file of the test before. */
static void those_of_another_user_are_not(void **state UNUSED)
{
	static const struct {
		const char *link, *path;
	} cases[] = {{"dangling", "dangling"}, {"relative", "relative/new"},
	    {"relative", "dangling"}, {"absolute", "absolute/new"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		give_away(cases[i].link);
		expect(cases[i].path, APPEND, ELOOP);
		expect(cases[i].path, O_RDONLY, ELOOP);
		take_back(cases[i].link);
		expect(cases[i].path, APPEND, 0);
	}
	give_away("relative");
	expect("relative", O_RDONLY | O_DIRECTORY, ELOOP);
	take_back("relative");
}

static void second_names(void **state UNUSED)
{
	expect("real/precious", APPEND, 0);
	assert_int_equal(link("real/precious", "real/deep/name"), 0);
	expect("real/deep/name", APPEND, 0);
	give_away("real/deep");
	expect("real/deep/name", APPEND, EMLINK);
	expect("real/deep/name", O_RDONLY, 0);
	expect("real/deep/other", APPEND, 0);
	take_back("real/deep");
}

/* As of /dev/stdout: what is open has no path. */
static void links_of_the_kernel(void **state UNUSED)
{
	char path[64], byte;
	int fds[2], fd;

	assert_int_equal(pipe(fds), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[1]);
	assert_int_equal(symlink(path, "out"), 0);
	fd = path_open("out", APPEND, 0640);
	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, "x", 1), 0);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	close(fd);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(symlink("/proc/self/fd/1000000", "closed"), 0);
	expect("closed", APPEND, ENOENT);
	expect("/proc/self/cwd/real/precious", O_RDONLY, 0);
	expect("/proc/self/cwd", O_RDONLY | O_DIRECTORY, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(as_open_without_links),
	    cmocka_unit_test(ones_own_links_are_followed),
	    cmocka_unit_test(those_of_another_user_are_not),
	    cmocka_unit_test(second_names),
	    cmocka_unit_test(links_of_the_kernel),
	};

	return cmocka_run_group_tests(tests, make_top, remove_top);
}
