/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/counter/fill.h"

#include <errno.h>

/* n counters of the codes from 0 on; left_out NULL: none. */
static int fill_rares(const uint64_t *messages, const uint64_t *left_out, size_t n,
    struct arena *arena, struct wire_rares *ret)
{
	struct wire_rare *items;
	size_t used = 0;

	for (size_t i = 0; i < n; i++)
		used += messages[i] != 0;
	*ret = (struct wire_rares){0};
	if (!used)
		return 0;
	items = arena_alloc(arena, used * sizeof(*items));
	if (!items)
		return -ENOMEM;
	ret->items = items;
	for (size_t i = 0; i < n; i++) {
		if (messages[i])
			items[ret->n++] = (struct wire_rare){.code = (uint16_t)i,
			    .messages = messages[i],
			    .left_out = left_out ? left_out[i] : 0};
	}
	return 0;
}

static int fill_interface(const struct counter_window *window, uint32_t number, const char *mode,
    struct arena *arena, struct wire_interface *ret)
{
	const uint64_t *rare = counter_window_rare(window, number);
	int r;

	ret->mode = mode;
	ret->egress = true;
	for (uint32_t direction = 0; direction < WIRE_DIRECTIONS; direction++)
		ret->counters[direction] = *counter_window_sums(window, number, direction);
	if (!rare)
		return 0;
	r = fill_rares(rare + WIRE_RARE_QTYPES, rare + WIRE_RARE_LEFT_OUT,
	    WIRE_RARE_LEFT_OUT - WIRE_RARE_QTYPES, arena, &ret->qtypes);
	if (r == 0)
		r = fill_rares(rare + WIRE_RARE_RCODES, NULL, WIRE_RARE_ENTRIES - WIRE_RARE_RCODES,
		    arena, &ret->rcodes);
	return r;
}

static int fill_interfaces(const struct counter_window *window, const char *mode,
    struct arena *arena, struct wire_window *ret)
{
	const size_t n = counter_window_interfaces(window);
	struct wire_interface *interfaces = arena_alloc(arena, n * sizeof(*interfaces));

	if (!interfaces)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		int r = fill_interface(window, i, mode, arena, &interfaces[i]);

		if (r < 0)
			return r;
	}
	ret->interfaces = interfaces;
	ret->n_interfaces = n;
	return 0;
}

static int fill_clients(
    const struct counter_window *window, struct arena *arena, struct wire_window *ret)
{
	struct wire_client *clients, client;
	size_t n = 0, at = 0;

	while (counter_window_next_client(window, &at, &client))
		n++;
	clients = arena_alloc(arena, (n + 1) * sizeof(*clients));
	if (!clients)
		return -ENOMEM;
	for (at = 0; ret->n_clients < n; ret->n_clients++)
		counter_window_next_client(window, &at, &clients[ret->n_clients]);
	ret->clients = clients;
	return 0;
}

static int fill_client_rtts(
    const struct counter_window *window, struct arena *arena, struct wire_window *ret)
{
	struct wire_client_rtt *rtts, rtt;
	size_t n = 0, at = 0;

	while (counter_window_next_rtt(window, &at, &rtt))
		n++;
	rtts = arena_alloc(arena, (n + 1) * sizeof(*rtts));
	if (!rtts)
		return -ENOMEM;
	for (at = 0; ret->n_client_rtts < n; ret->n_client_rtts++)
		counter_window_next_rtt(window, &at, &rtts[ret->n_client_rtts]);
	ret->client_rtts = rtts;
	return 0;
}

static int fill_rtt(
    const struct counter_window *window, struct arena *arena, struct wire_window *ret)
{
	struct wire_rtt *rtt = arena_alloc(arena, sizeof(*rtt));

	if (!rtt)
		return -ENOMEM;
	*rtt = *counter_window_rtt(window);
	ret->rtt = rtt;
	return 0;
}

int counter_window_fill(const struct counter_window *window, uint32_t options, const char *mode,
    struct arena *arena, struct wire_window *ret)
{
	struct wire_window filled = {.watched = true, .whole = true};
	int r = fill_interfaces(window, mode, arena, &filled);

	if (r == 0 && options & WIRE_RTT)
		r = fill_rtt(window, arena, &filled);
	if (r == 0 && options & WIRE_RTT)
		r = fill_client_rtts(window, arena, &filled);
	if (r == 0 && options & WIRE_PER_SOURCE)
		r = fill_clients(window, arena, &filled);
	if (r < 0)
		return r;
	filled.known = options & WIRE_PER_SOURCE ? WIRE_KNOWS_SOURCES : 0;
	*ret = filled;
	return 0;
}
