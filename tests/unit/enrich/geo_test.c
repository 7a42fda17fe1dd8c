/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/geo.h"

#include "mmdb_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define BUILT_S 1700000000

static char folder[] = "/tmp/geo-test-XXXXXX";
static char country_path[64], asn_path[64], other_path[64];

static void write_file(const char *path, const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

static void replace_file(const char *path, const uint8_t *data, size_t size)
{
	write_file(other_path, data, size);
	assert_int_equal(rename(other_path, path), 0);
}

static void finish(struct writer *w, const char *path, uint64_t built_s)
{
	size_t size;
	uint8_t *file = writer_finish(w, built_s, &size);

	replace_file(path, file, size);
	free(file);
	writer_free(w);
}

static void remove_files(void)
{
	unlink(country_path);
	unlink(asn_path);
}

static struct geo *open_geo(void)
{
	struct geo *geo = NULL;

	assert_int_equal(geo_new(&geo, country_path, asn_path), 0);
	return geo;
}

static struct geo_answer look_up(struct geo *geo, const char *text)
{
	unsigned family = strchr(text, ':') ? 6 : 4;
	struct geo_answer answer;
	uint8_t address[16];

	/* What lies behind an IPv4 address must not matter. */
	memset(address, 0xff, sizeof(address));
	assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, text, address), 1);
	geo_lookup(geo, address, family, &answer);
	assert_true(geo_is_current(geo, &answer));
	return answer;
}

#define assert_country(geo, address, code) assert_string_equal(look_up(geo, address).country, code)
#define assert_asn(geo, address, number)   assert_int_equal(look_up(geo, address).asn, number)

static void assert_org(struct geo *geo, uint32_t asn, const char *expected)
{
	char org[GEO_ORG_SIZE];

	assert_int_equal(geo_as_org(geo, asn, org, sizeof(org)), strlen(expected));
	assert_string_equal(org, expected);
}

static void assert_reason(struct geo *geo, enum geo_database which, const char *part)
{
	struct geo_status status;

	geo_get_status(geo, which, &status);
	if (!*part)
		assert_string_equal(status.reason, "");
	else if (!strstr(status.reason, part))
		fail_msg("\"%s\" is not in \"%s\"", part, status.reason);
}

/* Country files: how each maker writes NL, and something else for 198.51.100.0/24. */
static uint32_t as_geolite2(struct writer *w, const char *code)
{
	return geolite2_country(w, code);
}

static uint32_t as_ip_location_db(struct writer *w, const char *code)
{
	return flat_country(w, "country_code", code);
}

static uint32_t as_ipinfo(struct writer *w, const char *code)
{
	return ipinfo(w, "AS64496", "as_name", "Example", code);
}

static uint32_t as_old_ipinfo(struct writer *w, const char *code)
{
	return flat_country(w, "country", code);
}

static void test_country_layouts(void **state)
{
	static uint32_t (*const makers[])(struct writer *, const char *) = {
	    as_geolite2, as_ip_location_db, as_ipinfo, as_old_ipinfo};
	static const unsigned record_sizes[] = {24, 28, 32, 24};

	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		struct writer w;
		struct geo *geo;

		writer_init(&w, "Any-Country", 6, record_sizes[i]);
		/* The first records that a look at the file meets say nothing. */
		insert(&w, "10.0.0.0/8", put_map(&w, 0));
		insert(&w, "11.0.0.0/8", makers[i](&w, "ZZ"));
		insert(&w, "192.0.2.0/24", makers[i](&w, "NL"));
		insert(&w, "198.51.100.0/24", makers[i](&w, "XX"));
		insert(&w, "203.0.113.0/24", makers[i](&w, "nl"));
		insert(&w, "2001:db8::/32", makers[i](&w, "BR"));
		finish(&w, country_path, BUILT_S);
		geo = open_geo();
		assert_reason(geo, GEO_COUNTRY, "");
		assert_country(geo, "192.0.2.1", "NL");
		assert_country(geo, "::ffff:192.0.2.1", "NL");
		assert_country(geo, "2001:db8::1", "BR");
		assert_country(geo, "10.0.0.1", "");
		assert_country(geo, "11.0.0.1", "");
		assert_country(geo, "198.51.100.1", "");
		assert_country(geo, "203.0.113.1", "");
		assert_country(geo, "192.0.3.1", "");
		assert_country(geo, "2001:db9::1", "");
		assert_int_equal(look_up(geo, "192.0.2.1").asn, 0);
		geo_free(geo);
	}
	remove_files();
}

static void test_registered_country(void **state)
{
	struct writer w;
	struct geo *geo;

	writer_init(&w, "GeoLite2-Country", 6, 24);
	insert(&w, "10.0.0.0/8", registered_country(&w, "SE"));
	insert(&w, "192.0.2.0/24", geolite2_country(&w, "NL"));
	finish(&w, country_path, BUILT_S);
	geo = open_geo();
	assert_country(geo, "192.0.2.1", "NL");
	assert_country(geo, "10.0.0.1", "SE");
	geo_free(geo);
	remove_files();
}

static void test_ipv4_only_tree(void **state)
{
	struct writer w;
	struct geo *geo;

	writer_init(&w, "iptoasn-country-ipv4", 4, 28);
	insert(&w, "192.0.2.0/24", flat_country(&w, "country_code", "NL"));
	finish(&w, country_path, BUILT_S);
	geo = open_geo();
	assert_country(geo, "192.0.2.1", "NL");
	assert_country(geo, "::ffff:192.0.2.1", "NL");
	assert_country(geo, "2001:db8::1", "");
	geo_free(geo);
	remove_files();
}

static void test_asn_layouts(void **state)
{
	struct writer w;
	struct geo *geo;

	writer_init(&w, "DBIP-ASN-Lite", 6, 24);
	insert(&w, "192.0.2.0/25", geolite2_asn(&w, 6, 4200000000, "Große Firma"));
	insert(&w, "192.0.2.128/25", geolite2_asn(&w, 5, 65000, "Small"));
	insert(&w, "2001:db8::/32", geolite2_asn(&w, 9, 64511, "Wide"));
	insert(&w, "2001:db9::/32", geolite2_asn(&w, 9, 1ULL << 32, "Too wide"));
	finish(&w, asn_path, BUILT_S);
	geo = open_geo();
	assert_asn(geo, "192.0.2.1", 4200000000);
	assert_asn(geo, "192.0.2.129", 65000);
	assert_asn(geo, "2001:db8::1", 64511);
	assert_asn(geo, "2001:db9::1", 0);
	assert_asn(geo, "10.0.0.1", 0);
	assert_org(geo, 4200000000, "Große Firma");
	assert_org(geo, 65000, "Small");
	assert_org(geo, 64499, "");
	assert_org(geo, 0, "");
	geo_free(geo);

	for (int old = 0; old < 2; old++) {
		writer_init(&w, "ipinfo", 6, 32);
		insert(&w, "192.0.2.0/25",
		    ipinfo(&w, "AS4200000000", old ? "name" : "as_name", "Ä", "NL"));
		insert(&w, "192.0.2.128/25", ipinfo(&w, "64500", "as_name", "B", "NL"));
		insert(&w, "198.51.100.0/25", ipinfo(&w, "AS4294967296", "as_name", "C", "NL"));
		insert(&w, "198.51.100.128/25", ipinfo(&w, "AS12x", "as_name", "C", "NL"));
		insert(&w, "203.0.113.0/24", ipinfo(&w, "", "as_name", "C", "NL"));
		finish(&w, asn_path, BUILT_S);
		geo = open_geo();
		assert_asn(geo, "192.0.2.1", 4200000000);
		assert_org(geo, 4200000000, "Ä");
		assert_asn(geo, "192.0.2.129", 64500);
		assert_asn(geo, "198.51.100.1", 0);
		assert_asn(geo, "198.51.100.129", 0);
		assert_asn(geo, "203.0.113.1", 0);
		geo_free(geo);
	}
	remove_files();
}

/* A long name is cut where a character ends. */
static void test_org_is_cut(void **state)
{
	char name[300], org[GEO_ORG_SIZE];
	struct writer w;
	struct geo *geo;

	for (size_t i = 0; i + 2 < sizeof(name); i += 2)
		memcpy(name + i, "ö", 3);
	writer_init(&w, "GeoLite2-ASN", 6, 24);
	insert(&w, "192.0.2.0/24", geolite2_asn(&w, 6, 64500, name));
	finish(&w, asn_path, BUILT_S);
	geo = open_geo();
	assert_asn(geo, "192.0.2.1", 64500);
	assert_int_equal(geo_as_org(geo, 64500, org, sizeof(org)), 126);
	assert_memory_equal(org, name, 126);
	assert_int_equal(geo_as_org(geo, 64500, org, 1), 0);
	assert_string_equal(org, "");
	assert_int_equal(geo_as_org(geo, 64500, org, 0), 0);
	geo_free(geo);
	remove_files();
}

static void write_country(const char *code, uint64_t built_s)
{
	struct writer w;

	writer_init(&w, "GeoLite2-Country", 6, 24);
	insert(&w, "192.0.2.0/24", geolite2_country(&w, code));
	finish(&w, country_path, built_s);
}

static void write_asn(uint32_t asn, const char *org, uint64_t built_s)
{
	struct writer w;

	writer_init(&w, "GeoLite2-ASN", 6, 24);
	insert(&w, "192.0.2.0/24", geolite2_asn(&w, 6, asn, org));
	finish(&w, asn_path, built_s);
}

static void test_files_come_and_go(void **state)
{
	struct geo *geo = open_geo();
	struct geo_answer answer;

	assert_reason(geo, GEO_COUNTRY, "No such file");
	assert_country(geo, "192.0.2.1", "");
	assert_int_equal(geo_age_s(geo, BUILT_S), -1);
	answer = look_up(geo, "192.0.2.1");
	assert_int_equal(geo_refresh(geo), 0);
	assert_true(geo_is_current(geo, &answer));

	write_country("NL", BUILT_S + 50);
	write_asn(64500, "One", BUILT_S);
	assert_int_equal(geo_refresh(geo), 1 << GEO_COUNTRY | 1 << GEO_ASN);
	assert_false(geo_is_current(geo, &answer));
	answer = look_up(geo, "192.0.2.1");
	assert_string_equal(answer.country, "NL");
	assert_int_equal(answer.asn, 64500);
	assert_int_equal(geo_age_s(geo, BUILT_S + 100), 100);
	assert_int_equal(geo_age_s(geo, BUILT_S - 100), 0);
	assert_int_equal(geo_refresh(geo), 0);

	write_asn(64500, "Two", BUILT_S + 10);
	assert_int_equal(geo_refresh(geo), 1 << GEO_ASN);
	assert_false(geo_is_current(geo, &answer));
	assert_asn(geo, "192.0.2.1", 64500);
	assert_org(geo, 64500, "Two");

	remove_files();
	assert_int_equal(geo_refresh(geo), 0);
	assert_country(geo, "192.0.2.1", "NL");
	assert_org(geo, 64500, "Two");
	assert_reason(geo, GEO_ASN, "No such file");
	write_country("SE", BUILT_S);
	assert_int_equal(geo_refresh(geo), 1 << GEO_COUNTRY);
	assert_country(geo, "192.0.2.1", "SE");
	assert_reason(geo, GEO_COUNTRY, "");
	geo_free(geo);
	remove_files();
}

static void test_bad_files_change_nothing(void **state)
{
	static const uint8_t text[] = "<html>Not here</html>";
	struct geo_status status;
	struct geo *geo;
	int fd;

	write_country("NL", BUILT_S);
	geo = open_geo();
	replace_file(country_path, text, sizeof(text));
	assert_int_equal(geo_refresh(geo), 0);
	assert_reason(geo, GEO_COUNTRY, "metadata");
	replace_file(country_path, text, 0);
	assert_int_equal(geo_refresh(geo), 0);
	assert_reason(geo, GEO_COUNTRY, "is empty");
	write_asn(64500, "One", BUILT_S);
	assert_int_equal(rename(asn_path, country_path), 0);
	assert_int_equal(geo_refresh(geo), 0);
	assert_reason(geo, GEO_COUNTRY, "holds no countries");
	unlink(country_path);
	assert_int_equal(mkfifo(country_path, 0600), 0);
	assert_int_equal(geo_refresh(geo), 0);
	assert_reason(geo, GEO_COUNTRY, "not a regular file");
	unlink(country_path);
	fd = open(country_path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(ftruncate(fd, (256 << 20) + 1), 0); /* sparse */
	close(fd);
	assert_int_equal(geo_refresh(geo), 0);
	assert_reason(geo, GEO_COUNTRY, "the limit is 268435456");
	geo_get_status(geo, GEO_COUNTRY, &status);
	assert_true(status.loaded);
	assert_int_equal(status.loads, 1);
	assert_int_equal(status.built_s, BUILT_S);
	assert_string_equal(status.type, "GeoLite2-Country");
	assert_country(geo, "192.0.2.1", "NL");
	geo_free(geo);
	remove_files();
}

static void test_nothing_configured(void **state)
{
	struct geo *geo = NULL;

	assert_int_equal(geo_new(&geo, "", NULL), 0);
	assert_reason(geo, GEO_COUNTRY, "");
	assert_int_equal(geo_refresh(geo), 0);
	assert_country(geo, "192.0.2.1", "");
	geo_free(geo);
	geo_free(NULL);
}

/* 256 changes: the counter wraps, zero stays "never looked up". */
static void test_generation_wraps(void **state)
{
	struct geo *geo = open_geo();

	for (int i = 0; i < 300; i++) {
		struct geo_answer never = {0}, before = look_up(geo, "192.0.2.1");

		write_country(i % 2 ? "NL" : "SE", BUILT_S);
		assert_int_equal(geo_refresh(geo), 1 << GEO_COUNTRY);
		assert_false(geo_is_current(geo, &never));
		assert_false(geo_is_current(geo, &before));
		assert_country(geo, "192.0.2.1", i % 2 ? "NL" : "SE");
	}
	geo_free(geo);
	remove_files();
}

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

/* Opens, and looks around whatever came of it. */
static bool survives(const uint8_t *file, size_t size)
{
	static const char *const addresses[] = {"10.1.2.3", "192.0.2.1", "2001:db8::1",
	    "2001:db9::1", "255.255.255.255", "::", "ffff::"};
	struct geo_status status;
	struct geo *geo = NULL;
	char org[GEO_ORG_SIZE];

	write_file(country_path, file, size);
	write_file(asn_path, file, size);
	assert_int_equal(geo_new(&geo, country_path, asn_path), 0);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct geo_answer answer = look_up(geo, addresses[i]);

		assert_true(strlen(answer.country) == 0 || strlen(answer.country) == 2);
		if (answer.asn)
			geo_as_org(geo, answer.asn, org, sizeof(org));
	}
	geo_get_status(geo, GEO_ASN, &status);
	assert_true(status.loaded == !*status.reason);
	geo_free(geo);
	return status.loaded;
}

static void test_truncated_files(void **state)
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

static void test_flipped_bits(void **state)
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

static void test_swapped_under_load(void **state)
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

static int set_up(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(country_path, sizeof(country_path), "%s/country.mmdb", folder);
	snprintf(asn_path, sizeof(asn_path), "%s/asn.mmdb", folder);
	snprintf(other_path, sizeof(other_path), "%s/other", folder);
	return 0;
}

static int tear_down(void **state)
{
	remove_files();
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_country_layouts),
	    cmocka_unit_test(test_registered_country),
	    cmocka_unit_test(test_ipv4_only_tree),
	    cmocka_unit_test(test_asn_layouts),
	    cmocka_unit_test(test_org_is_cut),
	    cmocka_unit_test(test_files_come_and_go),
	    cmocka_unit_test(test_bad_files_change_nothing),
	    cmocka_unit_test(test_nothing_configured),
	    cmocka_unit_test(test_generation_wraps),
	    cmocka_unit_test(test_truncated_files),
	    cmocka_unit_test(test_flipped_bits),
	    cmocka_unit_test(test_swapped_under_load),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
