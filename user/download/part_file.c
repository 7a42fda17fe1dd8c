/* SPDX-License-Identifier: BSD-2-Clause */
#include "download/part_file.h"

#include "base/path.h"
#include "base/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".part"

/* Whoever held the lock before us may have moved the file into place: then it is not ours. */
static bool is_still_at(int fd, const char *path)
{
	struct stat open_file, file;

	return fstat(fd, &open_file) == 0 && lstat(path, &file) == 0 &&
	    open_file.st_dev == file.st_dev && open_file.st_ino == file.st_ino;
}

int part_file_open(struct part_file *part, const char *target)
{
	int r;

	part->target = target;
	part->fd = -1;
	if ((size_t)snprintf(part->path, sizeof(part->path), "%s" SUFFIX, target) >=
	    sizeof(part->path))
		return -ENAMETOOLONG;
	r = path_open(part->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0644);
	if (r < 0)
		return r;
	part->fd = r;
	if (flock(part->fd, LOCK_EX | LOCK_NB) < 0 || !is_still_at(part->fd, part->path))
		r = -EBUSY;
	else if (ftruncate(part->fd, 0) < 0)
		r = -errno;
	else
		return 0;
	close(part->fd);
	part->fd = -1;
	return r;
}

int part_file_commit(struct part_file *part, int64_t modified_s)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = modified_s}};
	int r;

	if (futimens(part->fd, times) < 0)
		return -errno;
	r = replace_move(part->fd, part->path, part->target);
	if (r == 0) {
		close(part->fd);
		part->fd = -1;
	}
	return r;
}

void part_file_close(struct part_file *part)
{
	if (part->fd < 0)
		return;
	unlink(part->path);
	close(part->fd);
	part->fd = -1;
}
