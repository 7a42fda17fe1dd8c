/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far the counters of the interfaces have been read and reported. A reading advances `before`
 * of each tap at once, so that the next window has what comes after it. The memory that lives with
 * the programs follows when the window is reported: an agent that is killed in between leaves the
 * window to its successor.
 */
#ifndef CROSSTAP_WIRE_BPF_WIRE_MARK_H
#define CROSSTAP_WIRE_BPF_WIRE_MARK_H

#include "wire/bpf/wire_internal.h"

struct wire_tap_mark;

/* Room for all taps of the wire, in the arena. -ENOMEM. */
int wire_mark_new(struct wire_mark **ret, const struct wire *wire, struct arena *arena);
/* Adds a tap, whose `now` is to be taken over. -ENOMEM. */
int wire_mark_tap(struct wire_mark *mark, const struct wire_tap *tap, struct arena *arena,
    struct wire_tap_mark **ret);
/* The entry of `rare` with this index was read. -ENOMEM. */
int wire_mark_rare(struct wire_tap_mark *mark, uint32_t index, uint64_t value, struct arena *arena);
/* The reading succeeded: every tap goes on from here. */
void wire_mark_advance(const struct wire_mark *mark, struct wire *wire);

#endif
