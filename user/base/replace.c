/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/replace.h"

#include "base/io.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".part"

/* A device, as /dev/null, is not ours to take away from the host; nor is a folder with what is in
 * it. */
static int look_at(int folder, const char *path, struct stat *ret)
{
	if (fstatat(folder, path, ret, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISDIR(ret->st_mode))
		return -EISDIR;
	return S_ISREG(ret->st_mode) || S_ISLNK(ret->st_mode) ? 0 : -EEXIST;
}

static int keep_mode(const struct replace *replace)
{
	struct stat st;
	const int r = look_at(replace->folder, replace->path, &st);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (S_ISREG(st.st_mode) && fchmod(replace->fd, st.st_mode & 0777) < 0)
		return -errno;
	return 0;
}

/* Who may write to a folder of the path has nothing written or moved elsewhere. */
static int open_folder_of(const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	const size_t length = slash ? (size_t)(slash - path) : 0;
	char folder[PATH_MAX];

	if (length >= sizeof(folder))
		return -ENAMETOOLONG;
	memcpy(folder, path, length);
	folder[length] = '\0';
	*ret_name = slash ? slash + 1 : path;
	return path_open(length ? folder : slash ? "/" : ".", O_PATH | O_DIRECTORY, 0);
}

static void leave_folder(struct replace *replace)
{
	if (replace->closes_folder)
		close(replace->folder);
	replace->closes_folder = false;
}

static int begin(struct replace *replace, mode_t mode)
{
	int r;

	if (unlinkat(replace->folder, replace->part, 0) < 0 && errno != ENOENT)
		return -errno;
	replace->fd = openat(replace->folder, replace->part,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (replace->fd < 0)
		return -errno;
	r = keep_mode(replace);
	if (r < 0)
		replace_abort(replace);
	return r;
}

int replace_begin(struct replace *replace, const char *path, mode_t mode)
{
	char part[PATH_MAX];
	const char *name;
	int r = open_folder_of(path, &name), folder = r;

	if (r < 0)
		return r;
	if ((size_t)snprintf(part, sizeof(part), "%s" SUFFIX, name) >= sizeof(part))
		r = -ENAMETOOLONG;
	else
		r = replace_begin_at(replace, folder, name, part, mode);
	if (r < 0)
		close(folder);
	else
		replace->closes_folder = true;
	return r;
}

int replace_begin_at(
    struct replace *replace, int folder, const char *path, const char *part, mode_t mode)
{
	replace->fd = -1;
	replace->folder = folder;
	replace->closes_folder = false;
	replace->path = path;
	if ((size_t)snprintf(replace->part, sizeof(replace->part), "%s", part) >=
	    sizeof(replace->part))
		return -ENAMETOOLONG;
	return begin(replace, mode);
}

static int sync_folder_of(int at, const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX] = ".";
	int r = 0, fd;

	if (slash)
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path + 1), path);
	fd = openat(at, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* EINVAL: the file system knows nothing to do for a folder. */
	if (fsync(fd) < 0 && errno != EINVAL)
		r = -errno;
	close(fd);
	return r;
}

int replace_sync_folder_of(const char *path)
{
	return sync_folder_of(AT_FDCWD, path);
}

static int move(int fd, int folder, const char *part, const char *path)
{
	struct stat st;
	const int r = look_at(folder, path, &st);

	if (r < 0 && r != -ENOENT)
		return r;
	if (fsync(fd) < 0 || renameat(folder, part, folder, path) < 0)
		return -errno;
	return sync_folder_of(folder, path);
}

int replace_move(int fd, const char *part, const char *path)
{
	const char *slash = strrchr(part, '/'), *name;
	const int folder = open_folder_of(path, &name);
	int r;

	if (folder < 0)
		return folder;
	r = move(fd, folder, slash ? slash + 1 : part, name);
	close(folder);
	return r;
}

int replace_set_aside(const char *path)
{
	char aside[PATH_MAX];
	const char *name;
	const int folder = open_folder_of(path, &name);
	struct stat st;
	int r;

	if (folder < 0)
		return folder;
	r = look_at(folder, name, &st);
	if (r == 0 &&
	    (size_t)snprintf(aside, sizeof(aside), "%s" REPLACE_ASIDE, name) >= sizeof(aside))
		r = -ENAMETOOLONG;
	if (r == 0 && renameat(folder, name, folder, aside) < 0)
		r = -errno;
	close(folder);
	return r;
}

int replace_commit(struct replace *replace, enum replace_sync sync)
{
	const int fd = replace->fd;
	int r = 0;

	if (sync == REPLACE_DURABLE)
		r = move(fd, replace->folder, replace->part, replace->path);
	/* Where the disk is remote, close() tells what write() did not. */
	replace->fd = -1;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && sync == REPLACE_FAST &&
	    renameat(replace->folder, replace->part, replace->folder, replace->path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(replace->folder, replace->part, 0);
	leave_folder(replace);
	return r;
}

void replace_abort(struct replace *replace)
{
	if (replace->fd < 0)
		return;
	(void)unlinkat(replace->folder, replace->part, 0);
	close(replace->fd);
	replace->fd = -1;
	leave_folder(replace);
}

int replace_file(
    const char *path, const void *data, size_t size, mode_t mode, enum replace_sync sync)
{
	struct replace replace;
	int r = replace_begin(&replace, path, mode);

	if (r < 0)
		return r;
	r = io_write(replace.fd, data, size);
	if (r == 0)
		r = replace_commit(&replace, sync);
	replace_abort(&replace);
	return r;
}
