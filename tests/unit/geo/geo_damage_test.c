/* SPDX-License-Identifier: BSD-2-Clause */
/* Databases that are cut, damaged, or swapped while they are read. */
#include "base/unused.h"
#include "geo/mmdb.h"
#include "geo_files.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

/* A file with every kind of record, for the tests that damage it. */
static uint8_t *sample(size_t *ret_size)
{
	struct writer w;
	uint8_t *file;

	writer_init(&w, "ipinfo", 6, 28);
	insert(&w, "10.0.0.0/8", ipinfo(&w, "AS64500", "as_name", "Ten", "NL"));
	insert(&w, "192.0.2.0/24", ipinfo(&w, "AS64501", "as_name", "Test", "SE"));
	insert(&w, "2001:db8::/32", geolite2_asn(&w, 6, 64502, "Six"));
	insert(&w, "2001:db9::/40", geolite2_country(&w, "BR"));
	file = writer_finish(&w, BUILT_S, ret_size);
	writer_free(&w);
	return file;
}

static void look_around(const struct mmdb *mmdb, enum mmdb_kind kind)
{
	static const uint8_t addresses[][16] = {{10, 1, 2, 3}, {192, 0, 2, 1}, {255, 255, 255, 255},
	    {0x20, 1, 0xd, 0xb8}, {0x20, 1, 0xd, 0xb9}, {0}, {0xff, 0xff}};
	char country[3], org[GEO_ORG_SIZE];

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		unsigned family = i < 3 ? 4 : 6;
		uint32_t record;

		if (kind == MMDB_COUNTRY) {
			mmdb_country(mmdb, addresses[i], family, country);
			assert_true(strlen(country) == 0 || strlen(country) == 2);
		} else if (mmdb_asn(mmdb, addresses[i], family, &record)) {
			mmdb_as_org(mmdb, record, org, sizeof(org));
		}
	}
}

/* Opens, and looks around whatever came of it; in this process, where nothing but the checks keeps
 * it alive. */
static bool survives(const uint8_t *file, size_t size)
{
	bool loaded = false;
	char reason[256] = "";
	int fd;

	write_file(country_path, file, size);
	fd = open(country_path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (enum mmdb_kind kind = MMDB_COUNTRY; kind <= MMDB_ASN; kind++) {
		struct mmdb *mmdb = NULL;

		loaded = mmdb_open(&mmdb, fd, country_path, kind, reason, sizeof(reason)) == 0;
		assert_true(loaded ? mmdb != NULL : *reason != '\0');
		if (!loaded)
			continue;
		mmdb_read_records(mmdb);
		look_around(mmdb, kind);
		mmdb_free(mmdb);
	}
	close(fd);
	return loaded;
}

static void test_truncated_files(void **state UNUSED)
{
	size_t size;
	uint8_t *file = sample(&size);

	assert_true(survives(file, size));
	for (size_t i = 0; i < 50; i++)
		assert_false(survives(file, size * i / 50));
	for (size_t i = 1; i < 200; i++)
		assert_false(survives(file, size - i));
	free(file);
	remove_files();
}

static void test_flipped_bits(void **state UNUSED)
{
	size_t size, loaded = 0;
	uint8_t *file = sample(&size);

	for (size_t i = 0; i < size; i++) {
		uint8_t bit = (uint8_t)(1 << (i * 5 + i / 8) % 8);

		file[i] ^= bit;
		loaded += survives(file, size);
		file[i] ^= bit;
	}
	/* Most of a file is not checked by anything, and must still do no harm. */
	assert_in_range(loaded, 1, size - 1);
	free(file);
	remove_files();
}

struct swapper {
	uint8_t *files[2];
	size_t sizes[2];
	atomic_bool stop;
	unsigned swaps;
};

/* Replaces the file as one should, and writes over it as one should not. */
static void *swap_files(void *context)
{
	struct swapper *swapper = context;

	while (!atomic_load(&swapper->stop)) {
		unsigned i = swapper->swaps++;

		if (i % 4 == 3) {
			assert_int_equal(truncate(country_path, (off_t)(i % 512)), 0);
			write_file(country_path, swapper->files[0], swapper->sizes[0] / 2);
		}
		replace_file(country_path, swapper->files[i % 2], swapper->sizes[i % 2]);
	}
	return NULL;
}

static void test_swapped_under_load(void **state UNUSED)
{
	struct swapper swapper = {.swaps = 0};
	unsigned changes = 0, seen[2] = {0};
	pthread_t thread;
	struct geo *geo;

	for (int i = 0; i < 2; i++) {
		struct writer w;

		writer_init(&w, "GeoLite2-Country", 6, 24);
		for (int k = 0; k < 500 * i; k++)
			geolite2_country(&w, "BR"); /* another size */
		insert(&w, "192.0.2.0/24", geolite2_country(&w, i ? "SE" : "NL"));
		swapper.files[i] = writer_finish(&w, BUILT_S, &swapper.sizes[i]);
		writer_free(&w);
	}
	replace_file(country_path, swapper.files[0], swapper.sizes[0]);
	geo = open_geo();
	assert_int_equal(pthread_create(&thread, NULL, swap_files, &swapper), 0);
	for (unsigned i = 0; i < 200000 && changes < 300; i++) {
		struct geo_answer answer = look_up(geo, "192.0.2.77");

		/* Always an answer, and one of the two. */
		assert_true(!strcmp(answer.country, "NL") || !strcmp(answer.country, "SE"));
		seen[answer.country[0] == 'S']++;
		changes += geo_refresh(geo) != 0;
	}
	atomic_store(&swapper.stop, true);
	pthread_join(thread, NULL);
	assert_true(changes > 10 && seen[0] && seen[1]);
	geo_free(geo);
	for (int i = 0; i < 2; i++)
		free(swapper.files[i]);
	remove_files();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_truncated_files),
	    cmocka_unit_test(test_flipped_bits),
	    cmocka_unit_test(test_swapped_under_load),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
