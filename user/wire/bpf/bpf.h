/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watching network devices by BPF: XDP and tc programs, which count into maps, and the reading of
 * these window by window. What an agent that was killed left running is adopted. watch.c calls all
 * of this by wire_bpf_ops and the functions below, in the one thread that ends windows; wire.c
 * passes on what only programs that outlive an agent have: notes and marks.
 *
 * The kernel side counts into one of two slots, and the flip is one store into the map `config`.
 */
#ifndef CROSSTAP_WIRE_BPF_BPF_H
#define CROSSTAP_WIRE_BPF_BPF_H

#include "base/clock.h"
#include "base/log.h"
#include "base/passed.h"
#include "wire/window/ops.h"

#define WIRE_SETTLE_NS                                                                             \
	(10 * NS_PER_MS) /* programs that still count into the old slot end by then */

struct wire_bpf;
struct netlink; /* wire/netlink/netlink.h */

extern const struct wire_ops wire_bpf_ops;

struct wire_bpf_options {
	const char *server; /* whose programs are ours; read in wire_bpf_new() alone */
	const struct passed_sockets *passed; /* NULL: none; read in wire_bpf_new() alone */
	const struct clock *clock;
	void (*say)(void *context, enum log_level level, const char *text);
	void *say_context;
};

/* The rules outlive it. -ENOMEM. */
int wire_bpf_new(
    struct wire_bpf **ret, const struct wire_bpf_options *options, const struct wire_rules *rules);
void wire_bpf_free(struct wire_bpf *wire);
/* Before the first device; `netlink` outlives it, `namespace` as in netns_call(). */
void wire_bpf_open(struct wire_bpf *wire, struct netlink *netlink, int namespace);
/* Can BPF be had at all? 0, or the error that keeps it out (-EPERM, ...), which is said: every
 * attach() then has it as its reason. */
int wire_bpf_probe(struct wire_bpf *wire);
/* After the first devices. By client, what an agent before us left counted is its own: only sums go
 * on. What it left and nobody adopted is let go of. */
void wire_bpf_settled(struct wire_bpf *wire);

/* A window that was collected has been reported; its arena still lives. To be called in the order
 * of the windows. What an agent has not reported when it is killed, the one that adopts its
 * programs reports with its first window. */
void wire_bpf_reported(struct wire_bpf *wire, const struct wire_mark *mark);
/* What an agent that adopts these programs is to know; at most 1 KiB, opaque. It takes the place of
 * the note before as a whole. */
void wire_bpf_note(struct wire_bpf *wire, const void *note, size_t size);
/* What the agent before us noted; false if there was none, or none of that size. After the first
 * devices. */
bool wire_bpf_noted(const struct wire_bpf *wire, void *ret, size_t size);

/* The descriptor of a map with the configuration, for other BPF programs (drops.bpf.c); -1: none.
 */
int wire_bpf_config_fd(const struct wire_bpf *wire);

#endif
