/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules of whom never to ask, and the thread's life; its packets are tests/e2e/ping.py's. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/unused.h"
#include "ping/ping.h"
#include "ping/ping_rules.h"

static struct ping_address parse(const char *text)
{
	struct ping_address address = {.family = strchr(text, ':') ? 6 : 4};

	assert_int_equal(
	    inet_pton(address.family == 6 ? AF_INET6 : AF_INET, text, address.bytes), 1);
	return address;
}

static struct config_network network(const char *text, uint8_t prefix)
{
	struct ping_address address = parse(text);
	struct config_network result = {.family = address.family, .prefix = prefix};

	memcpy(result.address, address.bytes, sizeof(result.address));
	return result;
}

static void assert_refusal(
    const struct ping_rules *rules, const char *text, enum ping_refusal refusal)
{
	struct ping_address address = parse(text);

	assert_string_equal(
	    ping_refusal_name(ping_rules_check(rules, &address)), ping_refusal_name(refusal));
}

static void test_special_addresses(void **state UNUSED)
{
	struct ping_rules rules = {0}, loopback = {.allow_loopback = true};
	struct ping_address nonsense = {.family = 5};

	assert_refusal(&rules, "0.0.0.0", PING_REFUSED_UNSPECIFIED);
	assert_refusal(&rules, "0.1.2.3", PING_REFUSED_RESERVED);
	assert_refusal(&rules, "127.0.0.1", PING_REFUSED_LOOPBACK);
	assert_refusal(&loopback, "127.255.255.255", PING_ALLOWED);
	assert_refusal(&rules, "128.0.0.0", PING_ALLOWED);
	assert_refusal(&rules, "169.254.1.1", PING_REFUSED_LINK_LOCAL);
	assert_refusal(&rules, "169.253.255.255", PING_ALLOWED);
	assert_refusal(&rules, "223.255.255.255", PING_ALLOWED);
	assert_refusal(&rules, "224.0.0.1", PING_REFUSED_MULTICAST);
	assert_refusal(&rules, "239.255.255.255", PING_REFUSED_MULTICAST);
	assert_refusal(&rules, "240.0.0.1", PING_REFUSED_RESERVED);
	assert_refusal(&rules, "255.255.255.255", PING_REFUSED_BROADCAST);
	assert_refusal(&rules, "10.0.0.1", PING_ALLOWED);
	assert_refusal(&rules, "::", PING_REFUSED_UNSPECIFIED);
	assert_refusal(&rules, "::1", PING_REFUSED_LOOPBACK);
	assert_refusal(&loopback, "::1", PING_ALLOWED);
	assert_refusal(&rules, "::ffff:198.51.100.1", PING_REFUSED_RESERVED);
	assert_refusal(&rules, "64:ff9b::1.2.3.4", PING_REFUSED_RESERVED);
	assert_refusal(&rules, "fe80::1", PING_REFUSED_LINK_LOCAL);
	assert_refusal(&rules, "febf::1", PING_REFUSED_LINK_LOCAL);
	assert_refusal(&rules, "ff02::1", PING_REFUSED_MULTICAST);
	assert_refusal(&rules, "2001:db8::1", PING_ALLOWED);
	assert_refusal(&rules, "fd00::1", PING_ALLOWED);
	assert_int_equal(ping_rules_check(&rules, &nonsense), PING_REFUSED_RESERVED);
}

static void test_excluded_and_own(void **state UNUSED)
{
	struct config_network exclude[] = {network("10.0.0.0", 8), network("2001:db8:4000::", 34),
	    network("192.0.2.130", 31), network("203.0.113.9", 32)};
	struct config config = {.ping = {.exclude = exclude, .n_exclude = 4}};
	struct ping_address own[] = {
	    parse("203.0.113.5"), parse("2001:db8::53"), parse("192.0.2.1")};
	struct ping_rules rules = {0};

	assert_int_equal(ping_rules_configure(&rules, &config), 0);
	assert_int_equal(ping_rules_set_own(&rules, own, 3), 0);
	assert_refusal(&rules, "10.255.0.1", PING_REFUSED_EXCLUDED);
	assert_refusal(&rules, "11.0.0.0", PING_ALLOWED);
	assert_refusal(&rules, "192.0.2.129", PING_ALLOWED);
	assert_refusal(&rules, "192.0.2.130", PING_REFUSED_EXCLUDED);
	assert_refusal(&rules, "192.0.2.131", PING_REFUSED_EXCLUDED);
	assert_refusal(&rules, "192.0.2.132", PING_ALLOWED);
	assert_refusal(&rules, "203.0.113.9", PING_REFUSED_EXCLUDED);
	assert_refusal(&rules, "2001:db8:7fff::1", PING_REFUSED_EXCLUDED);
	assert_refusal(&rules, "2001:db8:8000::1", PING_ALLOWED);
	/* The same bytes in the other family. */
	assert_refusal(&rules, "a00::", PING_ALLOWED);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(ping_rules_check(&rules, &own[i]), PING_REFUSED_OWN);
	config.ping.n_exclude = 0;
	assert_int_equal(ping_rules_configure(&rules, &config), 0);
	assert_int_equal(ping_rules_set_own(&rules, own, 1), 0);
	assert_refusal(&rules, "10.255.0.1", PING_ALLOWED);
	assert_refusal(&rules, "192.0.2.1", PING_ALLOWED);
	ping_rules_clear(&rules);
}

static void test_sources(void **state UNUSED)
{
	struct config_network service[] = {network("192.0.2.53", 32), network("2001:db8:53::", 48)};
	struct config config = {.wire = {.addresses = service, .n_addresses = 2}};
	struct ping_address loopback = parse("127.0.0.1"), anycast = parse("192.0.2.53"),
			    anycast6 = parse("2001:db8:53::1"), unicast = parse("198.51.100.7");
	struct ping_rules rules = {0};

	assert_int_equal(ping_rules_configure(&rules, &config), 0);
	assert_int_equal(ping_rules_refresh_host(&rules), 0);
	assert_true(ping_rules_source_allowed(&rules, &unicast));
	assert_false(ping_rules_source_allowed(&rules, &anycast));
	assert_false(ping_rules_source_allowed(&rules, &anycast6));
	assert_false(ping_rules_source_allowed(&rules, &loopback));
	assert_false(ping_rules_any_source_allowed(&rules, 4));
	assert_false(ping_rules_any_source_allowed(&rules, 6));
	rules.allow_loopback = true;
	assert_true(ping_rules_source_allowed(&rules, &loopback));
	assert_false(ping_rules_source_allowed(&rules, &anycast));
	ping_rules_clear(&rules);
}

static struct config defaults(void)
{
	return (struct config){
	    .interval_ns = 10 * NS_PER_S,
	    .ping = {.enabled = true, .rate_per_s = 200, .every_ns = 600 * NS_PER_S},
	    .limits = {.resolvers = 1000000, .memory = 256 << 20},
	};
}

static void test_disabled(void **state UNUSED)
{
	struct config config = defaults();
	struct ping_candidate candidate = {.address = parse("198.51.100.7"), .answered = 100};
	struct ping_result result;
	struct ping_stats stats;
	char status[PING_STATUS_BYTES];
	struct ping *ping;

	config.ping.enabled = false;
	assert_int_equal(ping_new(&ping, &config, NULL), 0);
	for (int i = 0; i < 5; i++)
		ping_offer(ping, &candidate, 1);
	ping_status(ping, status);
	assert_string_equal(status, "off: ping.enabled is false");
	ping_stats(ping, &stats);
	assert_int_equal(stats.known, 0);
	assert_int_equal(stats.sent, 0);
	assert_int_equal(ping_result(ping, &candidate.address, &result), -ENOENT);
	ping_free(ping);
	ping_free(NULL);
}

static void test_source_of_another_host(void **state UNUSED)
{
	struct config_network source[] = {network("192.0.2.77", 32)};
	struct config config = defaults();
	char status[PING_STATUS_BYTES];
	struct ping *ping;

	config.ping.source = source;
	config.ping.n_source = 1;
	assert_int_equal(ping_new(&ping, &config, NULL), 0);
	ping_status(ping, status);
	assert_non_null(strstr(status, "ipv4 off: no"));
	ping_free(ping);
}

static void test_table_follows_the_limits(void **state UNUSED)
{
	struct config config = defaults();
	struct ping_stats stats;
	struct ping *ping;

	assert_int_equal(ping_new(&ping, &config, NULL), 0);
	ping_stats(ping, &stats);
	assert_int_equal(stats.capacity, 131072); /* the power of two below 2 × 200 × 600 */
	config.limits.memory = 8 << 20;
	assert_int_equal(ping_configure(ping, &config), 0);
	ping_stats(ping, &stats);
	assert_int_equal(stats.capacity, 8192);
	config.limits.resolvers = 2000;
	assert_int_equal(ping_configure(ping, &config), 0);
	ping_stats(ping, &stats);
	assert_int_equal(stats.capacity, 1024);
	ping_free(ping);
}

/* Multicast only, so that no packet can leave, from several threads at once. */
static void *offer_multicast(void *context)
{
	struct ping_candidate candidates[600] = {0};
	struct ping_result result;
	struct ping_stats stats;

	for (unsigned i = 0; i < 600; i++) {
		candidates[i].address.family = 4;
		candidates[i].address.bytes[0] = 224;
		candidates[i].address.bytes[2] = (uint8_t)(i >> 8);
		candidates[i].address.bytes[3] = (uint8_t)i;
		candidates[i].answered = 100;
	}
	for (int i = 0; i < 20; i++) {
		ping_offer(context, candidates, 600);
		ping_result(context, &candidates[0].address, &result);
		ping_stats(context, &stats);
	}
	return NULL;
}

static void test_many_threads(void **state UNUSED)
{
	struct config config = defaults();
	struct ping_stats stats;
	pthread_t threads[3];
	struct ping *ping;

	assert_int_equal(ping_new(&ping, &config, NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, offer_multicast, ping), 0);
	for (int i = 0; i < 20; i++) {
		config.ping.rate_per_s = 100 + i;
		assert_int_equal(ping_configure(ping, &config), 0);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	ping_stats(ping, &stats);
	assert_int_equal(stats.refused[PING_REFUSED_MULTICAST], 3 * 20 * 600);
	assert_int_equal(stats.sent, 0);
	assert_int_equal(stats.known, 0);
	ping_free(ping);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_special_addresses),
	    cmocka_unit_test(test_excluded_and_own),
	    cmocka_unit_test(test_sources),
	    cmocka_unit_test(test_disabled),
	    cmocka_unit_test(test_source_of_another_host),
	    cmocka_unit_test(test_table_follows_the_limits),
	    cmocka_unit_test(test_many_threads),
	};

	log_set_level(LOG_LEVEL_WARNING);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
