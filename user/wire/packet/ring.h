/* SPDX-License-Identifier: BSD-2-Clause */
/* An AF_PACKET socket with a TPACKET_V3 ring (packet(7), Documentation/networking/packet_mmap.rst).
 */
#ifndef CROSSTAP_WIRE_PACKET_RING_H
#define CROSSTAP_WIRE_PACKET_RING_H

#include "wire/packet/filter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_RING_RETIRE_MS 50 /* a block that is not full is handed over after this */

struct packet_ring {
	int fd; /* -1: closed */
	uint8_t *memory;
	unsigned next; /* block */
	bool raw;      /* frames begin with the IP header */
};

struct packet_frame {
	const uint8_t *data; /* in the ring, valid until packet_ring_release() */
	uint64_t length, frame_bytes, segments;
	int64_t time_ns; /* wall clock */
	bool incoming, outgoing;
};

/* In the network namespace of the calling thread. -errno. */
int packet_ring_open(struct packet_ring *ring, const char *interface, const uint8_t ports[65536]);
/* Lets packets of other ports through, in one step. -errno: those of before. */
int packet_ring_set_ports(struct packet_ring *ring, const uint8_t ports[65536]);
void packet_ring_close(struct packet_ring *ring);

/* The next full block, or NULL. */
void *packet_ring_block(struct packet_ring *ring);
void packet_ring_release(struct packet_ring *ring, void *block);
/* Frames of a block: *at begins with NULL; false: no more. */
bool packet_ring_frame(
    const struct packet_ring *ring, void *block, void **at, struct packet_frame *ret);
/* Packets that found no room since the last call. */
uint64_t packet_ring_drops(struct packet_ring *ring);

#endif
