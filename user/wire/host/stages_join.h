/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's counters and the dropped packets of a window, each message in one stage: the
 * arithmetic of stages.c alone. */
#ifndef CROSSTAP_WIRE_HOST_STAGES_JOIN_H
#define CROSSTAP_WIRE_HOST_STAGES_JOIN_H

#include "base/arena.h"
#include "wire/host/host.h"
#include "wire/host/stack_drops.h"
#include "wire/window/window.h"

/* From window to window, zeros at first. */
struct wire_stages_state {
	bool checksums;       /* there were wrong ones in the window before ... */
	bool sockets_changed; /* ... and a socket came or went */
	uint64_t owed;        /* of the sockets' drops, that were more than these had */
};

/* Sets the window's stages. `drops` NULL: no packets are known, or not of the whole window; they
 * are not taken either where there is no memory for them. All is in `arena` then. */
void wire_stages_join(struct wire_stages_state *state, const struct host_counters *counters,
    const struct stack_drops_window *drops, struct wire_window *window, struct arena *arena);

#endif
