/* SPDX-License-Identifier: BSD-2-Clause */
/* What wire_tap.c and wire_tap_xdp.c share. */
#ifndef CROSSTAP_WIRE_BPF_WIRE_TAP_H
#define CROSSTAP_WIRE_BPF_WIRE_TAP_H

#include "wire/bpf/wire_internal.h"

/* What runs on an interface when we come. */
struct wire_tap_running {
	struct wire_running xdp, filters[2];
	bool generic, dispatched;
	struct wire_filter places[2];
};

/* Adds to why the interface has no better mode. */
void wire_tap_reason(struct wire_tap *tap, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Notes the program that counts now; -1: none. */
void wire_tap_set_xdp(struct wire_tap *tap, int fd, bool dispatched);
int wire_tap_detach_xdp(
    struct wire *wire, struct wire_tap *tap, const struct wire_tap_running *running);
/* Adopts, replaces or attaches; nobody else's program is touched. */
int wire_tap_attach_xdp(struct wire *wire, struct wire_tap *tap, const struct wire_link *link,
    struct wire_tap_running *running, bool generic);

#endif
