/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counting in user space, in plain memory, for packet sockets and captures: what XDP and tc count,
 * by the same headers. The counter holds what outlives a window (TCP cursors, handshake hints);
 * each window has counters of its own, so that several can be open at a time. packet/ calls this in
 * the thread of a socket, replay in its own: one thread at a time.
 */
#ifndef CROSSTAP_WIRE_COUNTER_COUNTER_H
#define CROSSTAP_WIRE_COUNTER_COUNTER_H

#include "crosstap/wire_abi.h"
#include "wire/rules/rules.h"
#include "wire/window/window.h"

#include <stddef.h>

struct counter;
struct counter_window;

struct counter_packet {
	const uint8_t *data;
	uint64_t length;      /* bytes at `data` ... */
	uint64_t frame_bytes; /* ... of so many on the wire */
	uint64_t time_ns;     /* any steady clock */
	uint64_t segments;    /* that the kernel merged into it, else 1 */
	uint32_t interface;   /* less than n_interfaces */
	uint32_t direction;   /* enum wire_direction */
	bool raw;             /* begins with the IP header, else with Ethernet's */
};

/* Counts what the rules say, which are not kept. -ENOMEM. */
int counter_new(struct counter **ret, const struct wire_rules *rules, size_t n_interfaces);
void counter_free(struct counter *counter);
/* As if it were new, for other traffic. */
void counter_clear(struct counter *counter);
/* Takes other rules. */
void counter_configure(struct counter *counter, const struct wire_rules *rules);
/* Packets to any address count: the caller has looked whose they are. */
void counter_take_all(struct counter *counter);
/* WIRE_RTT and WIRE_PER_SOURCE, as the rules have them. */
uint32_t counter_options(const struct counter *counter);

int counter_window_new(struct counter_window **ret, const struct counter *counter);
void counter_window_free(struct counter_window *window);
void counter_window_clear(struct counter_window *window);

void counter_add_packet(
    struct counter *counter, struct counter_window *window, const struct counter_packet *packet);

/* A segment of DNS over TCP, with data, a SYN, a FIN or an RST. */
struct counter_segment {
	const struct wire_flow_key *key;
	const uint8_t *data;
	uint64_t readable; /* bytes at `data` ... */
	uint64_t length;   /* ... of so many that were sent */
	uint32_t sequence;
	uint8_t flags;  /* PACKET_SYN, ... */
	uint8_t family; /* enum packet_family */
};

/* From within counter_add_packet(), instead of following the segment; valid during the call. */
typedef void counter_follow(void *context, const struct counter_segment *segment);

/* Cursors are the follower's from now on: it has each segment counted, in order, by
 * counter_add_segment(). */
void counter_set_follower(struct counter *counter, counter_follow *follow, void *context);
/* `cursor`: of this stream; all zeros but `next` and `begin`: nothing of it has passed. A stream
 * that is seen from its first byte on has sync WIRE_SYNC_HELD. */
void counter_add_segment(struct counter *counter, struct counter_window *window,
    struct wire_flow *cursor, const struct counter_segment *segment);

/* Both windows of this counter; `from` stays as it was. Clients that find no room are among
 * sources_other. */
void counter_window_add(
    const struct counter *counter, struct counter_window *into, const struct counter_window *from);

const struct wire_counters *counter_window_sums(
    const struct counter_window *window, uint32_t interface, uint32_t direction);
/* WIRE_RARE_ENTRIES of them; NULL: all are 0. */
const uint64_t *counter_window_rare(const struct counter_window *window, uint32_t interface);
const struct wire_rtt *counter_window_rtt(const struct counter_window *window);
size_t counter_window_interfaces(const struct counter_window *window);
/* The next one from *at on, which begins with 0; false: there is none. */
bool counter_window_next_client(
    const struct counter_window *window, size_t *at, struct wire_client *ret);
bool counter_window_next_rtt(
    const struct counter_window *window, size_t *at, struct wire_client_rtt *ret);

#endif
