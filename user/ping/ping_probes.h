/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Probes on their way, by sequence number. Sequence and cookie are random (getrandom), so whoever
 * does not see a request cannot answer it. A slot keeps its probe after the end, until it is needed
 * again: late and second answers are told from strangers'.
 */
#ifndef CROSSTAP_PING_PING_PROBES_H
#define CROSSTAP_PING_PING_PROBES_H

#include <stddef.h>
#include <stdint.h>

#include "ping/ping.h"
#include "ping/ping_wire.h"

enum probe_state { PROBE_FREE, PROBE_WAITING, PROBE_ANSWERED, PROBE_TIMED_OUT };

struct probe {
	uint8_t cookie[PING_COOKIE_BYTES];
	struct ping_address address;
	uint8_t state; /* enum probe_state */
	uint8_t stamped;
	uint16_t sequence;
	uint32_t serial;  /* tells the users of one sequence number apart */
	uint64_t sent_ns; /* CLOCK_MONOTONIC */
	int64_t
	    sent_wall_ns; /* CLOCK_REALTIME, as the kernel's stamps; the kernel's if `stamped` */
};

struct ping_probes;

/* Room for what `rate_per_s` can have on its way within the timeout. */
int ping_probes_new(struct ping_probes **ret, double rate_per_s);
void ping_probes_free(struct ping_probes *probes);
/* -EAGAIN: too many on their way. The caller fills the times, before the next call. */
int ping_probes_begin(
    struct ping_probes *probes, const struct ping_address *address, struct probe **ret);
/* The probe most recently begun did not leave. */
void ping_probes_abandon(struct ping_probes *probes, struct probe *probe);
/* The probe, in any state, that an answer with this sequence and cookie belongs to, or NULL.
 * `address` NULL: not compared. A cookie shorter than PING_COOKIE_BYTES is compared as far as it
 * goes. */
struct probe *ping_probes_find(struct ping_probes *probes, uint16_t sequence,
    const struct ping_address *address, const uint8_t *cookie, size_t cookie_length);
void ping_probes_answered(struct ping_probes *probes, struct probe *probe);
/* The next probe whose time is over, now in state PROBE_TIMED_OUT; NULL when there is none. */
struct probe *ping_probes_expire(struct ping_probes *probes, uint64_t now_ns);
/* When the oldest one times out; UINT64_MAX without any. */
uint64_t ping_probes_deadline_ns(struct ping_probes *probes);
size_t ping_probes_waiting(const struct ping_probes *probes);
size_t ping_probes_memory(const struct ping_probes *probes);

#endif
