/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/host/stack_drops_count.h"

#include <errno.h>
#include <string.h>

static bool is_checksum(const struct stack_drops_count *count, uint32_t reason)
{
	return strcmp(count->reasons[reason].name, "UDP_CSUM") == 0;
}

/* What the sockets' own counters are held against; all that was counted so far. */
static struct stack_drops_twice count_sockets(
    const struct stack_drops_count *count, uint64_t *ret_refused)
{
	struct stack_drops_twice sum = {0};

	*ret_refused = 0;
	for (uint32_t slot = 0; slot < WIRE_SLOTS; slot++) {
		for (uint32_t i = 0; i < WIRE_DROP_REASONS; i++) {
			const struct wire_drops *now = &count->now[slot];
			const uint64_t queued = now->messages[WIRE_DROP_QUEUED][i] +
			    now->messages[WIRE_DROP_QUEUED_OTHER][i];

			if (count->reasons[i].stage == STACK_SOCKET) {
				*ret_refused += now->messages[WIRE_DROP_COMPARED][i];
				sum.named += now->messages[WIRE_DROP_OTHER][i];
			} else if (is_checksum(count, i)) {
				sum.named += queued;
			} else {
				sum.unnamed += queued;
			}
		}
	}
	return sum;
}

/* Has any reader said that it was a checksum? Then they all do. */
static bool readers_tell(const struct stack_drops_count *count)
{
	uint64_t told = 0;

	for (uint32_t i = 0; i < WIRE_DROP_REASONS; i++) {
		for (uint32_t slot = 0; slot < WIRE_SLOTS && is_checksum(count, i); slot++)
			told += count->now[slot].messages[WIRE_DROP_QUEUED][i] +
			    count->now[slot].messages[WIRE_DROP_QUEUED_OTHER][i];
	}
	return told;
}

static uint64_t grown(
    const struct stack_drops_count *count, uint32_t slot, enum wire_drop_kind kind, uint32_t i)
{
	return count->now[slot].messages[kind][i] - count->before[slot].messages[kind][i];
}

static void add(struct stack_drops_window *window, struct wire_drop *list, struct wire_drop drop)
{
	if (drop.messages)
		list[window->n_drops++] = drop;
}

/* One reason of the closed slot. Returns what has none: a name is listed once. */
static uint64_t take_reason(const struct stack_drops_count *count, uint32_t slot, uint32_t i,
    bool native, struct stack_drops_window *window, struct wire_drop *list)
{
	const struct stack_reason *reason = &count->reasons[i];
	const uint64_t queued = grown(count, slot, WIRE_DROP_QUEUED, i);
	uint64_t messages = grown(count, slot, WIRE_DROP_COMPARED, i);

	if (reason->stage == STACK_SOCKET || reason->stage == STACK_NONE)
		return 0;
	if (is_checksum(count, i)) {
		messages += queued;
	} else {
		window->from_sockets += queued;
		window->from_closed += grown(count, slot, WIRE_DROP_CLOSED, i);
	}
	if (!reason->name[0] || i == WIRE_DROP_REASONS - 1)
		return messages;
	add(window, list,
	    (struct wire_drop){.reason = reason->name,
		.messages = messages,
		.upper_bound =
		    reason->stage == STACK_UNSURE || (reason->stage == STACK_EARLY && !native)});
	return 0;
}

int stack_drops_count(struct stack_drops_count *count, uint32_t closed, bool native,
    struct arena *arena, struct stack_drops_window *ret)
{
	struct stack_drops_window window = {
	    .whole = count->begun, .checksums_named = readers_tell(count)};
	struct wire_drop *list = arena_alloc(arena, (WIRE_DROP_REASONS + 1) * sizeof(*list));
	struct stack_drops_twice twice;
	uint64_t others = 0, refused;

	if (!list)
		return -ENOMEM;
	for (uint32_t i = 0; i < WIRE_DROP_REASONS; i++)
		others += take_reason(count, closed, i, native, &window, list);
	add(&window, list,
	    (struct wire_drop){count->reasons[WIRE_DROP_REASONS - 1].name, others, true});
	add(&window, list,
	    (struct wire_drop){"MISSED", count->missed - count->missed_before, true});
	window.drops = list;
	twice = count_sockets(count, &refused);
	window.refused = refused - count->refused;
	window.twice.named = twice.named - count->twice.named;
	window.twice.unnamed = twice.unnamed - count->twice.unnamed;
	count->twice = twice;
	count->refused = refused;
	count->missed_before = count->missed;
	count->before[closed] = count->now[closed];
	count->begun = true;
	*ret = window;
	return 0;
}
