/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Unix socket's file. Its folder may belong to the nameserver's user, who can put anything in the
 * place of a name at any time. So owner, group and mode are never set by name: the kernel itself
 * opens the file that a socket is bound to (SIOCUNIXFILE), and where it does not, what is found at
 * the path must be a socket of ours and nothing else.
 */
#include "dnstap/listen.h"

#include "base/account.h"
#include "base/error_text.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64
/* linux/un.h, which does not go together with sys/un.h. Linux 4.12, with CAP_NET_ADMIN. */
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0)

static int fail(char *error, size_t size, int r, const char *what, const char *name)
{
	char words[ERROR_TEXT_BYTES];

	snprintf(error, size, "%s %s: %s", what, name, error_text(words, -r));
	return r;
}

/* Whether somebody accepts connections at the path: only then is a socket file alive. */
static int remove_stale(
    const char *path, const struct sockaddr_un *address, char *error, size_t size)
{
	struct stat st;
	int fd, r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : fail(error, size, -errno, "cannot look at", path);
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(error, size, "%s exists and is not a socket", path);
		return -EEXIST;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(error, size, -errno, "socket for", path);
	r = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
	close(fd);
	if (r == -ENOENT) /* its owner was faster */
		return 0;
	if (r != -ECONNREFUSED) {
		/* Connected, or EAGAIN: its queue is full. Either way it lives. */
		snprintf(error, size, "%s: another process listens there", path);
		return -EADDRINUSE;
	}
	return unlink(path) < 0 && errno != ENOENT
	    ? fail(error, size, -errno, "cannot replace", path)
	    : 0;
}

static int find_owner(const char *name, uid_t *ret, char *error, size_t size)
{
	int r = account_user(name, ret);

	return r < 0 ? fail(error, size, r, "no user", name) : 0;
}

static int find_group(const char *name, gid_t *ret, char *error, size_t size)
{
	int r = account_group(name, ret);

	return r < 0 ? fail(error, size, r, "no group", name) : 0;
}

/*
 * A descriptor (O_PATH) of the file that `fd` is bound to. `known` is where it was found before;
 * its path alone, the first time: what the kernel does not open for us must then be a socket of
 * this process's user that has one name.
 */
static int open_file(int fd, const struct listen_file *known, bool first, struct stat *ret)
{
	bool asked = true;
	int file = ioctl(fd, SIOCUNIXFILE), r;

	if (file < 0) {
		asked = false;
		file = open(known->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	}
	if (file < 0 || fstat(file, ret) < 0) {
		r = -errno;
		if (file >= 0)
			close(file);
		return r;
	}
	if (S_ISSOCK(ret->st_mode) &&
	    (asked || !first || (ret->st_uid == geteuid() && ret->st_nlink == 1)) &&
	    (first || (ret->st_dev == known->device && ret->st_ino == known->inode)))
		return file;
	close(file);
	return -ESTALE;
}

static int set_mode(int file, mode_t mode)
{
	char name[sizeof("/proc/self/fd/") + 16];

	/* What the link leads to is the descriptor's file, whatever its name is now. */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
	return chmod(name, mode) < 0 ? -errno : 0;
}

static int set_ids(int file, uid_t uid, gid_t gid)
{
	return fchownat(file, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* Between the steps nobody may do more than both before and after them. */
static int apply_access(int file, const struct stat *now, const struct config_input *config,
    uid_t uid, gid_t gid, char *error, size_t size)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.*): open_file() filled it; no errno of 0 */
	const mode_t mode = now->st_mode & 07777;
	int r = 0;

	if (uid != now->st_uid || gid != now->st_gid) {
		if ((mode & config->mode) != mode)
			r = set_mode(file, mode & config->mode);
		if (r == 0)
			r = set_ids(file, uid, gid);
		if (r < 0)
			return fail(error, size, r, "cannot give away", config->address);
	}
	r = set_mode(file, config->mode);
	return r < 0 ? fail(error, size, r, "cannot set mode of", config->address) : 0;
}

int listen_set_access(int fd, const struct listen_file *known, const struct config_input *config,
    char *error, size_t size)
{
	uid_t uid = known->uid;
	gid_t gid = known->gid;
	struct stat now;
	int file, r = 0;

	if (config->owner && *config->owner)
		r = find_owner(config->owner, &uid, error, size);
	if (r == 0 && config->group && *config->group)
		r = find_group(config->group, &gid, error, size);
	if (r < 0)
		return r;
	file = open_file(fd, known, false, &now);
	if (file == -ESTALE) {
		snprintf(
		    error, size, "%s is no longer the socket that was made there", config->address);
		return file;
	}
	if (file < 0)
		return fail(error, size, file, "cannot look at", config->address);
	r = apply_access(file, &now, config, uid, gid, error, size);
	close(file);
	return r;
}

/* Which file it is that bind() made. */
int listen_file_identify(int fd, struct listen_file *file, char *error, size_t size)
{
	struct stat st;
	int r = open_file(fd, file, true, &st);

	if (r == -ESTALE) {
		snprintf(error, size, "%s was replaced while it was made", file->path);
		return r;
	}
	if (r < 0)
		return fail(error, size, r, "cannot look at", file->path);
	close(r);
	/* NOLINTNEXTLINE(clang-analyzer-core.*): as above */
	file->device = st.st_dev;
	file->inode = st.st_ino;
	file->uid = st.st_uid;
	file->gid = st.st_gid;
	return 0;
}

/* The folder of the default path is missing on a machine where systemd did not make it. */
static void make_folder(const char *path)
{
	char copy[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	snprintf(copy, sizeof(copy), "%s", path);
	if (mkdir(dirname(copy), 0755) < 0)
		return; /* bind() says what is wrong */
}

static int bind_file(int fd, const struct sockaddr_un *address, struct listen_file *file,
    const struct config_input *config, char *error, size_t size)
{
	int r;

	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return fail(error, size, -errno, "cannot bind", config->address);
	r = listen_file_identify(fd, file, error, size);
	if (r < 0)
		return r;
	r = listen_set_access(fd, file, config, error, size);
	/* Nobody can connect before this. */
	if (r == 0 && listen(fd, BACKLOG) < 0)
		r = fail(error, size, -errno, "cannot listen at", config->address);
	if (r < 0)
		listen_file_remove(file);
	return r;
}

int listen_unix(
    struct listen_file *ret, const struct config_input *config, char *error, size_t size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct listen_file file = {.path = strdup(config->address)};
	int fd, r;

	if (!file.path)
		return fail(error, size, -ENOMEM, "socket for", config->address);
	if (strlen(file.path) >= sizeof(address.sun_path)) {
		snprintf(error, size, "%s: longer than the %zu bytes of a socket's path", file.path,
		    sizeof(address.sun_path) - 1);
		free(file.path);
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, file.path, strlen(file.path) + 1);
	make_folder(file.path);
	r = remove_stale(file.path, &address, error, size);
	fd = r < 0 ? r : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (r == 0 && fd < 0)
		r = fail(error, size, -errno, "socket for", file.path);
	if (r == 0)
		r = bind_file(fd, &address, &file, config, error, size);
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		free(file.path);
		return r;
	}
	*ret = file;
	return fd;
}

void listen_file_remove(struct listen_file *file)
{
	struct stat st;

	if (!file->path)
		return;
	if (lstat(file->path, &st) == 0 && st.st_dev == file->device && st.st_ino == file->inode)
		unlink(file->path);
}

bool listen_path_is_gone(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 && errno == ENOENT;
}
