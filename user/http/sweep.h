/* SPDX-License-Identifier: BSD-2-Clause */
/* The thread that holds HTTP's connections to their deadlines, and looks after streams; asleep
 * while there are none. */
#ifndef CROSSTAP_HTTP_SWEEP_H
#define CROSSTAP_HTTP_SWEEP_H

#include "http/event_streams.h"
#include "http/places.h"

struct sweep;

/* Starts the thread. `places` and `streams` outlive it. -errno. */
int sweep_new(struct sweep **ret, struct places *places, struct event_streams *streams);
/* A connection came: from any thread. */
void sweep_wake(struct sweep *sweep);
/* Takes NULL. */
void sweep_free(struct sweep *sweep);

#endif
