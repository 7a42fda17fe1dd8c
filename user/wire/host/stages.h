/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host did to packets on both sides of the nameserver, joined into a window of the wire:
 * the counters of its network namespace and sockets, and, where the kernel gives them, each dropped
 * query with its reason. wire.c calls this, in the one thread that ends windows.
 */
#ifndef CROSSTAP_WIRE_HOST_STAGES_H
#define CROSSTAP_WIRE_HOST_STAGES_H

#include "base/arena.h"
#include "config/config.h"
#include "wire/window/window.h"

struct wire_stages;
struct wire_stages_next;

/* -ENOMEM. What cannot be read is said. */
int wire_stages_new(struct wire_stages **ret, const struct config *config);
void wire_stages_free(struct wire_stages *stages);
/* Another configuration: wire.ports, wire.interfaces, crosscheck.nft_counters. -ENOMEM. */
int wire_stages_prepare(
    struct wire_stages *stages, const struct config *config, struct wire_stages_next **ret);
void wire_stages_commit(struct wire_stages *stages, struct wire_stages_next *next);
void wire_stages_next_free(struct wire_stages_next *next);
/* The wire may count by BPF now: tries once to be told of dropped packets, and says the outcome.
 * `config_fd`: wire_bpf_config_fd(). */
void wire_stages_follow(struct wire_stages *stages, int config_fd);
/* Fills the stages of a window that was flipped WIRE_SETTLE_NS ago. `native`: all devices are
 * watched by native XDP. */
void wire_stages_read(struct wire_stages *stages, bool native, int config_fd,
    struct wire_window *window, struct arena *arena);

#endif
