/* SPDX-License-Identifier: BSD-2-Clause */
#include "network/listen_tcp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As many as the kernel takes (net.core.somaxconn): a storm of connections in a short queue makes
 * others wait a second for their next SYN. */
#define BACKLOG SOMAXCONN

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

static int resolve(const char *address, struct addrinfo **ret, char *error, size_t size)
{
	const struct addrinfo hints = {
	    .ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	const char *port;
	char host[256];
	int r;

	if (split_address(address, host, &port) < 0) {
		snprintf(error, size, "%s is not HOST:PORT", address);
		return -EINVAL;
	}
	r = getaddrinfo(*host ? host : NULL, port, &hints, ret);
	if (r == 0)
		return 0;
	snprintf(error, size, "%s: %s", address, gai_strerror(r));
	return r == EAI_SERVICE ? -EINVAL : -EADDRNOTAVAIL;
}

/* A file of hosts may name an address twice. */
static bool came_before(const struct addrinfo *list, const struct addrinfo *info)
{
	for (; list != info; list = list->ai_next) {
		if (list->ai_addrlen == info->ai_addrlen &&
		    memcmp(list->ai_addr, info->ai_addr, info->ai_addrlen) == 0)
			return true;
	}
	return false;
}

static bool has_ipv4(const struct addrinfo *list)
{
	while (list && list->ai_family != AF_INET)
		list = list->ai_next;
	return list != NULL;
}

static bool yielding; /* sockets of ours do */

static int set_shared(int fd, int on)
{
	return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
}

void listen_tcp_yield(const int *fds, size_t n, bool yield)
{
	yielding = yield;
	for (size_t i = 0; i < n; i++)
		(void)set_shared(fds[i], yield); /* one that refuses is in the way, as before */
}

static int listen_one(const struct addrinfo *info, bool v6only)
{
	const int on = 1;
	int r, fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    (v6only && info->ai_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    (yielding && set_shared(fd, true) < 0) ||
	    bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	if (yielding)
		(void)set_shared(fd, false); /* with nobody else */
	return fd;
}

/* Adds "ADDRESS: reason" to what is in `text`. */
static void name_failure(const struct addrinfo *info, int r, char *text, size_t size)
{
	const size_t length = strlen(text);
	char host[64] = "?"; /* an address, perhaps with its interface */

	(void)getnameinfo(
	    info->ai_addr, info->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST);
	snprintf(text + length, size - length, "%s%s: %s", length ? ", " : "", host, strerror(-r));
}

int listen_tcp(const char *address, int *fds, size_t room, char *error, size_t size)
{
	char failures[512] = "";
	struct addrinfo *list = NULL;
	size_t n = 0;
	int passed_over = 0, r = resolve(address, &list, error, size);

	if (r < 0)
		return r;
	for (const struct addrinfo *info = list; info && n < room && r >= 0; info = info->ai_next) {
		if (came_before(list, info))
			continue;
		r = listen_one(info, has_ipv4(list));
		if (r >= 0) {
			fds[n++] = r;
			continue;
		}
		name_failure(info, r, failures, sizeof(failures));
		/* Without its interface a link-local address is none (-EINVAL). */
		if (r == -EADDRNOTAVAIL || r == -EAFNOSUPPORT || r == -EINVAL) {
			passed_over = r == -EINVAL ? -EADDRNOTAVAIL : r;
			r = 0;
		}
	}
	freeaddrinfo(list);
	if (r >= 0 && !n)
		r = passed_over;
	snprintf(error, size, "%s%s%s%s", *failures ? "cannot listen at " : "",
	    *failures ? address : "", *failures ? ": " : "", failures);
	if (r >= 0)
		return (int)n;
	while (n)
		close(fds[--n]);
	return r;
}
