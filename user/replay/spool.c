/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PART_BYTES (1u << 20)

static const char *folder(void)
{
	const char *folder = getenv("TMPDIR");

	return folder && *folder ? folder : "/var/tmp";
}

static int write_all(int fd, const uint8_t *data, size_t n)
{
	while (n) {
		const ssize_t written = write(fd, data, n);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			data += written;
			n -= (size_t)written;
		}
	}
	return 0;
}

static int copy(int from, int to, uint8_t *part)
{
	uint64_t bytes = 0;
	int r;

	for (;;) {
		const ssize_t n = read(from, part, PART_BYTES);

		if (n == 0)
			return lseek(to, 0, SEEK_SET) < 0 ? -errno : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += (uint64_t)n;
		if (bytes > SPOOL_BYTES_MAX)
			return -EFBIG;
		r = write_all(to, part, (size_t)n);
		if (r < 0)
			return r;
	}
}

int spool_copy(int fd, int *ret, char *error, size_t size)
{
	uint8_t *part = malloc(PART_BYTES);
	int to = open(folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int r = !part ? -ENOMEM : to < 0 ? -errno : copy(fd, to, part);

	free(part);
	if (r == 0) {
		*ret = to;
		return 0;
	}
	if (to >= 0)
		close(to);
	snprintf(error, size,
	    r == -EFBIG
		? "holds over 16 GiB, too much to keep in %s and read twice: name the servers "
		  "in wire.addresses"
		: "cannot be kept in %s, to be read twice: %s (or name the servers in "
		  "wire.addresses)",
	    folder(), strerror(-r));
	return r;
}
