/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums over the interfaces of a window. */
#ifndef CROSSTAP_WIRE_WINDOW_SUM_H
#define CROSSTAP_WIRE_WINDOW_SUM_H

#include "base/arena.h"
#include "wire/window/window.h"

#define WIRE_CODES 65536

/* Every counter of a transport and family, added up. */
void wire_sum_cell(const struct wire_window *wire, unsigned direction, unsigned transport,
    unsigned family, struct wire_cell *ret);
/* TCP handshakes of a family: those that were timed, and those left out since a segment was sent
 * twice. */
struct wire_handshakes {
	uint64_t timed, retransmitted;
};
struct wire_handshakes wire_sum_handshakes(const struct wire_window *wire, unsigned family);
/* Queries of each class that some producers never log. */
void wire_sum_classes(const struct wire_window *wire, uint64_t ret[WIRE_CLASSES]);
/* True where outbound packets are seen on every interface that is watched, and on one at least. */
bool wire_sum_egress(const struct wire_window *wire);
/* A mode in which packets are counted. */
bool wire_interface_watched(const struct wire_interface *interface);

/* Sorts clients and adds up those that are named more than once. Returns how many are left. */
size_t wire_sum_clients(struct wire_client *clients, size_t n);

struct wire_code {
	uint16_t code;
	uint64_t messages, left_out;
};

/* Query types (inbound) or rcodes (outbound) of some interfaces, sorted by code, those without a
 * message left out. -ENOMEM. */
int wire_sum_qtypes(const struct wire_interface *interfaces, size_t n_interfaces,
    struct arena *arena, const struct wire_code **ret, size_t *ret_n);
int wire_sum_rcodes(const struct wire_interface *interfaces, size_t n_interfaces,
    struct arena *arena, const struct wire_code **ret, size_t *ret_n);

#endif
