/* SPDX-License-Identifier: BSD-2-Clause */
/* The dataset `addresses` of a view: inside stats/. */
#ifndef CROSSTAP_STATS_VIEW_ADDRESSES_H
#define CROSSTAP_STATS_VIEW_ADDRESSES_H

#include "stats/view.h"

/* Ranks networks and clients into the zones' views; `by_zone` has these by number, NULL where there
 * is none. -ENOMEM: some are missing. */
int view_addresses(struct zone_view **by_zone, size_t n_zones, const struct shard *total,
    const struct view_limits *limits, const struct hash_seed *seed, struct arena *arena);

#endif
