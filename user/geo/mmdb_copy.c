/* SPDX-License-Identifier: BSD-2-Clause */
#include "geo/mmdb_copy.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define CHUNK_BYTES 65536

/* One byte more than `size` is asked for, to notice a file that grows. */
static int copy_bytes(int from, int to, uint64_t size)
{
	char chunk[CHUNK_BYTES];
	uint64_t total = 0;

	while (total <= size) {
		uint64_t left = size + 1 - total;
		ssize_t n =
		    io_read(from, chunk, left < sizeof(chunk) ? (size_t)left : sizeof(chunk));
		int r;

		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		total += (uint64_t)n;
		r = io_write(to, chunk, (size_t)n);
		if (r < 0)
			return r;
	}
	return total == size ? 0 : -EAGAIN;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static int copy_and_seal(int from, int to, const struct stat *before)
{
	struct stat after;
	int r = copy_bytes(from, to, (uint64_t)before->st_size);

	if (r < 0)
		return r;
	if (fstat(from, &after) < 0)
		return -errno;
	if (after.st_size != before->st_size || !same_time(&after.st_mtim, &before->st_mtim))
		return -EAGAIN;
	if (fcntl(to, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	return 0;
}

/* Kernels from 6.3 on can forbid memory files that could be executed, older ones refuse the flag.
 */
static int memory_file(void)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("mmdb", flags | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("mmdb", flags);
	return fd;
}

static int check(
    const char *path, const struct stat *st, uint64_t max_bytes, char *reason, size_t reason_size)
{
	if (!S_ISREG(st->st_mode) || st->st_size <= 0) {
		snprintf(reason, reason_size, "%s: is %s", path,
		    S_ISREG(st->st_mode) ? "empty" : "not a regular file");
		return -EBADMSG;
	}
	if ((uint64_t)st->st_size > max_bytes) {
		snprintf(reason, reason_size, "%s: has %jd bytes, the limit is %" PRIu64, path,
		    (intmax_t)st->st_size, max_bytes);
		return -EFBIG;
	}
	return 0;
}

int mmdb_copy(const char *path, uint64_t max_bytes, int *ret_fd, struct stat *ret_stat,
    char *reason, size_t reason_size)
{
	int r, from, to = -1;

	/* O_NONBLOCK: a FIFO must not hold up the report. */
	from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (from < 0 || fstat(from, ret_stat) < 0) {
		r = -errno;
		snprintf(reason, reason_size, "%s: %s", path, strerrordesc_np(-r));
		goto out;
	}
	r = check(path, ret_stat, max_bytes, reason, reason_size);
	if (r < 0)
		goto out;
	to = memory_file();
	r = to < 0 ? -errno : copy_and_seal(from, to, ret_stat);
	if (r == -EAGAIN)
		snprintf(reason, reason_size, "%s: changed while it was read", path);
	else if (r < 0)
		snprintf(reason, reason_size, "%s: %s", path, strerrordesc_np(-r));
out:
	if (from >= 0)
		close(from);
	if (r < 0 && to >= 0)
		close(to);
	else if (r == 0)
		*ret_fd = to;
	return r;
}
