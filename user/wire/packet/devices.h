/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet sockets as a way of watching devices: a packet_source with a thread for each.
 * watch.c calls this by packet_devices_ops, in the one thread that ends windows.
 */
#ifndef CROSSTAP_WIRE_PACKET_DEVICES_H
#define CROSSTAP_WIRE_PACKET_DEVICES_H

#include "base/clock.h"
#include "wire/window/ops.h"

struct packet_devices;

extern const struct wire_ops packet_devices_ops;

/* The rules outlive it. -ENOMEM. */
int packet_devices_new(
    struct packet_devices **ret, const struct wire_rules *rules, const struct clock *clock);
void packet_devices_free(struct packet_devices *devices);
/* Before the first device: the namespace that they are in, as for netns_call(); the caller's. */
void packet_devices_open(struct packet_devices *devices, int namespace);

#endif
