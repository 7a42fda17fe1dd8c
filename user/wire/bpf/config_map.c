/* SPDX-License-Identifier: BSD-2-Clause */
/* The map `config`: what user space tells the programs, written through memory. */
#include "wire/bpf/internal.h"

#include "base/hash.h"

#include <errno.h>
#include <sys/mman.h>

/* Where nothing sees a SYN-ACK leave, the time from SYN to ACK is the best that can be had. */
static uint32_t rtt_option(const struct wire_bpf *wire)
{
	bool egress = false;

	for (size_t i = 0; i < wire->n_attachments; i++)
		egress |= wire->attachments[i]->state.egress;
	return wire->n_attachments && !egress ? WIRE_RTT_SYN : 0;
}

void config_map_configure(struct wire_bpf *wire)
{
	const uint32_t more = rtt_option(wire);

	if (!wire->config_map ||
	    (wire->told_version == wire->rules->version &&
		(wire->config_map->options & WIRE_RTT_SYN) == more))
		return;
	wire_rules_tell(wire->rules, wire->config_map, more);
	wire->told_version = wire->rules->version;
}

int config_map_open(struct wire_bpf *wire)
{
	if (wire->config_map)
		return 0;
	wire->config_map =
	    wire_map_memory(wire->shared.fds[WIRE_MAP_CONFIG], sizeof(*wire->config_map));
	if (!wire->config_map)
		return -errno;
	if (!wire->config_map->abi) {
		hash_random(&wire->config_map->seed, sizeof(wire->config_map->seed));
		hash_random(wire->config_map->source_keys, sizeof(wire->config_map->source_keys));
		wire->config_map->source_mask = WIRE_SOURCE_FIRST - 1;
		wire->config_map->owner = wire->owner;
		wire->config_map->abi = WIRE_ABI_VERSION;
	}
	config_map_configure(wire);
	return wire_sources_new(&wire->clients, wire->shared.fds[WIRE_MAP_SOURCES],
	    wire->shared.fds[WIRE_MAP_SOURCE_TAGS], wire->config_map);
}

void config_map_close(struct wire_bpf *wire)
{
	if (wire->config_map)
		munmap(wire->config_map, sizeof(*wire->config_map));
	wire->config_map = NULL;
}
