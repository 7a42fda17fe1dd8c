/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XDP beside other XDP programs, by libxdp's dispatcher (Linux 5.10, with BPF_PROG_TYPE_EXT). Ours
 * runs first and passes everything on to the next.
 *
 * Before Linux 5.19 (f858c2b2ca04, which is in later 5.15 too) a program behind a dispatcher may
 * not hand its context to a global function: the verifier refuses ours with EINVAL. There it is
 * attached alone.
 */
#ifndef CROSSTAP_WIRE_BPF_DISPATCHER_H
#define CROSSTAP_WIRE_BPF_DISPATCHER_H

#include "wire/bpf/object.h"

/* Does the kernel have what it takes, and may this process use it? libxdp finds dispatchers, their
 * programs and their BTF by ids, which asks for CAP_SYS_ADMIN: without it ours is attached alone.
 */
bool wire_dispatcher_works(void);
/* The one of ours with this owner that an interface's dispatcher runs; -ENOENT. */
int wire_dispatcher_find(
    int namespace, int index, uint32_t owner, bool any_owner, struct wire_running *ret);
/* Loads with `maps` and attaches, natively. `ret_alone`: libxdp did so without a dispatcher, as it
 * does where the kernel does not take that one: BPF programs that are interpreted cannot have
 * others put into them. */
int wire_dispatcher_attach(int namespace, int index, enum wire_program program,
    struct wire_maps *maps, int *ret_fd, bool *ret_alone);
int wire_dispatcher_detach(int namespace, int index, uint32_t program_id);
/* What an error of wire_dispatcher_attach means. */
const char *wire_dispatcher_error(int error);

/*
 * libxdp pins a dispatcher's programs in bpffs. They stay there, and in memory, when the interface
 * vanishes or somebody replaces the dispatcher.
 */
struct wire_pin {
	int index; /* of the interface, in some namespace */
	uint32_t dispatcher, program;
};

/* Writes at most `size` of them; returns how many. */
size_t wire_dispatcher_pins(struct wire_pin *pins, size_t size);
/* Takes the pins of a program away, and the folder when that was the last one. */
int wire_dispatcher_unpin(uint32_t program_id);

#endif
