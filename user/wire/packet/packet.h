/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watching by packet sockets (AF_PACKET), where no BPF program can be attached: a thread that
 * counts what the kernel's port filter lets through, out of the rings, with the parser of the
 * kernel side. devices.c calls this, in the one thread that ends windows.
 *
 * Packets carry their own time, so a window's end is exact: packet_flip() says where it is, packets
 * from before go on being counted in the old window until packet_take() takes it out.
 */
#ifndef CROSSTAP_WIRE_PACKET_PACKET_H
#define CROSSTAP_WIRE_PACKET_PACKET_H

#include "base/arena.h"
#include "wire/rules/rules.h"
#include "wire/window/window.h"

/* How long after a flip the last packet from before it may still be on its way out of the kernel:
 * wait as long before packet_take(). */
#define PACKET_SETTLE_NS 150000000

struct packet_source;

/*
 * Opens a ring for each interface, in the namespace (as for netns_call()), and starts the thread.
 * Nothing of the rules is kept. -errno with the reason in `error`: -EPERM without CAP_NET_RAW.
 */
int packet_new(struct packet_source **ret, const struct wire_rules *rules, int namespace,
    const char *const *interfaces, size_t n_interfaces, char *error, size_t size);
void packet_free(struct packet_source *source);

/* The others from one thread. */

/* Takes other rules; makes the window not `whole`. */
void packet_configure(struct packet_source *source, const struct wire_rules *rules);
/* Counts no packet from `end_ns` (wall clock) on; those from before are still to be taken. */
void packet_end(struct packet_source *source, int64_t end_ns);
/* Packets from `boundary_ns` (wall clock) on belong to the next window. -EBUSY: the window before
 * was not taken. */
int packet_flip(struct packet_source *source, int64_t boundary_ns);
/* The window before the last flip. `missed`: what the rings had no room for. Where the thread has
 * stopped (it shed itself at limits.cpu, an interface vanished) that window is not `whole`, and
 * later ones are not `watched`. -ENOMEM: it can be tried again; -EINVAL: there was no flip. */
int packet_take(struct packet_source *source, struct arena *arena, struct wire_window *ret);
/* Why the thread has stopped; NULL: it runs. Valid as long as the source. */
const char *packet_problem(struct packet_source *source);

#endif
