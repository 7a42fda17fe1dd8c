/* SPDX-License-Identifier: BSD-2-Clause */
/* What several attachments saw of the same clients, as one window has it. */
#ifndef CROSSTAP_WIRE_WINDOW_JOIN_H
#define CROSSTAP_WIRE_WINDOW_JOIN_H

#include "base/arena.h"
#include "wire/window/window.h"

/* Adds the clients, their handshakes and the histogram of `part` to those of `into`, each address
 * once, in `arena`; sorted by address where both had some. -ENOMEM: `into` stays as it was. */
int wire_join_clients(
    struct wire_window *into, const struct wire_window *part, struct arena *arena);

#endif
