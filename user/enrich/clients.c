/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/clients.h"

#include <errno.h>
#include <stdlib.h>

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

int zone_clients_of(
    struct zone_clients *ret, const struct sources *sources, const struct trait_limits *limits)
{
	int r = 0;

	for (size_t i = 0; i < sources->size && r == 0; i++) {
		const struct source *source = sources_slot(sources, i);
		struct client_day day = {0};

		if (!source->transports)
			continue;
		client_day_add(&day, source, sources_traits(source), 0, limits);
		r = zone_clients_add(ret, source_zone(source),
		    client_day_judge(&day, !(source->zone_family & SOURCE_IPV4), limits),
		    source->queries);
	}
	return r;
}
