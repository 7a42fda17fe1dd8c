/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/io.h"
#include "base/replace.h"
#include "base/unused.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "../skip.h"

static char folder[] = "/tmp/crosstap-replace-XXXXXX";
static char path[128], part[160];

static struct {
	int error;          /* that fsync() of a file meets; 0: none */
	int files, folders; /* synced */
	char content[64];   /* of `path` when its folder was synced */
} disk;

/* In place of the C library's. */
int fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	if (S_ISDIR(st.st_mode)) {
		const int there = open(path, O_RDONLY);

		const ssize_t n =
		    there < 0 ? 0 : io_read(there, disk.content, sizeof(disk.content) - 1);

		disk.folders++;
		disk.content[n < 0 ? 0 : n] = '\0';
		if (there >= 0)
			close(there);
		return 0;
	}
	disk.files++;
	errno = disk.error;
	return disk.error ? -1 : 0;
}

static int make_folder(void **state UNUSED)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/file", folder);
	snprintf(part, sizeof(part), "%s.part", path);
	/* A write beyond the limit of a file's size is to fail, as on a full disk. */
	return signal(SIGXFSZ, SIG_IGN) == SIG_ERR ? -1 : 0;
}

static int remove_folder(void **state UNUSED)
{
	return rmdir(folder);
}

static int remove_files(void **state UNUSED)
{
	memset(&disk, 0, sizeof(disk));
	unlink(part);
	unlink(path);
	return 0;
}

static void assert_content(const char *expected)
{
	char text[64];
	const int fd = open(path, O_RDONLY | O_NOFOLLOW);
	ssize_t n;

	assert_true(fd >= 0);
	n = io_read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, expected);
	assert_int_equal(access(part, F_OK), -1);
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(stat(name, &st), 0);
	return st.st_mode & 07777;
}

static int put(const char *text, enum replace_sync sync)
{
	return replace_file(path, text, strlen(text), 0640, sync);
}

static void one_after_the_other(void **state UNUSED)
{
	const mode_t mask = umask(022);

	for (int sync = REPLACE_DURABLE; sync <= REPLACE_FAST; sync++) {
		assert_int_equal(put("first", (enum replace_sync)sync), 0);
		assert_content("first");
		assert_int_equal(mode_of(path), 0640);
		assert_int_equal(put("", (enum replace_sync)sync), 0);
		assert_content("");
	}
	unlink(path);
	umask(077);
	assert_int_equal(put("first", REPLACE_DURABLE), 0);
	assert_int_equal(mode_of(path), 0600);
	umask(mask);
}

/* A file in the folder that we work in has no slash in its name. */
static void beside_us(void **state UNUSED)
{
	char before[PATH_MAX];

	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(replace_file("file", "here", 4, 0600, REPLACE_DURABLE), 0);
	assert_int_equal(chdir(before), 0);
	assert_content("here");
}

/* Wherever that folder is by now, and whatever its path leads to. */
static void in_an_open_folder(void **state UNUSED)
{
	const int fd = open(folder, O_RDONLY | O_DIRECTORY);
	char moved[160];
	struct replace replace;

	snprintf(moved, sizeof(moved), "%s.moved", folder);
	for (int sync = REPLACE_DURABLE; sync <= REPLACE_FAST; sync++) {
		assert_int_equal(rename(folder, moved), 0);
		assert_int_equal(replace_begin_at(&replace, fd, "file", "other", 0640), 0);
		assert_int_equal(io_write(replace.fd, "there", 5), 0);
		assert_int_equal(faccessat(fd, "other", F_OK, 0), 0);
		assert_int_equal(replace_commit(&replace, (enum replace_sync)sync), 0);
		assert_int_equal(replace_begin_at(&replace, fd, "file", "other", 0640), 0);
		replace_abort(&replace);
		assert_int_equal(faccessat(fd, "other", F_OK, 0), -1);
		assert_int_equal(rename(moved, folder), 0);
		assert_content("there");
		assert_int_equal(unlink(path), 0);
	}
	close(fd);
}

static void the_mode_is_kept(void **state UNUSED)
{
	assert_int_equal(put("old", REPLACE_DURABLE), 0);
	assert_int_equal(chmod(path, 0604), 0);
	assert_int_equal(put("new", REPLACE_FAST), 0);
	assert_content("new");
	assert_int_equal(mode_of(path), 0604);
	/* What it has beyond permissions was given to another content. */
	assert_int_equal(chmod(path, 04755), 0);
	assert_int_equal(put("newer", REPLACE_DURABLE), 0);
	assert_int_equal(mode_of(path), 0755);
}

static void a_full_disk_leaves_the_old_file(void **state UNUSED)
{
	static char large[4096];
	struct rlimit before, little;

	assert_int_equal(put("old", REPLACE_DURABLE), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	little = (struct rlimit){.rlim_cur = 1000, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	for (int sync = REPLACE_DURABLE; sync <= REPLACE_FAST; sync++)
		assert_int_equal(
		    replace_file(path, large, sizeof(large), 0600, (enum replace_sync)sync),
		    -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_content("old");
	assert_int_equal(mode_of(path), 0640);
}

static void durable_is_file_then_folder(void **state UNUSED)
{
	assert_int_equal(put("old", REPLACE_FAST), 0);
	assert_int_equal(disk.files + disk.folders, 0);
	assert_int_equal(put("new", REPLACE_DURABLE), 0);
	assert_int_equal(disk.files, 1);
	assert_int_equal(disk.folders, 1);
	assert_string_equal(disk.content, "new");
	/* The disk says only now that it is full. */
	disk.error = ENOSPC;
	assert_int_equal(put("newer", REPLACE_DURABLE), -ENOSPC);
	assert_content("new");
	assert_int_equal(disk.folders, 1);
}

static void what_is_given_up_leaves_nothing(void **state UNUSED)
{
	struct replace replace;

	assert_int_equal(put("old", REPLACE_DURABLE), 0);
	assert_int_equal(replace_begin(&replace, path, 0600), 0);
	assert_int_equal(io_write(replace.fd, "half", 4), 0);
	assert_int_equal(access(part, F_OK), 0);
	replace_abort(&replace);
	replace_abort(&replace);
	assert_content("old");
	assert_int_equal(replace_begin(&replace, path, 0600), 0);
	assert_int_equal(io_write(replace.fd, "all", 3), 0);
	assert_int_equal(replace_commit(&replace, REPLACE_DURABLE), 0);
	replace_abort(&replace);
	assert_content("all");
}

/* Of a process that was killed, or of somebody who wants another file written. */
static void leftovers_are_not_followed(void **state UNUSED)
{
	char victim[160];
	int fd;

	snprintf(victim, sizeof(victim), "%s/victim", folder);
	fd = open(victim, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(symlink(victim, part), 0);
	assert_int_equal(put("new", REPLACE_DURABLE), 0);
	assert_content("new");
	assert_int_equal(mode_of(path), 0640);
	fd = open(part, O_WRONLY | O_CREAT | O_EXCL, 0666);
	assert_int_equal(io_write(fd, "left over and longer", 20), 0);
	close(fd);
	assert_int_equal(put("newer", REPLACE_FAST), 0);
	assert_content("newer");
	/* A link in the place itself is replaced, and its target stays as it was. */
	unlink(path);
	assert_int_equal(symlink(victim, path), 0);
	assert_int_equal(put("newest", REPLACE_DURABLE), 0);
	assert_content("newest");
	fd = open(victim, O_RDONLY);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	close(fd);
	unlink(victim);
}

/* The folder is reached by a link that its owner may lead anywhere. */
static void links_of_others_are_not_followed(void **state UNUSED)
{
	char real[160], link[160], in_real[176], in_link[176], part_of[192];
	int fd;

	snprintf(real, sizeof(real), "%s/real", folder);
	snprintf(link, sizeof(link), "%s/link", folder);
	snprintf(in_real, sizeof(in_real), "%s/file", real);
	snprintf(in_link, sizeof(in_link), "%s/file", link);
	snprintf(part_of, sizeof(part_of), "%s.part", in_link);
	assert_int_equal(mkdir(real, 0700), 0);
	assert_int_equal(symlink(real, link), 0);
	assert_int_equal(replace_file(in_link, "x", 1, 0600, REPLACE_DURABLE), 0);
	assert_int_equal(access(in_real, F_OK), 0);
	if (lchown(link, 65534, 65534) < 0)
		skip_because("not root");
	assert_int_equal(replace_file(in_link, "yy", 2, 0600, REPLACE_DURABLE), -ELOOP);
	assert_int_equal(replace_set_aside(in_link), -ELOOP);
	fd = open(part_of, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(replace_move(fd, part_of, in_link), -ELOOP);
	close(fd);
	fd = open(in_real, O_RDONLY);
	assert_int_equal(lseek(fd, 0, SEEK_END), 1);
	close(fd);
	assert_int_equal(unlink(part_of), 0);
	assert_int_equal(unlink(in_real), 0);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(rmdir(real), 0);
}

static void errors(void **state UNUSED)
{
	char longest[PATH_MAX], below[160];

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 3] = '\0';
	assert_int_equal(replace_file(longest, "", 0, 0600, REPLACE_FAST), -ENAMETOOLONG);
	snprintf(below, sizeof(below), "%s/none/file", folder);
	assert_int_equal(replace_file(below, "", 0, 0600, REPLACE_FAST), -ENOENT);
	/* A folder stands there. */
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(put("file", REPLACE_DURABLE), -EISDIR);
	assert_int_equal(put("file", REPLACE_FAST), -EISDIR);
	assert_int_equal(access(part, F_OK), -1);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkdir(part, 0700), 0);
	assert_int_equal(put("file", REPLACE_FAST), -EISDIR);
	assert_int_equal(rmdir(part), 0);
	assert_int_equal(replace_move(-1, part, path), -EBADF);
}

/* As of /dev/null, which root could replace, and of the folder where the file should be. */
static void what_is_no_file_stays(void **state UNUSED)
{
	struct stat st;

	for (int i = 0; i < 2; i++) {
		const int error = i ? -EISDIR : -EEXIST;

		assert_int_equal(i ? mkdir(path, 0700) : mkfifo(path, 0600), 0);
		assert_int_equal(put("file", REPLACE_DURABLE), error);
		assert_int_equal(put("file", REPLACE_FAST), error);
		assert_int_equal(replace_move(-1, part, path), error);
		assert_int_equal(replace_set_aside(path), error);
		assert_int_equal(access(part, F_OK), -1);
		assert_int_equal(lstat(path, &st), 0);
		assert_true(i ? S_ISDIR(st.st_mode) : S_ISFIFO(st.st_mode));
		assert_int_equal(i ? rmdir(path) : unlink(path), 0);
	}
}

/* One is kept: the last. */
static void what_cannot_be_read_is_set_aside(void **state UNUSED)
{
	char aside[sizeof(path) + sizeof(REPLACE_ASIDE)], longest[PATH_MAX];

	snprintf(aside, sizeof(aside), "%s" REPLACE_ASIDE, path);
	assert_int_equal(replace_set_aside(path), -ENOENT);
	assert_int_equal(put("older", REPLACE_FAST), 0);
	assert_int_equal(replace_set_aside(path), 0);
	assert_int_equal(put("newer", REPLACE_FAST), 0);
	assert_int_equal(replace_set_aside(path), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(rename(aside, path), 0);
	assert_content("newer");
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 3] = '\0';
	assert_int_equal(replace_set_aside(longest), -ENAMETOOLONG);
}

#define TEST(name) cmocka_unit_test_teardown(name, remove_files)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(one_after_the_other),
	    TEST(beside_us),
	    TEST(in_an_open_folder),
	    TEST(the_mode_is_kept),
	    TEST(a_full_disk_leaves_the_old_file),
	    TEST(durable_is_file_then_folder),
	    TEST(what_is_given_up_leaves_nothing),
	    TEST(leftovers_are_not_followed),
	    TEST(links_of_others_are_not_followed),
	    TEST(errors),
	    TEST(what_is_no_file_stays),
	    TEST(what_cannot_be_read_is_set_aside),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
