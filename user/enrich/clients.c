/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/clients.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct trait_limits client_limits(const struct config *config)
{
	return (struct trait_limits){
	    .validating_queries = config->clients.validating_queries,
	    .validating_share = config->clients.validating_share,
	    .least_queries = config->clients.least_queries,
	    .minimising_share = config->clients.minimising_share,
	    .mixed_case_share = config->clients.mixed_case_share,
	    .nxdomain_share = config->clients.nxdomain_share,
	    .letters = (uint8_t)config->clients.mixed_case_letters,
	    .large_edns = (uint16_t)config->clients.large_edns,
	};
}

void zone_clients_done(struct zone_clients *clients)
{
	free(clients->list);
	free(clients->zones);
}

void zone_clients_clear(struct zone_clients *clients)
{
	for (size_t i = 0; i < clients->n; i++)
		clients->places[clients->zones[i]] = 0;
	clients->n = 0;
}

static int make_room(struct zone_clients *clients)
{
	const size_t room = clients->room ? clients->room * 2 : 8;
	struct clients *list = reallocarray(clients->list, room, sizeof(*list));
	uint16_t *zones;

	if (!list)
		return -ENOMEM;
	clients->list = list;
	zones = reallocarray(clients->zones, room, sizeof(*zones));
	if (!zones)
		return -ENOMEM;
	clients->zones = zones;
	clients->room = room;
	return 0;
}

int zone_clients_add(struct zone_clients *clients, uint16_t zone, uint16_t traits, uint64_t queries)
{
	if (!clients->places[zone]) {
		int r = clients->n == clients->room ? make_room(clients) : 0;

		if (r < 0)
			return r;
		clients->list[clients->n] = (struct clients){0};
		clients->zones[clients->n] = zone;
		clients->places[zone] = (uint16_t)++clients->n;
	}
	clients_add(&clients->list[clients->places[zone] - 1], traits, queries);
	return 0;
}

const struct clients *zone_clients_find(const struct zone_clients *clients, uint16_t zone)
{
	const uint16_t place = clients->places[zone];

	return place ? &clients->list[place - 1] : NULL;
}

/* By client; zones in any order. */
static int compare_clients(const void *a, const void *b)
{
	const struct source *x = *(const struct source *const *)a;
	const struct source *y = *(const struct source *const *)b;
	const int family =
	    (y->zone_family & SOURCE_IPV4 ? 1 : 0) - (x->zone_family & SOURCE_IPV4 ? 1 : 0);

	return family ? family : memcmp(x->address, y->address, sizeof(x->address));
}

/* What one client did in `n` zones. */
static int add_client(struct zone_clients *ret, const struct source *const *zones, size_t n,
    const struct trait_limits *limits)
{
	struct client_day day = {0};
	uint16_t traits;
	int r = 0;

	for (size_t i = 0; i < n; i++)
		client_day_add(&day, zones[i], sources_traits(zones[i]), 0, limits);
	traits = client_day_judge(&day, !(zones[0]->zone_family & SOURCE_IPV4), limits);
	for (size_t i = 0; i < n && r == 0; i++)
		r = zone_clients_add(ret, source_zone(zones[i]), traits, zones[i]->queries);
	return r;
}

int zone_clients_of(
    struct zone_clients *ret, const struct sources *sources, const struct trait_limits *limits)
{
	const struct source **list = calloc(sources->size + 1, sizeof(const struct source *));
	size_t n = 0;
	int r = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < sources->size; i++) {
		if (sources_slot(sources, i)->transports)
			list[n++] = sources_slot(sources, i);
	}
	if (sources_have_zones(sources))
		qsort(list, n, sizeof(const struct source *), compare_clients);
	for (size_t i = 0, end; i < n && r == 0; i = end) {
		for (end = i + 1; end < n && compare_clients(&list[i], &list[end]) == 0; end++)
			continue;
		r = add_client(ret, &list[i], end - i, limits);
	}
	free(list);
	return r;
}
