/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/file.h"

#include "base/clock.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Until there is something, or the end. */
static int wait_for_more(int fd, uint64_t deadline_ns)
{
	const uint64_t now_ns = clock_monotonic_ns();
	struct pollfd fds = {.fd = fd, .events = POLLIN};
	int n;

	if (now_ns >= deadline_ns)
		return -ETIMEDOUT;
	n = poll(&fds, 1, (int)((deadline_ns - now_ns) / NS_PER_MS) + 1);
	if (n < 0 && errno != EINTR)
		return -errno;
	return n > 0 && !(fds.revents & POLLIN) ? -EPIPE : 0;
}

/* Not blocking, a pipe that nobody writes to yet has no end either. */
static ssize_t read_waiting(int fd, char *text, size_t size, bool is_pipe, uint64_t deadline_ns)
{
	size_t length = 0;
	int r;

	while (length < size) {
		const ssize_t n = read(fd, text + length, size - length);

		if (n > 0)
			length += (size_t)n;
		if (n > 0 || (n < 0 && errno == EINTR))
			continue;
		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n == 0 && (length || !is_pipe))
			break;
		r = wait_for_more(fd, deadline_ns);
		if (r == -EPIPE)
			break;
		if (r < 0)
			return r;
	}
	return (ssize_t)length;
}

int config_file_read(const char *path, uint64_t wait_ns, char **ret, size_t *ret_length)
{
	const bool blocks = wait_ns == CONFIG_FILE_BLOCK;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (blocks ? 0 : O_NONBLOCK));
	const uint64_t now_ns = clock_monotonic_ns();
	struct stat st;
	char *text = NULL;
	ssize_t n;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		r = -EISDIR;
	else if (!(text = malloc(CONFIG_FILE_MAX + 1)))
		r = -ENOMEM;
	if (r == 0) {
		n = blocks ? io_read(fd, text, CONFIG_FILE_MAX + 1)
			   : read_waiting(fd, text, CONFIG_FILE_MAX + 1, S_ISFIFO(st.st_mode),
				 now_ns + wait_ns);
		if (n < 0)
			r = (int)n;
		else
			*ret_length = (size_t)n;
	}
	close(fd);
	if (r < 0)
		free(text);
	else
		*ret = text;
	return r;
}
