/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/feed.h"

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
static void test_tcp_rtt(void **state)
{
	static const uint8_t v4[16] = {198, 51, 100, 1};
	static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, 198, 51, 100, 1};
	static const uint8_t v6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
	struct wire_client_rtt rtts[2] = {
	    {.count = 4, .sum_us = 80000}, {.count = 1, .sum_us = 7000}};
	const struct wire_window wire = {.watched = true, .client_rtts = rtts, .n_client_rtts = 2};
	const struct enrich_window window = {NOW_NS, NOW_NS};
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
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_tcp_rtt)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
