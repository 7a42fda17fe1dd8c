/* SPDX-License-Identifier: BSD-2-Clause */
/* What needs no site; tests/e2e/maxmind_test.py has the rest. */
#include "base/unused.h"
#include "download/maxmind.h"

#include "../geo/mmdb_writer.h"
#include "download/fetch.h"
#include "download/maxmind_state.h"
#include "download/part_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HOUR_S 3600
#define DAY_S  86400
#define NOW_S  1700000000

static char folder[] = "/tmp/maxmind-test-XXXXXX";
static char path[64], state_path[80], part_path[80];

static void write_text(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void write_database(int64_t modified_s)
{
	struct timespec times[2] = {{.tv_sec = modified_s}, {.tv_sec = modified_s}};
	struct writer w;
	uint8_t *bytes;
	size_t size;
	FILE *file;

	writer_init(&w, "GeoLite2-Country", 6, 24);
	insert(&w, "192.0.2.0/24", geolite2_country(&w, "NL"));
	bytes = writer_finish(&w, NOW_S, &size);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	free(bytes);
	writer_free(&w);
}

static void assert_url(const char *template, const char *edition, const char *expected)
{
	char url[128];

	assert_int_equal(fetch_build_url(template, edition, url, sizeof(url)), 0);
	assert_string_equal(url, expected);
}

static void test_urls(void **state UNUSED)
{
	char url[64];

	assert_url(FETCH_DEFAULT_URL, "GeoLite2-ASN",
	    "https://download.maxmind.com/geoip/databases/GeoLite2-ASN/download?suffix=tar.gz");
	assert_url("https://m.example//", "A_1", "https://m.example/A_1/download?suffix=tar.gz");
	assert_url("HTTPS://m.example/{edition}.mmdb?k=1", "A", "HTTPS://m.example/A.mmdb?k=1");
	assert_int_equal(fetch_build_url("http://m.example/", "A", url, sizeof(url)), -EINVAL);
	assert_int_equal(fetch_build_url("file:///etc/passwd", "A", url, sizeof(url)), -EINVAL);
	assert_int_equal(fetch_build_url("https://m.example/", "", url, sizeof(url)), -EINVAL);
	assert_int_equal(fetch_build_url("https://m.example/", "../a", url, sizeof(url)), -EINVAL);
	assert_int_equal(fetch_build_url("https://m.example/", "a?b", url, sizeof(url)), -EINVAL);
	assert_int_equal(fetch_build_url("https://m.example/", "A", url, 40), -ENAMETOOLONG);
	assert_int_equal(
	    fetch_build_url("https://m.example/{edition}", "A", url, 19), -ENAMETOOLONG);
}

static void test_state_survives(void **state UNUSED)
{
	struct maxmind_state written = {.edition = "GeoLite2-City",
				 .checked_s = NOW_S,
				 .not_before_s = NOW_S + 5},
			     read;

	maxmind_state_read(path, &read);
	assert_string_equal(read.edition, "");
	assert_int_equal(maxmind_state_write(path, &written), 0);
	maxmind_state_read(path, &read);
	assert_string_equal(read.edition, "GeoLite2-City");
	assert_int_equal(read.checked_s, NOW_S);
	assert_int_equal(read.not_before_s, NOW_S + 5);
	written.edition[0] = '\0';
	assert_int_equal(maxmind_state_write(path, &written), 0);
	maxmind_state_read(path, &read);
	assert_string_equal(read.edition, "");
	assert_int_equal(read.checked_s, NOW_S);
	unlink(state_path);
	assert_int_equal(maxmind_state_write("/proc/nowhere/x", &written), -ENOENT);
}

static void test_bad_states_are_empty(void **state UNUSED)
{
	static const char *const texts[] = {"", "\n\n", "edition", "checked x\n", "checked -1\n",
	    "not_before 99999999999999999999\n", "checked 1\nchecked 2x\n", "\xff\xfe\n",
	    "edition 0123456789012345678901234567890123456789012345678901234567890123456789\n"};
	struct maxmind_state read;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_text(state_path, texts[i]);
		memset(&read, 0xff, sizeof(read));
		maxmind_state_read(path, &read);
		assert_string_equal(read.edition, "");
		assert_int_equal(read.checked_s, 0);
		assert_int_equal(read.not_before_s, 0);
	}
	write_text(state_path, "checked 7\nof_a_later_version yes\nnot_before 8\n");
	maxmind_state_read(path, &read);
	assert_int_equal(read.checked_s, 7);
	assert_int_equal(read.not_before_s, 8);
	unlink(state_path);
}

static void test_part_file(void **state UNUSED)
{
	struct part_file part, other;
	struct stat st;

	write_text(part_path, "left over");
	assert_int_equal(part_file_open(&part, path), 0);
	assert_int_equal(fstat(part.fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(part_file_open(&other, path), -EBUSY);
	part_file_close(&part);
	part_file_close(&part);
	assert_int_equal(access(part_path, F_OK), -1);

	assert_int_equal(part_file_open(&part, path), 0);
	assert_int_equal(write(part.fd, "data", 4), 4);
	assert_int_equal(part_file_commit(&part, NOW_S), 0);
	part_file_close(&part);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, NOW_S);
	assert_int_equal(st.st_size, 4);
	unlink(path);

	assert_int_equal(symlink("/etc/passwd", part_path), 0);
	assert_int_equal(part_file_open(&part, path), -ELOOP);
	unlink(part_path);
}

static int64_t wall_ns(void *context)
{
	return *(const int64_t *)context * NS_PER_S;
}

/* Seconds until a node of this name asks, one second before which it does not. */
static int64_t wait_of(const char *server, int64_t now)
{
	const char *editions[] = {"GeoLite2-Country"};
	/* Nobody listens there: a request would show as a failure. */
	struct config config = {.server = server,
	    .geo = {.country = path,
		.asn = "",
		.maxmind_editions = {editions, 1},
		.maxmind_url = "https://127.0.0.1:1/",
		.maxmind_every_ns = DAY_S * 1000000000ULL}};
	struct clock clock = {.wall_ns = wall_ns, .context = &now};
	struct maxmind_options options = {.clock = &clock};
	struct maxmind *maxmind = NULL;
	struct maxmind_status status;
	int64_t wait_s;

	assert_int_equal(maxmind_new(&maxmind, &config, &options), 0);
	wait_s = maxmind_run_once(maxmind);
	maxmind_get_status(maxmind, 0, &status);
	assert_true(status.failed == (status.requests > 0));
	if (!status.failed)
		assert_int_equal(wait_s, status.next_s - now < DAY_S ? status.next_s - now : DAY_S);
	maxmind_free(maxmind);
	return status.failed ? -1 : status.next_s - now;
}

static void test_each_node_has_its_delay(void **state UNUSED)
{
	int64_t least = DAY_S * 2, most = 0;
	char server[32];

	write_database(NOW_S);
	for (int i = 0; i < 60; i++) {
		int64_t wait_s;

		snprintf(server, sizeof(server), "ns%d.example", i);
		wait_s = wait_of(server, NOW_S);
		assert_in_range(wait_s, DAY_S, DAY_S + DAY_S / 4);
		assert_int_equal(wait_of(server, NOW_S), wait_s);
		assert_int_equal(wait_of(server, NOW_S + wait_s - 1), 1);
		least = wait_s < least ? wait_s : least;
		most = wait_s > most ? wait_s : most;
	}
	assert_true(most - least > 4 * HOUR_S);
	unlink(path);
}

static void test_wrong_clocks(void **state UNUSED)
{
	struct maxmind_state remembered = {
	    .edition = "GeoLite2-Country", .checked_s = NOW_S, .not_before_s = NOW_S + HOUR_S};

	/* A time to wait for is kept, up to what this program ever writes. */
	assert_int_equal(maxmind_state_write(path, &remembered), 0);
	assert_int_equal(wait_of("a", NOW_S), HOUR_S);
	remembered.not_before_s = NOW_S + 30 * DAY_S;
	assert_int_equal(maxmind_state_write(path, &remembered), 0);
	assert_int_equal(wait_of("a", NOW_S), -1);
	/* A file, or a word, from the future is no reason to wait. */
	write_database(NOW_S + 30 * DAY_S);
	remembered.checked_s = NOW_S + 30 * DAY_S;
	remembered.not_before_s = 0;
	assert_int_equal(maxmind_state_write(path, &remembered), 0);
	assert_int_equal(wait_of("a", NOW_S), -1);
	unlink(path);
	unlink(state_path);
}

static void test_no_editions(void **state UNUSED)
{
	struct config config = {.server = "a",
	    .geo = {.country = "", .asn = "", .maxmind_url = "", .maxmind_every_ns = 1}};
	struct maxmind *maxmind = NULL;

	assert_int_equal(maxmind_new(&maxmind, &config, NULL), 0);
	assert_int_equal(maxmind_count(maxmind), 0);
	assert_int_equal(maxmind_run_once(maxmind), DAY_S);
	assert_int_equal(maxmind_start(maxmind), 0);
	maxmind_stop(maxmind);
	maxmind_free(maxmind);
	maxmind_free(NULL);
}

static int set_up(void **state UNUSED)
{
	if (!mkdtemp(folder))
		return -1;
	unsetenv("MAXMIND_ACCOUNT_ID");
	snprintf(path, sizeof(path), "%s/country.mmdb", folder);
	snprintf(state_path, sizeof(state_path), "%s.download", path);
	snprintf(part_path, sizeof(part_path), "%s.part", path);
	return 0;
}

static int tear_down(void **state UNUSED)
{
	unlink(path);
	unlink(state_path);
	unlink(part_path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_urls),
	    cmocka_unit_test(test_state_survives),
	    cmocka_unit_test(test_bad_states_are_empty),
	    cmocka_unit_test(test_part_file),
	    cmocka_unit_test(test_each_node_has_its_delay),
	    cmocka_unit_test(test_wrong_clocks),
	    cmocka_unit_test(test_no_editions),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
