/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/window/gap.h"

#include <string.h>

void wire_gap_make(
    struct wire_window *ret, struct wire_window *last, uint64_t late_ns, struct arena *arena)
{
	struct wire_interface *interfaces =
	    arena_alloc(arena, (last->n_interfaces + 1) * sizeof(*interfaces));

	if (late_ns > last->flip_end_ns)
		last->flip_end_ns = late_ns;
	if (!interfaces)
		return;
	memset(interfaces, 0, (last->n_interfaces + 1) * sizeof(*interfaces));
	for (size_t i = 0; i < last->n_interfaces; i++) {
		memcpy(interfaces[i].name, last->interfaces[i].name, sizeof(interfaces[i].name));
		interfaces[i].mode = last->interfaces[i].mode;
		interfaces[i].egress = last->interfaces[i].egress;
	}
	*ret = (struct wire_window){.watched = last->watched,
	    .whole = last->whole,
	    .flip_start_ns = late_ns,
	    .flip_end_ns = late_ns,
	    .interfaces = interfaces,
	    .n_interfaces = last->n_interfaces,
	    /* What waited in the sockets then, nobody knows. */
	    .known = last->known & ~(uint32_t)WIRE_KNOWS_SOCKETS};
}
