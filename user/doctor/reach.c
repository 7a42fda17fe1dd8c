/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a process that has a root of its own can connect to a socket. */
#include "doctor/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In the root, links of which lead nowhere else (openat2(2), Linux 5.6). */
static int stat_below(const char *root, const char *path, struct stat *ret)
{
	const struct open_how how = {
	    .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	const int folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd, r = 0;

	if (folder < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
	if (fd < 0 || fstat(fd, ret) < 0)
		r = -errno;
	if (fd >= 0)
		close(fd);
	close(folder);
	return r;
}

static bool is_in(const struct nameserver_identity *who, gid_t gid)
{
	for (size_t i = 0; i < who->n_groups; i++) {
		if (who->groups[i] == gid)
			return true;
	}
	return who->gid == gid;
}

/* Of `rwx`, as an octal digit. */
static unsigned bits_of(const struct nameserver_identity *who, const struct stat *st)
{
	if (who->overrides)
		return 7;
	if (st->st_uid == who->uid)
		return st->st_mode >> 6 & 7;
	return (is_in(who, st->st_gid) ? st->st_mode >> 3 : st->st_mode) & 7;
}

int nameserver_may_connect(
    const struct nameserver_identity *who, const char *root, const char *path, char ret[PATH_MAX])
{
	struct stat st = {0};
	int r;

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(ret, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
		r = stat_below(root, ret, &st);
		if (r < 0)
			return r;
		if (!S_ISDIR(st.st_mode))
			return -ENOTDIR;
		if (!(bits_of(who, &st) & 1))
			return -EACCES;
	}
	snprintf(ret, PATH_MAX, "%s", path);
	r = stat_below(root, path, &st);
	if (r < 0)
		return r;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	return bits_of(who, &st) & 2 ? 0 : -EACCES;
}

bool nameserver_same_place(
    const char *root_a, const char *path_a, const char *root_b, const char *path_b)
{
	const char *name_a = strrchr(path_a, '/'), *name_b = strrchr(path_b, '/');
	char folder[PATH_MAX];
	struct stat a = {0}, b = {0};

	if (!name_a || !name_b || strcmp(name_a, name_b) != 0)
		return false;
	snprintf(folder, sizeof(folder), "%.*s", (int)(name_a - path_a + 1), path_a);
	if (stat_below(root_a, folder, &a) < 0)
		return false;
	snprintf(folder, sizeof(folder), "%.*s", (int)(name_b - path_b + 1), path_b);
	return stat_below(root_b, folder, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}
