/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The second witness: the packets that the kernel saw, by BPF where it can be had and by packet
 * sockets where not, and the host's counters, in the same windows as dnstap. Each window is flipped
 * at its end, read a little later, and kept until its report takes it. The agent calls all of this,
 * in the one thread that ends windows. Nothing here can stop a start: what is missing is said once
 * and shown.
 *
 * From here a figure goes on in a struct wire_window (window/window.h), which cross-check and
 * reports read. Behind this: watch.c (which devices, which way), bpf/ and packet/ (the two ways),
 * counter/ (counting in user space), rules/ (what counts), host/ (what the host dropped), netlink/.
 */
#ifndef CROSSTAP_WIRE_WIRE_H
#define CROSSTAP_WIRE_WIRE_H

#include "base/clock.h"
#include "base/passed.h"
#include "config/config.h"
#include "wire/window/window.h"

struct wire;
struct wire_next;

/* Told of each window once it is reported, and before an agent that adopts our programs would no
 * longer report it: what is not told here when we are killed, the next agent is told. */
struct wire_listener {
	void (*on_window)(void *context, const struct wire_window *window, int64_t start_ns);
	void *context;
};

/* Touches nothing yet. -ENOMEM. Takes a reference to the configuration. `passed`: among them what
 * an agent before us left to its successor; NULL or outlives the wire. */
int wire_new(struct wire **ret, const struct config *config, const struct clock *clock,
    const struct passed_sockets *passed, const struct wire_listener *listener);
/* Begins to watch, in the window of `now_ns` (wall clock), that is the one in which the agent's
 * windows began, even if the clock was set meanwhile; nothing where wire.mode is off. */
void wire_start(struct wire *wire, int64_t now_ns);

/*
 * A reload, after wire_start(): all that can fail, beside what runs. -ENOMEM with the reason in
 * `error`. wire_commit() takes it over, whatever the modes before and after are; what cannot be had
 * then is said, as at a start, and tried again when something changes. wire.netns and server stay
 * what they were when watching began. For another interval, wire_cut() comes first, and every
 * window is done. The wire goes on, or begins, in the window of `now_ns` (wall clock), which is the
 * one in which the agent's windows go on.
 */
int wire_prepare(struct wire *wire, const struct config *config, struct wire_next **ret,
    char *error, size_t size);
void wire_commit(struct wire *wire, struct wire_next *next, int64_t now_ns);
void wire_next_free(struct wire_next *next);

/* What outlives an agent that is killed, where BPF counts: at most 1 KiB. */
void wire_note(struct wire *wire, const void *note, size_t size);
bool wire_noted(const struct wire *wire, void *ret, size_t size);
/* Detaches, unless on_exit says keep. */
void wire_stop(struct wire *wire);
void wire_free(struct wire *wire);

/* Does what is due at `now_ns` (wall clock); the time of the next call, INT64_MAX: none. */
int64_t wire_tick(struct wire *wire, int64_t now_ns);
/* Ends the open window now: the clock was set back, the interval changes, the agent stops. `whole`:
 * it was watched from its start to this end; false: it is not to be counted in a balance. */
void wire_cut(struct wire *wire, int64_t now_ns, bool whole);
/* The window with this index, or NULL; valid until wire_done(). Waits for one that was just
 * flipped. */
const struct wire_window *wire_get(struct wire *wire, int64_t index);
/* The newest window that ended and is not done; INT64_MIN: none. */
int64_t wire_newest(const struct wire *wire);
/* Something was counted there, which is not done. */
bool wire_has(const struct wire *wire, int64_t index);
/* This window and those before it have been reported: lets go of them. */
void wire_done(struct wire *wire, int64_t index);

/* Readable when wire_process() has something to do; -1: nothing to wait for. */
int wire_fd(const struct wire *wire);
void wire_process(struct wire *wire);
/* This host's addresses as in struct source, sorted; none where wire.mode is off. *ret_version,
 * never 0, changes with them. */
size_t wire_own(const struct wire *wire, const uint64_t (**ret)[2], uint64_t *ret_version);

#endif
