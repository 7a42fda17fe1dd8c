/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of `ping` share: ping.c (settings, calls), ping_run.c (the thread), and
 * ping_status.c. */
#ifndef CROSSTAP_PING_PING_INTERNAL_H
#define CROSSTAP_PING_PING_INTERNAL_H

#include <pthread.h>

#include "ping/ping.h"
#include "ping/ping_pace.h"
#include "ping/ping_probes.h"
#include "ping/ping_rules.h"
#include "ping/ping_schedule.h"
#include "ping/ping_socket.h"

enum { IPV4, IPV6, N_FAMILIES };

struct family {
	struct ping_socket *socket;
	int error;                      /* 0, or -errno where there is none ... */
	char reason[PING_REASON_BYTES]; /* ... and why */
	uint64_t tried_ns, drained_ns;
	bool sent_now;                 /* in this round */
	uint64_t sent, refused_source; /* since the socket was opened */
	struct ping_address refused;   /* the latest such source */
};

/* Everything is under the lock; the thread gives it up to sleep only. A round of the thread takes
 * microseconds, a look over the whole table milliseconds, at most four times a second. */
struct ping {
	pthread_mutex_t lock;
	pthread_cond_t wake; /* CLOCK_MONOTONIC */
	pthread_t thread;
	bool has_lock, has_wake, has_thread, stop;

	bool enabled;
	struct config_network *source;
	size_t n_source;
	double rate_per_s;
	struct family families[N_FAMILIES];
	struct ping_rules rules;
	struct ping_pace pace;
	struct ping_probes *probes;
	struct ping_schedule *schedule;
	uint64_t host_ns; /* when the addresses of the interfaces were read */
	uint64_t wake_ns; /* when the thread will wake; 0: it is awake */
	struct ping_stats stats;
};

/* All of these with the lock held. */
unsigned ping_open_families(const struct ping *ping);
/* When the thread has something to do. */
uint64_t ping_next_wake_ns(struct ping *ping, uint64_t now_ns);
void ping_describe(const struct ping *ping, char text[PING_STATUS_BYTES]);

/* The thread's body: takes the lock. */
void *ping_run(void *ping);

#endif
