/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/window/join.h"

#include "wire/window/sum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_rtts(const void *a, const void *b)
{
	const struct wire_client_rtt *x = a, *y = b;

	return memcmp(&x->address, &y->address, sizeof(x->address));
}

static void *concatenate(
    const void *a, size_t n_a, const void *b, size_t n_b, size_t size, struct arena *arena)
{
	uint8_t *all = arena_alloc(arena, (n_a + n_b) * size);

	if (!all)
		return NULL;
	if (n_a)
		memcpy(all, a, n_a * size);
	if (n_b)
		memcpy(all + n_a * size, b, n_b * size);
	return all;
}

static int join_messages(
    struct wire_window *into, const struct wire_window *part, struct arena *arena)
{
	struct wire_client *all;

	if (!part->n_clients)
		return 0;
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
