/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows that no flip ended, since the agent did not run at their end: watched, and what they
 * counted is in the last of them. Had they no wire at all, the sums of both witnesses would never
 * meet again.
 */
#ifndef CROSSTAP_WIRE_WINDOW_GAP_H
#define CROSSTAP_WIRE_WINDOW_GAP_H

#include "base/arena.h"
#include "wire/window/window.h"

/* What stands for each of them but the last, which is marked as flipped `late_ns` too late. The
 * strings are those of `last`. Without memory they have no wire. */
void wire_gap_make(
    struct wire_window *ret, struct wire_window *last, uint64_t late_ns, struct arena *arena);

#endif
