/* SPDX-License-Identifier: BSD-2-Clause */
/* What a spool could not take, for want of memory, has no file that the next start would find. */
#include "base/unused.h"
#include "sink/spool.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../scarce.h"

#define IDENTITY    0x1234abcd5678ef00
#define LIMIT_BYTES (1u << 20)
#define TEXT        "dns queries=1i\n"

struct place {
	char dir[64], folder[128];
};

static struct spool *open_spool(const struct place *place)
{
	struct spool *spool;

	assert_int_equal(spool_new(&spool, place->dir, IDENTITY, LIMIT_BYTES), 0);
	assert_int_equal(spool_load(spool), 0);
	return spool;
}

static size_t empty_folder(const struct place *place)
{
	DIR *dir = opendir(place->folder);
	const struct dirent *entry;
	size_t n = 0;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
		n++;
	}
	if (dir)
		closedir(dir);
	return n;
}

static bool put_one(void *context)
{
	const struct place *place = context;
	const long left = scarce_left;
	struct spool *spool;
	struct spool_stats stats;
	size_t dropped;
	int r;

	scarce_left = -1;
	spool = open_spool(place);
	scarce_left = left;
	r = spool_put(spool, TEXT, strlen(TEXT), 1, REPLACE_FAST, NULL, &dropped);
	spool_stats(spool, &stats);
	assert_true(r == 0 || r == -ENOMEM);
	assert_int_equal(stats.points, r == 0);
	spool_free(spool);
	assert_int_equal(empty_folder(place), r == 0);
	return r == 0;
}

static void test_every_allocation_fails(void **state UNUSED)
{
	struct place place = {.dir = "/tmp/crosstap-spool-XXXXXX"};

	assert_non_null(mkdtemp(place.dir));
	snprintf(place.folder, sizeof(place.folder), "%s/1234abcd5678ef00", place.dir);
	assert_true(scarce_each(put_one, &place) > 0);
	empty_folder(&place);
	rmdir(place.folder);
	rmdir(place.dir);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation_fails)};

	return cmocka_run_group_tests_name("spool_memory", tests, NULL, NULL);
}
