/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which way did a captured packet go? A capture does not say who its server is: these are the
 * addresses of `wire.addresses` or, without any, those that answer from `wire.ports`.
 */
#ifndef CROSSTAP_REPLAY_SERVERS_H
#define CROSSTAP_REPLAY_SERVERS_H

#include "capture/pcap_file.h"
#include "config/config.h"

#define SERVERS_MAX 65536 /* learned addresses; more are not taken */

struct servers;

/* `wire` outlives it. */
int servers_new(struct servers **ret, const struct config_wire *wire);
void servers_free(struct servers *servers);

/* False: the configuration names them. */
bool servers_must_learn(const struct servers *servers);
/* Takes the source of a response: a datagram from one of the ports with QR set, a SYN-ACK, or a
 * segment that is one response. -ENOSPC: there are SERVERS_MAX already. -ENOMEM. */
int servers_learn(struct servers *servers, const struct pcap_packet *packet);
/* Forgets those that were learned. */
void servers_clear(struct servers *servers);

struct servers_packet {
	uint32_t direction; /* enum wire_direction */
	bool ours;          /* to or from a server, and one that is counted */
	bool dns;           /* to or from one of `wire.ports`, whoever's */
	bool cut; /* the capture holds too little of it to read ports, DNS header or question that
		     are there; over TCP, not all that was sent */
};

void servers_look(
    const struct servers *servers, const struct pcap_packet *packet, struct servers_packet *ret);

#endif
