/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Round-trip times to resolvers by ICMP echo, measured from a thread of its own.
 *
 * One thread (the report's) offers at each window's end who asked and how much was answered, and
 * reads the results; the thread in here decides whom to ask, sends within `ping.rate`, and listens.
 * A resolver is asked only after PING_MIN_ANSWERED answered queries in PING_MIN_WINDOWS windows
 * within the last hour, so forged sources cannot aim us at the Internet. All calls may come from
 * any thread; none of them waits for the network.
 *
 * A missing permission, a missing route, or a host that has service addresses only never fails a
 * call: ping is then off for that family, and ping_status() says why.
 */
#ifndef CROSSTAP_PING_PING_H
#define CROSSTAP_PING_PING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

struct ping;

#define PING_MIN_ANSWERED   10
#define PING_MIN_WINDOWS    3
#define PING_TIMEOUT_NS     2000000000ULL
#define PING_MAX_BACKOFF_NS (24ULL * 3600 * 1000000000)
#define PING_MAX_RATE_PER_S 10000.0
#define PING_STATUS_BYTES   512

/* IPv4 in the first four bytes, the rest zero. */
struct ping_address {
	uint8_t bytes[16];
	uint8_t family; /* 4 or 6 */
};

struct ping_candidate {
	struct ping_address address;
	uint32_t answered; /* queries of this window that the server answered */
};

struct ping_result {
	struct ping_address address;
	bool measured;   /* false: no reply yet, rtt_ns and age_ns mean nothing */
	uint64_t rtt_ns; /* of the latest reply */
	uint64_t age_ns; /* since that reply */
	uint32_t sent, timeouts, errors;
};

/* Why an address is not asked. `source`: the address that the kernel would send from is on lo or in
 * wire.addresses, so an answer would reach another node of the anycast cloud. */
#define PING_REFUSALS(X)                                                                           \
	X(UNSPECIFIED, "unspecified")                                                              \
	X(LOOPBACK, "loopback")                                                                    \
	X(LINK_LOCAL, "link-local")                                                                \
	X(MULTICAST, "multicast")                                                                  \
	X(BROADCAST, "broadcast")                                                                  \
	X(RESERVED, "reserved")                                                                    \
	X(OWN, "own")                                                                              \
	X(EXCLUDED, "excluded")                                                                    \
	X(SOURCE, "source")                                                                        \
	X(NO_ROUTE, "no-route")

enum ping_refusal {
	PING_ALLOWED,
#define X(id, name) PING_REFUSED_##id,
	PING_REFUSALS(X)
#undef X
	    PING_N_REFUSALS
};

const char *ping_refusal_name(enum ping_refusal refusal);

struct ping_stats {
	uint64_t sent, received, timeouts;
	uint64_t errors;      /* ICMP errors that quote a probe of ours */
	uint64_t late;        /* replies after the timeout: counted, not used */
	uint64_t duplicates;  /* second replies to a probe */
	uint64_t strangers;   /* what answers no probe: wrong address, sequence or cookie */
	uint64_t malformed;   /* not even an ICMP message of ours */
	uint64_t send_failed; /* the kernel did not take the packet */
	uint64_t stamped;     /* probes whose departure the kernel stamped */
	uint64_t refused[PING_N_REFUSALS];
	uint64_t not_admitted; /* candidates for whom the table had no room */
	uint64_t evicted;
	size_t known;    /* resolvers in the table */
	size_t due;      /* of them, waiting for their turn, as of the last look */
	size_t waiting;  /* probes without an answer yet */
	size_t capacity; /* most resolvers that the table may hold */
	size_t memory_bytes;
};

/* What production does not need. */
struct ping_options {
	bool allow_loopback; /* ask loopback addresses, from loopback addresses */
};

/* Opens the sockets and starts the thread. `options` may be NULL. Nothing of `config` is kept.
 * -ENOMEM, or what pthread_create returned. */
int ping_new(struct ping **ret, const struct config *config, const struct ping_options *options);
/* Stops the thread and waits for it. */
void ping_free(struct ping *ping);

/* Takes `ping`, `wire.addresses`, `interval` and `limits` of another configuration; keeps what was
 * measured. -ENOMEM leaves the old settings in force. */
int ping_configure(struct ping *ping, const struct config *config);
/* The addresses of this host, never asked. Replaces the previous list. */
int ping_set_own(struct ping *ping, const struct ping_address *list, size_t n);

/* One call per window, each address at most once. */
void ping_offer(struct ping *ping, const struct ping_candidate *list, size_t n);

/* -ENOENT: not known. */
int ping_result(struct ping *ping, const struct ping_address *address, struct ping_result *ret);
/* Every resolver with a measurement; `callback` must not call back into `ping`. */
void ping_collect(
    struct ping *ping, void (*callback)(void *context, const struct ping_result *), void *context);

void ping_stats(struct ping *ping, struct ping_stats *ret);
/* One line: for each family how it is asked, or why not. */
void ping_status(struct ping *ping, char text[PING_STATUS_BYTES]);
/* Whether neither family is off for want of a permission. */
bool ping_permitted(struct ping *ping);

#endif
