/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/window/sum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool wire_interface_watched(const struct wire_interface *interface)
{
	return strcmp(interface->mode, "off") != 0;
}

bool wire_sum_egress(const struct wire_window *wire)
{
	bool seen = false;

	for (size_t i = 0; i < wire->n_interfaces; i++) {
		if (!wire_interface_watched(&wire->interfaces[i]))
			continue;
		if (!wire->interfaces[i].egress)
			return false;
		seen = true;
	}
	return seen;
}

static void add_cell(struct wire_cell *sum, const struct wire_cell *cell)
{
	sum->packets += cell->packets;
	sum->bytes += cell->bytes;
	sum->fragments += cell->fragments;
	sum->messages += cell->messages;
	sum->message_bytes += cell->message_bytes;
	sum->malformed += cell->malformed;
	sum->not_query += cell->not_query;
	sum->not_query_aa += cell->not_query_aa;
	sum->tc += cell->tc;
	sum->left_out += cell->left_out;
	sum->malformed_uncompared += cell->malformed_uncompared;
	sum->connections += cell->connections;
	sum->resets += cell->resets;
	sum->resync += cell->resync;
}

void wire_sum_cell(const struct wire_window *wire, unsigned direction, unsigned transport,
    unsigned family, struct wire_cell *ret)
{
	*ret = (struct wire_cell){0};
	for (size_t i = 0; i < wire->n_interfaces; i++)
		add_cell(ret, &wire->interfaces[i].counters[direction].cells[transport][family]);
}

struct wire_handshakes wire_sum_handshakes(const struct wire_window *wire, unsigned family)
{
	struct wire_handshakes sum = {0};

	for (size_t i = 0; i < wire->n_interfaces; i++) {
		const struct wire_counters *in = &wire->interfaces[i].counters[WIRE_IN];

		sum.timed += in->handshakes[family];
		sum.retransmitted += in->retransmitted[family];
	}
	return sum;
}

void wire_sum_classes(const struct wire_window *wire, uint64_t ret[WIRE_CLASSES])
{
	memset(ret, 0, WIRE_CLASSES * sizeof(*ret));
	for (size_t i = 0; i < wire->n_interfaces; i++) {
		const struct wire_counters *counters = wire->interfaces[i].counters;

		for (unsigned c = 0; c < WIRE_CLASSES; c++)
			ret[c] += counters[WIRE_IN].classes[c] + counters[WIRE_OUT].classes[c];
	}
}

enum code_kind { CODE_QTYPE, CODE_RCODE };

/* Codes below `WIRE_QTYPES` or `WIRE_RCODES` have a counter, the others are listed. */
static size_t counted(enum code_kind kind)
{
	return kind == CODE_QTYPE ? WIRE_QTYPES : WIRE_RCODES;
}

static const struct wire_rares *rares(const struct wire_interface *interface, enum code_kind kind)
{
	return kind == CODE_QTYPE ? &interface->qtypes : &interface->rcodes;
}

static struct wire_code counter_sum(
    const struct wire_interface *interfaces, size_t n_interfaces, enum code_kind kind, size_t code)
{
	struct wire_code sum = {.code = (uint16_t)code};

	for (size_t i = 0; i < n_interfaces; i++) {
		if (kind == CODE_QTYPE) {
			const struct wire_counters *in = &interfaces[i].counters[WIRE_IN];

			sum.messages += in->qtypes[code];
			sum.left_out += in->qtypes_left_out[code];
		} else {
			sum.messages += interfaces[i].counters[WIRE_OUT].rcodes[code];
		}
	}
	return sum;
}

/* The least code of the lists from `at` on, summed over them; false at their end. */
static bool next_rare(const struct wire_interface *interfaces, size_t n_interfaces,
    enum code_kind kind, size_t *at, struct wire_code *ret)
{
	uint32_t least = WIRE_CODES;

	for (size_t i = 0; i < n_interfaces; i++) {
		const struct wire_rares *list = rares(&interfaces[i], kind);

		if (at[i] < list->n && list->items[at[i]].code < least)
			least = list->items[at[i]].code;
	}
	if (least == WIRE_CODES)
		return false;
	*ret = (struct wire_code){.code = (uint16_t)least};
	for (size_t i = 0; i < n_interfaces; i++) {
		const struct wire_rares *list = rares(&interfaces[i], kind);

		for (; at[i] < list->n && list->items[at[i]].code == least; at[i]++) {
			ret->messages += list->items[at[i]].messages;
			ret->left_out += list->items[at[i]].left_out;
		}
	}
	return true;
}

static int sum_codes(const struct wire_interface *interfaces, size_t n_interfaces,
    enum code_kind kind, struct arena *arena, const struct wire_code **ret, size_t *ret_n)
{
	size_t *at = arena_alloc(arena, (n_interfaces + 1) * sizeof(*at));
	size_t most = counted(kind), n = 0;
	struct wire_code *codes, code;

	for (size_t i = 0; i < n_interfaces; i++)
		most += rares(&interfaces[i], kind)->n;
	codes = arena_alloc(arena, most * sizeof(*codes));
	if (!at || !codes)
		return -ENOMEM;
	for (size_t c = 0; c < counted(kind); c++) {
		codes[n] = counter_sum(interfaces, n_interfaces, kind, c);
		n += codes[n].messages != 0;
	}
	while (next_rare(interfaces, n_interfaces, kind, at, &code)) {
		codes[n] = code;
		n += code.messages != 0;
	}
	*ret = codes;
	*ret_n = n;
	return 0;
}

int wire_sum_qtypes(const struct wire_interface *interfaces, size_t n_interfaces,
    struct arena *arena, const struct wire_code **ret, size_t *ret_n)
{
	return sum_codes(interfaces, n_interfaces, CODE_QTYPE, arena, ret, ret_n);
}

int wire_sum_rcodes(const struct wire_interface *interfaces, size_t n_interfaces,
    struct arena *arena, const struct wire_code **ret, size_t *ret_n)
{
	return sum_codes(interfaces, n_interfaces, CODE_RCODE, arena, ret, ret_n);
}

static int compare_clients(const void *a, const void *b)
{
	const struct wire_client *x = a, *y = b;

	return memcmp(&x->address, &y->address, sizeof(x->address));
}

size_t wire_sum_clients(struct wire_client *clients, size_t n)
{
	size_t kept = 0;

	if (n)
		qsort(clients, n, sizeof(*clients), compare_clients);
	for (size_t i = 0; i < n; i++) {
		if (kept && compare_clients(&clients[kept - 1], &clients[i]) == 0)
			clients[kept - 1].messages += clients[i].messages;
		else
			clients[kept++] = clients[i];
	}
	return kept;
}
