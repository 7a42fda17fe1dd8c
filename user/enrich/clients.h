/* SPDX-License-Identifier: BSD-2-Clause */
/* Clients by zone and trait (stats/traits.h) of a window, or of a whole input. */
#ifndef CROSSTAP_ENRICH_CLIENTS_H
#define CROSSTAP_ENRICH_CLIENTS_H

#include "config/config.h"
#include "stats/sources.h"
#include "zones/zones.h"

#include <stddef.h>

/* As the option `clients` has them. */
struct trait_limits client_limits(const struct config *config);

struct zone_clients {
	struct clients *list;
	size_t n, room;
	uint16_t places[ZONES_MAX]; /* by zone, plus 1 */
	uint16_t *zones;            /* of the list */
};

void zone_clients_done(struct zone_clients *clients);
/* Empty; the memory stays. */
void zone_clients_clear(struct zone_clients *clients);
/* -ENOMEM: this one is not counted. */
int zone_clients_add(
    struct zone_clients *clients, uint16_t zone, uint16_t traits, uint64_t queries);
/* Valid until the next zone_clients_add(). NULL: nobody asked. */
const struct clients *zone_clients_find(const struct zone_clients *clients, uint16_t zone);
/* All sources of a table with traits, each judged by what it shows there in any zone. -ENOMEM. */
int zone_clients_of(
    struct zone_clients *ret, const struct sources *sources, const struct trait_limits *limits);

#endif
