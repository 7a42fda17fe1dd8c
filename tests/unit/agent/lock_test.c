/* SPDX-License-Identifier: BSD-2-Clause */
/* The lock file: one holder, whatever others put in its place. */
#include "agent/lock.h"
#include "base/unused.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define NOBODY 65534

struct folder {
	char path[PATH_MAX];
};

static int setup(void **state)
{
	struct folder *folder = calloc(1, sizeof(*folder));

	assert_non_null(folder);
	strcpy(folder->path, "/tmp/crosstap-lock-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
	*state = folder;
	return 0;
}

static int teardown(void **state)
{
	struct folder *folder = *state;
	DIR *directory = opendir(folder->path);
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		if (unlinkat(dirfd(directory), entry->d_name, 0) < 0)
			(void)unlinkat(dirfd(directory), entry->d_name, AT_REMOVEDIR);
	}
	if (directory)
		closedir(directory);
	rmdir(folder->path);
	free(folder);
	return 0;
}

/* The path of a server's lock in the folder, which needs not be there. */
static const char *path_of(const struct folder *folder, const char *name)
{
	static char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	return path;
}

static void assert_free(const struct folder *folder, const char *server)
{
	struct lock lock;

	assert_int_equal(lock_take(&lock, folder->path, server), 0);
	lock_release(&lock);
}

/* A child that holds what `take` gives it until it is told to end. */
static pid_t start_child(bool (*take)(const void *context), const void *context, int *ret_end)
{
	int ready[2], end[2];
	char byte = 0;
	pid_t child;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(end[1]);
		if (!take(context))
			_exit(1);
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		if (read(end[0], &byte, 1) != 0)
			_exit(1);
		_exit(0);
	}
	close(ready[1]);
	close(end[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	*ret_end = end[1];
	return child;
}

static void end_child(pid_t child, int end)
{
	int status;

	close(end);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static bool take_as_agent(const void *context)
{
	struct lock lock;

	return lock_take(&lock, context, "ns1") == 0;
}

static void two_agents(void **state)
{
	struct folder *folder = *state;
	struct lock lock;
	int end;
	pid_t child = start_child(take_as_agent, folder->path, &end);

	assert_int_equal(lock_take(&lock, folder->path, "ns1"), -EADDRINUSE);
	assert_int_equal(lock.fd, -1);
	assert_int_equal(lock.holder, child);
	assert_string_equal(lock.path, path_of(folder, "ns1.lock"));
	assert_free(folder, "ns2");
	end_child(child, end);
	assert_free(folder, "ns1");
}

static void killed_agent(void **state)
{
	struct folder *folder = *state;
	struct stat st;
	int end, status;
	pid_t child = start_child(take_as_agent, folder->path, &end);

	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(end);
	/* Its file is still there, and nobody's. */
	assert_int_equal(stat(path_of(folder, "ns1.lock"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_free(folder, "ns1");
}

static void names(void **state)
{
	static const struct {
		const char *server, *file;
	} cases[] = {
	    {"ns1.ams", "ns1.ams.lock"},
	    {"../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd.lock"},
	    {".hidden", "%2Ehidden.lock"},
	    {"a b\n", "a%20b%0A.lock"},
	    {"100%", "100%25.lock"},
	    {"\xc3\xa9", "%C3%A9.lock"},
	};
	struct folder *folder = *state;
	struct lock first, second;
	char a[256], b[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(lock_take(&first, folder->path, cases[i].server), 0);
		assert_string_equal(first.path, path_of(folder, cases[i].file));
		assert_int_equal(access(first.path, F_OK), 0);
		lock_release(&first);
	}
	/* The longest that a configuration takes, which differ in their last byte. */
	memset(a, '/', 255);
	a[255] = 0;
	memcpy(b, a, 256);
	b[254] = 'x';
	assert_int_equal(lock_take(&first, folder->path, a), 0);
	assert_int_equal(lock_take(&second, folder->path, b), 0);
	assert_string_not_equal(first.path, second.path);
	lock_release(&first);
	lock_release(&second);
}

static void makes_the_directory(void **state)
{
	struct folder *folder = *state;
	char path[PATH_MAX + 32];
	struct lock lock;
	struct stat st;

	strcpy(path, path_of(folder, "new"));
	umask(0022);
	assert_int_equal(lock_take(&lock, path, "ns1"), 0);
	lock_release(&lock);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(unlink(lock.path), 0);
	/* No parent. */
	assert_int_equal(lock_take(&lock, path_of(folder, "no/such"), "ns1"), -ENOENT);
	assert_int_equal(lock.fd, -1);
}

static void symbolic_link(void **state)
{
	struct folder *folder = *state;
	char victim[PATH_MAX + 32];
	struct lock lock;
	struct stat st;
	int fd;

	strcpy(victim, path_of(folder, "victim"));
	fd = open(victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	assert_int_equal(symlink(victim, path_of(folder, "ns1.lock")), 0);
	assert_int_equal(lock_take(&lock, folder->path, "ns1"), 0);
	assert_int_equal(lstat(lock.path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	lock_release(&lock);
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_size, 8);
	/* One that leads nowhere does not make a file there. */
	assert_int_equal(unlink(victim), 0);
	assert_int_equal(unlink(lock.path), 0);
	assert_int_equal(symlink(victim, lock.path), 0);
	assert_free(folder, "ns1");
	assert_int_equal(access(victim, F_OK), -1);
}

static void other_kinds_of_files(void **state)
{
	struct folder *folder = *state;
	char path[PATH_MAX + 32], other[PATH_MAX + 32];
	struct lock lock;
	int fd;

	strcpy(path, path_of(folder, "ns1.lock"));
	strcpy(other, path_of(folder, "other"));
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_free(folder, "ns1");
	assert_int_equal(unlink(path), 0);
	/* A second name of somebody's file. */
	fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	assert_int_equal(link(other, path), 0);
	assert_free(folder, "ns1");
	fd = open(other, O_RDONLY | O_CLOEXEC);
	assert_int_equal(lseek(fd, 0, SEEK_END), 8);
	close(fd);
	assert_int_equal(unlink(path), 0);
	/* A folder cannot make room: no lock, and no other agent either. */
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(lock_take(&lock, folder->path, "ns1"), -EPERM);
	assert_int_equal(lock.fd, -1);
	assert_int_equal(rmdir(path), 0);
}

/* Anybody who can open the file can take its lock: such a file is none of ours. */
static bool hold_readable(const void *context)
{
	int fd = open(context, O_RDONLY);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void file_that_others_can_open(void **state)
{
	struct folder *folder = *state;
	char path[PATH_MAX + 32];
	struct stat st;
	int fd, end;
	pid_t child;

	strcpy(path, path_of(folder, "ns1.lock"));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(fchmod(fd, 0644), 0);
	close(fd);
	child = start_child(hold_readable, path, &end);
	assert_free(folder, "ns1");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	end_child(child, end);
}

static bool hold_as_nobody(const void *context)
{
	if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
		return false;
	return !hold_readable(context) && errno == EACCES;
}

static void other_user_cannot_take_it(void **state)
{
	struct folder *folder = *state;
	struct lock lock;
	int end;
	pid_t child;

	if (geteuid() != 0) {
		print_message("skipped: another user takes root\n");
		skip();
	}
	assert_int_equal(chmod(folder->path, 0755), 0);
	assert_free(folder, "ns1");
	assert_int_equal(lock_take(&lock, folder->path, "ns1"), 0);
	lock_release(&lock);
	child = start_child(hold_as_nobody, lock.path, &end);
	assert_free(folder, "ns1");
	end_child(child, end);
}

static void file_of_another_user(void **state)
{
	struct folder *folder = *state;
	struct lock lock;
	struct stat st;
	int fd;

	if (geteuid() != 0) {
		print_message("skipped: another user's file takes root\n");
		skip();
	}
	fd = open(path_of(folder, "ns1.lock"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(fchown(fd, NOBODY, NOBODY), 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(lock_take(&lock, folder->path, "ns1"), 0);
	assert_int_equal(stat(lock.path, &st), 0);
	assert_int_equal(st.st_uid, 0);
	lock_release(&lock);
	close(fd);
}

static void directory_of_others(void **state)
{
	struct folder *folder = *state;
	struct lock lock;

	assert_int_equal(chmod(folder->path, 0777), 0);
	assert_int_equal(lock_take(&lock, folder->path, "ns1"), -EPERM);
	assert_int_equal(chmod(folder->path, 01777), 0);
	assert_int_equal(lock_take(&lock, folder->path, "ns1"), -EPERM);
	assert_int_equal(lock.fd, -1);
	assert_int_equal(chmod(folder->path, 0770), 0);
	assert_int_equal(lock_take(&lock, folder->path, "ns1"), -EPERM);
	assert_int_equal(chmod(folder->path, 0700), 0);
	assert_free(folder, "ns1");
	/* The directory of the service's user, for root. */
	if (geteuid() == 0) {
		assert_int_equal(chown(folder->path, NOBODY, NOBODY), 0);
		assert_free(folder, "ns1");
	}
}

static void where_it_is(void **state UNUSED)
{
	char path[PATH_MAX];

	unsetenv("RUNTIME_DIRECTORY");
	assert_string_equal(lock_directory(path), "/run/crosstap");
	setenv("RUNTIME_DIRECTORY", "", 1);
	assert_string_equal(lock_directory(path), "/run/crosstap");
	setenv("RUNTIME_DIRECTORY", "/run/other", 1);
	assert_string_equal(lock_directory(path), "/run/other");
	/* systemd lists several with colons between them; the first is the service's. */
	setenv("RUNTIME_DIRECTORY", "/run/one:/run/two", 1);
	assert_string_equal(lock_directory(path), "/run/one");
	unsetenv("RUNTIME_DIRECTORY");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(two_agents),
	    TEST(killed_agent),
	    TEST(names),
	    TEST(makes_the_directory),
	    TEST(symbolic_link),
	    TEST(other_kinds_of_files),
	    TEST(file_that_others_can_open),
	    TEST(other_user_cannot_take_it),
	    TEST(file_of_another_user),
	    TEST(directory_of_others),
	    cmocka_unit_test(where_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
