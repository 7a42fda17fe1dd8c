/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/rules/select.h"

#include <string.h>

#define MAX_DEPTH 8 /* of devices upon devices */

/* Kinds whose frames are those of the device under them, marked or sorted, but not wrapped. */
static bool is_part_of_lower(const char *kind)
{
	static const char *const kinds[] = {"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kind, kinds[i]) == 0)
			return true;
	}
	return false;
}

static const struct wire_link *link_at(const struct wire_link *links, size_t n, int index)
{
	for (size_t i = 0; i < n; i++) {
		if (links[i].index == index)
			return &links[i];
	}
	return NULL;
}

/* A port's packets are all seen by its master, at some depth. */
static bool has_chosen_master(
    const struct wire_link *links, size_t n, const bool *chosen, const struct wire_link *link)
{
	const struct wire_link *port = link;

	for (int depth = 0; link && link->master && depth < MAX_DEPTH; depth++) {
		link = link_at(links, n, link->master);
		if (link && link != port && chosen[link - links])
			return true;
	}
	return false;
}

/* The device under a VLAN, or the bond of that device, sees the VLAN's packets. */
static bool has_chosen_lower(
    const struct wire_link *links, size_t n, const bool *chosen, const struct wire_link *link)
{
	const struct wire_link *upper = link;

	for (int depth = 0;
	     link && link->lower && is_part_of_lower(link->kind) && depth < MAX_DEPTH; depth++) {
		link = link_at(links, n, link->lower);
		if (link && link != upper && chosen[link - links])
			return true;
	}
	return false;
}

void wire_select_once(const struct wire_link *links, size_t n, bool *chosen)
{
	for (size_t i = 0; i < n; i++) {
		if (links[i].flags & IFF_LOOPBACK)
			chosen[i] = false;
	}
	/* Masters first: what is left is either under no chosen master or chosen itself. */
	for (size_t i = 0; i < n; i++) {
		if (chosen[i] && has_chosen_master(links, n, chosen, &links[i]))
			chosen[i] = false;
	}
	for (size_t i = 0; i < n; i++) {
		if (chosen[i] && has_chosen_lower(links, n, chosen, &links[i]))
			chosen[i] = false;
	}
}
