/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far the counters of the interfaces have been read and reported. A reading advances `before`
 * of each attachment at once, so that the next window has what comes after it. The memory that
 * lives with the programs follows when the window is reported: an agent that is killed in between
 * leaves the window to its successor.
 */
#ifndef CROSSTAP_WIRE_BPF_MARK_H
#define CROSSTAP_WIRE_BPF_MARK_H

#include "wire/bpf/internal.h"

struct attachment_mark;

/* Room for all attachments of the wire, in the arena. -ENOMEM. */
int wire_mark_new(struct wire_mark **ret, const struct wire_bpf *wire, struct arena *arena);
/* Adds an attachment, whose `now` is to be taken over. -ENOMEM. */
int wire_mark_attachment(struct wire_mark *mark, const struct attachment *attachment,
    struct arena *arena, struct attachment_mark **ret);
/* The entry of `rare` with this index was read. -ENOMEM. */
int wire_mark_rare(
    struct attachment_mark *mark, uint32_t index, uint64_t value, struct arena *arena);
/* The reading succeeded: every attachment goes on from here. */
void wire_mark_advance(const struct wire_mark *mark, struct wire_bpf *wire);

#endif
