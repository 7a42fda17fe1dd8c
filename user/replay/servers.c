/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/servers.h"

#include "base/hash.h"
#include "crosstap/wire_abi.h"
#include "wire/rules/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 64

struct servers {
	const struct config_wire *wire;
	struct packet_address *learned; /* n_slots; open addressing; all zeros (the unspecified
					   address, nobody's source): free */
	size_t n, n_slots;              /* a power of two, at least twice n */
	struct hash_seed seed;          /* addresses in a capture are anybody's choice */
	uint8_t ports[65536];           /* enum wire_port */
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
	servers->n_slots = SLOTS_FIRST;
	servers->learned = calloc(servers->n_slots, sizeof(*servers->learned));
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

static bool parse(const struct pcap_packet *from, struct sides *ret)
{
	const struct ct_view view = {.data = from->data, .end = from->data + from->length};

	ret->packet = (struct packet){0};
	return from->kind == PACKET_KIND_IP &&
	    packet_parse(&view, NULL, from->raw, from->frame_bytes, &ret->packet) == 0 &&
	    packet_read_addresses(&view, &ret->packet, &ret->source, &ret->destination) == 0;
}

/* The address's slot, or the free one where it belongs. */
static size_t find(const struct servers *servers, const struct packet_address *address)
{
	static const struct packet_address none;
	uint64_t words[2];
	size_t at;

	memcpy(words, address, sizeof(words));
	at = hash_u64x3(&servers->seed, words[0], words[1], 0) & (servers->n_slots - 1);
	while (memcmp(&servers->learned[at], address, sizeof(*address)) != 0 &&
	    memcmp(&servers->learned[at], &none, sizeof(none)) != 0)
		at = (at + 1) & (servers->n_slots - 1);
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

/* Of a stream that began before the capture did: a segment that is one response. */
static bool is_streamed_response(const struct pcap_packet *from, const struct packet *packet)
{
	const uint8_t *p = from->data + packet->payload;

	return packet->protocol == PACKET_TCP && packet->length >= 2 + DNS_HEADER_BYTES &&
	    packet->payload + 5 <= from->length && ct_load_be16(p) + 2u == packet->length &&
	    p[4] & 0x80;
}

/* -ENOMEM: it stays as it is. */
static int grow(struct servers *servers)
{
	static const struct packet_address none;
	struct packet_address *old = servers->learned;
	const size_t n_old = servers->n_slots;
	struct packet_address *more = calloc(2 * n_old, sizeof(*more));

	if (!more)
		return -ENOMEM;
	servers->learned = more;
	servers->n_slots = 2 * n_old;
	for (size_t i = 0; i < n_old; i++) {
		if (memcmp(&old[i], &none, sizeof(none)) != 0)
			more[find(servers, &old[i])] = old[i];
	}
	free(old);
	return 0;
}

void servers_clear(struct servers *servers)
{
	memset(servers->learned, 0, servers->n_slots * sizeof(*servers->learned));
	servers->n = 0;
}

int servers_learn(struct servers *servers, const struct pcap_packet *packet)
{
	struct sides sides;
	size_t at;

	if (!parse(packet, &sides) || sides.packet.fragment == PACKET_LATER ||
	    !(servers->ports[sides.packet.source_port] & WIRE_PORT_DNS) ||
	    !(is_response(packet, &sides.packet) || is_streamed_response(packet, &sides.packet)))
		return 0;
	at = find(servers, &sides.source);
	if (memcmp(&servers->learned[at], &sides.source, sizeof(sides.source)) == 0)
		return 0;
	if (servers->n == SERVERS_MAX)
		return -ENOSPC;
	if (2 * (servers->n + 1) > servers->n_slots) {
		if (grow(servers) < 0)
			return -ENOMEM;
		at = find(servers, &sides.source);
	}
	servers->learned[at] = sides.source;
	servers->n++;
	return 0;
}

static bool is_short(const struct pcap_packet *from)
{
	return from->length < from->frame_bytes;
}

/* The headers go on behind what was captured: nobody can say whose it is but for its addresses. */
static bool is_cut_before_ports(
    const struct servers *servers, const struct pcap_packet *from, struct sides *sides)
{
	const struct ct_view view = {.data = from->data, .end = from->data + from->length};
	const struct packet *packet = &sides->packet;

	if (!is_short(from) || from->kind == PACKET_KIND_SHORT)
		return is_short(from);
	if ((packet->protocol != PACKET_UDP && packet->protocol != PACKET_TCP) ||
	    packet_read_addresses(&view, packet, &sides->source, &sides->destination) < 0)
		return false;
	return servers_must_learn(servers) || is_server(servers, packet->family, &sides->source) ||
	    is_server(servers, packet->family, &sides->destination);
}

/* Does the capture end before the first question does? */
static bool is_question_cut(const struct pcap_packet *from, const struct packet *packet)
{
	const struct ct_view view = {.data = from->data, .end = from->data + from->length};
	const uint64_t begin = packet->payload + DNS_HEADER_BYTES;
	const uint64_t end = packet->payload + packet->length;
	uint64_t walk;

	if (packet->length < DNS_HEADER_BYTES)
		return false;
	if (from->length < begin)
		return true;
	if (!ct_load_be16(from->data + packet->payload + 4))
		return false;
	walk = dns_walk_long(&view, begin, end, 0, DNS_WALK_TURNS);
	return DNS_WALK_STATUS(walk) == DNS_WALK_VIEW ||
	    (DNS_WALK_STATUS(walk) == DNS_WALK_DONE && DNS_WALK_AT(walk) + 4 <= end &&
		DNS_WALK_AT(walk) + 4 > from->length);
}

static bool is_cut(const struct pcap_packet *from, const struct packet *packet)
{
	if (!is_short(from) || packet->fragment == PACKET_LATER)
		return false;
	return packet->protocol == PACKET_TCP ? packet->payload + packet->length > from->length
					      : is_question_cut(from, packet);
}

void servers_look(
    const struct servers *servers, const struct pcap_packet *packet, struct servers_packet *ret)
{
	const struct packet *headers;
	struct sides sides;
	bool in, out;

	*ret = (struct servers_packet){0};
	if (!parse(packet, &sides)) {
		ret->cut = is_cut_before_ports(servers, packet, &sides);
		return;
	}
	headers = &sides.packet;
	in = is_server(servers, headers->family, &sides.destination);
	out = is_server(servers, headers->family, &sides.source);
	if (headers->fragment != PACKET_LATER) {
		in = in && servers->ports[headers->destination_port];
		out = out && servers->ports[headers->source_port];
		ret->dns = (servers->ports[headers->source_port] |
			       servers->ports[headers->destination_port]) &
		    WIRE_PORT_DNS;
	}
	/* From one server's port to another's: what the capture says, or what the message is. */
	if (in && out)
		in = !packet->outgoing && !is_response(packet, headers);
	ret->ours = in || out;
	ret->direction = in ? WIRE_IN : WIRE_OUT;
	ret->cut = ret->ours && ret->dns && is_cut(packet, headers);
}
