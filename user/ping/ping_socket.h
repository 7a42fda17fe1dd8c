/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP echo of one family through the kernel: a raw socket where CAP_NET_RAW is held, else a ping
 * socket (SOCK_DGRAM, IPPROTO_ICMP) where net.ipv4.ping_group_range allows it. Departures and
 * arrivals are stamped by the kernel, so nobody needs to be woken for an answer: it is read
 * whenever the thread is awake. ICMP errors come through the error queue (IP_RECVERR, RFC 3542).
 */
#ifndef CROSSTAP_PING_PING_SOCKET_H
#define CROSSTAP_PING_PING_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "ping/ping.h"
#include "ping/ping_wire.h"

#define PING_REASON_BYTES 160
/* By whom no group is named: ICMP echo for all, as systemd and Debian 13 have it. */
#define PING_PERMIT "sysctl -w net.ipv4.ping_group_range='0 2147483647'"

struct ping_socket;

enum ping_event_kind {
	PING_EVENT_REPLY,
	PING_EVENT_DEPARTED,  /* the kernel's stamp of a request; no address */
	PING_EVENT_ERROR,     /* an ICMP error; the address is the one that was asked */
	PING_EVENT_MALFORMED, /* nothing else is set */
};

struct ping_event {
	enum ping_event_kind kind;
	enum ping_error error;
	struct ping_address address;
	uint16_t sequence;
	uint8_t cookie[PING_COOKIE_BYTES];
	size_t cookie_length;
	int64_t wall_ns; /* 0: not stamped */
};

typedef void (*ping_event_handler)(void *context, const struct ping_event *event);

/* Bound to the first of `source` of this family that is an address of this host; without any of
 * this family, unbound. Otherwise -errno, and why in `reason`. */
int ping_socket_open(struct ping_socket **ret, unsigned family, const struct config_network *source,
    size_t n_source, char reason[PING_REASON_BYTES]);
void ping_socket_free(struct ping_socket *socket);

/* "raw socket", "ping socket" */
const char *ping_socket_mode(const struct ping_socket *socket);
/* The address that it is bound to; NULL: the kernel chooses. */
const struct ping_address *ping_socket_source(const struct ping_socket *socket);
/* The address that the kernel would send from; no packet leaves. -errno without a route. */
int ping_socket_route(
    struct ping_socket *socket, const struct ping_address *destination, struct ping_address *ret);
/* `source` NULL: as bound. */
int ping_socket_send(struct ping_socket *socket, const struct ping_address *destination,
    const struct ping_address *source, uint16_t sequence, const uint8_t cookie[PING_COOKIE_BYTES]);
/* Reads what is there, a bounded number of messages, stamps and errors first. */
void ping_socket_drain(struct ping_socket *socket, ping_event_handler handler, void *context);

#endif
