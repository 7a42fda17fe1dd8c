/* SPDX-License-Identifier: BSD-2-Clause */
#include "dnstap/listen.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <netdb.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

static int fail(char *error, size_t size, int r, const char *what, const char *name)
{
	snprintf(error, size, "%s %s: %s", what, name, strerror(-r));
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
	char *end;
	unsigned long id = strtoul(name, &end, 10);
	const struct passwd *entry;

	if (*name && !*end) {
		*ret = (uid_t)id;
		return 0;
	}
	errno = 0;
	entry = getpwnam(name);
	if (!entry)
		return fail(error, size, errno ? -errno : -ENOENT, "no user", name);
	*ret = entry->pw_uid;
	return 0;
}

static int find_group(const char *name, gid_t *ret, char *error, size_t size)
{
	char *end;
	unsigned long id = strtoul(name, &end, 10);
	const struct group *entry;

	if (*name && !*end) {
		*ret = (gid_t)id;
		return 0;
	}
	errno = 0;
	entry = getgrnam(name);
	if (!entry)
		return fail(error, size, errno ? -errno : -ENOENT, "no group", name);
	*ret = entry->gr_gid;
	return 0;
}

int listen_set_access(
    const struct config_input *config, uid_t uid, gid_t gid, char *error, size_t size)
{
	int r = 0;

	if (config->owner && *config->owner)
		r = find_owner(config->owner, &uid, error, size);
	if (r == 0 && config->group && *config->group)
		r = find_group(config->group, &gid, error, size);
	if (r < 0)
		return r;
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) && chown(config->address, uid, gid) < 0)
		return fail(error, size, -errno, "cannot give away", config->address);
	if (chmod(config->address, config->mode) < 0)
		return fail(error, size, -errno, "cannot set mode of", config->address);
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

int listen_unix(const struct config_input *config, char *error, size_t size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = config->address;
	int fd, r;

	if (strlen(path) >= sizeof(address.sun_path)) {
		snprintf(error, size, "%s: longer than the %zu bytes of a socket's path", path,
		    sizeof(address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	make_folder(path);
	r = remove_stale(path, &address, error, size);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(error, size, -errno, "socket for", path);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		r = fail(error, size, -errno, "cannot bind", path);
		close(fd);
		return r;
	}
	r = listen_set_access(config, (uid_t)-1, (gid_t)-1, error, size);
	if (r == 0 && listen(fd, BACKLOG) < 0)
		r = fail(error, size, -errno, "cannot listen at", path);
	if (r < 0) {
		unlink(path);
		close(fd);
		return r;
	}
	return fd;
}

/* host:port or [address]:port. */
static int split_address(const char *address, char host[256], const char **port)
{
	const char *colon = strrchr(address, ':');
	size_t length;

	if (!colon || !colon[1])
		return -EINVAL;
	length = (size_t)(colon - address);
	if (address[0] == '[' && length >= 2 && address[length - 1] == ']') {
		address++;
		length -= 2;
	}
	if (length >= 256)
		return -EINVAL;
	memcpy(host, address, length);
	host[length] = '\0';
	*port = colon + 1;
	return 0;
}

int listen_tcp(const char *address, char *error, size_t size)
{
	const struct addrinfo hints = {
	    .ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	struct addrinfo *info = NULL;
	const int on = 1;
	const char *port;
	char host[256];
	int fd = -1, r;

	if (split_address(address, host, &port) < 0) {
		snprintf(error, size, "%s is not HOST:PORT", address);
		return -EINVAL;
	}
	r = getaddrinfo(*host ? host : NULL, port, &hints, &info);
	if (r != 0) {
		snprintf(error, size, "%s: %s", address, gai_strerror(r));
		return -EINVAL;
	}
	fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		r = fail(error, size, -errno, "cannot listen at", address);
		if (fd >= 0)
			close(fd);
		fd = r;
	}
	freeaddrinfo(info);
	return fd;
}

void listen_unlink(const char *path, dev_t device, ino_t inode)
{
	struct stat st;

	if (lstat(path, &st) == 0 && st.st_dev == device && st.st_ino == inode)
		unlink(path);
}
