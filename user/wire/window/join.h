/* SPDX-License-Identifier: BSD-2-Clause */
/* What several ways of watching saw, or several devices, as one window has it. The ways' collect()
 * and watch.c call this, in the thread that ends windows. */
#ifndef CROSSTAP_WIRE_WINDOW_JOIN_H
#define CROSSTAP_WIRE_WINDOW_JOIN_H

#include "base/arena.h"
#include "wire/window/window.h"

/* Adds all of `part` to `into`: packets of each interface, clients, round trips. What `part` did
 * not watch is not whole in `into`, where it was to be watched. -ENOMEM: `into` stays as it was. */
int wire_join(struct wire_window *into, const struct wire_window *part, struct arena *arena);
/* Interfaces alone: one of the same name is one row, the mode is that of `part`. */
int wire_join_interfaces(
    struct wire_window *into, const struct wire_window *part, struct arena *arena);
/* Adds the clients, their handshakes and the histogram of `part` to those of `into`, each address
 * once, in `arena`; sorted by address where both had some. -ENOMEM: `into` stays as it was. */
int wire_join_clients(
    struct wire_window *into, const struct wire_window *part, struct arena *arena);

#endif
