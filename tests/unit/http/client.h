/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests, byte by byte as a test wants them, to an agent on loopback. */
#ifndef TESTS_UNIT_HTTP_CLIENT_H
#define TESTS_UNIT_HTTP_CLIENT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <cmocka.h>

struct reply {
	int status; /* 0: closed without an answer */
	char text[256 * 1024];
	const char *body;
};

static inline int client_connect(unsigned port)
{
	const struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const struct timeval timeout = {.tv_sec = 20};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		abort();
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	return fd;
}

/* Sends and reads until the agent closes. */
static inline void exchange(unsigned port, const char *request, size_t length, struct reply *ret)
{
	int fd = client_connect(port);
	size_t n = 0;
	ssize_t r;

	for (size_t sent = 0; sent < length; sent += (size_t)r) {
		r = send(fd, request + sent, length - sent, MSG_NOSIGNAL);
		if (r <= 0)
			break;
	}
	while (n < sizeof(ret->text) - 1 &&
	    (r = recv(fd, ret->text + n, sizeof(ret->text) - 1 - n, 0)) > 0)
		n += (size_t)r;
	close(fd);
	ret->text[n] = '\0';
	ret->status = 0;
	(void)sscanf(ret->text, "HTTP/1.1 %d", &ret->status);
	ret->body = strstr(ret->text, "\r\n\r\n");
	ret->body = ret->body ? ret->body + 4 : "";
}

/* A whole request but for the empty line; more headers come in `headers`, each with its CRLF. */
static inline void request(unsigned port, const char *method, const char *path, const char *host,
    const char *headers, struct reply *ret)
{
	static _Thread_local char text[128 * 1024];
	int length = snprintf(text, sizeof(text),
	    "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n", method, path, host,
	    headers);

	exchange(port, text, (size_t)length, ret);
}

static inline void get(unsigned port, const char *path, struct reply *ret)
{
	request(port, "GET", path, "127.0.0.1", "", ret);
}

#endif
