/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/spool_file.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define MAGIC "crosstap-spool-1\n"

/* A file is this and the text. The checksum is of the text; host byte order: a spool does not
 * travel. */
struct header {
	char magic[sizeof(MAGIC) - 1];
	uint8_t pad[7];
	uint64_t length, points, checksum;
};
_Static_assert(sizeof(struct header) == 48, "no hidden padding");

void spool_file_name(char name[SPOOL_NAME_SIZE], uint64_t time_ns, size_t points)
{
	snprintf(name, SPOOL_NAME_SIZE, "%020" PRIu64 "-%zu.batch", time_ns, points);
}

bool spool_file_parse_name(const char *name, uint64_t *ret_time_ns, size_t *ret_points)
{
	char again[SPOOL_NAME_SIZE];
	int end = 0;

	if (sscanf(name, "%20" SCNu64 "-%12zu.batch%n", ret_time_ns, ret_points, &end) != 2 ||
	    end == 0)
		return false;
	spool_file_name(again, *ret_time_ns, *ret_points);
	return strcmp(again, name) == 0;
}

uint64_t spool_file_size(size_t length)
{
	return sizeof(struct header) + length;
}

int spool_file_write(int folder, const char *name, const char *text, size_t length, size_t points,
    enum replace_sync sync)
{
	struct header header = {.length = length, .points = points};
	struct replace file;
	int r;

	memcpy(header.magic, MAGIC, sizeof(header.magic));
	header.checksum = XXH64(text, length, 0);
	r = replace_begin_at(&file, folder, name, SPOOL_TEMPORARY, 0640);
	if (r < 0)
		return r;
	r = io_write(file.fd, &header, sizeof(header));
	if (r == 0)
		r = io_write(file.fd, text, length);
	if (r == 0)
		r = replace_commit(&file, sync);
	replace_abort(&file);
	return r;
}

static int read_whole(int fd, void *data, size_t size)
{
	const ssize_t n = io_read(fd, data, size);

	if (n < 0)
		return (int)n;
	return (size_t)n == size ? 0 : -EBADMSG;
}

/* The file's text, checked; the caller's to free. */
static int read_open(int fd, struct header *header, char **ret)
{
	struct stat st;
	char *text;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	r = read_whole(fd, header, sizeof(*header));
	if (r < 0)
		return r;
	if (memcmp(header->magic, MAGIC, sizeof(header->magic)) != 0 || header->length == 0 ||
	    header->length > SPOOL_FILE_MAX ||
	    (uint64_t)st.st_size != sizeof(*header) + header->length)
		return -EBADMSG;
	text = malloc(header->length);
	if (!text)
		return -ENOMEM;
	r = read_whole(fd, text, header->length);
	if (r == 0 &&
	    (XXH64(text, header->length, 0) != header->checksum ||
		text[header->length - 1] != '\n'))
		r = -EBADMSG;
	if (r < 0)
		free(text);
	else
		*ret = text;
	return r;
}

int spool_file_read(int folder, const char *name, struct batch **ret)
{
	struct header header;
	char *text = NULL;
	int fd, r;

	/* Not blocking: what somebody put in its place may be a named pipe. */
	fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	r = read_open(fd, &header, &text);
	close(fd);
	if (r < 0)
		return r;
	r = batch_new(ret, text, header.length, header.points, 0);
	free(text);
	return r;
}
