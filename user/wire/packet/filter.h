/* SPDX-License-Identifier: BSD-2-Clause */
/* The classic BPF program of AF_PACKET sockets: what has one of our ports on either end reaches
 * user space, and what cannot be told so cheaply: later fragments, IPv6 extension headers. */
#ifndef CROSSTAP_WIRE_PACKET_FILTER_H
#define CROSSTAP_WIRE_PACKET_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#define PACKET_FILTER_MAX 512 /* instructions: four lists of 16 ports */

struct packet_filter {
	struct sock_filter code[PACKET_FILTER_MAX];
	unsigned n;
};

/* Lets through the ports with any use, at most four lists of 16. `raw`: frames begin with the IP
 * header. */
void packet_filter_make(struct packet_filter *ret, const uint8_t ports[65536], bool raw);

#endif
