/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wire as BPF sees it: attaches XDP and tc programs to interfaces, keeps them attached while
 * interfaces, addresses and other people's programs come and go, and reads their counters window by
 * window. One thread calls everything here. It degrades, never fails for good: what cannot be had
 * is in wire_bpf_modes() with its reason, and is tried again when something changes.
 *
 * At a window's end: wire_bpf_flip(); at least WIRE_SETTLE_NS later wire_bpf_collect(), before the
 * next flip. The kernel side counts into the other slot meanwhile.
 */
#ifndef CROSSTAP_WIRE_BPF_BPF_H
#define CROSSTAP_WIRE_BPF_BPF_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "wire/window/window.h"

#define WIRE_SETTLE_NS                                                                             \
	(10 * NS_PER_MS) /* programs that still count into the old slot end by then */

struct wire_bpf;
struct wire_local; /* crosstap/wire_config.h */

/* Where BPF cannot be had: AF_PACKET (wire/packet/packet.h), started and stopped by name. The
 * functions are called in the thread that calls into the wire; `namespace` as in netns_call().
 */
struct wire_bpf_fallback {
	/* 0, or -errno with the reason in `reason`. */
	int (*start)(void *context, const char *interface, int index, int namespace, char *reason,
	    size_t size);
	void (*stop)(void *context, const char *interface);
	void *context;
};

struct wire_bpf_options {
	const struct config *config; /* outlives the wire, or is replaced by wire_bpf_configure() */
	const struct clock *clock;
	/* One line for each decision: which mode an interface got and why not a better one. */
	void (*say)(void *context, enum log_level level, const char *text);
	void *say_context;
	const struct wire_bpf_fallback *fallback; /* NULL: none */
};

struct wire_bpf_mode_info {
	const char *interface;
	const char *mode;   /* native | generic | tc | packet | off */
	bool egress;        /* outbound packets are seen, too */
	const char *reason; /* why no better mode; empty: nothing to say */
};

/* -ENOMEM. */
int wire_bpf_new(struct wire_bpf **ret, const struct wire_bpf_options *options);
/* Adopts what an agent of the same `server` left running, attaches what is missing. 0, or the error
 * that keeps all of BPF out (-EPERM, ...; also said): the fallback runs, the wire may be used. */
int wire_bpf_start(struct wire_bpf *wire);
/* Takes another configuration; `wire.netns` stays what it was at the start. */
int wire_bpf_configure(struct wire_bpf *wire, const struct config *config);
/* Detaches, unless `on_exit: keep`. */
void wire_bpf_stop(struct wire_bpf *wire);
void wire_bpf_free(struct wire_bpf *wire);

/* Readable when something may have changed: call wire_bpf_process() then. -1: nothing to wait for.
 */
int wire_bpf_fd(const struct wire_bpf *wire);
void wire_bpf_process(struct wire_bpf *wire);

/* Ends the window whose end, by the wall clock, was `boundary_ns`. */
void wire_bpf_flip(struct wire_bpf *wire, int64_t boundary_ns);
/* Fills the members that BPF knows: watched, whole, flips, interfaces, clients, rtt, client_rtts
 * and WIRE_KNOWS_SOURCES. Interfaces in mode `packet` are in it without counters: their owner fills
 * them in. -ENOMEM, or the error of a map: nothing is lost, the next window has it. */
int wire_bpf_collect(struct wire_bpf *wire, struct wire_window *ret, struct arena *arena);
/* A window that wire_bpf_collect() filled has been reported; its arena still lives. To be called in
 * the order of the windows. What an agent has not reported when it is killed, the one that adopts
 * its programs reports with its first window. */
void wire_bpf_reported(struct wire_bpf *wire, const struct wire_mark *mark);

/* What an agent that adopts these programs is to know; at most 1 KiB, opaque. It takes the place of
 * the note before as a whole. */
void wire_bpf_note(struct wire_bpf *wire, const void *note, size_t size);
/* What the agent before us noted; false if there was none, or none of that size. After
 * wire_bpf_start(). */
bool wire_bpf_noted(const struct wire_bpf *wire, void *ret, size_t size);

/* Valid until the next call into the wire. */
size_t wire_bpf_modes(struct wire_bpf *wire, const struct wire_bpf_mode_info **ret);
/* This host's addresses as in struct source of stats/sources.h, sorted; valid until the next call
 * of wire_bpf_process(), wire_bpf_configure() or wire_bpf_collect(). *ret_version changes with
 * them. */
size_t wire_bpf_own_addresses(
    const struct wire_bpf *wire, const uint64_t (**ret)[2], uint64_t *ret_version);

/* The addresses that packets are looked for, as packet_set_addresses() takes them; valid and
 * changed as wire_bpf_own_addresses(). */
size_t wire_bpf_locals(const struct wire_bpf *wire, const struct wire_local **ret);

/* The descriptor of a map with the configuration, for other BPF programs (drops.bpf.c); -1: none.
 */
int wire_bpf_config_fd(const struct wire_bpf *wire);

#endif
