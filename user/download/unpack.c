/* SPDX-License-Identifier: BSD-2-Clause */
#include "download/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* next_in is not written through */
#include <zlib.h>

#define OUT_BYTES   32768
#define GZIP_WINDOW (15 + 16) /* largest window, gzip wrapper only */

enum outer { OUTER_UNKNOWN, OUTER_PLAIN, OUTER_GZIP };
enum inner { INNER_UNKNOWN, INNER_PLAIN, INNER_TAR };

struct unpack {
	uint64_t max_bytes, extra, total; /* total: after decompression */
	tar_sink sink;
	void *context;
	enum outer outer;
	uint8_t magic[2]; /* the first bytes of all */
	size_t n_magic;
	z_stream zlib;
	bool has_zlib, gzip_ended;
	enum inner inner;
	uint8_t head[TAR_BLOCK_BYTES]; /* the first bytes after decompression */
	size_t n_head;
	struct tar *tar;
	int error;
	const char *problem;
};

int unpack_new(struct unpack **ret, uint64_t max_bytes, tar_sink sink, void *context)
{
	struct unpack *unpack = calloc(1, sizeof(*unpack));
	int r;

	if (!unpack)
		return -ENOMEM;
	unpack->max_bytes = max_bytes;
	unpack->extra = UNPACK_EXTRA;
	unpack->sink = sink;
	unpack->context = context;
	unpack->problem = "";
	r = tar_new(&unpack->tar, max_bytes, sink, context);
	if (r < 0) {
		unpack_free(unpack);
		return r;
	}
	*ret = unpack;
	return 0;
}

void unpack_free(struct unpack *unpack)
{
	if (!unpack)
		return;
	if (unpack->has_zlib)
		inflateEnd(&unpack->zlib);
	tar_free(unpack->tar);
	free(unpack);
}

void unpack_set_extra(struct unpack *unpack, uint64_t bytes)
{
	unpack->extra = bytes;
}

const char *unpack_problem(const struct unpack *unpack)
{
	return *unpack->problem ? unpack->problem : tar_problem(unpack->tar);
}

static int refuse(struct unpack *unpack, const char *problem)
{
	unpack->problem = problem;
	unpack->error = -EBADMSG;
	return unpack->error;
}

static int inner_out(struct unpack *unpack, const uint8_t *data, size_t n)
{
	if (unpack->inner == INNER_TAR)
		return tar_write(unpack->tar, data, n);
	if (unpack->total > unpack->max_bytes)
		return refuse(unpack, "is too large");
	return unpack->sink(unpack->context, data, n);
}

/* Decides by the first block, or by the end of a file that has no whole one. */
static int inner_begin(struct unpack *unpack)
{
	unpack->inner = unpack->n_head == TAR_BLOCK_BYTES && tar_is_header(unpack->head)
	    ? INNER_TAR
	    : INNER_PLAIN;
	return inner_out(unpack, unpack->head, unpack->n_head);
}

static int inner_write(struct unpack *unpack, const uint8_t *data, size_t n)
{
	unpack->total += n;
	if (unpack->total > unpack->max_bytes + unpack->extra)
		return refuse(unpack, "is too large");
	if (unpack->inner == INNER_UNKNOWN) {
		size_t room = TAR_BLOCK_BYTES - unpack->n_head, taken = n < room ? n : room;
		int r;

		memcpy(unpack->head + unpack->n_head, data, taken);
		unpack->n_head += taken;
		data += taken;
		n -= taken;
		if (unpack->n_head < TAR_BLOCK_BYTES)
			return 0;
		r = inner_begin(unpack);
		if (r < 0)
			return r;
	}
	return n > 0 ? inner_out(unpack, data, n) : 0;
}

static int gunzip(struct unpack *unpack, const uint8_t *data, size_t n)
{
	uint8_t out[OUT_BYTES];

	unpack->zlib.next_in = data;
	unpack->zlib.avail_in = (uInt)n;
	/* Also when all input is taken: a full buffer says that more may be waiting. */
	do {
		int status, r;

		if (unpack->gzip_ended)
			return unpack->zlib.avail_in ? refuse(unpack, "goes on after its end") : 0;
		unpack->zlib.next_out = out;
		unpack->zlib.avail_out = sizeof(out);
		status = inflate(&unpack->zlib, Z_NO_FLUSH);
		if (status == Z_MEM_ERROR)
			return -ENOMEM;
		if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
			return refuse(unpack, "the compressed data is damaged");
		unpack->gzip_ended = status == Z_STREAM_END;
		r = inner_write(unpack, out, sizeof(out) - unpack->zlib.avail_out);
		if (r < 0)
			return r;
	} while (unpack->zlib.avail_in || unpack->zlib.avail_out == 0);
	return 0;
}

static int outer_out(struct unpack *unpack, const uint8_t *data, size_t n)
{
	return unpack->outer == OUTER_GZIP ? gunzip(unpack, data, n) : inner_write(unpack, data, n);
}

static int outer_begin(struct unpack *unpack)
{
	unpack->outer = OUTER_PLAIN;
	if (unpack->n_magic == 2 && unpack->magic[0] == 0x1f && unpack->magic[1] == 0x8b) {
		if (inflateInit2(&unpack->zlib, GZIP_WINDOW) != Z_OK)
			return -ENOMEM;
		unpack->has_zlib = true;
		unpack->outer = OUTER_GZIP;
	}
	return outer_out(unpack, unpack->magic, unpack->n_magic);
}

int unpack_write(struct unpack *unpack, const uint8_t *data, size_t n)
{
	if (unpack->error)
		return unpack->error;
	while (n > 0 && unpack->outer == OUTER_UNKNOWN) {
		unpack->magic[unpack->n_magic++] = *data++;
		n--;
		if (unpack->n_magic == sizeof(unpack->magic))
			unpack->error = outer_begin(unpack);
		if (unpack->error)
			return unpack->error;
	}
	while (n > 0 && !unpack->error) {
		size_t part = n < OUT_BYTES ? n : OUT_BYTES; /* fits zlib's uInt */

		unpack->error = outer_out(unpack, data, part);
		data += part;
		n -= part;
	}
	return unpack->error;
}

int unpack_finish(struct unpack *unpack)
{
	if (!unpack->error && unpack->outer == OUTER_UNKNOWN && unpack->n_magic > 0)
		unpack->error = outer_begin(unpack);
	if (!unpack->error && unpack->outer == OUTER_GZIP && !unpack->gzip_ended)
		return refuse(unpack, "is cut short");
	if (!unpack->error && unpack->total == 0)
		return refuse(unpack, "is empty");
	if (!unpack->error && unpack->inner == INNER_UNKNOWN)
		unpack->error = inner_begin(unpack);
	if (!unpack->error && unpack->inner == INNER_TAR)
		unpack->error = tar_finish(unpack->tar);
	return unpack->error;
}
