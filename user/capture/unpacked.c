/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/unpacked.h"

#include <errno.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define ZLIB_CONST /* next_in is not written through */
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define IN_BYTES      (64u << 10)
#define MAGIC_BYTES   6
#define GZIP_WINDOW   (15 + 16)  /* largest window, gzip wrapper only */
#define STEP_BYTES    (1u << 30) /* fits zlib's uInt */
#define ZSTD_HEADER   18         /* bytes of a frame's header at most (RFC 8878 section 3.1.1.1) */
#define PROBLEM_BYTES 160

struct unpacked;

/* How one format is read. */
struct format {
	const char *name;
	size_t magic_bytes;
	uint8_t magic[MAGIC_BYTES], mask[MAGIC_BYTES];
	/* At the beginning of each member. */
	int (*begin)(struct unpacked *unpacked);
	/*
	 * Takes from the input and writes to `out`, *ret_made bytes. 1: the member has ended; 0: it
	 * goes on; -ENOMEM; -EBADMSG: it is damaged; -E2BIG: its window is too large.
	 */
	int (*step)(struct unpacked *unpacked, uint8_t *out, size_t size, size_t *ret_made);
};

struct unpacked {
	int fd;
	bool at_end;                 /* of the file */
	bool started;                /* the first bytes have been looked at */
	const struct format *member; /* that is being read; NULL: between two, or none at all */
	bool plain;
	z_stream zlib;
	bool has_zlib;
	ZSTD_DCtx *zstd;
	uint64_t zstd_says, zstd_made; /* bytes of the frame; ZSTD_CONTENTSIZE_UNKNOWN */
	lzma_stream xz;
	uint64_t window; /* bytes that one may take */
	uint64_t taken;  /* bytes of the file */
	int error;
	char problem[PROBLEM_BYTES];
	size_t start, end; /* of what is not consumed yet */
	uint8_t in[IN_BYTES];
};

static int begin_gzip(struct unpacked *unpacked)
{
	int status = unpacked->has_zlib ? inflateReset(&unpacked->zlib)
					: inflateInit2(&unpacked->zlib, GZIP_WINDOW);

	unpacked->has_zlib = status == Z_OK;
	return status == Z_OK ? 0 : -ENOMEM;
}

static int step_gzip(struct unpacked *unpacked, uint8_t *out, size_t size, size_t *ret_made)
{
	z_stream *zlib = &unpacked->zlib;
	int status;

	zlib->next_in = unpacked->in + unpacked->start;
	zlib->avail_in = (uInt)(unpacked->end - unpacked->start);
	zlib->next_out = out;
	zlib->avail_out = (uInt)size;
	status = inflate(zlib, Z_NO_FLUSH);
	unpacked->start = unpacked->end - zlib->avail_in;
	*ret_made = size - zlib->avail_out;
	if (status == Z_STREAM_END)
		return 1;
	if (status == Z_MEM_ERROR)
		return -ENOMEM;
	return status == Z_OK || status == Z_BUF_ERROR ? 0 : -EBADMSG;
}

/* At least `want` bytes of input, or all that the file has. */
static int fill(struct unpacked *unpacked, size_t want);

/* What a frame says of its own size the library compares in some of its ways, and in some not. */
static int begin_zstd(struct unpacked *unpacked)
{
	const int r = fill(unpacked, ZSTD_HEADER);

	if (r < 0)
		return r;
	unpacked->zstd_made = 0;
	unpacked->zstd_says = ZSTD_getFrameContentSize(
	    unpacked->in + unpacked->start, unpacked->end - unpacked->start);
	if (unpacked->zstd_says == ZSTD_CONTENTSIZE_ERROR) /* which it then names */
		unpacked->zstd_says = ZSTD_CONTENTSIZE_UNKNOWN;
	if (unpacked->zstd) {
		ZSTD_DCtx_reset(unpacked->zstd, ZSTD_reset_session_only);
		return 0;
	}
	unpacked->zstd = ZSTD_createDCtx();
	if (!unpacked->zstd)
		return -ENOMEM;
	ZSTD_DCtx_setParameter(
	    unpacked->zstd, ZSTD_d_windowLogMax, 63 - __builtin_clzll(unpacked->window));
	return 0;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): zstd writes to `out` */
static int step_zstd(struct unpacked *unpacked, uint8_t *out, size_t size, size_t *ret_made)
{
	ZSTD_inBuffer in = {unpacked->in, unpacked->end, unpacked->start};
	ZSTD_outBuffer to = {out, size, 0};
	const size_t left = ZSTD_decompressStream(unpacked->zstd, &to, &in);

	unpacked->start = in.pos;
	*ret_made = to.pos;
	unpacked->zstd_made += to.pos;
	if (left == 0 && unpacked->zstd_says != ZSTD_CONTENTSIZE_UNKNOWN &&
	    unpacked->zstd_made != unpacked->zstd_says)
		return -EBADMSG;
	if (!ZSTD_isError(left))
		return left == 0;
	switch (ZSTD_getErrorCode(left)) {
	case ZSTD_error_memory_allocation:
		return -ENOMEM;
	case ZSTD_error_frameParameter_windowTooLarge:
		return -E2BIG;
	default:
		return -EBADMSG;
	}
}

static int begin_xz(struct unpacked *unpacked)
{
	return lzma_stream_decoder(&unpacked->xz, unpacked->window, 0) == LZMA_OK ? 0 : -ENOMEM;
}

static int step_xz(struct unpacked *unpacked, uint8_t *out, size_t size, size_t *ret_made)
{
	lzma_stream *xz = &unpacked->xz;
	lzma_ret status;

	xz->next_in = unpacked->in + unpacked->start;
	xz->avail_in = unpacked->end - unpacked->start;
	xz->next_out = out;
	xz->avail_out = size;
	status = lzma_code(xz, LZMA_RUN);
	unpacked->start = unpacked->end - xz->avail_in;
	*ret_made = size - xz->avail_out;
	switch (status) {
	case LZMA_STREAM_END:
		return 1;
	case LZMA_OK:
	case LZMA_BUF_ERROR:
		return 0;
	case LZMA_MEM_ERROR:
		return -ENOMEM;
	case LZMA_MEMLIMIT_ERROR:
		return -E2BIG;
	default:
		return -EBADMSG;
	}
}

/* The last two are known, so that they can be named, and not read. zstd's parallel writers begin
 * with a frame to skip. */
static const struct format formats[] = {
    {"gzip", 2, {0x1f, 0x8b}, {0xff, 0xff}, begin_gzip, step_gzip},
    {"zstd", 4, {0x28, 0xb5, 0x2f, 0xfd}, {0xff, 0xff, 0xff, 0xff}, begin_zstd, step_zstd},
    {"zstd", 4, {0x50, 0x2a, 0x4d, 0x18}, {0xf0, 0xff, 0xff, 0xff}, begin_zstd, step_zstd},
    {"xz", 6, {0xfd, '7', 'z', 'X', 'Z', 0}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, begin_xz,
	step_xz},
    {"lz4", 4, {0x04, 0x22, 0x4d, 0x18}, {0xff, 0xff, 0xff, 0xff}, NULL, NULL},
    {"bzip2", 3, {'B', 'Z', 'h'}, {0xff, 0xff, 0xff}, NULL, NULL},
};

int unpacked_open(struct unpacked **ret, int fd)
{
	struct unpacked *unpacked = malloc(sizeof(*unpacked));

	if (!unpacked)
		return -ENOMEM;
	memset(unpacked, 0, offsetof(struct unpacked, in));
	unpacked->xz = (lzma_stream)LZMA_STREAM_INIT;
	unpacked->fd = fd;
	unpacked->window = UNPACKED_WINDOW_MAX;
	*ret = unpacked;
	return 0;
}

void unpacked_set_window(struct unpacked *unpacked, uint64_t bytes)
{
	unpacked->window = bytes;
}

void unpacked_close(struct unpacked *unpacked)
{
	if (!unpacked)
		return;
	if (unpacked->has_zlib)
		inflateEnd(&unpacked->zlib);
	ZSTD_freeDCtx(unpacked->zstd);
	lzma_end(&unpacked->xz);
	free(unpacked);
}

const char *unpacked_problem(const struct unpacked *unpacked)
{
	return unpacked->problem;
}

static int refuse(struct unpacked *unpacked, const char *what, const char *why)
{
	snprintf(unpacked->problem, sizeof(unpacked->problem), "%s%s, near byte %llu of the file",
	    what, why, (unsigned long long)(unpacked->taken - (unpacked->end - unpacked->start)));
	return -EBADMSG;
}

static int refuse_window(struct unpacked *unpacked, const char *what)
{
	char why[64];

	snprintf(why, sizeof(why), ": unpacking takes over %llu MiB of memory",
	    (unsigned long long)(unpacked->window >> 20));
	return refuse(unpacked, what, why);
}

static ssize_t read_file(struct unpacked *unpacked, void *data, size_t size)
{
	ssize_t n;

	do {
		n = read(unpacked->fd, data, size);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		n = -errno;
		snprintf(unpacked->problem, sizeof(unpacked->problem), "%s", strerror((int)-n));
		return n;
	}
	unpacked->at_end = n == 0;
	unpacked->taken += (uint64_t)n;
	return n;
}

static int fill(struct unpacked *unpacked, size_t want)
{
	while (unpacked->end - unpacked->start < want && !unpacked->at_end) {
		ssize_t n;

		memmove(
		    unpacked->in, unpacked->in + unpacked->start, unpacked->end - unpacked->start);
		unpacked->end -= unpacked->start;
		unpacked->start = 0;
		n = read_file(unpacked, unpacked->in + unpacked->end, IN_BYTES - unpacked->end);
		if (n < 0)
			return (int)n;
		unpacked->end += (size_t)n;
	}
	return 0;
}

static const struct format *find_format(const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const struct format *format = &formats[i];
		bool same = n >= format->magic_bytes;

		for (size_t j = 0; same && j < format->magic_bytes; j++)
			same = (data[j] & format->mask[j]) == format->magic[j];
		if (same)
			return format;
	}
	return NULL;
}

/* Behind a member: another one, or nothing but zeros, with which tapes and xz pad. */
static int skip_padding(struct unpacked *unpacked)
{
	int r;

	do {
		while (unpacked->start < unpacked->end && unpacked->in[unpacked->start] == 0)
			unpacked->start++;
		r = fill(unpacked, 1);
	} while (r == 0 && unpacked->start < unpacked->end && unpacked->in[unpacked->start] == 0);
	return r;
}

/* Finds out what comes next: a member, plain data (only as the first), or nothing. */
static int next_member(struct unpacked *unpacked)
{
	const bool first = !unpacked->started;
	const struct format *format;
	size_t have;
	int r = first ? 0 : skip_padding(unpacked);

	if (r == 0)
		r = fill(unpacked, MAGIC_BYTES);
	if (r < 0)
		return r;
	unpacked->started = true;
	have = unpacked->end - unpacked->start;
	format = find_format(unpacked->in + unpacked->start, have);
	unpacked->plain = first && !format;
	if (!format)
		return have && !first
		    ? refuse(unpacked, "something else", " follows compressed data")
		    : 0;
	if (!format->begin) {
		snprintf(unpacked->problem, sizeof(unpacked->problem),
		    "is compressed by %s, which is not read here: unpack it into a pipe",
		    format->name);
		return -EBADMSG;
	}
	r = format->begin(unpacked);
	if (r == 0)
		unpacked->member = format;
	return r;
}

static ssize_t read_plain(struct unpacked *unpacked, void *data, size_t size)
{
	size_t n = unpacked->end - unpacked->start;

	if (!n)
		return read_file(unpacked, data, size);
	if (n > size)
		n = size;
	memcpy(data, unpacked->in + unpacked->start, n);
	unpacked->start += n;
	return (ssize_t)n;
}

/* One step of the member; bytes made, or why there are none: 0 is to be called again. */
static ssize_t read_member(struct unpacked *unpacked, void *data, size_t size)
{
	const struct format *member = unpacked->member;
	const size_t had = unpacked->end - unpacked->start;
	size_t made = 0;
	int r = member->step(unpacked, data, size < STEP_BYTES ? size : STEP_BYTES, &made);

	if (r > 0)
		unpacked->member = NULL;
	else if (r == -EBADMSG)
		r = refuse(unpacked, member->name, ": the data is damaged");
	else if (r == -E2BIG)
		r = refuse_window(unpacked, member->name);
	else if (r == 0 && !made && had == unpacked->end - unpacked->start) {
		/* It wants more than there is. */
		r = fill(unpacked, had + 1);
		if (r == 0 && unpacked->at_end)
			r = refuse(unpacked, member->name, ": the data is cut short");
	}
	if (r < 0)
		unpacked->error = r;
	return made ? (ssize_t)made : r < 0 ? r : 0;
}

ssize_t unpacked_read(struct unpacked *unpacked, void *data, size_t size)
{
	while (!unpacked->error && size) {
		ssize_t n = 0;

		if (unpacked->plain) {
			n = read_plain(unpacked, data, size);
			if (n >= 0)
				return n;
			unpacked->error = (int)n;
		} else if (unpacked->member) {
			n = read_member(unpacked, data, size);
			if (n > 0)
				return n;
		} else {
			unpacked->error = next_member(unpacked);
			if (!unpacked->error && !unpacked->plain && !unpacked->member)
				return 0;
		}
	}
	if (unpacked->error && !*unpacked->problem)
		snprintf(
		    unpacked->problem, sizeof(unpacked->problem), "%s", strerror(-unpacked->error));
	return unpacked->error;
}
