/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/gzip.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#define LEVEL     1 /* a scrape is read once: time counts for more than the last percents */
#define GZIP_BITS (15 + 16)
#define MEMORY    8 /* zlib's default */

int gzip_make(const char *data, size_t length, char **ret, size_t *ret_length)
{
	z_stream stream = {0};
	size_t bound;
	char *out;

	if (length > UINT_MAX / 2)
		return -EFBIG;
	if (deflateInit2(&stream, LEVEL, Z_DEFLATED, GZIP_BITS, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	bound = deflateBound(&stream, length);
	out = malloc(bound);
	if (!out) {
		deflateEnd(&stream);
		return -ENOMEM;
	}
	stream.next_in = (void *)(uintptr_t)data;
	stream.avail_in = (unsigned)length;
	stream.next_out = (void *)out;
	stream.avail_out = (unsigned)bound;
	/* The bound is enough for all of it at once. */
	(void)deflate(&stream, Z_FINISH);
	*ret_length = stream.total_out;
	deflateEnd(&stream);
	*ret = out;
	return 0;
}

int gzip_undo(const void *data, size_t length, char **ret, size_t size)
{
	z_stream stream = {0};
	char *out = malloc(size + 1);
	int r;

	if (!out)
		return -ENOMEM;
	if (inflateInit2(&stream, GZIP_BITS) != Z_OK) {
		free(out);
		return -ENOMEM;
	}
	stream.next_in = (void *)(uintptr_t)data;
	stream.avail_in = (unsigned)length;
	stream.next_out = (void *)out;
	stream.avail_out = (unsigned)size + 1;
	r = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.total_out == size ? 0 : -EBADMSG;
	inflateEnd(&stream);
	if (r < 0) {
		free(out);
		return r;
	}
	*ret = out;
	return 0;
}
