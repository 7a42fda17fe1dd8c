/* SPDX-License-Identifier: BSD-2-Clause */
/* What a counter counted in a window, as the plain data that cross-check and encoders read. packet/
 * and replay call this. */
#ifndef CROSSTAP_WIRE_COUNTER_FILL_H
#define CROSSTAP_WIRE_COUNTER_FILL_H

#include "base/arena.h"
#include "wire/counter/counter.h"
#include "wire/window/window.h"

/* Fills interfaces (their names are the caller's to set; all have `mode`, a string constant, and
 * egress), clients, rtt and client_rtts; `watched` and `whole` are true, nothing was late or
 * missed, and nothing else is known. -ENOMEM: *ret is not written. */
int counter_window_fill(const struct counter_window *window, uint32_t options, const char *mode,
    struct arena *arena, struct wire_window *ret);

#endif
