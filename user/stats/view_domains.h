/* SPDX-License-Identifier: BSD-2-Clause */
/* The domains of a closed window, ranked. Inside stats/ only. */
#ifndef CROSSTAP_STATS_VIEW_DOMAINS_H
#define CROSSTAP_STATS_VIEW_DOMAINS_H

#include "stats/view.h"

/* Fills `domains` and `n_domains` of zones, whose sources are counted; `by_zone`: the first
 * `n_zones` numbers' views or NULL. Names stay the table's. -ENOMEM. */
int view_domains(struct zone_view *const *by_zone, size_t n_zones, const struct domains *domains,
    const struct view_limits *limits, struct arena *arena);

#endif
