/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A batch on disk, damaged or hostile. The first byte's lowest bit: the rest is a whole file; else
 * it is a header's number of points (two bytes) and a text, under a header that fits them. What is
 * read is what was written, and a file that is none goes out of the way.
 */
#include "sink/batch.h"
#include "sink/spool.h"

#include "folder.h"
#include "require.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define IDENTITY "00000000000000a1"
#define NAME     IDENTITY "/00000000000000000007-3.batch"
#define MOST     4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As spool.c writes it. */
struct header {
	char magic[24];
	uint64_t length, points, checksum;
};

static size_t make_file(
    uint8_t file[sizeof(struct header) + MOST], const uint8_t *data, size_t size)
{
	struct header header = {.magic = "crosstap-spool-1\n", .length = size - 2};

	header.points = data[0] | (uint64_t)data[1] << 8;
	header.checksum = XXH64(data + 2, size - 2, 0);
	memcpy(file, &header, sizeof(header));
	memcpy(file + sizeof(header), data + 2, size - 2);
	return sizeof(header) + size - 2;
}

static void read_back(const uint8_t *text, size_t length)
{
	struct spool *spool;
	struct batch *batch = NULL;
	size_t lost = 0;
	uint64_t id;
	int r;

	require(spool_new(&spool, folder_path(), 0xa1, 1 << 20) == 0 && spool_load(spool) == 0);
	r = spool_oldest(spool, &batch, &id, &lost);
	require(r == 0 || r == -EBADMSG);
	require(r == 0 || (!batch && lost == 3 && spool_empty(spool)));
	if (r == 0) {
		require(batch->length && batch->text[batch->length - 1] == '\n');
		require(!text || (batch->length == length && !memcmp(batch->text, text, length)));
		require(spool_oldest(spool, &batch, &id, &lost) == -ENOENT); /* it is held */
		batch_unref(batch);
		spool_remove(spool, 7);
		require(spool_empty(spool));
	}
	spool_free(spool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t file[sizeof(struct header) + MOST];
	static char bad[256];
	const bool whole = size && data[0] & 1;
	size_t bytes;

	if (size < 4 || size > MOST)
		return 0;
	if (!*bad) {
		snprintf(bad, sizeof(bad), "%s/" IDENTITY, folder_path());
		require(mkdir(bad, 0700) == 0);
		snprintf(bad, sizeof(bad), "%s/" NAME ".bad", folder_path());
		/* They stay, and are nobody's batches. */
		folder_write(IDENTITY "/notes", data, size);
		folder_write(IDENTITY "/00000000000000000003-2.batch.bad", data, size);
	}
	bytes = make_file(file, data + 1, size - 1);
	folder_write(NAME, whole ? data + 1 : file, whole ? size - 1 : bytes);
	read_back(whole ? NULL : data + 3, size - 3);
	(void)unlink(bad);
	return 0;
}
