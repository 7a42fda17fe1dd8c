/* SPDX-License-Identifier: BSD-2-Clause */
/* Databases of each maker, and files that come and go. */
#include "base/unused.h"
#include "geo_files.h"

#include <sys/stat.h>

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

static void test_country_layouts(void **state UNUSED)
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

static void test_registered_country(void **state UNUSED)
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

static void test_ipv4_only_tree(void **state UNUSED)
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

static void test_asn_layouts(void **state UNUSED)
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
static void test_org_is_cut(void **state UNUSED)
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

static void test_files_come_and_go(void **state UNUSED)
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

static void test_bad_files_change_nothing(void **state UNUSED)
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

static void test_nothing_configured(void **state UNUSED)
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
static void test_generation_wraps(void **state UNUSED)
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
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
