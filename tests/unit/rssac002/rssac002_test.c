/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "rssac002/rssac002.h"

#include "base/clock.h"
#include "base/distinct.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY_NS (86400 * NS_PER_S)
#define DAY    19675 /* 2023-11-14 */

static char dir[64];
static struct rssac002_counts counts;

static struct rssac002 *open_day(int64_t now_ns, const char *expected_reason)
{
	struct rssac002 *rssac = NULL;
	const char *reason = "not set";

	assert_int_equal(rssac002_new(&rssac, dir, "ns1.ams", "b", NULL, now_ns, &reason), 0);
	if (expected_reason)
		assert_string_equal(reason, expected_reason);
	else
		assert_null(reason);
	return rssac;
}

static const char *read_file(const char *name)
{
	static char text[65536];
	char path[256];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "r");
	if (!file)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);
	return text;
}

static void fill_counts(uint64_t factor)
{
	memset(&counts, 0, sizeof(counts));
	counts.volume[0][RSSAC002_UDP][0] = 100 * factor;
	counts.volume[0][RSSAC002_UDP][1] = 50 * factor;
	counts.volume[0][RSSAC002_TCP][0] = 7 * factor;
	counts.volume[1][RSSAC002_UDP][0] = 99 * factor;
	counts.volume[1][RSSAC002_TCP][1] = 3 * factor;
	counts.sizes[0][RSSAC002_UDP][2] = 140 * factor;
	counts.sizes[0][RSSAC002_UDP][18] = 7 * factor;
	counts.sizes[0][RSSAC002_UDP][RSSAC002_BINS - 1] = 3 * factor;
	counts.sizes[1][RSSAC002_TCP][RSSAC002_BINS - 1] = 3 * factor;
	counts.rcodes[0] = 90 * factor;
	counts.rcodes[3] = 9 * factor;
	counts.rcodes[16] = 3 * factor;
}

static void add_custom(struct rssac002 *rssac, int64_t start_ns, uint64_t factor)
{
	const struct rssac002_custom custom = {
	    .volume = {[0][RSSAC002_TLS][1] = 2 * factor, [1][RSSAC002_QUIC][0] = 3 * factor}};

	assert_int_equal(rssac002_add_custom(rssac, start_ns, &custom), 0);
}

static void add_sources(struct rssac002 *rssac, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		uint8_t address[16] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

		assert_int_equal(rssac002_add_source(rssac, address, 4), 0);
		/* Four hosts in a network of 64 bits. */
		address[0] = 0x20;
		address[7] = address[3] & 0xfc;
		address[15] = address[3];
		address[3] = 0;
		assert_int_equal(rssac002_add_source(rssac, address, 6), 0);
	}
}

#define HEAD(metric)                                                                               \
	"---\nversion: rssac002v5\nservice: ns1.ams\nstart-period: 2023-11-14T00:00:00Z\n"         \
	"metric: " metric "\n"

static void assert_first_day(void)
{
	assert_string_equal(
	    read_file("2023/11/traffic-volume/ns1.ams-20231114-traffic-volume.yaml"),
	    HEAD("traffic-volume") "dns-udp-queries-received-ipv4: 300\n"
				   "dns-udp-queries-received-ipv6: 150\n"
				   "dns-tcp-queries-received-ipv4: 21\n"
				   "dns-tcp-queries-received-ipv6: 0\n"
				   "dns-udp-responses-sent-ipv4: 297\n"
				   "dns-udp-responses-sent-ipv6: 0\n"
				   "dns-tcp-responses-sent-ipv4: 0\n"
				   "dns-tcp-responses-sent-ipv6: 9\n"
				   "b-dns-tls-queries-received-ipv4: 0\n"
				   "b-dns-tls-queries-received-ipv6: 6\n"
				   "b-dns-https-queries-received-ipv4: 0\n"
				   "b-dns-https-queries-received-ipv6: 0\n"
				   "b-dns-quic-queries-received-ipv4: 0\n"
				   "b-dns-quic-queries-received-ipv6: 0\n"
				   "b-dns-tls-responses-sent-ipv4: 0\n"
				   "b-dns-tls-responses-sent-ipv6: 0\n"
				   "b-dns-https-responses-sent-ipv4: 0\n"
				   "b-dns-https-responses-sent-ipv6: 0\n"
				   "b-dns-quic-responses-sent-ipv4: 9\n"
				   "b-dns-quic-responses-sent-ipv6: 0\n");
	assert_string_equal(read_file("2023/11/traffic-sizes/ns1.ams-20231114-traffic-sizes.yaml"),
	    HEAD("traffic-sizes") "udp-request-sizes:\n  32-47: 420\n  288-: 30\n"
				  "udp-response-sizes: {}\n"
				  "tcp-request-sizes: {}\n"
				  "tcp-response-sizes:\n  4096-: 9\n");
	assert_string_equal(read_file("2023/11/rcode-volume/ns1.ams-20231114-rcode-volume.yaml"),
	    HEAD("rcode-volume") "0: 270\n3: 27\n16: 9\n");
	assert_string_equal(
	    read_file("2023/11/unique-sources/ns1.ams-20231114-unique-sources.yaml"),
	    HEAD("unique-sources") "num-sources-ipv4: 200\nnum-sources-ipv6: 200\n"
				   "num-sources-ipv6-aggregate: 50\n");
}

/* A restart within the day, and one that comes after midnight. */
static void test_whole_over_restarts(void **state UNUSED)
{
	struct rssac002 *rssac = open_day(DAY * DAY_NS + 5, NULL);

	fill_counts(1);
	assert_int_equal(rssac002_add(rssac, DAY * DAY_NS + 5, &counts), 0);
	add_custom(rssac, DAY * DAY_NS + 5, 1);
	add_sources(rssac, 0, 150);
	assert_int_equal(rssac002_flush(rssac), 0);
	rssac002_free(rssac);
	rssac = open_day(DAY * DAY_NS + 3600 * NS_PER_S, NULL);
	fill_counts(2);
	assert_int_equal(rssac002_add(rssac, (DAY + 1) * DAY_NS - 1, &counts), 0);
	add_custom(rssac, (DAY + 1) * DAY_NS - 1, 2);
	add_sources(rssac, 100, 200);
	assert_int_equal(rssac002_flush_when_due(rssac, 1), 0); /* the state alone */
	rssac002_free(rssac);
	rssac = open_day((DAY + 1) * DAY_NS + 1, NULL);
	assert_first_day();
	assert_null(read_file("2023/11/rcode-volume/ns1.ams-20231115-rcode-volume.yaml"));
	rssac002_free(rssac);
}

static void test_midnight(void **state UNUSED)
{
	struct rssac002 *rssac = open_day(DAY * DAY_NS, NULL);

	fill_counts(3);
	assert_int_equal(rssac002_add(rssac, DAY * DAY_NS + 5, &counts), 0);
	add_custom(rssac, DAY * DAY_NS + 5, 3);
	add_sources(rssac, 0, 200);
	assert_null(read_file("2023/11/rcode-volume/ns1.ams-20231114-rcode-volume.yaml"));
	fill_counts(1);
	assert_int_equal(rssac002_add(rssac, (DAY + 1) * DAY_NS, &counts), 0);
	assert_first_day();
	/* The clock is set back: nothing is lost, and the day that was written stays. */
	assert_int_equal(rssac002_add(rssac, (DAY + 1) * DAY_NS - 1, &counts), 0);
	assert_int_equal(rssac002_flush(rssac), 0);
	assert_first_day();
	assert_non_null(strstr(
	    read_file("2023/11/rcode-volume/ns1.ams-20231115-rcode-volume.yaml"), "0: 180\n"));
	rssac002_free(rssac);
}

/* A restart with the clock set back over midnight: the finished day stays, and the next goes on. */
static void test_restart_before_midnight(void **state UNUSED)
{
	struct rssac002 *rssac = open_day(DAY * DAY_NS, NULL);

	fill_counts(3);
	assert_int_equal(rssac002_add(rssac, DAY * DAY_NS + 5, &counts), 0);
	add_custom(rssac, DAY * DAY_NS + 5, 3);
	add_sources(rssac, 0, 200);
	fill_counts(1);
	assert_int_equal(rssac002_add(rssac, (DAY + 1) * DAY_NS, &counts), 0);
	assert_int_equal(rssac002_flush(rssac), 0);
	rssac002_free(rssac);
	rssac = open_day((DAY + 1) * DAY_NS - 1, NULL);
	assert_int_equal(rssac002_add(rssac, (DAY + 1) * DAY_NS - 1, &counts), 0);
	assert_int_equal(rssac002_flush(rssac), 0);
	rssac002_free(rssac);
	assert_first_day();
	assert_non_null(strstr(
	    read_file("2023/11/rcode-volume/ns1.ams-20231115-rcode-volume.yaml"), "0: 180\n"));
}

/* Nothing can be written while the folder has another name. */
static void block_folder(bool blocked)
{
	char aside[80];

	snprintf(aside, sizeof(aside), "%s.aside", dir);
	assert_int_equal(blocked ? rename(dir, aside) : rename(aside, dir), 0);
}

/* The day that ends then is written whole when it can be. */
static void test_nothing_is_written_at_midnight(void **state UNUSED)
{
	struct rssac002 *rssac = open_day(DAY * DAY_NS, NULL);

	fill_counts(1);
	assert_int_equal(rssac002_add(rssac, DAY * DAY_NS + 5, &counts), 0);
	add_custom(rssac, DAY * DAY_NS + 5, 3);
	add_sources(rssac, 0, 200);
	assert_int_equal(rssac002_flush(rssac), 0);
	fill_counts(2);
	assert_int_equal(rssac002_add(rssac, (DAY + 1) * DAY_NS - 1, &counts), 0);
	block_folder(true);
	fill_counts(1);
	assert_int_equal(rssac002_add(rssac, (DAY + 1) * DAY_NS, &counts), -ENOENT);
	assert_int_equal(rssac002_flush_when_due(rssac, 1), -ENOENT);
	block_folder(false);
	assert_int_equal(rssac002_flush_when_due(rssac, 2), 0);
	assert_first_day();
	/* It is done with it. */
	assert_int_equal(rssac002_flush_when_due(rssac, 3), 0);
	assert_null(read_file("2023/11/rcode-volume/ns1.ams-20231115-rcode-volume.yaml"));
	/* The next one with the end of the agent. */
	block_folder(true);
	assert_int_equal(rssac002_add(rssac, (DAY + 2) * DAY_NS, &counts), -ENOENT);
	block_folder(false);
	assert_int_equal(rssac002_flush(rssac), 0);
	assert_non_null(strstr(
	    read_file("2023/11/rcode-volume/ns1.ams-20231115-rcode-volume.yaml"), "0: 90\n"));
	rssac002_free(rssac);
	assert_first_day();
}

static uint64_t count_of(const char *key)
{
	const char *text = read_file("2023/11/unique-sources/ns1.ams-20231114-unique-sources.yaml");
	const char *at = text ? strstr(text, key) : NULL;

	assert_non_null(at);
	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void read_registers(uint8_t ret[DISTINCT_REGISTERS])
{
	const char *file = read_file("2023/11/unique-sources/ns1.ams-20231114-ipv4.hll");

	assert_non_null(file);
	if (file)
		memcpy(ret, file, DISTINCT_REGISTERS);
}

/* Estimated sets go on after a restart, and sites merge by the greater of two registers. */
static void test_registers(void **state UNUSED)
{
	struct rssac002 *rssac = open_day(DAY * DAY_NS, NULL);
	static uint8_t registers[DISTINCT_REGISTERS];
	struct distinct *merged;

	add_sources(rssac, 0, 30000);
	assert_int_equal(rssac002_flush(rssac), 0);
	rssac002_free(rssac);
	assert_int_equal(distinct_new(&merged), 0);
	read_registers(registers);
	assert_int_equal(distinct_add_registers(merged, registers), 0);
	rssac = open_day(DAY * DAY_NS, NULL);
	add_sources(rssac, 20000, 60000);
	assert_int_equal(rssac002_flush(rssac), 0);
	rssac002_free(rssac);
	assert_in_range(count_of("num-sources-ipv4: "), 58800, 61200);

	/* Another site, with sources of which two thirds are known here. */
	read_registers(registers);
	assert_in_range(distinct_count(merged), 29400, 30600);
	assert_int_equal(distinct_add_registers(merged, registers), 0);
	assert_in_range(distinct_count(merged), 58800, 61200);
	registers[17] = 64;
	assert_int_equal(distinct_add_registers(merged, registers), -EINVAL);
	distinct_free(merged);
}

static uint64_t sources_after(
    const uint8_t *key, const char *expected_reason, unsigned from, unsigned to)
{
	struct rssac002 *rssac = NULL;
	const char *reason = NULL;

	assert_int_equal(rssac002_new(&rssac, dir, "ns1.ams", "b", key, DAY * DAY_NS, &reason), 0);
	if (expected_reason)
		assert_string_equal(reason, expected_reason);
	else
		assert_null(reason);
	add_sources(rssac, from, to);
	assert_int_equal(rssac002_flush(rssac), 0);
	rssac002_free(rssac);
	return count_of("num-sources-ipv4: ");
}

/* Registers of one address under two keys are two addresses: sets under different keys do not mix.
 */
static void test_keys(void **state UNUSED)
{
	static const char other[] = "its sources are under another key";
	static const uint8_t fleet[RSSAC002_KEY_BYTES] = {1}, rotated[RSSAC002_KEY_BYTES] = {2};
	static uint8_t mine[DISTINCT_REGISTERS], site[DISTINCT_REGISTERS];

	assert_int_equal(sources_after(fleet, NULL, 0, 100), 100);
	read_registers(mine);
	assert_int_equal(sources_after(fleet, NULL, 0, 100), 100);
	read_registers(site);
	assert_memory_equal(mine, site, sizeof(site));
	assert_int_equal(sources_after(rotated, other, 0, 10), 10);
	assert_int_equal(sources_after(NULL, other, 0, 100), 100);
	read_registers(site);
	assert_memory_not_equal(mine, site, sizeof(site));
	/* The site's own key goes on. */
	assert_int_equal(sources_after(NULL, NULL, 50, 150), 150);
	assert_int_equal(sources_after(fleet, other, 0, 1), 1);
}

static void damage(long at, int length)
{
	char path[256];
	FILE *file;
	int byte;

	snprintf(path, sizeof(path), "%s/ns1.ams.state", dir);
	if (length >= 0) {
		assert_int_equal(truncate(path, length), 0);
		return;
	}
	file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, at, SEEK_SET), 0);
	byte = fgetc(file);
	assert_int_equal(fseek(file, at, SEEK_SET), 0);
	fputc(byte ^ 1, file);
	fclose(file);
}

static long size_of(const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return stat(path, &st) < 0 ? -1 : (long)st.st_size;
}

static void test_damaged_state(void **state UNUSED)
{
	static const long places[] = {0, 9, 17, 100, 40000, 140000};
	static const char reason[] =
	    "its state is not a sound one of this version, and set aside (*.aside)";
	struct rssac002 *rssac;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) + 2; i++) {
		rssac = open_day(DAY * DAY_NS, i ? reason : NULL);
		fill_counts(1);
		assert_int_equal(rssac002_add(rssac, DAY * DAY_NS, &counts), 0);
		assert_int_equal(rssac002_flush(rssac), 0);
		rssac002_free(rssac);
		if (i < sizeof(places) / sizeof(places[0]))
			damage(places[i], -1);
		else
			damage(0, i % 2 ? 0 : 5000);
	}
	damage(0, 5000);
	rssac = open_day(DAY * DAY_NS, reason);
	assert_int_equal(size_of("ns1.ams.state"), -1);
	assert_int_equal(size_of("ns1.ams.state.aside"), 5000);
	assert_int_equal(rssac002_flush(rssac), 0);
	assert_string_equal(read_file("2023/11/rcode-volume/ns1.ams-20231114-rcode-volume.yaml"),
	    HEAD("rcode-volume"));
	rssac002_free(rssac);
}

static void test_no_folder(void **state UNUSED)
{
	struct rssac002 *rssac = NULL;
	const char *reason;

	assert_int_equal(
	    rssac002_new(&rssac, "/proc/none", "ns1", NULL, NULL, 0, &reason), -ENOENT);
	assert_null(rssac);
}

static void test_service_is_no_path(void **state UNUSED)
{
	struct rssac002 *rssac = NULL;
	const char *reason;

	assert_int_equal(
	    rssac002_new(&rssac, dir, "../a'b c", NULL, NULL, DAY * DAY_NS, &reason), 0);
	assert_int_equal(rssac002_flush(rssac), 0);
	rssac002_free(rssac);
	assert_non_null(
	    strstr(read_file("2023/11/rcode-volume/_._a'b_c-20231114-rcode-volume.yaml"),
		"service: '_._a''b_c'\n"));
}

/* What an earlier version wrote has no custom metrics, and is a state all the same. */
static void test_state_without_custom(void **state UNUSED)
{
	struct rssac002 *rssac = open_day(DAY * DAY_NS, NULL);
	char path[256];
	struct stat st;

	fill_counts(3);
	assert_int_equal(rssac002_add(rssac, DAY * DAY_NS, &counts), 0);
	add_custom(rssac, DAY * DAY_NS, 3);
	assert_int_equal(rssac002_flush(rssac), 0);
	rssac002_free(rssac);
	snprintf(path, sizeof(path), "%s/ns1.ams.state", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - (off_t)sizeof(struct rssac002_custom) - 8), 0);
	rssac = open_day(DAY * DAY_NS, NULL);
	assert_int_equal(rssac002_flush(rssac), 0);
	assert_non_null(
	    strstr(read_file("2023/11/traffic-volume/ns1.ams-20231114-traffic-volume.yaml"),
		"dns-udp-queries-received-ipv4: 300\n"));
	assert_non_null(
	    strstr(read_file("2023/11/traffic-volume/ns1.ams-20231114-traffic-volume.yaml"),
		"b-dns-tls-queries-received-ipv6: 0\n"));
	rssac002_free(rssac);
}

static int remove_one(
    const char *path, const struct stat *st UNUSED, int kind UNUSED, struct FTW *ftw UNUSED)
{
	return remove(path);
}

static int set_up(void **state UNUSED)
{
	snprintf(dir, sizeof(dir), "/tmp/rssac002-test-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state UNUSED)
{
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_whole_over_restarts),
	    TEST(test_midnight),
	    TEST(test_nothing_is_written_at_midnight),
	    TEST(test_restart_before_midnight),
	    TEST(test_registers),
	    TEST(test_keys),
	    TEST(test_damaged_state),
	    TEST(test_no_folder),
	    TEST(test_service_is_no_path),
	    TEST(test_state_without_custom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
