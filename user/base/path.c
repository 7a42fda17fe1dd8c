/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel's */

struct walk {
	int folder; /* where it is, as O_PATH */
	unsigned links;
	char left[PATH_MAX]; /* of the path, from there on */
};

static bool is_trusted(uid_t owner)
{
	return owner == 0 || owner == geteuid();
}

static int go_to(struct walk *walk, int folder)
{
	if (folder < 0)
		return -errno;
	close(walk->folder);
	walk->folder = folder;
	return 0;
}

static int begin(struct walk *walk, const char *path)
{
	walk->links = 0;
	if ((size_t)snprintf(walk->left, sizeof(walk->left), "%s", path) >= sizeof(walk->left))
		return -ENAMETOOLONG;
	walk->folder = open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return walk->folder < 0 ? -errno : 0;
}

/* Takes the next name off the path. False: there is none. */
static bool next_name(struct walk *walk, char name[PATH_MAX])
{
	const char *from = walk->left + strspn(walk->left, "/");
	const size_t length = strcspn(from, "/");

	memcpy(name, from, length);
	name[length] = '\0';
	memmove(walk->left, from + length, strlen(from + length) + 1);
	return length > 0;
}

/* The target takes the place of the link's name. */
static int follow(struct walk *walk, int link)
{
	char target[PATH_MAX], left[PATH_MAX];
	const ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	memcpy(left, walk->left, strlen(walk->left) + 1);
	if ((size_t)snprintf(walk->left, sizeof(walk->left), "%s%s", target, left) >=
	    sizeof(walk->left))
		return -ENAMETOOLONG;
	return *target == '/' ? go_to(walk, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) : 0;
}

/* Of /proc: leads to what is open somewhere, which may have no path. */
static bool is_kernels(int link)
{
	struct statfs fs;

	return fstatfs(link, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* A name on the way, or a link at its end. */
static int enter(struct walk *walk, const char *name)
{
	const int there = openat(walk->folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r;

	if (there < 0 || fstat(there, &st) < 0)
		r = -errno;
	else if (!S_ISLNK(st.st_mode))
		r = go_to(walk, openat(there, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
	else if (!is_trusted(st.st_uid) || walk->links++ == LINKS_MAX)
		r = -ELOOP;
	else if (is_kernels(there))
		r = go_to(walk, openat(walk->folder, name, O_PATH | O_DIRECTORY | O_CLOEXEC));
	else
		r = follow(walk, there);
	if (there >= 0)
		close(there);
	return r;
}

/* One has no way around the name of such a link. */
static bool is_kernels_link(int folder, const char *name)
{
	const int there = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	bool yes = false;

	if (there < 0)
		return false;
	if (fstat(there, &st) == 0)
		yes = S_ISLNK(st.st_mode) && is_trusted(st.st_uid) && is_kernels(there);
	close(there);
	return yes;
}

/* Another user may give any file a second name in his folder (but for fs.protected_hardlinks). */
static int check_names(int fd, int folder, int flags)
{
	struct stat st, in;

	if ((flags & O_ACCMODE) == O_RDONLY)
		return 0;
	if (fstat(fd, &st) < 0 || fstat(folder, &in) < 0)
		return -errno;
	return S_ISREG(st.st_mode) && st.st_nlink > 1 && !is_trusted(in.st_uid) ? -EMLINK : 0;
}

/* The descriptor, or -errno: of a link, that of O_NOFOLLOW. */
static int open_last(const struct walk *walk, const char *name, int flags, mode_t mode)
{
	int fd = openat(walk->folder, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	int r;

	if (fd < 0 && errno == ELOOP && is_kernels_link(walk->folder, name))
		fd = openat(walk->folder, name, flags | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	r = check_names(fd, walk->folder, flags);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

static bool is_link(int folder, const char *name)
{
	struct stat st;

	return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

int path_open(const char *path, int flags, mode_t mode)
{
	char name[PATH_MAX];
	struct walk walk;
	int fd = -ELOOP, r = begin(&walk, path);

	if (r < 0)
		return r;
	while (r == 0) {
		if (!next_name(&walk, name))
			memcpy(name, ".", sizeof("."));
		if (!walk.left[strspn(walk.left, "/")]) {
			fd = open_last(&walk, name, flags, mode);
			if ((fd != -ELOOP && fd != -ENOTDIR) || flags & O_NOFOLLOW ||
			    !is_link(walk.folder, name))
				break;
		}
		r = enter(&walk, name);
	}
	close(walk.folder);
	return r < 0 ? r : fd;
}
