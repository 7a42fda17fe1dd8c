/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each way of watching network devices does: BPF programs (bpf/) and packet sockets (packet/).
 * watch.c decides which device is watched which way, and calls all of this in the one thread that
 * ends windows. A replay's captures have neither devices nor a boundary in time, since several
 * windows are open in them at once: they share the rules and the counter, not these operations.
 *
 * At a window's end comes flip(); WIRE_SETTLE_NS later, or more (wire_ops.settle_ns), collect(),
 * before the next flip.
 */
#ifndef CROSSTAP_WIRE_WINDOW_OPS_H
#define CROSSTAP_WIRE_WINDOW_OPS_H

#include "base/arena.h"
#include "config/config.h"
#include "wire/window/window.h"

#define WIRE_REASON_BYTES 320

struct wire_link;  /* wire/netlink/netlink.h */
struct wire_rules; /* wire/rules/rules.h */

/* How a device is watched. */
struct wire_watched {
	enum wire_mode mode;            /* WIRE_OFF: not at all, by this way */
	bool egress;                    /* outbound packets are seen, too */
	char reason[WIRE_REASON_BYTES]; /* why no better; empty: nothing to say */
};

struct wire_ops {
	uint64_t settle_ns; /* so long after a flip packets from before it may still be counted */

	/* Watches a device by the best mode that this way has, beginning with `from`. It may be one
	 * that it watches already. Fills *ret. */
	void (*attach)(
	    void *way, const struct wire_link *link, enum wire_mode from, struct wire_watched *ret);
	/* Looks after a device that it watches: what somebody took away is put back, or the device
	 * is watched in a lesser mode, if any. True: *state is another. */
	bool (*check)(void *way, const struct wire_link *link, struct wire_watched *state);
	/* Takes what is to be counted. The rules outlive the way, and are told again whenever they
	 * or the watched devices may have changed. Cannot fail: a device that does not take them
	 * is no longer watched, which check() tells. */
	void (*configure)(void *way, const struct wire_rules *rules);
	/* Ends the open window: by the wall clock, packets from `boundary_ns` on belong to the
	 * next. The flip was due at `due_ns`, earlier where it ends several windows at once. */
	void (*flip)(void *way, int64_t boundary_ns, int64_t due_ns);
	/* Adds the window before the last flip to *window, in `arena`: interfaces, clients, round
	 * trips, whether it was watched and whole. -ENOMEM, or what reading ended with: nothing is
	 * lost, the next window has it. */
	int (*collect)(void *way, struct wire_window *window, struct arena *arena);
	/* Watches the device with this index no longer. `exists` false: it is gone. */
	void (*detach)(void *way, int index, bool exists);
};

#endif
