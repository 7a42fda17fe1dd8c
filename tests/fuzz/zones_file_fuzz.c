/* SPDX-License-Identifier: BSD-2-Clause */
/* A file of zones, or, where its length says so, of TLDs: messages, or names that are sorted, each
 * once, and of which a set can be made that finds every one of them. */
#include "base/arena.h"
#include "config/parse/reader.h"
#include "config/zone_name.h"

#include "folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST      4096
#define MAX_ZONES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct config_strings *zones)
{
	char again[ZONE_NAME_SIZE];
	const char *problem;

	for (size_t i = 0; i < zones->n; i++) {
		/* What a name is made of is that name. */
		if (zone_name_normalize(zones->items[i], again, &problem) < 0 ||
		    strcmp(again, zones->items[i]) != 0)
			abort();
		if (i && strcmp(zones->items[i - 1], zones->items[i]) >= 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena *arena;
	static FILE *errors;
	static char path[256];
	struct config_strings zones = {0};
	struct reader reader = {.name = "fuzz"};

	if (size > MOST)
		return 0;
	if (!arena) {
		snprintf(path, sizeof(path), "%s/zones.txt", folder_path());
		errors = fopen("/dev/null", "w");
		if (!errors || arena_new(&arena) < 0)
			abort();
	}
	reader.errors = errors;
	reader.arena = arena;
	folder_write("zones.txt", data, size);
	if (size % 4 == 3)
		tlds_file_read(&reader, NULL, "tlds", path, MAX_ZONES, &zones);
	else
		zones_file_read(&reader, NULL, "zones_file", path, MAX_ZONES, &zones);
	if (reader.no_memory || zones.n > MAX_ZONES + 1)
		abort();
	check(&zones);
	arena_reset(arena);
	return 0;
}
