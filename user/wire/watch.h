/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which network devices are watched, each in the best way that can be had: by BPF programs, else by
 * packet sockets (wire/window/ops.h). Follows devices, addresses and other people's programs as
 * they come and go. wire.c calls all of this, in the one thread that ends windows. It degrades,
 * never fails for good: what cannot be had is said with its reason, and tried again when something
 * changes.
 */
#ifndef CROSSTAP_WIRE_WATCH_H
#define CROSSTAP_WIRE_WATCH_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/passed.h"
#include "config/config.h"
#include "wire/window/window.h"

struct watch;
struct wire_bpf;

struct watch_options {
	const struct config *config;         /* the watch takes a reference of its own */
	const struct passed_sockets *passed; /* NULL: none; read in watch_new() alone */
	const struct clock *clock;
	/* One line for each decision: which mode an interface got and why not a better one. */
	void (*say)(void *context, enum log_level level, const char *text);
	void *say_context;
};

struct watch_mode {
	const char *interface;
	const char *mode;   /* native | generic | tc | packet | off */
	bool egress;        /* outbound packets are seen, too */
	const char *reason; /* why no better mode; empty: nothing to say */
};

/* Touches nothing yet. -ENOMEM. */
int watch_new(struct watch **ret, const struct watch_options *options);
/* Adopts what an agent of the same `server` left running, attaches what is missing. 0, or the error
 * that keeps all of BPF out (-EPERM, ...; also said): packet sockets take its place. */
int watch_start(struct watch *watch);
/* Takes another configuration; `wire.netns` and `server` stay what they were at the start. */
void watch_configure(struct watch *watch, const struct config *config);
/* Detaches, unless `on_exit: keep`. */
void watch_stop(struct watch *watch);
void watch_free(struct watch *watch);

/* Readable when something may have changed: call watch_process() then. -1: nothing to wait for. */
int watch_fd(const struct watch *watch);
void watch_process(struct watch *watch);

/* As wire_ops.flip. */
void watch_flip(struct watch *watch, int64_t boundary_ns, int64_t due_ns);
/* How long after a flip watch_collect() is to wait. */
uint64_t watch_settle_ns(const struct watch *watch);
/* Fills the members that are of packets: watched, whole, flips, missed, interfaces, clients, rtt,
 * client_rtts and WIRE_KNOWS_SOURCES. -ENOMEM, or the error of a map: BPF's part is in the next
 * window. Before the next flip. */
int watch_collect(struct watch *watch, struct wire_window *ret, struct arena *arena);

/* Valid until the next call into the watch. */
size_t watch_modes(struct watch *watch, const struct watch_mode **ret);
/* All are watched by native XDP, and there is one. */
bool watch_is_native(const struct watch *watch);
/* This host's addresses as in struct source of stats/sources.h, sorted; valid until the next call
 * of watch_process() or watch_configure(). *ret_version changes with them. */
size_t watch_own(const struct watch *watch, const uint64_t (**ret)[2], uint64_t *ret_version);
/* What counts by BPF, for what only BPF has: notes, marks, its map of rules. */
struct wire_bpf *watch_bpf(const struct watch *watch);

#endif
