/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the map `source_rtt`: what one slot counted of each client's handshakes since it was read
 * last. The kernel's map is bounded, and so is this.
 */
#ifndef CROSSTAP_WIRE_BPF_SOURCE_RTTS_H
#define CROSSTAP_WIRE_BPF_SOURCE_RTTS_H

#include "wire/window/window.h"

struct wire_source_rtts;

int wire_source_rtts_new(struct wire_source_rtts **ret);
void wire_source_rtts_free(struct wire_source_rtts *rtts);
/* What is in the map was counted for somebody else. */
int wire_source_rtts_skip(struct wire_source_rtts *rtts, int fd);
/* Valid until the next call: *ret_n clients of which this slot timed a handshake. */
int wire_source_rtts_read(struct wire_source_rtts *rtts, int fd, uint32_t slot,
    const struct wire_client_rtt **ret, size_t *ret_n);
/* Once the map is half full, removes those that rested for two readings. */
void wire_source_rtts_tidy(struct wire_source_rtts *rtts, int fd);

#endif
