/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define NAME_BYTES  256
#define PLAIN_BYTES 200 /* of an escaped name; longer ones end in a hash */
#define ATTEMPTS    16  /* of finding a file that nobody replaces meanwhile */

const char *lock_directory(char ret[static PATH_MAX])
{
	const char *list = getenv("RUNTIME_DIRECTORY");
	const int length = list ? (int)strcspn(list, ":") : 0;

	if (!list || *list != '/' || length >= PATH_MAX)
		return LOCK_DEFAULT_DIRECTORY;
	snprintf(ret, PATH_MAX, "%.*s", length, list);
	return ret;
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    c == '-' || c == '_' || c == '.';
}

/* Different servers have different names, whatever is in them: what a file's name cannot hold, or
 * could mean something else, is %XX. */
static void make_name(char ret[NAME_BYTES], const char *server)
{
	size_t n = 0;

	for (const char *c = server; *c && n < PLAIN_BYTES; c++) {
		if (is_plain(*c) && (c != server || *c != '.'))
			ret[n++] = *c;
		else
			n += (size_t)snprintf(ret + n, NAME_BYTES - n, "%%%02X", (unsigned char)*c);
	}
	if (n >= PLAIN_BYTES)
		n += (size_t)snprintf(ret + n, NAME_BYTES - n, "%%%016llx",
		    (unsigned long long)XXH3_64bits(server, strlen(server)));
	snprintf(ret + n, NAME_BYTES - n, ".lock");
}

/* A directory in which only its owner can put files, and whose owner is us or who may do everything
 * anyway. As root, that of the user whom the service runs as will do: who owns the directory has
 * the say about the agents in it. */
static int open_directory(const char *path)
{
	struct stat st;
	int fd, r;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) < 0 ? -errno : 0;
	if (r == 0 &&
	    ((st.st_mode & (S_IWGRP | S_IWOTH)) ||
		(geteuid() != 0 && st.st_uid != 0 && st.st_uid != geteuid())))
		r = -EPERM;
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

/* Made by us, root or the directory's owner, for nobody else to open. */
static bool is_sound(int fd, int directory)
{
	struct stat file, folder;

	return fstat(fd, &file) == 0 && fstat(directory, &folder) == 0 && S_ISREG(file.st_mode) &&
	    file.st_nlink == 1 && !(file.st_mode & (S_IRWXG | S_IRWXO)) &&
	    (file.st_uid == 0 || file.st_uid == geteuid() || file.st_uid == folder.st_uid);
}

static bool is_at(int fd, int directory, const char *name)
{
	struct stat open_file, file;

	return fstat(fd, &open_file) == 0 &&
	    fstatat(directory, name, &file, AT_SYMLINK_NOFOLLOW) == 0 &&
	    open_file.st_dev == file.st_dev && open_file.st_ino == file.st_ino;
}

/* What no agent can have made is no agent's lock: it makes room. O_NONBLOCK is for a FIFO. */
static int open_file(int directory, const char *name)
{
	int fd =
	    openat(directory, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd < 0 && errno != ELOOP && errno != EISDIR && errno != ENXIO)
		return -errno;
	if (fd >= 0 && is_sound(fd, directory))
		return fd;
	if (fd >= 0)
		close(fd);
	if (unlinkat(directory, name, 0) < 0 && errno != ENOENT)
		return -EPERM;
	return -EAGAIN;
}

static pid_t read_holder(int fd)
{
	char text[32] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid = n > 0 ? strtol(text, NULL, 10) : 0;

	return pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

static int write_holder(int fd)
{
	char text[32];
	int length = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)length, 0) < 0)
		return -errno;
	return 0;
}

/* -EAGAIN: once more, the file was replaced. */
static int take(struct lock *lock, int directory, const char *name)
{
	int fd = open_file(directory, name);

	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int r = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;

		lock->holder = read_holder(fd);
		close(fd);
		return r;
	}
	if (!is_at(fd, directory, name)) {
		close(fd);
		return -EAGAIN;
	}
	(void)write_holder(fd); /* for messages only */
	lock->fd = fd;
	return 0;
}

int lock_take(struct lock *ret, const char *directory, const char *server)
{
	char name[NAME_BYTES];
	int fd, r = -EAGAIN;

	*ret = (struct lock){.fd = -1};
	make_name(name, server);
	if (snprintf(ret->path, sizeof(ret->path), "%s/%s", directory, name) >=
	    (int)sizeof(ret->path))
		return -ENAMETOOLONG;
	fd = open_directory(directory);
	if (fd < 0)
		return fd;
	for (int i = 0; i < ATTEMPTS && r == -EAGAIN; i++)
		r = take(ret, fd, name);
	close(fd);
	return r;
}

void lock_release(struct lock *lock)
{
	if (lock->fd >= 0)
		close(lock->fd);
	lock->fd = -1;
}
