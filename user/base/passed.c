/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/passed.h"

#include "base/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

int passed_sockets_take(struct passed_sockets *ret)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);

	*ret = (struct passed_sockets){0};
	if (n <= 0)
		return n;
	ret->list = calloc((size_t)n, sizeof(*ret->list));
	for (int i = 0; i < n; i++) {
		if (ret->list)
			ret->list[i] =
			    (struct passed_socket){.name = names[i], .fd = SD_LISTEN_FDS_START + i};
		else
			free(names[i]);
	}
	free(names);
	if (!ret->list)
		return -ENOMEM;
	ret->n = (size_t)n;
	return 0;
}

void passed_sockets_done(struct passed_sockets *sockets)
{
	for (size_t i = 0; i < sockets->n; i++)
		free(sockets->list[i].name);
	free(sockets->list);
	*sockets = (struct passed_sockets){0};
}

size_t passed_sockets_find(
    const struct passed_sockets *sockets, const char *name, int *ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < sockets->n && n < max; i++) {
		if (sockets->list[i].fd < 0 || strcmp(sockets->list[i].name, name) != 0)
			continue;
		sockets->list[i].used = true;
		ret[n++] = sockets->list[i].fd;
	}
	return n;
}

/* Those that were accepted have their listener's address. */
static bool is_connected(int fd)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &length) == 0;
}

/* A socket that nobody is connected to is a socket unit's, whatever is wrong with it. */
static bool is_of_a_unit(int fd)
{
	int type;
	socklen_t length = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && !is_connected(fd);
}

void passed_socket_path(int fd, char ret[static PASSED_PATH_BYTES])
{
	struct sockaddr_un address = {.sun_family = AF_UNSPEC};
	socklen_t length = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0 ||
	    address.sun_family != AF_UNIX)
		address.sun_path[0] = '\0';
	/* A path of full length has no NUL (unix(7)). */
	snprintf(ret, PASSED_PATH_BYTES, "%.*s", (int)sizeof(address.sun_path), address.sun_path);
}

static bool is_bound_to(int fd, const char *path)
{
	char bound[PASSED_PATH_BYTES];

	passed_socket_path(fd, bound);
	return *path && strcmp(bound, path) == 0;
}

size_t passed_sockets_at(
    const struct passed_sockets *sockets, const char *path, const char *but, int *ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < sockets->n && n < max; i++) {
		if (!is_bound_to(sockets->list[i].fd, path) || is_connected(sockets->list[i].fd) ||
		    strcmp(sockets->list[i].name, but) == 0)
			continue;
		sockets->list[i].used = true;
		ret[n++] = sockets->list[i].fd;
	}
	return n;
}

static void drop(struct passed_socket *socket)
{
	store_remove(socket->name);
	close(socket->fd);
	socket->fd = -1;
}

void passed_sockets_drop(const struct passed_sockets *sockets, const char *name)
{
	for (size_t i = 0; i < sockets->n; i++) {
		if (sockets->list[i].fd >= 0 && strcmp(sockets->list[i].name, name) == 0)
			drop(&sockets->list[i]);
	}
}

size_t passed_sockets_set_aside(struct passed_sockets *sockets, char *names, size_t size)
{
	size_t n = 0, used = 0;

	if (size)
		*names = 0;
	for (size_t i = 0; i < sockets->n; i++) {
		struct passed_socket *socket = &sockets->list[i];

		if (socket->used || socket->fd < 0 || is_of_a_unit(socket->fd))
			continue;
		drop(socket);
		n++;
		if (used < size)
			used += (size_t)snprintf(
			    names + used, size - used, "%s%s", used ? "," : "", socket->name);
	}
	return n;
}
