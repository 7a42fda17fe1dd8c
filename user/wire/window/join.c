/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/window/join.h"

#include "wire/window/sum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNTER_WORDS (WIRE_DIRECTIONS * sizeof(struct wire_counters) / sizeof(uint64_t))

static int compare_rtts(const void *a, const void *b)
{
	const struct wire_client_rtt *x = a, *y = b;

	return memcmp(&x->address, &y->address, sizeof(x->address));
}

static void *concatenate(
    const void *a, size_t n_a, const void *b, size_t n_b, size_t size, struct arena *arena)
{
	uint8_t *all = arena_alloc(arena, (n_a + n_b + 1) * size);

	if (!all)
		return NULL;
	if (n_a)
		memcpy(all, a, n_a * size);
	if (b)
		memcpy(all + n_a * size, b, n_b * size);
	return all;
}

static int join_messages(
    struct wire_window *into, const struct wire_window *part, struct arena *arena)
{
	struct wire_client *all;

	if (!part->n_clients)
		return 0;
	if (!into->n_clients) {
		into->clients = part->clients;
		into->n_clients = part->n_clients;
		return 0;
	}
	all = concatenate(
	    into->clients, into->n_clients, part->clients, part->n_clients, sizeof(*all), arena);
	if (!all)
		return -ENOMEM;
	into->clients = all;
	into->n_clients = wire_sum_clients(all, into->n_clients + part->n_clients);
	return 0;
}

static int join_handshakes(
    struct wire_window *into, const struct wire_window *part, struct arena *arena)
{
	const size_t n = into->n_client_rtts + part->n_client_rtts;
	struct wire_client_rtt *all;
	size_t kept = 0;

	if (!part->n_client_rtts)
		return 0;
	if (!into->n_client_rtts) {
		into->client_rtts = part->client_rtts;
		into->n_client_rtts = part->n_client_rtts;
		return 0;
	}
	all = concatenate(into->client_rtts, into->n_client_rtts, part->client_rtts,
	    part->n_client_rtts, sizeof(*all), arena);
	if (!all)
		return -ENOMEM;
	qsort(all, n, sizeof(*all), compare_rtts);
	for (size_t i = 0; i < n; i++) {
		struct wire_client_rtt *last = kept ? &all[kept - 1] : NULL;

		if (!last || compare_rtts(last, &all[i]) != 0) {
			all[kept++] = all[i];
			continue;
		}
		last->count += all[i].count;
		last->sum_us += all[i].sum_us;
		if (all[i].min_us < last->min_us)
			last->min_us = all[i].min_us;
	}
	into->client_rtts = all;
	into->n_client_rtts = kept;
	return 0;
}

static int join_histogram(
    struct wire_window *into, const struct wire_window *part, struct arena *arena)
{
	struct wire_rtt *sum;

	if (!part->rtt || !into->rtt) {
		into->rtt = into->rtt ? into->rtt : part->rtt;
		return 0;
	}
	sum = arena_alloc(arena, sizeof(*sum));
	if (!sum)
		return -ENOMEM;
	*sum = *into->rtt;
	for (int family = 0; family < 2; family++)
		for (size_t bin = 0; bin < WIRE_RTT_BINS; bin++)
			sum->bins[family][bin] += part->rtt->bins[family][bin];
	into->rtt = sum;
	return 0;
}

int wire_join_clients(struct wire_window *into, const struct wire_window *part, struct arena *arena)
{
	struct wire_window joined = *into;
	int r = join_messages(&joined, part, arena);

	if (r == 0)
		r = join_handshakes(&joined, part, arena);
	if (r == 0)
		r = join_histogram(&joined, part, arena);
	if (r == 0)
		*into = joined;
	return r;
}

/* -- interfaces */

static int add_rares(struct wire_rares *into, const struct wire_rares *part, struct arena *arena)
{
	struct wire_rare *all;
	size_t a = 0, b = 0, n = 0;

	if (!part->n)
		return 0;
	all = arena_alloc(arena, (into->n + part->n) * sizeof(*all));
	if (!all)
		return -ENOMEM;
	while (a < into->n || b < part->n) {
		const bool from_part =
		    a == into->n || (b < part->n && part->items[b].code < into->items[a].code);

		all[n] = from_part ? part->items[b++] : into->items[a++];
		if (!from_part && b < part->n && part->items[b].code == all[n].code) {
			all[n].messages += part->items[b].messages;
			all[n].left_out += part->items[b++].left_out;
		}
		n++;
	}
	*into = (struct wire_rares){.items = all, .n = n};
	return 0;
}

static int add_interface(
    struct wire_interface *into, const struct wire_interface *part, struct arena *arena)
{
	uint64_t *sums = (uint64_t *)into->counters;
	const uint64_t *counts = (const uint64_t *)part->counters;
	int r = add_rares(&into->qtypes, &part->qtypes, arena);

	if (r == 0)
		r = add_rares(&into->rcodes, &part->rcodes, arena);
	/* Structures of u64 alone. */
	for (size_t i = 0; i < COUNTER_WORDS; i++)
		sums[i] += counts[i];
	into->mode = part->mode;
	into->egress = part->egress;
	return r;
}

int wire_join_interfaces(
    struct wire_window *into, const struct wire_window *part, struct arena *arena)
{
	struct wire_interface *all = concatenate(
	    into->interfaces, into->n_interfaces, NULL, part->n_interfaces, sizeof(*all), arena);
	size_t n = into->n_interfaces;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < part->n_interfaces; i++) {
		const struct wire_interface *from = &part->interfaces[i];
		size_t row = 0;

		while (row < n && strcmp(all[row].name, from->name) != 0)
			row++;
		if (row == n)
			all[n++] = *from;
		else if (add_interface(&all[row], from, arena) < 0)
			return -ENOMEM;
	}
	into->interfaces = all;
	into->n_interfaces = n;
	return 0;
}

/* -- all of it */

int wire_join(struct wire_window *into, const struct wire_window *part, struct arena *arena)
{
	struct wire_window joined = *into;
	int r = wire_join_interfaces(&joined, part, arena);

	if (r == 0)
		r = wire_join_clients(&joined, part, arena);
	if (r < 0)
		return r;
	joined.watched |= part->watched;
	joined.whole &= part->whole;
	if (part->watched && part->flip_start_ns > joined.flip_start_ns)
		joined.flip_start_ns = part->flip_start_ns;
	if (part->watched && part->flip_end_ns > joined.flip_end_ns)
		joined.flip_end_ns = part->flip_end_ns;
	joined.missed += part->missed;
	joined.known |= part->known;
	if (part->mark)
		joined.mark = part->mark;
	*into = joined;
	return 0;
}
