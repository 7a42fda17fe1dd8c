/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/host/stages_join.h"

#include <string.h>

static void join_host(const struct host_counters *counters, struct wire_window *window)
{
	window->known |= counters->known;
	window->nic_drops = counters->nic_drops;
	window->socket_drops = counters->socket_drops;
	window->listen_overflows = counters->listen_overflows;
	window->tx_drops = counters->tx_drops;
	window->queued_bytes = counters->queued_bytes;
	window->reassembling = counters->reassembling;
	window->sockets_changed = counters->sockets_changed;
	window->stack_drops = counters->stack_drops;
	window->n_stack_drops = counters->n_stack_drops;
}

/* A query that was freed out of a socket by whoever had it for no named reason had a wrong checksum
 * where such were counted and readers do not name it; else the socket went, and the query with it.
 */
static bool unnamed_is_checksum(const struct wire_stages_state *state,
    const struct host_counters *counters, const struct stack_drops_window *drops)
{
	return (state->checksums || counters->checksums) && !drops->checksums_named;
}

/*
 * The sockets' own counters, less what the packets say is no drop of a query for a socket's sake.
 * The counter of a socket that went went with it: then the refusals are those of the packets, and
 * what was in it is lost as well. That is freed a moment later, which may be in the next window.
 */
static uint64_t socket_drops(struct wire_stages_state *state, const struct host_counters *counters,
    const struct stack_drops_window *drops)
{
	const bool checksums = unnamed_is_checksum(state, counters, drops);
	const uint64_t own = counters->socket_drops + counters->socket_checksums;
	const uint64_t less =
	    state->owed + drops->twice.named + (checksums ? drops->twice.unnamed : 0);
	uint64_t refused = less > own ? 0 : own - less;

	state->owed = less > own ? less - own : 0;
	if (counters->sockets_changed) {
		state->owed = 0;
		refused = drops->refused > refused ? drops->refused : refused;
	}
	return refused + (checksums ? 0 : drops->from_sockets) +
	    (counters->sockets_changed || state->sockets_changed ? drops->from_closed : 0);
}

static void join_drops(struct wire_stages_state *state, const struct host_counters *counters,
    const struct stack_drops_window *drops, struct wire_window *window, struct arena *arena)
{
	struct wire_drop *list = arena_alloc(arena, (drops->n_drops + 2) * sizeof(*list));

	if (!list)
		return;
	if (drops->n_drops)
		memcpy(list, drops->drops, drops->n_drops * sizeof(*list));
	window->drops_by_packet = true;
	window->known |= WIRE_KNOWS_STACK_DROPS;
	window->stack_drops = list;
	window->n_stack_drops = drops->n_drops;
	if (unnamed_is_checksum(state, counters, drops) && drops->from_sockets)
		list[window->n_stack_drops++] =
		    (struct wire_drop){"NOT_SPECIFIED", drops->from_sockets, false};
	if (counters->overlapped)
		list[window->n_stack_drops++] =
		    (struct wire_drop){"ReasmOverlaps", counters->overlapped, true};
	if (counters->known & WIRE_KNOWS_SOCKETS)
		window->socket_drops = socket_drops(state, counters, drops);
}

/* Names of a reader or a counter go with it, which a reload may end before the window is reported.
 */
static void keep_reasons(struct wire_window *window, struct arena *arena)
{
	const size_t n = window->n_stack_drops;
	struct wire_drop *list = arena_alloc(arena, (n + 1) * sizeof(*list));
	size_t kept = 0;

	for (; list && kept < n; kept++) {
		list[kept] = window->stack_drops[kept];
		list[kept].reason = arena_strdup(arena, list[kept].reason);
		if (!list[kept].reason)
			break;
	}
	window->stack_drops = list;
	window->n_stack_drops = kept;
	if (kept < n)
		window->known &= ~(uint32_t)WIRE_KNOWS_STACK_DROPS;
}

void wire_stages_join(struct wire_stages_state *state, const struct host_counters *counters,
    const struct stack_drops_window *drops, struct wire_window *window, struct arena *arena)
{
	join_host(counters, window);
	if (drops)
		join_drops(state, counters, drops, window, arena);
	keep_reasons(window, arena);
	state->checksums = counters->checksums > 0;
	state->sockets_changed = counters->sockets_changed;
}
