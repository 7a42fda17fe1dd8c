/* SPDX-License-Identifier: BSD-2-Clause */
/* What attachment.c and attachment_xdp.c share. */
#ifndef CROSSTAP_WIRE_BPF_ATTACHMENT_H
#define CROSSTAP_WIRE_BPF_ATTACHMENT_H

#include "wire/bpf/internal.h"

/* What runs on an interface when we come. */
struct attachment_running {
	struct wire_running xdp, filters[2];
	bool generic, dispatched;
	struct wire_filter places[2];
};

/* Adds to why the interface has no better mode. */
void attachment_reason(struct attachment *attachment, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Notes the program that counts now; -1: none. */
void attachment_set_xdp(struct attachment *attachment, int fd, bool dispatched);
void attachment_set_filter(struct attachment *attachment, enum wire_hook hook, int fd);
int attachment_detach_xdp(
    struct wire_bpf *wire, struct attachment *attachment, const struct attachment_running *running);
/* Adopts, replaces or attaches; nobody else's program is touched. */
int attachment_attach_xdp(struct wire_bpf *wire, struct attachment *attachment,
    const struct wire_link *link, struct attachment_running *running, bool generic);

#endif
