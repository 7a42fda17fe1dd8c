/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/tee_connect.h"

#include "base/clock.h"
#include "dnstap/frame_stream.h"
#include "relay/relay_control.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX      "unix:"
#define TCP       "tcp:"
#define MAX_HOST  256
#define NO_FD     (-1)
#define MAX_REPLY FRAME_STREAM_MAX_REPLY_BYTES

/* 0: the socket is ready. */
static int wait_for(int fd, short events, int stop_fd, uint64_t until_ns)
{
	struct pollfd fds[] = {{.fd = fd, .events = events}, {.fd = stop_fd, .events = POLLIN}};
	int n;

	do
		n = poll(fds, 2, clock_left_ms(until_ns));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (fds[1].revents)
		return -ECANCELED;
	return fds[0].revents ? 0 : -ETIMEDOUT;
}

static int connect_socket(
    const struct sockaddr *address, socklen_t length, int stop_fd, uint64_t until_ns, int *ret_fd)
{
	const int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0, r = 0;
	socklen_t size = sizeof(error);

	if (fd < 0)
		return -errno;
	if (connect(fd, address, length) < 0)
		r = errno == EINPROGRESS ? wait_for(fd, POLLOUT, stop_fd, until_ns) : -errno;
	if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		r = -errno;
	if (r == 0 && error)
		r = -error;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

static int connect_unix(const char *path, int stop_fd, uint64_t until_ns, int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	return connect_socket(
	    (const struct sockaddr *)&address, sizeof(address), stop_fd, until_ns, ret_fd);
}

/* Each address of the name, until one takes us. */
static int connect_tcp(const char *endpoint, int stop_fd, uint64_t until_ns, int *ret_fd)
{
	const struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG};
	const char *colon = strrchr(endpoint, ':');
	struct addrinfo *list, *info;
	char host[MAX_HOST];
	size_t length = colon ? (size_t)(colon - endpoint) : 0;
	int r = -EADDRNOTAVAIL;

	if (*endpoint == '[' && length >= 2) {
		endpoint++;
		length -= 2;
	}
	if (length == 0 || length >= sizeof(host))
		return -EINVAL;
	memcpy(host, endpoint, length);
	host[length] = '\0';
	if (getaddrinfo(host, colon + 1, &hints, &list) != 0)
		return r;
	for (info = list; info && r < 0 && r != -ECANCELED; info = info->ai_next)
		r = connect_socket(info->ai_addr, info->ai_addrlen, stop_fd, until_ns, ret_fd);
	freeaddrinfo(list);
	return r;
}

/* An empty socket buffer holds a control frame. */
static int send_control(int fd, const uint8_t *frame, size_t length)
{
	const ssize_t n = send(fd, frame, length, MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	return n == (ssize_t)length ? 0 : -EIO;
}

static int read_control(int fd, enum relay_control wanted, int stop_fd, uint64_t until_ns)
{
	uint8_t data[RELAY_CONTROL_MAX_BYTES];
	enum relay_control control;
	size_t have = 0, used;
	ssize_t n;
	int r;

	while ((control = relay_control_read(data, have, &used)) == RELAY_CONTROL_MORE) {
		r = wait_for(fd, POLLIN, stop_fd, until_ns);
		if (r < 0)
			return r;
		n = recv(fd, data + have, sizeof(data) - have, 0);
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		have += (size_t)n;
	}
	if (control == RELAY_CONTROL_REFUSED)
		return -EPROTONOSUPPORT;
	return control == wanted ? 0 : -EPROTO;
}

static int shake_hands(int fd, int stop_fd, uint64_t until_ns)
{
	uint8_t frame[MAX_REPLY];
	int r = send_control(fd, frame, frame_stream_write_ready(frame));

	if (r == 0)
		r = read_control(fd, RELAY_CONTROL_ACCEPT, stop_fd, until_ns);
	if (r == 0)
		r = send_control(fd, frame, frame_stream_write_start(frame));
	return r;
}

int tee_connect(const char *target, int stop_fd, uint64_t until_ns, int *ret_fd)
{
	int fd = NO_FD, r;

	if (strncmp(target, UNIX, sizeof(UNIX) - 1) == 0)
		r = connect_unix(target + sizeof(UNIX) - 1, stop_fd, until_ns, &fd);
	else
		r = connect_tcp(target + sizeof(TCP) - 1, stop_fd, until_ns, &fd);
	if (r < 0)
		return r;
	r = shake_hands(fd, stop_fd, until_ns);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int tee_finish(int fd, uint64_t until_ns)
{
	uint8_t frame[MAX_REPLY];
	int r = wait_for(fd, POLLOUT, NO_FD, until_ns);

	if (r == 0)
		r = send_control(fd, frame, frame_stream_write_stop(frame));
	if (r == 0)
		r = read_control(fd, RELAY_CONTROL_FINISH, NO_FD, until_ns);
	return r;
}
