/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A day's state, damaged or hostile: a sound one, over which pieces of the input are laid (three
 * bytes of place, one of length, bytes), with the right hash unless the first byte's lowest bit is
 * set. It is read or not, and what was read can be written and read again.
 */
#include "rssac002/rssac002_internal.h"

#include "folder.h"
#include "require.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
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
static size_t make_sound(uint8_t sound[MOST])
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

static void lay_over(uint8_t *image, size_t bytes, const uint8_t *data, size_t size)
{
	while (size > 4) {
		const size_t at = (data[0] << 16 | data[1] << 8 | data[2]) % bytes;
		size_t length = data[3];

		data += 4;
		size -= 4;
		if (length > size)
			length = size;
		memcpy(image + at, data, length < bytes - at ? length : bytes - at);
		data += length;
		size -= length;
	}
}

static void read_back(void)
{
	struct rssac002_key key = key_of_site();
	struct rssac002_day day;
	bool other_key;
	int r = rssac002_read_state(&day, &key, folder_path(), SERVICE, &other_key);

	require(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	for (int set = 0; set < RSSAC002_SETS; set++)
		distinct_count(day.sources[set]);
	rssac002_day_done(&day);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t sound[MOST], image[MOST];
	static size_t bytes;
	uint64_t hash;

	if (!size)
		return 0;
	if (!bytes)
		bytes = make_sound(sound);
	memcpy(image, sound, bytes);
	lay_over(image, bytes, data + 1, size - 1);
	if (!(data[0] & 1)) {
		hash = XXH3_64bits(image, bytes - sizeof(hash));
		memcpy(image + bytes - sizeof(hash), &hash, sizeof(hash));
	}
	folder_write(SERVICE ".state", image, bytes);
	read_back();
	return 0;
}
