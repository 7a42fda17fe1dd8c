/* SPDX-License-Identifier: BSD-2-Clause */
/* The map `config`: what user space tells the programs, written through memory. */
#include "wire/bpf/internal.h"

#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void mark_ports(uint8_t *ports, const struct config_ports *list, uint8_t what)
{
	for (size_t i = 0; i < list->n; i++)
		ports[list->ports[i]] |= what;
}

/* Each byte is written once: a packet never finds a port missing that was and stays there. */
static int write_ports(struct wire_bpf *wire, bool *ret_changed)
{
	const struct config_wire *config = &wire->config->wire;
	uint8_t *ports = calloc(1, sizeof(wire->config_map->ports));

	if (!ports)
		return -ENOMEM;
	mark_ports(ports, &config->ports, WIRE_PORT_DNS);
	mark_ports(ports, &config->dot_ports, WIRE_PORT_DOT);
	mark_ports(ports, &config->doh_ports, WIRE_PORT_DOH);
	mark_ports(ports, &config->doq_ports, WIRE_PORT_DOQ);
	for (size_t i = 0; i < sizeof(wire->config_map->ports); i++) {
		if (wire->config_map->ports[i] == ports[i])
			continue;
		wire->config_map->ports[i] = ports[i];
		*ret_changed = true;
	}
	free(ports);
	return 0;
}

static void set_option(struct wire_bpf *wire, uint32_t option, bool on)
{
	const uint32_t options = wire->config_map->options;

	__atomic_store_n(&wire->config_map->options, on ? options | option : options & ~option,
	    __ATOMIC_RELEASE);
}

bool config_map_configure(struct wire_bpf *wire)
{
	bool egress = false, changed = false;

	if (!wire->config_map)
		return false;
	for (size_t i = 0; i < wire->n_attachments; i++)
		egress |= wire->attachments[i]->egress;
	set_option(wire, WIRE_PER_SOURCE, wire->config->wire.per_source);
	set_option(wire, WIRE_RTT, wire->config->wire.rtt);
	set_option(wire, WIRE_RTT_SYN, wire->n_attachments && !egress);
	if (write_ports(wire, &changed) < 0)
		wire_bpf_say(wire, LOG_LEVEL_ERROR, "no memory for the table of ports");
	return changed;
}

/* -- addresses */

static bool in_network(const struct wire_local *local, const struct config_network *network)
{
	const uint8_t *bytes = (const uint8_t *)local->address.words;
	const unsigned whole = network->prefix / 8, bits = network->prefix % 8;

	if ((local->family == PACKET_IPV4) != (network->family == 4))
		return false;
	if (network->family == 4)
		bytes += 12;
	if (memcmp(bytes, network->address, whole) != 0)
		return false;
	return !bits || (uint8_t)((bytes[whole] ^ network->address[whole]) >> (8 - bits)) == 0;
}

static bool is_server(const struct config_wire *config, const struct wire_local *local)
{
	for (size_t i = 0; i < config->n_addresses; i++) {
		if (in_network(local, &config->addresses[i]))
			return true;
	}
	return config->n_addresses == 0;
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

/* What the programs, and AF_PACKET in their stead, look for. */
static int make_locals(
    struct wire_bpf *wire, const struct wire_local *hosts, size_t n, bool *ret_changed)
{
	const struct config_wire *config = &wire->config->wire;
	struct wire_local *locals = calloc(n + config->n_addresses + 1, sizeof(*locals));
	size_t used = 0;

	if (!locals)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		locals[used] = hosts[i];
		locals[used++].flags |= is_server(config, &hosts[i]) ? WIRE_ADDRESS_SERVER : 0;
	}
	for (size_t i = 0; i < config->n_addresses; i++)
		used += local_of(&locals[used], &config->addresses[i]);
	*ret_changed |= !same_locals(wire->locals, wire->n_locals, locals, used);
	free(wire->locals);
	wire->locals = locals;
	wire->n_locals = used;
	return 0;
}

static void write_addresses(struct wire_bpf *wire)
{
	const bool fit = wire_config_addresses(wire->config_map, wire->locals, wire->n_locals);

	set_option(wire, WIRE_ANY_ADDRESS, !fit);
	if (!fit)
		wire_bpf_say(wire, LOG_LEVEL_WARNING,
		    "too many local addresses for the table: packets to any address are counted "
		    "addresses=%zu",
		    wire->n_locals);
}

static int compare_own(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(uint64_t[2]));
}

static size_t sort_own(const struct wire_local *locals, size_t n, uint64_t (*own)[2])
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		own[i][0] = own[i][1] = 0;
		if (locals[i].family == PACKET_IPV4)
			memcpy(own[i], &locals[i].address.words[3], 4);
		else
			memcpy(own[i], locals[i].address.words, 16);
	}
	qsort(own, n, sizeof(*own), compare_own);
	for (size_t i = 0; i < n; i++) {
		if (!kept || compare_own(own[kept - 1], own[i]) != 0)
			memmove(own[kept++], own[i], sizeof(*own));
	}
	return kept;
}

/* Takes the list over; true if it is another one. */
static bool set_own(struct wire_bpf *wire, uint64_t (*own)[2], size_t n)
{
	if (wire->own && n == wire->n_own && memcmp(own, wire->own, n * sizeof(*own)) == 0) {
		free(own);
		return false;
	}
	free(wire->own);
	wire->own = own;
	wire->n_own = n;
	wire->own_version++;
	return true;
}

bool config_map_addresses(struct wire_bpf *wire)
{
	struct wire_local *locals = NULL;
	uint64_t(*own)[2];
	size_t n = 0;
	bool changed = false;
	int r = netlink_addresses(wire->netlink, &locals, &n);

	own = r == 0 ? calloc(n + 1, sizeof(*own)) : NULL;
	if (!own) {
		wire_bpf_say(wire, LOG_LEVEL_WARNING, "cannot read local addresses: %s",
		    r < 0 ? netlink_error(wire->netlink, r) : strerror(ENOMEM));
		free(locals);
		return false;
	}
	changed = set_own(wire, own, sort_own(locals, n, own));
	if (make_locals(wire, locals, n, &changed) < 0)
		wire_bpf_say(wire, LOG_LEVEL_ERROR, "no memory for the table of addresses");
	else if (wire->config_map)
		write_addresses(wire);
	free(locals);
	return changed;
}

/* -- the map */

int config_map_open(struct wire_bpf *wire)
{
	void *map;

	if (wire->config_map)
		return 0;
	map = mmap(NULL, sizeof(*wire->config_map), PROT_READ | PROT_WRITE, MAP_SHARED,
	    wire->shared.fds[WIRE_MAP_CONFIG], 0);
	if (map == MAP_FAILED)
		return -errno;
	wire->config_map = map;
	if (!wire->config_map->abi) {
		hash_random(&wire->config_map->seed, sizeof(wire->config_map->seed));
		hash_random(wire->config_map->source_keys, sizeof(wire->config_map->source_keys));
		wire->config_map->source_mask = WIRE_SOURCE_FIRST - 1;
		wire->config_map->owner = wire->owner;
		wire->config_map->abi = WIRE_ABI_VERSION;
	}
	config_map_configure(wire);
	config_map_addresses(wire);
	return wire_sources_new(
	    &wire->clients, wire->shared.fds[WIRE_MAP_SOURCES], wire->config_map);
}

void config_map_close(struct wire_bpf *wire)
{
	if (wire->config_map)
		munmap(wire->config_map, sizeof(*wire->config_map));
	wire->config_map = NULL;
}
