/* SPDX-License-Identifier: BSD-2-Clause */
/* What the configuration and the host's addresses become, where packets are counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/unused.h"
#include "wire/rules/rules.h"

static struct wire_rules rules;

static int clear(void **state UNUSED)
{
	wire_rules_clear(&rules);
	return 0;
}

static struct wire_local host4(uint32_t last)
{
	struct wire_local local = {.family = PACKET_IPV4, .flags = WIRE_ADDRESS_HOST};
	const uint8_t bytes[] = {192, 0, (uint8_t)(last >> 8), (uint8_t)last};

	packet_mapped(&local.address, ct_load_raw32(bytes));
	return local;
}

static struct wire_local host6(const uint8_t *bytes)
{
	struct wire_local local = {.family = PACKET_IPV6, .flags = WIRE_ADDRESS_HOST};

	packet_address6(&local.address, bytes);
	return local;
}

static uint32_t flags_of(const struct wire_config *config, const struct wire_local *local)
{
	return wire_address_flags(config, local->family, &local->address);
}

/* An IPv6 address that begins with four bytes and ends with zeros is not the IPv4 address of these
 * bytes. */
static void test_short_ipv6(void **state UNUSED)
{
	struct config_network networks[] = {
	    {.address = {0x20, 0x01, 0x0d, 0xb8}, .family = 6, .prefix = 128}};
	const struct config_wire wire = {.addresses = networks, .n_addresses = 1};
	const struct wire_local named = host6(networks[0].address);
	struct wire_local confused = {.family = PACKET_IPV4};
	struct wire_config *config = calloc(1, sizeof(*config));
	bool changed = false;

	packet_mapped(&confused.address, ct_load_raw32(networks[0].address));
	assert_int_equal(wire_rules_addresses(&rules, &wire, NULL, 0, &changed), 0);
	assert_true(changed);
	wire_rules_tell(&rules, config, 0);
	assert_int_equal(flags_of(config, &named), WIRE_ADDRESS_SERVER);
	assert_int_equal(flags_of(config, &confused), 0);
	free(config);
}

static void test_prefixes(void **state UNUSED)
{
	struct config_network networks[] = {{.address = {192, 0, 2}, .family = 4, .prefix = 23},
	    {.address = {0x20, 0x01, 0x0d, 0xb8, 0x80}, .family = 6, .prefix = 33}};
	const struct config_wire wire = {.addresses = networks, .n_addresses = 2};
	const struct wire_local hosts[] = {host4(0x201), host4(0x3ff), host4(0x400),
	    host6((const uint8_t[16]){0x20, 0x01, 0x0d, 0xb8, 0xff, [15] = 1}),
	    host6((const uint8_t[16]){0x20, 0x01, 0x0d, 0xb8, 0x7f, [15] = 1})};
	const uint32_t server = WIRE_ADDRESS_HOST | WIRE_ADDRESS_SERVER;
	struct wire_config *config = calloc(1, sizeof(*config));
	bool changed;

	assert_int_equal(wire_rules_addresses(&rules, &wire, hosts, 5, &changed), 0);
	wire_rules_tell(&rules, config, 0);
	assert_int_equal(flags_of(config, &hosts[0]), server);
	assert_int_equal(flags_of(config, &hosts[1]), server);
	assert_int_equal(flags_of(config, &hosts[2]), WIRE_ADDRESS_HOST);
	assert_int_equal(flags_of(config, &hosts[3]), server);
	assert_int_equal(flags_of(config, &hosts[4]), WIRE_ADDRESS_HOST);
	assert_int_equal(rules.n_own, 5);
	free(config);
}

/* Only what is another changes the versions. */
static void test_versions(void **state UNUSED)
{
	struct config_network networks[] = {{.address = {192, 0, 2, 1}, .family = 4, .prefix = 32}};
	struct config config = {.wire = {.ports = {{53}, 1}, .rtt = true}, .limits.cpu = 1.0};
	const struct wire_local hosts[] = {host4(0x201), host4(0x202)};
	uint64_t version;
	bool changed;

	assert_true(wire_rules_configure(&rules, &config));
	assert_false(wire_rules_configure(&rules, &config));
	assert_int_equal(wire_rules_addresses(&rules, &config.wire, hosts, 2, &changed), 0);
	assert_true(changed);
	version = rules.version;
	assert_int_equal(rules.own_version, 1);
	assert_int_equal(wire_rules_addresses(&rules, &config.wire, hosts, 2, &changed), 0);
	assert_false(changed);
	assert_int_equal(rules.version, version);
	config.wire.addresses = networks;
	config.wire.n_addresses = 1;
	assert_int_equal(wire_rules_addresses(&rules, &config.wire, hosts, 2, &changed), 0);
	assert_true(changed);
	assert_true(rules.version > version);
	assert_int_equal(rules.own_version, 1); /* the host's are the same */
	config.wire.dot_ports = (struct config_ports){{8853}, 1};
	assert_true(wire_rules_configure(&rules, &config));
	config.limits.cpu = 0.5;
	assert_true(wire_rules_configure(&rules, &config));
	config.wire.rtt = false;
	assert_true(wire_rules_configure(&rules, &config));
}

/* A port or address that stays is always there, one that goes is gone; options are one store. */
static void test_tell(void **state UNUSED)
{
	struct config config = {
	    .wire = {.ports = {{53, 5300}, 2}, .dot_ports = {{853}, 1}, .per_source = true}};
	struct wire_config *told = calloc(1, sizeof(*told));

	wire_rules_configure(&rules, &config);
	wire_rules_tell(&rules, told, WIRE_RTT_SYN);
	assert_int_equal(told->ports[53], WIRE_PORT_DNS);
	assert_int_equal(told->ports[5300], WIRE_PORT_DNS);
	assert_int_equal(told->options, WIRE_PER_SOURCE | WIRE_RTT_SYN);
	config.wire.ports = (struct config_ports){{853}, 1};
	config.wire.per_source = false;
	wire_rules_configure(&rules, &config);
	wire_rules_tell(&rules, told, 0);
	assert_int_equal(told->ports[53], 0);
	assert_int_equal(told->ports[853], WIRE_PORT_DNS | WIRE_PORT_DOT);
	assert_int_equal(told->options, 0);
	free(told);
}

static void test_too_many(void **state UNUSED)
{
	enum { N = 4096 };
	const struct config_wire wire = {0};
	struct wire_local *hosts = calloc(N, sizeof(*hosts));
	struct wire_config *config = calloc(1, sizeof(*config));
	bool changed;

	for (uint32_t i = 0; i < N; i++)
		hosts[i] = host4(i);
	assert_int_equal(wire_rules_addresses(&rules, &wire, hosts, N, &changed), 0);
	wire_rules_tell(&rules, config, 0);
	assert_int_equal(config->options, WIRE_ANY_ADDRESS);
	assert_int_equal(wire_rules_addresses(&rules, &wire, hosts, 9, &changed), 0);
	wire_rules_tell(&rules, config, 0);
	assert_int_equal(config->options, 0);
	free(config);
	free(hosts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_short_ipv6, clear),
	    cmocka_unit_test_teardown(test_prefixes, clear),
	    cmocka_unit_test_teardown(test_versions, clear),
	    cmocka_unit_test_teardown(test_tell, clear),
	    cmocka_unit_test_teardown(test_too_many, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
