/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host did to packets on both sides of the nameserver, joined into a window of the wire:
 * the counters of its network namespace and sockets, and, where the kernel gives them, each dropped
 * query with its reason. One thread, the wire's.
 */
#ifndef CROSSTAP_WIRE_HOST_STAGES_H
#define CROSSTAP_WIRE_HOST_STAGES_H

#include "base/arena.h"
#include "config/config.h"
#include "wire/window/window.h"
#include "wire/bpf/bpf.h"

struct wire_stages;

/* -ENOMEM. What cannot be read is said. */
int wire_stages_new(struct wire_stages **ret, const struct config *config);
void wire_stages_free(struct wire_stages *stages);
/* The wire may count by BPF now: tries once to be told of dropped packets, and says the outcome. */
void wire_stages_follow(struct wire_stages *stages, const struct wire_bpf *wire);
/* Fills the stages of a window that was flipped WIRE_SETTLE_NS ago. */
void wire_stages_read(struct wire_stages *stages, struct wire_bpf *wire, struct wire_window *window,
    struct arena *arena);

#endif
