/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs and maps that this process holds descriptors of. The kernel opens one by its id for
 * CAP_SYS_ADMIN alone (bpf(2)); what runs on an interface is told by its id. So an agent without
 * that capability finds its own programs again among these, and a killed agent's among those that
 * the service manager kept for it (base/store.h).
 */
#ifndef CROSSTAP_WIRE_BPF_HELD_H
#define CROSSTAP_WIRE_BPF_HELD_H

#include "base/passed.h"

#include <stdint.h>

struct wire_held;

enum wire_held_kind { WIRE_HELD_PROGRAM, WIRE_HELD_MAP };

/* -ENOMEM. */
int wire_held_new(struct wire_held **ret);
void wire_held_free(struct wire_held *held);
/* Takes those that were passed under the names that wire_held_keep() gives. */
void wire_held_take(struct wire_held *held, const struct passed_sockets *passed);
/* A descriptor of its own for the caller; -ENOENT. `held` may be NULL. */
int wire_held_open(const struct wire_held *held, enum wire_held_kind kind, uint32_t id);

/*
 * After programs were attached or detached, says anew which of them and of their maps are in use:
 * begin, keep each, end, which forgets all others. What was passed stays until the first end with
 * `all`.
 */
void wire_held_begin(struct wire_held *held);
void wire_held_keep(struct wire_held *held, enum wire_held_kind kind, int fd);
void wire_held_end(struct wire_held *held, bool all);

#endif
