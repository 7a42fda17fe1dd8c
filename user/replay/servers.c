/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/servers.h"

#include "base/hash.h"
#include "wire/rules/rules.h"
#include "crosstap/wire_abi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS (2 * SERVERS_MAX)

struct servers {
	const struct config_wire *wire;
	struct packet_address *learned; /* SLOTS; open addressing; all zeros (the unspecified
					   address, nobody's source): free */
	size_t n;
	struct hash_seed seed; /* addresses in a capture are anybody's choice */
	uint8_t ports[65536];  /* enum wire_port */
};

struct sides {
	struct packet packet;
	struct packet_address source, destination;
};

int servers_new(struct servers **ret, const struct config_wire *wire)
{
	struct servers *servers = calloc(1, sizeof(*servers));

	if (!servers)
		return -ENOMEM;
	servers->wire = wire;
	servers->learned = calloc(SLOTS, sizeof(*servers->learned));
	if (!servers->learned) {
		servers_free(servers);
		return -ENOMEM;
	}
	hash_seed_random(&servers->seed);
	wire_rules_ports(servers->ports, wire);
	*ret = servers;
	return 0;
}

void servers_free(struct servers *servers)
{
	if (!servers)
		return;
	free(servers->learned);
	free(servers);
}

bool servers_must_learn(const struct servers *servers)
{
	return servers->wire->n_addresses == 0;
}

size_t servers_count(const struct servers *servers)
{
	return servers->n;
}

static bool parse(const struct pcap_packet *from, struct sides *ret)
{
	const struct ct_view view = {.data = from->data, .end = from->data + from->length};

	ret->packet = (struct packet){0};
	return packet_parse(&view, NULL, from->raw, from->frame_bytes, &ret->packet) == 0 &&
	    packet_read_addresses(&view, &ret->packet, &ret->source, &ret->destination) == 0;
}

/* The address's slot, or the free one where it belongs. */
static size_t find(const struct servers *servers, const struct packet_address *address)
{
	static const struct packet_address none;
	uint64_t words[2];
	size_t at;

	memcpy(words, address, sizeof(words));
	at = hash_u64x3(&servers->seed, words[0], words[1], 0) & (SLOTS - 1);
	while (memcmp(&servers->learned[at], address, sizeof(*address)) != 0 &&
	    memcmp(&servers->learned[at], &none, sizeof(none)) != 0)
		at = (at + 1) & (SLOTS - 1);
	return at;
}

static bool is_server(
    const struct servers *servers, unsigned family, const struct packet_address *address)
{
	static const struct packet_address none;

	if (wire_rules_named(servers->wire, family, address))
		return true;
	return servers->n &&
	    memcmp(&servers->learned[find(servers, address)], &none, sizeof(none)) != 0;
}

static bool is_response(const struct pcap_packet *from, const struct packet *packet)
{
	if (packet->protocol == PACKET_TCP)
		return (packet->tcp_flags & (PACKET_SYN | PACKET_ACK)) == (PACKET_SYN | PACKET_ACK);
	return packet->length >= DNS_HEADER_BYTES && packet->payload + 3 <= from->length &&
	    from->data[packet->payload + 2] & 0x80;
}

int servers_learn(struct servers *servers, const struct pcap_packet *packet)
{
	struct sides sides;
	size_t at;

	if (!parse(packet, &sides) || sides.packet.fragment == PACKET_LATER ||
	    !(servers->ports[sides.packet.source_port] & WIRE_PORT_DNS) ||
	    !is_response(packet, &sides.packet))
		return 0;
	at = find(servers, &sides.source);
	if (memcmp(&servers->learned[at], &sides.source, sizeof(sides.source)) == 0)
		return 0;
	if (servers->n == SERVERS_MAX)
		return -ENOSPC;
	servers->learned[at] = sides.source;
	servers->n++;
	return 0;
}

/* Over UDP the header is needed; over TCP, all that was sent. */
static bool is_cut(
    const struct servers *servers, const struct pcap_packet *from, const struct packet *packet)
{
	uint64_t needed = packet->length;

	if (!((servers->ports[packet->source_port] | servers->ports[packet->destination_port]) &
		WIRE_PORT_DNS) ||
	    packet->fragment == PACKET_LATER)
		return false;
	if (packet->protocol == PACKET_UDP && needed > DNS_HEADER_BYTES)
		needed = DNS_HEADER_BYTES;
	return from->length < from->frame_bytes && packet->payload + needed > from->length;
}

bool servers_direction(const struct servers *servers, const struct pcap_packet *packet,
    uint32_t *ret_direction, bool *ret_cut)
{
	struct sides sides;
	bool in, out;

	if (!parse(packet, &sides))
		return false;
	in = is_server(servers, sides.packet.family, &sides.destination);
	out = is_server(servers, sides.packet.family, &sides.source);
	if (sides.packet.fragment != PACKET_LATER) {
		in = in && servers->ports[sides.packet.destination_port];
		out = out && servers->ports[sides.packet.source_port];
	}
	/* From one server's port to another's: what the capture says, or what the message is. */
	if (in && out)
		in = !packet->outgoing && !is_response(packet, &sides.packet);
	if (!in && !out)
		return false;
	*ret_direction = in ? WIRE_IN : WIRE_OUT;
	*ret_cut = is_cut(servers, packet, &sides.packet);
	return true;
}
