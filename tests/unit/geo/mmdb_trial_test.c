/* SPDX-License-Identifier: BSD-2-Clause */
/* Databases that lie about their size, and such as kill or hold up whoever reads them. */
#include "geo/mmdb.h"
#include "geo/mmdb_trial.h"
#include "geo_files.h"

#include <dlfcn.h>
#include <maxminddb.h>
#include <signal.h>

/* This program's MMDB_read_node() comes before the library's: it plays a reader that a database
 * brings down. */
static enum { READ, DIE, HANG } conduct;

int MMDB_read_node(const MMDB_s *const mmdb, uint32_t node_number, MMDB_search_node_s *const node)
{
	static int (*real)(const MMDB_s *, uint32_t, MMDB_search_node_s *);

	if (conduct == DIE)
		raise(SIGSEGV);
	while (conduct == HANG)
		pause();
	if (!real)
		real = (int (*)(const MMDB_s *, uint32_t, MMDB_search_node_s *))dlsym(
		    RTLD_NEXT, "MMDB_read_node");
	return real(mmdb, node_number, node);
}

static void write_country(const char *code)
{
	struct writer w;

	writer_init(&w, "GeoLite2-Country", 6, 32);
	insert(&w, "192.0.2.0/24", geolite2_country(&w, code));
	finish(&w, country_path, BUILT_S);
}

static void test_one_that_kills_is_not_used(void **state UNUSED)
{
	struct geo *geo;

	write_country("NL");
	geo = open_geo();
	assert_country(geo, "192.0.2.1", "NL");
	write_country("SE");
	conduct = DIE;
	assert_int_equal(geo_refresh(geo), 0);
	assert_reason(geo, GEO_COUNTRY, "killed a process (SIGSEGV)");
	assert_country(geo, "192.0.2.1", "NL");
	/* Nor is it tried at each window again. */
	conduct = READ;
	assert_int_equal(geo_refresh(geo), 0);
	write_country("BR");
	assert_int_equal(geo_refresh(geo), 1 << GEO_COUNTRY);
	assert_country(geo, "192.0.2.1", "BR");
	geo_free(geo);
}

static void test_one_that_hangs_is_not_used(void **state UNUSED)
{
	struct mmdb *mmdb = NULL;
	char reason[256];

	write_country("NL");
	conduct = HANG;
	assert_int_equal(
	    mmdb_new(&mmdb, country_path, MMDB_COUNTRY, NULL, reason, sizeof(reason)), -EBADMSG);
	conduct = READ;
	assert_non_null(strstr(reason, "took over 5 s"));
	assert_null(mmdb);
}

/* Where the parent ignores SIGCHLD the kernel keeps no exit status. */
static void test_an_ignored_child(void **state UNUSED)
{
	void (*before)(int) = signal(SIGCHLD, SIG_IGN);
	struct mmdb *mmdb = NULL;
	char reason[256];

	write_country("NL");
	assert_int_equal(
	    mmdb_new(&mmdb, country_path, MMDB_COUNTRY, NULL, reason, sizeof(reason)), 0);
	mmdb_free(mmdb);
	mmdb = NULL;
	conduct = DIE;
	assert_int_equal(
	    mmdb_new(&mmdb, country_path, MMDB_COUNTRY, NULL, reason, sizeof(reason)), -EBADMSG);
	conduct = READ;
	assert_null(mmdb);
	signal(SIGCHLD, before);
}

static void expect_refusal(const struct writer *w, const char *why)
{
	struct mmdb *mmdb = NULL;
	char reason[256];
	size_t size;
	uint8_t *file = writer_finish(w, BUILT_S, &size);
	int fd;

	replace_file(country_path, file, size);
	free(file);
	/* In this process: the trial may not be what saves it. */
	fd = open(country_path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(
	    mmdb_open(&mmdb, fd, country_path, MMDB_COUNTRY, reason, sizeof(reason)), -EBADMSG);
	close(fd);
	if (!strstr(reason, why))
		fail_msg("\"%s\" is not in \"%s\"", why, reason);
}

static void claim_nodes(uint32_t nodes, const char *why)
{
	struct writer w;

	writer_init(&w, "GeoLite2-Country", 6, 32);
	insert(&w, "192.0.2.0/24", geolite2_country(&w, "NL"));
	w.claimed_nodes = nodes;
	expect_refusal(&w, why);
	writer_free(&w);
}

static void test_a_tree_larger_than_the_file(void **state UNUSED)
{
	/* 8 bytes a node: the product is 80, and 0, in 32 bits. */
	claim_nodes((1u << 29) + 10, "larger than the file");
	claim_nodes(1u << 29, "larger than the file");
	claim_nodes(UINT32_MAX, "larger than the file");
	claim_nodes(500, "larger than the file");
}

/* The first node's left record, in each of the three layouts of a node. */
static void damage_record(uint16_t record_size)
{
	struct mmdb *mmdb = NULL;
	char reason[256];
	struct writer w;
	uint8_t *file;
	size_t size;
	int fd;

	writer_init(&w, "GeoLite2-Country", 6, record_size);
	insert(&w, "192.0.2.0/24", geolite2_country(&w, "NL"));
	file = writer_finish(&w, BUILT_S, &size);
	writer_free(&w);
	memset(file, 0xf0, 3);
	replace_file(country_path, file, size);
	free(file);
	fd = open(country_path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(
	    mmdb_open(&mmdb, fd, country_path, MMDB_COUNTRY, reason, sizeof(reason)), -EBADMSG);
	assert_non_null(strstr(reason, "names data outside the file"));
	close(fd);
}

static void test_a_record_outside_the_file(void **state UNUSED)
{
	damage_record(24);
	damage_record(28);
	damage_record(32);
	remove_files();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_that_kills_is_not_used),
	    cmocka_unit_test(test_one_that_hangs_is_not_used),
	    cmocka_unit_test(test_an_ignored_child),
	    cmocka_unit_test(test_a_tree_larger_than_the_file),
	    cmocka_unit_test(test_a_record_outside_the_file),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
