/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The second witness: BPF where it can be had, AF_PACKET where not, and the host's
 * counters, in the same windows as dnstap. Each window is flipped at its end, read a little later,
 * and kept until its report takes it. One thread. Nothing here can stop a start: what is missing is
 * said once and shown.
 */
#ifndef CROSSTAP_WIRE_WIRE_SIDE_H
#define CROSSTAP_WIRE_WIRE_SIDE_H

#include "base/clock.h"
#include "config/config.h"
#include "wire/wire_window.h"

struct wire_side;

/* Told of each window once it is reported, and before an agent that adopts our programs would no
 * longer report it: what is not told here when we are killed, the next agent is told. */
struct wire_side_listener {
	void (*on_window)(void *context, const struct wire_window *window, int64_t start_ns);
	void *context;
};

/* NULL in *ret where wire.mode is off. -ENOMEM. Holds a reference to the configuration. */
int wire_side_new(struct wire_side **ret, const struct config *config, const struct clock *clock,
    const struct wire_side_listener *listener);
/* Begins to watch, in the window of this moment. */
void wire_side_start(struct wire_side *side);
void wire_side_configure(struct wire_side *side, const struct config *config);
/* In force. */
const struct config *wire_side_config(const struct wire_side *side);
/* What outlives an agent that is killed, where BPF counts: see wire_note(). */
void wire_side_note(struct wire_side *side, const void *note, size_t size);
bool wire_side_noted(const struct wire_side *side, void *ret, size_t size);
/* Detaches, unless on_exit says keep. */
void wire_side_stop(struct wire_side *side);
void wire_side_free(struct wire_side *side);

/* Does what is due at `now_ns` (wall clock); the time of the next call. INT64_MAX for NULL. */
int64_t wire_side_tick(struct wire_side *side, int64_t now_ns);
/* Ends the open window now: the clock was set back, the interval changes, the agent stops. `whole`:
 * it was watched from its start to this end; false: it is not to be counted in a balance. */
void wire_side_cut(struct wire_side *side, int64_t now_ns, bool whole);
/* The window with this index, or NULL; valid until wire_side_done(). Waits for one that was just
 * flipped. */
const struct wire_window *wire_side_get(struct wire_side *side, int64_t index);
/* The newest window that ended and is not done; INT64_MIN: none. */
int64_t wire_side_newest(const struct wire_side *side);
/* Something was counted there, which is not done. */
bool wire_side_has(const struct wire_side *side, int64_t index);
/* This window and those before it have been reported: lets go of them. */
void wire_side_done(struct wire_side *side, int64_t index);

/* Readable when wire_side_process() has something to do; -1: nothing to wait for. */
int wire_side_fd(const struct wire_side *side);
void wire_side_process(struct wire_side *side);
/* This host's addresses as in struct source, sorted; NULL without a wire. *ret_version changes with
 * them. */
size_t wire_side_own(
    const struct wire_side *side, const uint64_t (**ret)[2], uint64_t *ret_version);

#endif
