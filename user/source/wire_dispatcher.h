/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XDP beside other XDP programs, by libxdp's dispatcher (about Linux 5.10, with BPF_PROG_TYPE_EXT).
 * Ours runs first and passes everything on to the next.
 */
#ifndef CROSSTAP_SOURCE_WIRE_DISPATCHER_H
#define CROSSTAP_SOURCE_WIRE_DISPATCHER_H

#include "source/wire_bpf.h"

/* Does the kernel have what it takes? */
bool wire_dispatcher_works(void);
/* The one of ours with this owner that an interface's dispatcher runs; -ENOENT. */
int wire_dispatcher_find(
    int namespace, int index, uint32_t owner, bool any_owner, struct wire_running *ret);
/* Loads with `maps` and attaches, natively. */
int wire_dispatcher_attach(
    int namespace, int index, enum wire_program program, struct wire_maps *maps, int *ret_fd);
int wire_dispatcher_detach(int namespace, int index, uint32_t program_id);

#endif
