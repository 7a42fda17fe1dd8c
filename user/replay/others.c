/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/others.h"

#include "capture/link.h"

#include <stdio.h>

struct name {
	uint32_t number;
	const char *text;
};

static const struct name ethertypes[] = {{0x0806, "ARP"}, {0x8847, "MPLS"},
    {0x8863, "PPPoE discovery"}, {0x8864, "PPPoE"}, {0x888e, "802.1X"}, {0x88cc, "LLDP"},
    {0x88e5, "MACsec"}, {0x894f, "NSH"}, {0}};
static const struct name protocols[] = {{1, "ICMP"}, {2, "IGMP"}, {4, "IP in IP, a fragment"},
    {41, "IPv6, a fragment"}, {47, "GRE"}, {50, "ESP"}, {51, "AH"}, {58, "ICMPv6"}, {89, "OSPF"},
    {103, "PIM"}, {112, "VRRP"}, {115, "L2TP"}, {132, "SCTP"}, {137, "MPLS in IP"}, {0}};

void others_add(struct others *others, uint8_t kind, uint32_t number)
{
	size_t i = 0;

	while (i < others->n && (others->rows[i].kind != kind || others->rows[i].number != number))
		i++;
	if (i == OTHERS_MAX) {
		others->rest++;
		return;
	}
	if (i == others->n) {
		others->rows[i].kind = kind;
		others->rows[i].number = number;
		others->rows[i].packets = 0;
		others->n++;
	}
	others->rows[i].packets++;
}

static const char *name_of(const struct name *names, uint32_t number)
{
	for (; names->text; names++) {
		if (names->number == number)
			return names->text;
	}
	return NULL;
}

static void print_kind(uint8_t kind, uint32_t number, char *ret, size_t size)
{
	const char *name;

	switch (kind) {
	case PACKET_KIND_ETHERTYPE:
		name = number < 0x0600 ? "802.3" : name_of(ethertypes, number);
		snprintf(ret, size, "EtherType 0x%04x%s%s%s", number, name ? " (" : "",
		    name ? name : "", name ? ")" : "");
		break;
	case PACKET_KIND_PROTOCOL:
		name = name_of(protocols, number);
		snprintf(ret, size, "IP protocol %u%s%s%s", number, name ? " (" : "",
		    name ? name : "", name ? ")" : "");
		break;
	case PACKET_KIND_LINK:
		snprintf(ret, size, "link type %u", number);
		break;
	default:
		snprintf(ret, size, "no IP header");
		break;
	}
}

/* The row with the most packets below `packets`, or with as many and behind `row`. */
static size_t next_row(const struct others *others, size_t row, uint64_t packets)
{
	size_t best = OTHERS_MAX;

	for (size_t i = 0; i < others->n; i++) {
		const uint64_t n = others->rows[i].packets;

		if ((n < packets || (n == packets && row != OTHERS_MAX && i > row)) &&
		    (best == OTHERS_MAX || n > others->rows[best].packets))
			best = i;
	}
	return best;
}

#define ROW_SIZE  88 /* the longest kind, "=" and the greatest number */
#define REST_SIZE 32

/* What finds no room is among the others. */
void others_print(const struct others *others, char *ret, size_t size)
{
	size_t row = OTHERS_MAX, used = 0;
	uint64_t packets = UINT64_MAX, rest = others->rest;
	char kind[64];

	ret[0] = '\0';
	while ((row = next_row(others, row, packets)) != OTHERS_MAX) {
		packets = others->rows[row].packets;
		if (used + ROW_SIZE + REST_SIZE > size) {
			rest += packets;
			continue;
		}
		print_kind(others->rows[row].kind, others->rows[row].number, kind, sizeof(kind));
		used += (size_t)snprintf(ret + used, size - used, "%s%s=%llu", used ? " " : "",
		    kind, (unsigned long long)packets);
	}
	if (rest && used + REST_SIZE <= size)
		snprintf(ret + used, size - used, "%sothers=%llu", used ? " " : "",
		    (unsigned long long)rest);
}
