/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/rules/rules.h"

#include "config/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* -- ports and options */

static void mark(uint8_t *ports, const struct config_ports *list, uint8_t what)
{
	for (size_t i = 0; i < list->n; i++)
		ports[list->ports[i]] |= what;
}

void wire_rules_ports(uint8_t ports[65536], const struct config_wire *config)
{
	mark(ports, &config->ports, WIRE_PORT_DNS);
	mark(ports, &config->dot_ports, WIRE_PORT_DOT);
	mark(ports, &config->doh_ports, WIRE_PORT_DOH);
	mark(ports, &config->doq_ports, WIRE_PORT_DOQ);
}

void wire_rules_set(struct wire_rules *rules, const struct config_wire *config)
{
	rules->options = (config->rtt ? WIRE_RTT : 0) | (config->per_source ? WIRE_PER_SOURCE : 0);
	wire_rules_ports(rules->ports, config);
}

bool wire_rules_configure(struct wire_rules *rules, const struct config *config)
{
	struct wire_rules next = {0};

	wire_rules_set(&next, &config->wire);
	if (rules->options == next.options &&
	    memcmp(rules->ports, next.ports, sizeof(next.ports)) == 0 &&
	    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): at worst set again */
	    memcmp(&rules->cpu, &config->limits.cpu, sizeof(rules->cpu)) == 0)
		return false;
	memcpy(rules->ports, next.ports, sizeof(next.ports));
	rules->options = next.options;
	rules->cpu = config->limits.cpu;
	rules->version++;
	return true;
}

/* -- addresses */

bool wire_rules_named(
    const struct config_wire *config, uint32_t family, const struct packet_address *address)
{
	const uint8_t *bytes = (const uint8_t *)address->words;

	return family == PACKET_IPV4
	    ? networks_have(config->addresses, config->n_addresses, 4, bytes + 12)
	    : networks_have(config->addresses, config->n_addresses, 6, bytes);
}

/* An address of the configuration that no interface has: somebody translates it. */
static bool local_of(struct wire_local *ret, const struct config_network *network)
{
	uint32_t ipv4;

	if (network->prefix != (network->family == 4 ? 32 : 128))
		return false;
	*ret = (struct wire_local){.flags = WIRE_ADDRESS_SERVER,
	    .family = network->family == 4 ? PACKET_IPV4 : PACKET_IPV6};
	if (network->family == 4) {
		memcpy(&ipv4, network->address, sizeof(ipv4));
		packet_mapped(&ret->address, ipv4);
	} else {
		packet_address6(&ret->address, network->address);
	}
	return true;
}

static bool same_locals(
    const struct wire_local *a, size_t n_a, const struct wire_local *b, size_t n_b)
{
	for (size_t i = 0; n_a == n_b && i < n_a; i++) {
		if (a[i].family != b[i].family || a[i].flags != b[i].flags ||
		    memcmp(&a[i].address, &b[i].address, sizeof(a[i].address)) != 0)
			return false;
	}
	return n_a == n_b;
}

static struct wire_local *make_locals(
    const struct config_wire *config, const struct wire_local *hosts, size_t n, size_t *ret_n)
{
	struct wire_local *locals = calloc(n + config->n_addresses + 1, sizeof(*locals));
	size_t used = 0;

	if (!locals)
		return NULL;
	for (size_t i = 0; i < n; i++, used++) {
		locals[used] = hosts[i];
		if (!config->n_addresses ||
		    wire_rules_named(config, hosts[i].family, &hosts[i].address))
			locals[used].flags |= WIRE_ADDRESS_SERVER;
	}
	for (size_t i = 0; i < config->n_addresses; i++)
		used += local_of(&locals[used], &config->addresses[i]);
	*ret_n = used;
	return locals;
}

static int compare_own(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(uint64_t[2]));
}

static uint64_t (*make_own(const struct wire_local *hosts, size_t n, size_t *ret_n))[2]
{
	uint64_t(*own)[2] = calloc(n + 1, sizeof(*own));
	size_t kept = 0;

	if (!own)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (hosts[i].family == PACKET_IPV4)
			memcpy(own[i], &hosts[i].address.words[3], 4);
		else
			memcpy(own[i], hosts[i].address.words, 16);
	}
	qsort(own, n, sizeof(*own), compare_own);
	for (size_t i = 0; i < n; i++) {
		if (!kept || compare_own(own[kept - 1], own[i]) != 0)
			memmove(own[kept++], own[i], sizeof(*own));
	}
	*ret_n = kept;
	return own;
}

static bool set_own(struct wire_rules *rules, uint64_t (*own)[2], size_t n)
{
	const bool same =
	    rules->own && n == rules->n_own && memcmp(own, rules->own, n * sizeof(*own)) == 0;

	free(rules->own);
	rules->own = own;
	rules->n_own = n;
	rules->own_version += !same;
	return !same;
}

static bool set_locals(struct wire_rules *rules, struct wire_local *locals, size_t n)
{
	const bool same = same_locals(rules->locals, rules->n_locals, locals, n);

	free(rules->locals);
	rules->locals = locals;
	rules->n_locals = n;
	return !same;
}

static bool fits(const struct wire_local *locals, size_t n)
{
	struct wire_addresses *table = malloc(sizeof(*table));
	const bool fit = table && wire_addresses_build(table, locals, n);

	free(table);
	return fit;
}

int wire_rules_addresses(struct wire_rules *rules, const struct config_wire *config,
    const struct wire_local *hosts, size_t n, bool *ret_changed)
{
	size_t n_locals = 0, n_own = 0;
	struct wire_local *locals = make_locals(config, hosts, n, &n_locals);
	uint64_t(*own)[2] = make_own(hosts, n, &n_own);
	bool changed;

	if (!locals || !own) {
		free(locals);
		free(own);
		return -ENOMEM;
	}
	changed = set_own(rules, own, n_own);
	if (set_locals(rules, locals, n_locals)) {
		rules->any_address = !fits(locals, n_locals);
		changed = true;
	}
	rules->version += changed;
	*ret_changed = changed;
	return 0;
}

void wire_rules_clear(struct wire_rules *rules)
{
	free(rules->locals);
	free(rules->own);
	*rules = (struct wire_rules){0};
}

/* -- telling */

void wire_rules_tell(const struct wire_rules *rules, struct wire_config *config, uint32_t more)
{
	if (rules->any_address || !wire_config_addresses(config, rules->locals, rules->n_locals))
		more |= WIRE_ANY_ADDRESS;
	for (size_t i = 0; i < sizeof(rules->ports); i++) {
		if (config->ports[i] != rules->ports[i])
			config->ports[i] = rules->ports[i];
	}
	__atomic_store_n(&config->options, rules->options | more, __ATOMIC_RELEASE);
}
