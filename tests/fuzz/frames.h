/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ethernet frames as mutators want them: lengths that fit, and TCP segments that are one stream.
 * Frames without IPv4 or IPv6 right behind the addresses, or with options, are left as they are.
 */
#ifndef CROSSTAP_FUZZ_FRAMES_H
#define CROSSTAP_FUZZ_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_STREAMS 8

/* The streams of the frames so far. */
struct frame_streams {
	size_t n;
	struct {
		uint8_t ends[36]; /* addresses and ports */
		size_t ends_length;
		uint32_t next; /* sequence number */
	} list[FRAME_STREAMS];
};

/* Writes the lengths of IP and UDP. */
void frame_fit(uint8_t *frame, size_t length);
/* Lets a TCP segment go on where the one before it in its direction ended; a SYN begins anew. */
void frame_follow(struct frame_streams *streams, uint8_t *frame, size_t length);
/*
 * Cuts a TCP segment in two, the first with `at` bytes of data (or fewer: some are left for the
 * second). `second` has room for the whole frame. The bytes of the first; 0: it has no data to cut.
 */
size_t frame_cut(
    uint8_t *frame, size_t length, size_t at, uint8_t *second, size_t *ret_second_length);

#endif
