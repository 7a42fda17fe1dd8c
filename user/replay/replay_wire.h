/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wire side of a replay: which packets of the captures are the server's, and what they add to
 * the window that they belong to. All captures are one wire.
 */
#ifndef CROSSTAP_REPLAY_REPLAY_WIRE_H
#define CROSSTAP_REPLAY_REPLAY_WIRE_H

#include "base/arena.h"
#include "capture/pcap_file.h"
#include "config/config.h"
#include "wire/counter/counter.h"
#include "wire/window/window.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct replay_wire;

/* `config` outlives it. */
int replay_wire_new(struct replay_wire **ret, const struct config_wire *config);
void replay_wire_free(struct replay_wire *wire);
/* As if it were new, for other captures. */
void replay_wire_clear(struct replay_wire *wire);

/* Servers are those that answer in the captures: each must be read through before the first packet
 * is counted. */
bool replay_wire_must_learn(const struct replay_wire *wire);
/* -ENOSPC: not all servers are taken. */
int replay_wire_learn(struct replay_wire *wire, const struct pcap_packet *packet);

/* Counts a packet in the window with this index. -ENOMEM. */
int replay_wire_count(struct replay_wire *wire, int64_t index, const struct pcap_packet *packet);
/* There will be no more packets: counts the segments that still wait for what is missing before
 * them, in the window with this index. -ENOMEM. */
int replay_wire_end(struct replay_wire *wire, int64_t index);
/* The least index of a window that packets were counted in; false: there is none. */
bool replay_wire_first(const struct replay_wire *wire, int64_t *ret_index);
/* Takes that window out: it is part of the total now. NULL: it has no packets. The caller gives it
 * back. */
struct counter_window *replay_wire_take(struct replay_wire *wire, int64_t index);
void replay_wire_give(struct replay_wire *wire, struct counter_window *window);
/* As what cross-check and encoders read, in `arena`; `window` NULL: one without packets. -ENOMEM.
 */
int replay_wire_fill(const struct replay_wire *wire, const struct counter_window *window,
    struct arena *arena, struct wire_window *ret);

/* All windows that were taken. */
const struct counter_window *replay_wire_total(const struct replay_wire *wire);
/* Packets of which the capture holds too little: of a server, or maybe of one, they end before
 * ports, DNS header or first question do, over TCP before the data does. Their messages may not
 * count. */
uint64_t replay_wire_cut(const struct replay_wire *wire);
/* Why was nothing counted? False: something was, or replay_wire_cut() says it. */
bool replay_wire_hint(const struct replay_wire *wire, char *ret, size_t size);

#endif
