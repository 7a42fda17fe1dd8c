/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "report/feed.h"

#include <ftw.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_NS 1700000000000000000ll

static const struct hash_seed seed = {0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f};

static void put(struct sources *sources, const uint8_t address[16], uint16_t family)
{
	uint64_t words[2];
	struct source *source;

	memcpy(words, address, sizeof(words));
	source = sources_at(sources, source_hash(&seed, words, family), words, family);
	source->transports = 1;
	source->queries = 10;
}

/* The wire maps IPv4 into IPv6, the sources put it first: it must be the same resolver. */
static void test_tcp_rtt(void **state UNUSED)
{
	static const uint8_t v4[16] = {198, 51, 100, 1};
	static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, 198, 51, 100, 1};
	static const uint8_t v6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
	struct wire_client_rtt rtts[2] = {
	    {.count = 4, .sum_us = 80000}, {.count = 1, .sum_us = 7000}};
	const struct wire_window wire = {.watched = true, .client_rtts = rtts, .n_client_rtts = 2};
	const struct enrich_window window = {NOW_NS, NOW_NS, NULL, NULL, false};
	struct enrich_resolver known;
	struct enrich_view view;
	struct sources sources;
	struct enrich *enrich;
	struct config *config;
	uint64_t address[2];

	memcpy(rtts[0].address.words, mapped, sizeof(mapped));
	memcpy(rtts[1].address.words, v6, sizeof(v6));
	assert_int_equal(config_parse("test", "", 0, stderr, &config), 0);
	assert_int_equal(sources_init(&sources, 16), 0);
	assert_int_equal(enrich_new(&enrich, config, &seed, false), 0);
	put(&sources, v4, SOURCE_IPV4);
	put(&sources, v6, 0);
	/* Nobody is known before the first window, and nobody is without a time in it. */
	feed_tcp_rtt(enrich, &wire, NOW_NS);
	assert_int_equal(enrich_window(enrich, &sources, &window, &view), 0);
	assert_int_equal(view.agreement.queries, 20);
	assert_int_equal(view.agreement.queries_by[BREAKDOWN_TCP], 20);
	rtts[0].sum_us += 8;
	feed_tcp_rtt(enrich, &wire, NOW_NS);
	assert_int_equal(enrich_window(enrich, &sources, &window, &view), 0);
	assert_int_equal(view.agreement.queries_by[BREAKDOWN_TCP], 20);
	memcpy(address, v4, sizeof(address));
	enrich_resolver(enrich, address, 4, &known);
	assert_true(known.tcp_rtt_ms == 20.002);
	assert_true(known.icmp_rtt_ms == 0);
	memcpy(address, v6, sizeof(address));
	enrich_resolver(enrich, address, 6, &known);
	assert_true(known.tcp_rtt_ms == 7);
	enrich_free(enrich);
	sources_done(&sources);
	config_unref(config);
}

static int remove_one(
    const char *path, const struct stat *st UNUSED, int kind UNUSED, struct FTW *ftw UNUSED)
{
	return remove(path);
}

/* "KEY: " of the only file of a metric in `dir`. */
static unsigned long figure_of(const char *dir, const char *metric, const char *key)
{
	char pattern[128], line[256];
	unsigned long found = 0;
	glob_t files;
	FILE *file;

	snprintf(pattern, sizeof(pattern), "%s/2023/11/%s/*.yaml", dir, metric);
	assert_int_equal(glob(pattern, 0, NULL, &files), 0);
	assert_int_equal(files.gl_pathc, 1);
	file = fopen(files.gl_pathv[0], "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, strlen(key)) == 0)
			found = strtoul(line + strlen(key), NULL, 10);
	}
	fclose(file);
	globfree(&files);
	return found;
}

static unsigned long sources_of(const char *dir, const char *key)
{
	return figure_of(dir, "unique-sources", key);
}

/* What came encrypted has lines of its own; what did not has none among them. */
static void test_rssac002_encrypted(void **state UNUSED)
{
	const struct cell cells[] = {
	    {.key = margin_key(0, MARGIN_MESSAGES, DIR_QUERY, TRANSPORT_UDP, FAMILY_IPV4, 0),
		.count = 100},
	    {.key = margin_key(0, MARGIN_MESSAGES, DIR_QUERY, TRANSPORT_DOT, FAMILY_IPV4, 0),
		.count = 3},
	    {.key = margin_key(0, MARGIN_MESSAGES, DIR_QUERY, TRANSPORT_DOQ, FAMILY_IPV6, 0),
		.count = 4},
	    {.key = margin_key(0, MARGIN_MESSAGES, DIR_RESPONSE, TRANSPORT_DOH, FAMILY_IPV6, 0),
		.count = 5}};
	struct zone_view zones[2] = {{.zone = 0}, {.zone = 1}};
	const struct window_view view = {
	    .zones = zones, .n_zones = 2, .span = {.start_ns = NOW_NS}};
	char dir[] = "/tmp/crosstap-feed-XXXXXX";
	struct rssac002 *rssac;
	const char *reason;

	for (size_t i = 0; i < 2; i++)
		zones[i].margins[MARGIN_MESSAGES] = (struct margin_slice){cells, 4};
	assert_non_null(mkdtemp(dir));
	assert_int_equal(rssac002_new(&rssac, dir, "ns1", "example", NULL, NOW_NS, &reason), 0);
	assert_int_equal(feed_rssac002_custom(rssac, &view), 0);
	assert_int_equal(rssac002_flush(rssac), 0);
	rssac002_free(rssac);
#define VOLUME(key) figure_of(dir, "traffic-volume", key ": ")
	assert_int_equal(VOLUME("example-dns-tls-queries-received-ipv4"), 6);
	assert_int_equal(VOLUME("example-dns-quic-queries-received-ipv6"), 8);
	assert_int_equal(VOLUME("example-dns-https-responses-sent-ipv6"), 10);
	assert_int_equal(VOLUME("example-dns-https-queries-received-ipv6"), 0);
	assert_int_equal(VOLUME("dns-udp-queries-received-ipv4"), 0);
#undef VOLUME
	assert_int_equal(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* Who is named without a message was counted for an agent that was killed: a source of the day. */
static void test_rssac002_names_all(void **state UNUSED)
{
	static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, 198, 51, 100, 1};
	static const uint8_t v6[2][16] = {
	    {0x20, 1, 0xd, 0xb8, [15] = 1}, {0x20, 1, 0xd, 0xb8, [15] = 2}};
	struct wire_client clients[3] = {{.messages = 1}, {.messages = 0}, {.messages = 7}};
	const struct wire_window wire = {.watched = true, .clients = clients, .n_clients = 3};
	char dir[] = "/tmp/crosstap-feed-XXXXXX";
	struct rssac002 *rssac;
	const char *reason;

	memcpy(clients[0].address.words, mapped, sizeof(mapped));
	memcpy(clients[1].address.words, v6[0], sizeof(v6[0]));
	memcpy(clients[2].address.words, v6[1], sizeof(v6[1]));
	assert_non_null(mkdtemp(dir));
	assert_int_equal(rssac002_new(&rssac, dir, "ns1", "", NULL, NOW_NS, &reason), 0);
	assert_int_equal(feed_rssac002_wire(rssac, &wire, NOW_NS), 0);
	assert_int_equal(rssac002_flush(rssac), 0);
	rssac002_free(rssac);
	assert_int_equal(sources_of(dir, "num-sources-ipv4: "), 1);
	assert_int_equal(sources_of(dir, "num-sources-ipv6: "), 2);
	assert_int_equal(sources_of(dir, "num-sources-ipv6-aggregate: "), 1);
	assert_int_equal(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tcp_rtt),
	    cmocka_unit_test(test_rssac002_encrypted),
	    cmocka_unit_test(test_rssac002_names_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
