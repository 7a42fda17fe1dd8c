/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wire counters in plain memory, for AF_PACKET and capture files: what XDP and tc count, by the
 * same headers. The tally holds what outlives a window (TCP cursors, handshake hints); each window
 * has counters of its own, so that several can be open at a time. One thread at a time.
 */
#ifndef CROSSTAP_WIRE_PACKET_TALLY_H
#define CROSSTAP_WIRE_PACKET_TALLY_H

#include "config/config.h"
#include "wire/wire_window.h"
#include "crosstap/wire_abi.h"

#include <stddef.h>

struct tally;
struct tally_window;

struct tally_packet {
	const uint8_t *data;
	uint64_t length;      /* bytes at `data` ... */
	uint64_t frame_bytes; /* ... of so many on the wire */
	uint64_t time_ns;     /* any steady clock */
	uint64_t segments;    /* that the kernel merged into it, else 1 */
	uint32_t interface;   /* less than n_interfaces */
	uint32_t direction;   /* enum wire_direction */
	bool raw;             /* begins with the IP header, else with Ethernet's */
};

/* Ports and options as `wire` has them. No address is a server's until tally_config() says so. */
int tally_new(struct tally **ret, const struct config_wire *wire, size_t n_interfaces);
void tally_free(struct tally *tally);
/* To set server addresses in (crosstap/wire_config.h), or WIRE_ANY_ADDRESS. */
struct wire_config *tally_config(struct tally *tally);

int tally_window_new(struct tally_window **ret, const struct tally *tally);
void tally_window_free(struct tally_window *window);
void tally_window_clear(struct tally_window *window);

void tally_count(
    struct tally *tally, struct tally_window *window, const struct tally_packet *packet);

/* Both windows of this tally; `from` stays as it was. Clients that find no room are among
 * sources_other. */
void tally_window_add(
    const struct tally *tally, struct tally_window *into, const struct tally_window *from);

const struct wire_counters *tally_counters(
    const struct tally_window *window, uint32_t interface, uint32_t direction);
/* WIRE_RARE_ENTRIES of them; NULL: all are 0. */
const uint64_t *tally_rare(const struct tally_window *window, uint32_t interface);
const struct wire_rtt *tally_rtt(const struct tally_window *window);
size_t tally_interfaces(const struct tally_window *window);
/* The next one from *at on, which begins with 0; false: there is none. */
bool tally_next_client(const struct tally_window *window, size_t *at, struct wire_client *ret);
bool tally_next_rtt(const struct tally_window *window, size_t *at, struct wire_client_rtt *ret);

#endif
