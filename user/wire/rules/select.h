/* SPDX-License-Identifier: BSD-2-Clause */
/* Which devices are watched, so that no packet is counted twice. */
#ifndef CROSSTAP_WIRE_RULES_SELECT_H
#define CROSSTAP_WIRE_RULES_SELECT_H

#include "wire/netlink/netlink.h"

/*
 * Unmarks those of `chosen` (one for each link) whose packets another chosen one sees: loopback,
 * ports of a chosen bond, bridge, team or VRF, and VLANs and the like on a chosen device. The two
 * ends of a veth, and a tunnel and the device under it, see different packets.
 */
void wire_select_once(const struct wire_link *links, size_t n, bool *chosen);

#endif
