/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A day's state, damaged or hostile: a sound one, over which pieces of the input are laid (three
 * bytes of place, one of length, bytes), with the right hashes unless the first byte's lowest bit
 * is set. It is read or not, and what was read can be counted.
 */
#include "rssac002/rssac002_internal.h"

#include "folder.h"
#include "require.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define SERVICE "s"
#define MOST    (256 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rssac002_key key_of_site(void)
{
	struct rssac002_key key = {.is_site = true};

	source_key_init(&key.hash, key.bytes);
	return key;
}

/* The file of an empty day, as large as any. */
static size_t make_sound(uint8_t *sound)
{
	const struct rssac002_key key = key_of_site();
	struct rssac002_day day;
	char path[256];
	size_t n;
	FILE *file;

	require(rssac002_day_init(&day, 20000) == 0);
	require(rssac002_write_state(&day, &key, folder_path(), SERVICE) == 0);
	rssac002_day_done(&day);
	snprintf(path, sizeof(path), "%s/" SERVICE ".state", folder_path());
	file = fopen(path, "rb");
	require(file != NULL);
	n = fread(sound, 1, MOST, file);
	fclose(file);
	return n;
}

/* Lays the pieces of an input over the image; or, where `sound` is given, takes them away again. */
static void lay_over(
    uint8_t *image, const uint8_t *sound, size_t bytes, const uint8_t *data, size_t size)
{
	while (size > 4) {
		const size_t at = (data[0] << 16 | data[1] << 8 | data[2]) % bytes;
		size_t length = data[3], part;

		data += 4;
		size -= 4;
		if (length > size)
			length = size;
		part = length < bytes - at ? length : bytes - at;
		memcpy(image + at, sound ? sound + at : data, part);
		data += length;
		size -= length;
	}
}

static void restore(const uint8_t *image, size_t bytes)
{
	struct rssac002_key key = key_of_site();
	struct rssac002_day day;
	bool other_key;
	const int r = rssac002_restore_state(&day, &key, image, bytes, &other_key);

	require(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	for (int set = 0; set < RSSAC002_SETS; set++)
		distinct_count(day.sources[set]);
	rssac002_day_done(&day);
}

/* The first byte: bit 0, a wrong hash; bit 1, the shorter file of before there were custom metrics.
 * What lies behind the state is found by what make_sound() wrote. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t sound[MOST / 8], image[MOST / 8];
	static size_t bytes, shorter;
	size_t used;

	if (!size)
		return 0;
	if (!bytes) {
		bytes = make_sound((uint8_t *)sound);
		shorter = sound[1]; /* struct stored's own size */
		require(bytes > shorter && shorter % 8 == 0 && bytes % 8 == 0);
		memcpy(image, sound, bytes);
	}
	lay_over((uint8_t *)image, NULL, bytes, data + 1, size - 1);
	used = data[0] & 2 ? shorter : bytes;
	if (!(data[0] & 1)) {
		image[shorter / 8 - 1] = XXH3_64bits(image, shorter - sizeof(*image));
		if (used == bytes)
			image[bytes / 8 - 1] = XXH3_64bits(image, bytes - sizeof(*image));
	}
	restore((const uint8_t *)image, used);
	lay_over((uint8_t *)image, (const uint8_t *)sound, bytes, data + 1, size - 1);
	image[shorter / 8 - 1] = sound[shorter / 8 - 1];
	image[bytes / 8 - 1] = sound[bytes / 8 - 1];
	return 0;
}
