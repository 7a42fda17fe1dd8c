/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/setup.h"

#include "enrich/clients.h"
#include "enrich/enrich.h"
#include "measure/datasets.h"
#include "measure/mnemonic.h"
#include "stats/view.h"

#include <errno.h>
#include <string.h>

#define RESERVED_BYTES   (16ull << 20) /* what the rest of the process takes */
#define MAX_CUBE_SLOTS   (1u << 20)
#define LEAST_NAME_SLOTS 512
#define MOST_NAME_SLOTS  8192
#define SLOTS_PER_NAME   16
#define UNASSIGNED_CELLS 256
#define MOST_PLACE_SLOTS 16384
#define LEAST_DOMAINS    64
#define MOST_DOMAINS     1024
#define SLOTS_PER_DOMAIN 16

/* Of a label that is no name: 1. */
static uint8_t labels_of(const char *label)
{
	uint8_t wire[ZONE_WIRE_BYTES];
	unsigned labels;

	return zone_name_to_wire(label, wire, &labels) < 0 ? 1 : (uint8_t)labels;
}

static int make_tlds(struct tlds **ret, const struct config *config, const struct hash_seed *seed)
{
	const struct config_strings *names = &config->domains.tld_names;

	return names->n ? tlds_new(ret, names->items, names->n, seed)
			: tlds_new(ret, iana_tlds, n_iana_tlds, seed);
}

int input_setup_make(struct input_setup *ret, const struct config *config,
    const struct config_input *input, struct zone_registry *registry,
    const struct compare_filter *filter, const struct hash_seed *seed, char *error, size_t size)
{
	struct input_setup setup = {
	    .traits =
		{
		    .figures = input->scope != SCOPE_WITNESS,
		    .compared = input->scope != SCOPE_ZONE && input->queries == QUERIES_FRAMES,
		    .queries_from_responses = input->queries == QUERIES_RESPONSES,
		    .facts = datasets_counted(config->datasets),
		    .clients = client_limits(config),
		    .domains = {.labels = (uint8_t)config->domains.labels},
		    .magnitude_labels =
			*config->magnitude.dir ? (uint8_t)config->magnitude.labels : 0,
		    .qtype_assigned = mnemonic_qtype_assigned,
		    .filter = filter,
		},
	};
	int r;

	if (input->zones.n) {
		r = zone_set_new(&setup.zones, registry, input->zones.items, input->zones.n, seed);
		if (r == 0)
			setup.traits.zone = zone_set_other(setup.zones);
	} else {
		r = zone_registry_ref(registry, input->zone);
		if (r >= 0) {
			setup.registry = registry;
			setup.traits.zone = (uint16_t)r;
		}
		setup.traits.domains.zone_labels = labels_of(input->zone);
	}
	if (r >= 0 && config->domains.rules.n && setup.traits.facts & FACTS_DOMAINS)
		r = suffixes_new(
		    &setup.suffixes, config->domains.rules.items, config->domains.rules.n, seed);
	if (r >= 0 && setup.traits.facts & FACTS_QNAME)
		r = make_tlds(&setup.tlds, config, seed);
	if (r < 0) {
		input_setup_done(&setup);
		snprintf(error, size, "%s: %s", input->address,
		    r == -ENOSPC ? "more zones than the 16384 that can be told apart, those of "
				   "windows that are still open included"
				 : strerror(-r));
		return r;
	}
	setup.traits.zones = setup.zones;
	setup.traits.domains.suffixes = setup.suffixes;
	setup.traits.tlds = setup.tlds;
	*ret = setup;
	return 0;
}

void input_setup_done(struct input_setup *setup)
{
	zone_set_free(setup->zones);
	suffixes_free(setup->suffixes);
	tlds_free(setup->tlds);
	if (setup->registry)
		zone_registry_unref(setup->registry, setup->traits.zone);
	*setup = (struct input_setup){0};
}

void compare_filter_make(struct compare_filter *ret, const struct config *config)
{
	*ret = (struct compare_filter){.n_ports = config->wire.ports.n};
	memcpy(ret->ports, config->wire.ports.ports, sizeof(ret->ports));
}

static size_t power_of_two_within(uint64_t most)
{
	size_t n = 1;

	while (n * 2 <= most && n < 1u << 30)
		n *= 2;
	return n;
}

static size_t between(size_t least, size_t n, size_t most)
{
	return n < least ? least : n > most ? most : n;
}

static void domain_limits(struct shard_limits *ret, const struct config *config, uint64_t share)
{
	const size_t most =
	    config->top.names > config->top.nxdomain ? config->top.names : config->top.nxdomain;
	size_t slots = LEAST_DOMAINS;

	ret->domain_slots = ret->domain_sketch_bytes = 0;
	if (!(datasets_counted(config->datasets) & FACTS_DOMAINS))
		return;
	while (slots < MOST_DOMAINS && slots < most * DOMAINS_BYS * SLOTS_PER_DOMAIN &&
	    domains_most_bytes(slots * 2, 0) <= share / 8)
		slots *= 2;
	ret->domain_slots = slots;
	ret->domain_sketch_bytes = share / 8;
}

void shard_limits_make(struct shard_limits *ret, const struct config *config, size_t shards)
{
	const uint64_t tables =
	    config->limits.memory - enrich_resolver_limit(config) * RESOLVER_BYTES;
	const uint64_t left = tables > 2 * RESERVED_BYTES ? tables - RESERVED_BYTES : tables / 2;
	const uint64_t share = left / (shards ? shards : 1);
	size_t names =
	    config->top.names > config->top.nxdomain ? config->top.names : config->top.nxdomain;

	ret->cube_slots = between(CUBE_LEAST_SLOTS,
	    power_of_two_within(share / 4 / sizeof(struct cube_cell)), MAX_CUBE_SLOTS);
	/* Of both less than the cube may take: there are as many as zones. */
	ret->facts_cells = between(CUBE_LEAST_SLOTS / 2,
	    power_of_two_within(share / 8 / sizeof(struct cell)), MAX_CUBE_SLOTS / 2);
	ret->facts_blocks = share / 16 / (FACTS_BLOCK_ZONES * sizeof(struct facts_row));
	ret->unassigned = UNASSIGNED_CELLS;
	ret->place_slots = power_of_two_within(share / 32 / sizeof(struct place));
	if (ret->place_slots > MOST_PLACE_SLOTS)
		ret->place_slots = MOST_PLACE_SLOTS;
	ret->source_traits =
	    (datasets_counted(config->datasets) & (FACTS_CLIENTS | FACTS_ATTACKS)) != 0;
	ret->source_slots = power_of_two_within(share / 4 * 3 /
	    (sizeof(struct source) + sizeof(uint8_t) + sizeof(uint64_t) +
		(ret->source_traits ? sizeof(struct source_traits) : 0)));
	names *= SLOTS_PER_NAME;
	if (names && names < LEAST_NAME_SLOTS)
		names = LEAST_NAME_SLOTS;
	ret->name_slots = names > MOST_NAME_SLOTS ? MOST_NAME_SLOTS : names;
	domain_limits(ret, config, share);
}

size_t shards_per_collector(const struct config *config)
{
	const uint64_t in_grace =
	    (config->grace_ns + config->interval_ns - 1) / config->interval_ns;
	const size_t n =
	    (size_t)in_grace + 2; /* the open one, those in grace, and one at the report */

	return n > COLLECTOR_MAX_SHARDS ? COLLECTOR_MAX_SHARDS : n;
}

void agent_limits_make(struct shard_limits *ret, const struct config *config)
{
	/* One more set for merging. */
	shard_limits_make(ret, config, shards_per_collector(config) * (config->n_inputs + 1));
}
