/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "download/unpack.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#include <cmocka.h>

#define MAX_BYTES 5000

struct archive {
	uint8_t bytes[65536];
	size_t n;
};

struct output {
	uint8_t bytes[MAX_BYTES];
	size_t n;
	int error; /* for the sink to return */
};

static int take(void *context, const uint8_t *data, size_t n)
{
	struct output *output = context;

	assert_true(n <= sizeof(output->bytes) - output->n);
	memcpy(output->bytes + output->n, data, n);
	output->n += n;
	return output->error;
}

static void seal(uint8_t *header)
{
	unsigned sum = 0;

	memset(header + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK_BYTES; i++)
		sum += header[i];
	snprintf((char *)header + 148, 8, "%06o", sum);
}

/* Fields of a header have no NUL where they are full. */
static void put_text(uint8_t *field, const char *text)
{
	while (*text)
		*field++ = (uint8_t)*text++;
}

/* Returns the header, for tests that spoil it. The content is the letter of the type. */
static uint8_t *add(struct archive *archive, const char *name, char type, size_t size)
{
	uint8_t *header = archive->bytes + archive->n;
	size_t blocks = (size + TAR_BLOCK_BYTES - 1) / TAR_BLOCK_BYTES;

	assert_true(archive->n + (blocks + 1) * TAR_BLOCK_BYTES <= sizeof(archive->bytes));
	memset(header, 0, (blocks + 1) * TAR_BLOCK_BYTES);
	put_text(header, name);
	snprintf((char *)header + 124, 12, "%011zo", size);
	header[156] = (uint8_t)type;
	put_text(header + 257, "ustar");
	put_text(header + 263, "00");
	seal(header);
	memset(header + TAR_BLOCK_BYTES, type, size);
	archive->n += (blocks + 1) * TAR_BLOCK_BYTES;
	return header;
}

static void end(struct archive *archive, size_t blocks)
{
	memset(archive->bytes + archive->n, 0, blocks * TAR_BLOCK_BYTES);
	archive->n += blocks * TAR_BLOCK_BYTES;
}

static int unpack_pieces(
    const uint8_t *data, size_t n, size_t piece, struct output *output, const char **ret_problem)
{
	static char problem[128];
	struct unpack *unpack = NULL;
	int r;

	assert_int_equal(unpack_new(&unpack, MAX_BYTES, take, output), 0);
	r = 0;
	for (size_t at = 0; r == 0 && at < n; at += piece)
		r = unpack_write(unpack, data + at, n - at < piece ? n - at : piece);
	if (r == 0)
		r = unpack_finish(unpack);
	/* An error stays, whatever comes next. */
	if (r < 0)
		assert_int_equal(unpack_write(unpack, data, 1), r);
	snprintf(problem, sizeof(problem), "%s", unpack_problem(unpack));
	assert_true((r == -EBADMSG) == (*problem != '\0'));
	*ret_problem = problem;
	unpack_free(unpack);
	return r;
}

/* In several ways of coming in pieces; all end alike. */
static int unpack_all_ways(const uint8_t *data, size_t n, struct output *output)
{
	static const size_t pieces[] = {1, 511, 512, 513, 1000000};
	const char *problem;
	int r = 0;

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		int error = output->error, this;

		*output = (struct output){.error = error};
		this = unpack_pieces(data, n, pieces[i], output, &problem);
		if (i > 0)
			assert_int_equal(this, r);
		r = this;
	}
	return r;
}

static void assert_refused(const struct archive *archive, const char *expected)
{
	struct output output = {0};
	const char *problem;

	assert_int_equal(unpack_all_ways(archive->bytes, archive->n, &output), -EBADMSG);
	output.n = 0;
	unpack_pieces(archive->bytes, archive->n, archive->n, &output, &problem);
	if (!strstr(problem, expected))
		fail_msg("\"%s\" is not in \"%s\"", expected, problem);
}

static void gzip(const void *data, size_t n, struct archive *ret)
{
	z_stream zlib = {.next_in = data,
	    .avail_in = (uInt)n,
	    .next_out = ret->bytes,
	    .avail_out = sizeof(ret->bytes)};

	assert_int_equal(deflateInit2(&zlib, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&zlib, Z_FINISH), Z_STREAM_END);
	ret->n = zlib.total_out;
	deflateEnd(&zlib);
}

static struct archive archive, packed;

static void good_archive(void)
{
	archive.n = 0;
	add(&archive, "G_1/", '5', 0);
	add(&archive, "G_1/LICENSE.txt", '0', 700);
	add(&archive, "G_1/G.mmdb", '0', 1234);
	add(&archive, "G_1/COPYRIGHT.txt", '0', 512);
	end(&archive, 4);
}

static void assert_database(const struct output *output, size_t n)
{
	assert_int_equal(output->n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(output->bytes[i], '0');
}

static void test_takes_the_database(void **state UNUSED)
{
	struct output output = {0};

	good_archive();
	assert_int_equal(unpack_all_ways(archive.bytes, archive.n, &output), 0);
	assert_database(&output, 1234);
	gzip(archive.bytes, archive.n, &packed);
	assert_int_equal(unpack_all_ways(packed.bytes, packed.n, &output), 0);
	assert_database(&output, 1234);
	gzip(archive.bytes + 2560, 1234, &packed);
	assert_int_equal(unpack_all_ways(packed.bytes, packed.n, &output), 0);
	assert_int_equal(output.n, 1234);
	/* No archive, no compression: what comes is what there is. */
	for (size_t n = 1; n <= MAX_BYTES; n += 1249) {
		memset(archive.bytes, '0', n);
		assert_int_equal(unpack_all_ways(archive.bytes, n, &output), 0);
		assert_database(&output, n);
	}
}

static void test_sink_errors_pass(void **state UNUSED)
{
	struct output output = {.error = -ENOSPC};

	good_archive();
	assert_int_equal(unpack_all_ways(archive.bytes, archive.n, &output), -ENOSPC);
	memset(archive.bytes, '0', 100);
	assert_int_equal(unpack_all_ways(archive.bytes, 100, &output), -ENOSPC);
}

/* Every cut of an archive is noticed, packed or not. */
static void test_cut_short(void **state UNUSED)
{
	struct output output = {0};
	const char *problem;

	good_archive();
	archive.n -= 2 * TAR_BLOCK_BYTES; /* two are needed */
	gzip(archive.bytes, archive.n, &packed);
	for (size_t n = TAR_BLOCK_BYTES; n < archive.n; n += 7) {
		output.n = 0;
		assert_int_equal(unpack_pieces(archive.bytes, n, n, &output, &problem), -EBADMSG);
	}
	for (size_t n = 2; n < packed.n; n++) {
		output.n = 0;
		assert_int_equal(unpack_pieces(packed.bytes, n, n, &output, &problem), -EBADMSG);
	}
	assert_int_equal(unpack_pieces(packed.bytes, 0, 1, &output, &problem), -EBADMSG);
	assert_string_equal(problem, "is empty");
	/* A gzip stream says when it is over. */
	packed.bytes[packed.n++] = 0;
	assert_refused(&packed, "goes on after its end");
}

static void test_unsafe_names(void **state UNUSED)
{
	static const char *const names[] = {
	    "../a.mmdb", "a/../b.mmdb", "a/..", "..", "/a.mmdb", "", "a//../b.mmdb"};
	static const char *const fine[] = {
	    "..a.mmdb", "a../b.mmdb", "./a.mmdb", "a//b.mmdb", "...mmdb"};
	struct output output = {0};
	uint8_t *header;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		archive.n = 0;
		add(&archive, "a.mmdb", '0', 10);
		add(&archive, names[i], '0', 0);
		end(&archive, 2);
		assert_refused(&archive, "leads out of the archive");
	}
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		archive.n = 0;
		add(&archive, fine[i], '0', 10);
		end(&archive, 2);
		assert_int_equal(unpack_all_ways(archive.bytes, archive.n, &output), 0);
		assert_database(&output, 10);
	}
	/* The prefix belongs to the name. */
	archive.n = 0;
	header = add(&archive, "a.mmdb", '0', 10);
	put_text(header + 345, "b/..");
	seal(header);
	end(&archive, 2);
	assert_refused(&archive, "leads out of the archive");
}

static void test_unsafe_members(void **state UNUSED)
{
	static const char types[] = {'1', '2', '3', '4', '6', '7', 'S', 'K', 'Z'};

	for (size_t i = 0; i < sizeof(types); i++) {
		archive.n = 0;
		add(&archive, "a.mmdb", types[i], 0);
		end(&archive, 2);
		assert_refused(&archive, "link or a device");
	}
	archive.n = 0;
	add(&archive, "a.mmdb", '0', 10);
	add(&archive, "b.mmdb", '0', 10);
	end(&archive, 2);
	assert_refused(&archive, "two .mmdb members");
	archive.n = 0;
	add(&archive, "a.mmdb", '0', 0);
	assert_refused(&archive, "is empty");
	archive.n = 0;
	add(&archive, "mmdb", '0', 10);
	add(&archive, ".mmdb", '0', 10);
	end(&archive, 2);
	assert_refused(&archive, "no .mmdb member");
	archive.n = 0;
	for (int i = 0; i < 65; i++)
		add(&archive, "a", '5', 0);
	assert_refused(&archive, "too many members");
}

static void test_sizes(void **state UNUSED)
{
	struct output output = {0};
	uint8_t *header;

	archive.n = 0;
	add(&archive, "a.mmdb", '0', MAX_BYTES);
	end(&archive, 2);
	assert_int_equal(unpack_all_ways(archive.bytes, archive.n, &output), 0);
	assert_database(&output, MAX_BYTES);
	archive.n = 0;
	add(&archive, "a.mmdb", '0', MAX_BYTES + 1);
	assert_refused(&archive, "too large");
	archive.n = 0;
	header = add(&archive, "a.mmdb", '0', 0);
	put_text(header + 124, "777777777777");
	seal(header);
	assert_refused(&archive, "too large");
	header[124] = 0x80; /* GNU's binary form */
	seal(header);
	assert_refused(&archive, "no valid size");
	put_text(header + 124, "12a");
	seal(header);
	assert_refused(&archive, "no valid size");
	archive.n = 0;
	header = add(&archive, "README", '0', 0);
	put_text(header + 124, "00010000000");
	seal(header);
	assert_refused(&archive, "too large");
	memset(archive.bytes, '0', MAX_BYTES + 1);
	archive.n = MAX_BYTES + 1;
	assert_refused(&archive, "too large");
}

static void test_damaged_headers(void **state UNUSED)
{
	/* Any bit of the first header that matters, and of the one after the content. */
	good_archive();
	for (size_t i = 0; i < TAR_BLOCK_BYTES; i++) {
		if ((i >= 257 && i < 262) || (i >= 148 && i < 156))
			continue; /* without the magic it is no archive; zeros may be spaces */
		archive.bytes[i] ^= 0x10;
		assert_refused(&archive, "");
		archive.bytes[i] ^= 0x10;
	}
	archive.bytes[archive.n - 4 * TAR_BLOCK_BYTES + 600] = 1; /* not the end it seems to be */
	assert_refused(&archive, "a header is damaged");
}

/* A little that becomes a lot. */
static void test_bomb(void **state UNUSED)
{
	static uint8_t zeros[6 << 20];

	gzip(zeros, sizeof(zeros), &packed);
	assert_refused(&packed, "too large");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_takes_the_database),
	    cmocka_unit_test(test_sink_errors_pass),
	    cmocka_unit_test(test_cut_short),
	    cmocka_unit_test(test_unsafe_names),
	    cmocka_unit_test(test_unsafe_members),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_damaged_headers),
	    cmocka_unit_test(test_bomb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
