/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/io.h"
#include "base/unused.h"
#include "capture/unpacked.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#define CONTENT_BYTES 200000
#define PACKED_BYTES  (4 * CONTENT_BYTES)

enum kind { GZIP, ZSTD, XZ, KINDS };

static uint8_t content[CONTENT_BYTES];

struct packed {
	uint8_t bytes[PACKED_BYTES];
	size_t n;
};

/* Repeats itself, but not so that a member fits one step of its reader. */
static int make_content(UNUSED void **state)
{
	uint64_t x = 88172645463325252u;

	for (size_t i = 0; i < CONTENT_BYTES; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		content[i] = (uint8_t)(i % 3 ? x & 0x3f : 'a');
	}
	return 0;
}

static void pack_gzip(struct packed *to, const uint8_t *data, size_t n)
{
	z_stream zlib = {0};

	assert_int_equal(deflateInit2(&zlib, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	zlib.next_in = data;
	zlib.avail_in = (uInt)n;
	zlib.next_out = to->bytes + to->n;
	zlib.avail_out = (uInt)(PACKED_BYTES - to->n);
	assert_int_equal(deflate(&zlib, Z_FINISH), Z_STREAM_END);
	to->n += zlib.total_out;
	deflateEnd(&zlib);
}

static void pack(struct packed *to, enum kind kind, const uint8_t *data, size_t n)
{
	size_t made;

	switch (kind) {
	case GZIP:
		pack_gzip(to, data, n);
		return;
	case ZSTD:
		made = ZSTD_compress(to->bytes + to->n, PACKED_BYTES - to->n, data, n, 1);
		assert_false(ZSTD_isError(made));
		to->n += made;
		return;
	default:
		assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC64, NULL, data, n,
				     to->bytes, &to->n, PACKED_BYTES),
		    LZMA_OK);
	}
}

static void put(struct packed *to, const void *data, size_t n)
{
	memcpy(to->bytes + to->n, data, n);
	to->n += n;
}

static int file_of(const struct packed *packed)
{
	int fd = memfd_create("packed", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, packed->bytes, packed->n), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* Reads in pieces up to the end or an error, which stays. Returns it, *ret_n bytes are in `out`. */
static int unpack(const struct packed *packed, size_t piece, uint8_t *out, size_t room,
    size_t *ret_n, char problem[static 256])
{
	struct unpacked *unpacked = NULL;
	int fd = file_of(packed);
	size_t n = 0;
	ssize_t got;

	assert_int_equal(unpacked_open(&unpacked, fd), 0);
	do {
		assert_true(n < room);
		got = unpacked_read(unpacked, out + n, piece < room - n ? piece : room - n);
		n += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	assert_int_equal(unpacked_read(unpacked, out + n, 1), got);
	snprintf(problem, 256, "%s", unpacked_problem(unpacked));
	assert_int_equal(got < 0, *problem != '\0');
	unpacked_close(unpacked);
	close(fd);
	*ret_n = n;
	return (int)got;
}

/* All of the content, once more for each time that it was packed. */
static void assert_unpacks(const struct packed *packed, size_t times)
{
	static const size_t pieces[] = {1, 4096, 1 << 20};
	uint8_t *out = malloc(times * CONTENT_BYTES + 1);
	char problem[256];
	size_t n;

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		assert_int_equal(
		    unpack(packed, pieces[i], out, times * CONTENT_BYTES + 1, &n, problem), 0);
		assert_int_equal(n, times * CONTENT_BYTES);
		for (size_t j = 0; j < times; j++)
			assert_memory_equal(out + j * CONTENT_BYTES, content, CONTENT_BYTES);
	}
	free(out);
}

static struct packed *packed_new(void)
{
	return calloc(1, sizeof(struct packed));
}

static void test_each_format(UNUSED void **state)
{
	for (enum kind kind = 0; kind < KINDS; kind++) {
		struct packed *packed = packed_new();

		pack(packed, kind, content, CONTENT_BYTES);
		assert_unpacks(packed, 1);
		free(packed);
	}
}

static void test_plain(UNUSED void **state)
{
	static const size_t sizes[] = {0, 1, 5, 6, 7};
	struct packed *packed = packed_new();

	put(packed, content, CONTENT_BYTES);
	assert_unpacks(packed, 1);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t out[8];
		char problem[256];
		size_t n;

		packed->n = sizes[i];
		assert_int_equal(unpack(packed, 3, out, sizeof(out), &n, problem), 0);
		assert_int_equal(n, sizes[i]);
		assert_memory_equal(out, content, n);
	}
	free(packed);
}

/* As `cat a.gz b.gz` and parallel writers make them; any format behind any other. */
static void test_members(UNUSED void **state)
{
	for (int pair = 0; pair < KINDS * KINDS; pair++) {
		struct packed *packed = packed_new();

		pack(packed, pair / KINDS, content, CONTENT_BYTES / 4);
		pack(packed, pair % KINDS, content, 0);
		pack(packed, pair % KINDS, content + CONTENT_BYTES / 4, CONTENT_BYTES * 3 / 4);
		assert_unpacks(packed, 1);
		free(packed);
	}
}

static void test_padding(UNUSED void **state)
{
	for (enum kind kind = 0; kind < KINDS; kind++) {
		struct packed *packed = packed_new();

		pack(packed, kind, content, CONTENT_BYTES);
		packed->n += 70000; /* zeros, more than are read at once */
		pack(packed, kind, content, CONTENT_BYTES);
		packed->n += 3;
		assert_unpacks(packed, 2);
		free(packed);
	}
}

/* A frame that readers skip: parallel zstd begins with one. */
static void test_skippable(UNUSED void **state)
{
	static const uint8_t skip[] = {0x5e, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4};
	struct packed *packed = packed_new();

	put(packed, skip, sizeof(skip));
	pack(packed, ZSTD, content, CONTENT_BYTES);
	assert_unpacks(packed, 1);
	free(packed);
}

/* What came before the place is given, and it is the content. */
static void assert_fails(const struct packed *packed, const char *why, size_t least)
{
	static const size_t pieces[] = {1, 4096, 1 << 20};
	static uint8_t out[CONTENT_BYTES + 1];
	char problem[256];
	size_t n;

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		assert_int_equal(
		    unpack(packed, pieces[i], out, sizeof(out), &n, problem), -EBADMSG);
		assert_non_null(strstr(problem, why));
		assert_true(n >= least && n <= CONTENT_BYTES);
		assert_memory_equal(out, content, n);
	}
}

static void test_cut(UNUSED void **state)
{
	static const char *const names[] = {"gzip", "zstd", "xz"};

	for (enum kind kind = 0; kind < KINDS; kind++) {
		struct packed *packed = packed_new();
		char why[64];
		size_t whole;

		snprintf(why, sizeof(why), "%s: the data is cut short", names[kind]);
		pack(packed, kind, content, CONTENT_BYTES);
		whole = packed->n;
		packed->n = whole - 1;
		/* zstd gives whole blocks of 128 KiB; this cuts its second one. */
		assert_fails(packed, why, kind == ZSTD ? 128 << 10 : CONTENT_BYTES);
		packed->n = whole * 9 / 10;
		assert_fails(packed, why, kind == ZSTD ? 128 << 10 : CONTENT_BYTES * 8 / 10);
		packed->n = 7;
		assert_fails(packed, why, 0);
		free(packed);
	}
}

static void test_damaged(UNUSED void **state)
{
	for (enum kind kind = 0; kind < KINDS; kind++) {
		struct packed *packed = packed_new();

		pack(packed, kind, content, CONTENT_BYTES);
		packed->bytes[packed->n - 6] ^= 0xff; /* a check sum or the size */
		if (kind != ZSTD)                     /* ZSTD_compress() writes no check sum */
			assert_fails(packed, "the data is damaged", CONTENT_BYTES);
		memset(packed->bytes + 20, 0xff, 64);
		assert_fails(packed, "the data is damaged", 0);
		free(packed);
	}
}

/* A frame that says 594 bytes, and has none. */
static void test_frame_of_another_size(UNUSED void **state)
{
	static const uint8_t zstd[] = {
	    0x28, 0xb5, 0x2f, 0xfd, 0x40, 0x2a, 0x52, 0x01, 0x01, 0x00, 0x00};
	struct packed *packed = packed_new();

	put(packed, zstd, sizeof(zstd));
	assert_fails(packed, "zstd: the data is damaged", 0);
	free(packed);
}

static void test_something_else_follows(UNUSED void **state)
{
	for (enum kind kind = 0; kind < KINDS; kind++) {
		struct packed *packed = packed_new();

		pack(packed, kind, content, CONTENT_BYTES);
		put(packed, "no member", 9);
		assert_fails(packed, "something else follows compressed data", CONTENT_BYTES);
		free(packed);
	}
}

static void test_other_formats(UNUSED void **state)
{
	struct packed *packed = packed_new();

	put(packed, "\x04\x22\x4d\x18 and so on", 14);
	assert_fails(packed, "is compressed by lz4, which is not read here", 0);
	packed->n = 0;
	put(packed, "BZh91AY&SY", 10);
	assert_fails(packed, "is compressed by bzip2, which is not read here", 0);
	free(packed);
}

/* A window of 2 GiB, and a dictionary of 1.5 GiB: headers that anybody can write. */
static void test_memory_is_bounded(UNUSED void **state)
{
	static const uint8_t zstd[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00};
	struct packed *packed = packed_new();
	lzma_options_lzma options;
	lzma_filter filters[2] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
	lzma_block block = {.check = LZMA_CHECK_CRC32, .filters = filters};
	lzma_stream_flags flags = {.check = LZMA_CHECK_CRC32};

	put(packed, zstd, sizeof(zstd));
	assert_fails(packed, "zstd: unpacking takes over 128 MiB of memory", 0);

	assert_false(lzma_lzma_preset(&options, 0));
	options.dict_size = 1536u << 20;
	block.compressed_size = block.uncompressed_size = LZMA_VLI_UNKNOWN;
	assert_int_equal(lzma_stream_header_encode(&flags, packed->bytes), LZMA_OK);
	assert_int_equal(lzma_block_header_size(&block), LZMA_OK);
	assert_int_equal(
	    lzma_block_header_encode(&block, packed->bytes + LZMA_STREAM_HEADER_SIZE), LZMA_OK);
	packed->n = LZMA_STREAM_HEADER_SIZE + block.header_size;
	assert_fails(packed, "xz: unpacking takes over 128 MiB of memory", 0);
	free(packed);
}

/* What a writer flushed is read before it writes on. */
static void test_pipe(UNUSED void **state)
{
	struct packed *packed = packed_new();
	struct unpacked *unpacked = NULL;
	uint8_t out[CONTENT_BYTES];
	z_stream zlib = {0};
	size_t n = 0;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(deflateInit2(&zlib, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	zlib.next_in = content;
	zlib.avail_in = 1000;
	zlib.next_out = packed->bytes;
	zlib.avail_out = PACKED_BYTES;
	assert_int_equal(deflate(&zlib, Z_SYNC_FLUSH), Z_OK);
	assert_int_equal(io_write(fds[1], packed->bytes, zlib.total_out), 0);
	assert_int_equal(unpacked_open(&unpacked, fds[0]), 0);
	while (n < 1000) {
		ssize_t got = unpacked_read(unpacked, out + n, sizeof(out) - n);

		assert_true(got > 0);
		n += (size_t)got;
	}
	assert_memory_equal(out, content, 1000);
	close(fds[1]);
	assert_int_equal(unpacked_read(unpacked, out, sizeof(out)), -EBADMSG);
	deflateEnd(&zlib);
	unpacked_close(unpacked);
	close(fds[0]);
	free(packed);
}

static void test_errors_of_the_file(UNUSED void **state)
{
	struct unpacked *unpacked = NULL;
	int fd = open("/", O_RDONLY | O_CLOEXEC);
	uint8_t out[8];

	assert_int_equal(unpacked_open(&unpacked, fd), 0);
	assert_int_equal(unpacked_read(unpacked, out, sizeof(out)), -EISDIR);
	assert_string_equal(unpacked_problem(unpacked), strerror(EISDIR));
	assert_int_equal(unpacked_read(unpacked, out, sizeof(out)), -EISDIR);
	unpacked_close(unpacked);
	unpacked_close(NULL);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_format),
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_members),
	    cmocka_unit_test(test_padding),
	    cmocka_unit_test(test_skippable),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_frame_of_another_size),
	    cmocka_unit_test(test_something_else_follows),
	    cmocka_unit_test(test_other_formats),
	    cmocka_unit_test(test_memory_is_bounded),
	    cmocka_unit_test(test_pipe),
	    cmocka_unit_test(test_errors_of_the_file),
	};

	return cmocka_run_group_tests(tests, make_content, NULL);
}
