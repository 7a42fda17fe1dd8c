/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets of a capture that are neither UDP nor TCP over IP, by what they are: for the hint that
 * tells why nothing was counted. Called by replay_wire. */
#ifndef CROSSTAP_REPLAY_OTHERS_H
#define CROSSTAP_REPLAY_OTHERS_H

#include <stddef.h>
#include <stdint.h>

#define OTHERS_MAX 16 /* kinds that are told apart */

struct others {
	struct {
		uint8_t kind; /* enum packet_kind */
		uint32_t number;
		uint64_t packets;
	} rows[OTHERS_MAX];
	size_t n;
	uint64_t rest;
};

void others_add(struct others *others, uint8_t kind, uint32_t number);
/* As "EtherType 0x0806 (ARP)=12 IP protocol 50 (ESP)=3", the most frequent first. "": none. */
void others_print(const struct others *others, char *ret, size_t size);

#endif
