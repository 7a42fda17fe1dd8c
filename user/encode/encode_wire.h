/* SPDX-License-Identifier: BSD-2-Clause */
/* What the wire saw in a window as points: wire, wire_qtype, wire_rcode, wire_opcode, wire_size,
 * wire_malformed, wire_tcp_rtt. */
#ifndef CROSSTAP_ENCODE_ENCODE_WIRE_H
#define CROSSTAP_ENCODE_ENCODE_WIRE_H

#include "base/arena.h"
#include "wire/window/window.h"
#include "measure/unassigned.h"
#include "encode/points.h"

/* Nothing where the wire was not watched. `unassigned` NULL: every type keeps its number. Scratch
 * memory comes from `arena`. -ENOMEM: some codes are missing. */
int encode_wire(struct points *points, int64_t time_ms, const struct wire_window *wire,
    struct unassigned *unassigned, struct arena *arena);

#endif
