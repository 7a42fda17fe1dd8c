/* SPDX-License-Identifier: BSD-2-Clause */
#include "dnstap/listen.h"

#include "network/listen_tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xxhash.h>

static int socket_option(int fd, int option)
{
	int value;
	socklen_t length = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &length) < 0 ? -errno : value;
}

/* What makes it a socket that an input can accept from; "": nothing is wrong. */
static const char *find_fault(int fd, int *ret_error)
{
	const int type = socket_option(fd, SO_TYPE), domain = socket_option(fd, SO_DOMAIN);

	if (type < 0) {
		*ret_error = type;
		return type == -ENOTSOCK ? "is no socket" : strerror(-type);
	}
	if (domain != AF_UNIX && domain != AF_INET && domain != AF_INET6) {
		*ret_error = -EAFNOSUPPORT;
		return "is neither a Unix nor a TCP socket";
	}
	if (type != SOCK_STREAM) {
		*ret_error = -EPROTOTYPE;
		return "is no stream socket (ListenStream=)";
	}
	if (socket_option(fd, SO_ACCEPTCONN) != 1) {
		*ret_error = -EOPNOTSUPP;
		return "does not listen (Accept=no)";
	}
	return "";
}

/* accept() must not block, and no child may hold the duplicate. The flag that the first of these
 * needs is the parent's socket's as well. */
static int duplicate(int fd)
{
	const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	int r, flags;

	if (copy < 0)
		return -errno;
	flags = fcntl(copy, F_GETFL);
	if (flags >= 0 && fcntl(copy, F_SETFL, flags | O_NONBLOCK) == 0)
		return copy;
	r = -errno;
	close(copy);
	return r;
}

static int take_passed(struct listen_sockets *sockets, const char *name, const int *passed,
    size_t n, char *error, size_t size)
{
	if (n == 0) {
		snprintf(error, size,
		    "no socket named %s was passed (LISTEN_FDS): systemctl enable --now "
		    "crosstap.socket, whose FileDescriptorName= must be %s",
		    name, name);
		return -ENOENT;
	}
	if (n > LISTEN_MAX) {
		snprintf(
		    error, size, "more than %d sockets named %s were passed", LISTEN_MAX, name);
		return -E2BIG;
	}
	sockets->passed = true;
	for (size_t i = 0; i < n; i++) {
		int r = 0;
		const char *fault = find_fault(passed[i], &r);

		if (r == 0) {
			r = duplicate(passed[i]);
			fault = r < 0 ? strerror(-r) : "";
		}
		if (r < 0) {
			snprintf(error, size,
			    "the socket named %s that was passed (descriptor %d) %s", name,
			    passed[i], fault);
			return r;
		}
		sockets->fds[sockets->n++] = r;
	}
	passed_socket_path(sockets->fds[0], sockets->seen);
	if (*sockets->seen != '/' || listen_path_is_gone(sockets->seen))
		*sockets->seen = '\0';
	return 0;
}

static int open_sockets(struct listen_sockets *sockets, const struct config_input *config,
    const int *passed, size_t n_passed, char *error, size_t size)
{
	int r;

	switch (config->kind) {
	case INPUT_LISTEN_FD:
		return take_passed(sockets, config->address, passed, n_passed, error, size);
	case INPUT_UNIX:
		/* The file is the service manager's, and so is who may use it. */
		if (n_passed)
			return take_passed(sockets, config->address, passed, n_passed, error, size);
		r = listen_unix(&sockets->file, config, error, size);
		if (r >= 0)
			sockets->fds[sockets->n++] = r;
		return r;
	default:
		if (n_passed)
			return take_passed(sockets, config->address, passed, n_passed, error, size);
		r = listen_tcp(config->address, sockets->fds, LISTEN_MAX, error, size);
		if (r > 0) {
			sockets->n = (size_t)r;
			snprintf(sockets->skipped, sizeof(sockets->skipped), "%s", error);
		}
		return r;
	}
}

int listen_open(struct listen_sockets *ret, const struct config_input *config, const int *passed,
    size_t n_passed, char *error, size_t size)
{
	struct listen_sockets sockets = {.n = 0};
	int r = open_sockets(&sockets, config, passed, n_passed, error, size);

	if (r < 0) {
		listen_close(&sockets);
		return r;
	}
	*ret = sockets;
	return 0;
}

void listen_close(struct listen_sockets *sockets)
{
	for (size_t i = 0; i < sockets->n; i++)
		close(sockets->fds[i]);
	sockets->n = 0;
	listen_file_remove(&sockets->file);
	free(sockets->file.path);
	sockets->file.path = NULL;
}

void listen_name(char ret[static LISTEN_NAME_BYTES], const struct config_input *config)
{
	/* A descriptor's name has no colons (sd_pid_notify_with_fds(3)), addresses have. */
	snprintf(ret, LISTEN_NAME_BYTES, "listen-%d-%016" PRIx64, (int)config->kind,
	    (uint64_t)XXH3_64bits(config->address, strlen(config->address)));
}

int listen_take_file(
    struct listen_sockets *sockets, const struct config_input *config, char *error, size_t size)
{
	int r;

	sockets->file = (struct listen_file){.path = strdup(config->address)};
	if (!sockets->file.path) {
		snprintf(error, size, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	r = listen_file_identify(sockets->fds[0], &sockets->file, error, size);
	if (r == 0)
		r = listen_set_access(sockets->fds[0], &sockets->file, config, error, size);
	if (r < 0)
		listen_leave(sockets);
	return r;
}

void listen_leave(struct listen_sockets *sockets)
{
	free(sockets->file.path);
	sockets->file.path = NULL;
}

bool listen_is_gone(const struct listen_sockets *sockets)
{
	const char *path = sockets->file.path ? sockets->file.path : sockets->seen;

	return *path && listen_path_is_gone(path);
}
