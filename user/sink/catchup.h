/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast a backlog may go: by what the far end's answers take, so that many agents that come back
 * together find a rate at which it still answers, as congestion control by delay does (TCP Vegas).
 */
#ifndef CROSSTAP_SINK_CATCHUP_H
#define CROSSTAP_SINK_CATCHUP_H

#include <stddef.h>
#include <stdint.h>

#define CATCHUP_PAUSE_MOST_NS 30000000000ull

struct catchup {              /* all zeros: nothing is known */
	uint64_t quickest_ns; /* of the attempts of late that succeeded */
	size_t largest_bytes; /* of those */
};

/* An attempt that succeeded, with a batch of the backlog or a new one. */
void catchup_learn(struct catchup *catchup, uint64_t took_ns, size_t bytes);
/* How long the backlog waits after an attempt of its own, whatever came of it: as long as that
 * took, and as many times as long as it took of what the quickest did; not above
 * CATCHUP_PAUSE_MOST_NS, or what the attempt took. */
uint64_t catchup_pause_ns(const struct catchup *catchup, uint64_t took_ns);

#endif
