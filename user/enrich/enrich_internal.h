/* SPDX-License-Identifier: BSD-2-Clause */
/* The resolvers' keeper (enrich/enrich.h), for its own files: its life, and what a window is to it.
 */
#ifndef CROSSTAP_ENRICH_ENRICH_INTERNAL_H
#define CROSSTAP_ENRICH_ENRICH_INTERNAL_H

#include "enrich/clients.h"
#include "enrich/enrich.h"
#include "enrich/live.h"

struct enrich {
	struct config *config;
	struct geo *geo;
	struct resolvers *resolvers;
	struct resolvers
	    *waiting; /* handshakes of who is not in the table: until the window's end */
	struct breakdown *breakdown;
	struct admission *admission;
	struct live *live; /* NULL: replay */
	struct zone_clients clients;
	struct trait_limits traits;
	int64_t day; /* of the window */
	const struct enrich_window *window;
	uint32_t *missing; /* slots of sources that are not in the table of resolvers */
	size_t n_missing, missing_room;
	bool many_zones; /* the window's clients are judged once they are learned in each */
	uint32_t now_s, valid_s;
	uint64_t save_due_ns; /* monotonic; 0: not yet set */
	bool started;
};

/* The round-trip time, where it still says something in this window; else 0. */
uint32_t enrich_recent(const struct enrich *enrich, uint32_t rtt_us, uint32_t measured_s);
/* Country and AS, where they are not those of the databases in use. */
void enrich_look_up(struct enrich *enrich, struct resolver *resolver);
void enrich_save_when_due(struct enrich *enrich);

#endif
