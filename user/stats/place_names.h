/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The texts of addresses and identities of servers by number: cells of MARGIN_ADDRESS and
 * MARGIN_IDENTITY hold the number. As many as there is room for are kept, the busiest of a window
 * first, for as long as the names are: each makes a series, and what comes later has none. One
 * thread adds, any thread reads.
 */
#ifndef CROSSTAP_STATS_PLACE_NAMES_H
#define CROSSTAP_STATS_PLACE_NAMES_H

#include "stats/places.h"

#define PLACE_NAMES_ADDRESSES  256
#define PLACE_NAMES_IDENTITIES 64

struct place_names;

int place_names_new(struct place_names **ret);
void place_names_free(struct place_names *names);
/* Adds everything in `places` to the margins. -ENOMEM. */
int place_names_fold(struct place_names *names, const struct places *places, struct cells *margins);

/* Of a number that has been given; printable ASCII, there as long as the names are. Without `names`
 * all are `other`. */
const char *place_names_address(const struct place_names *names, uint32_t number);
const char *place_names_identity(const struct place_names *names, uint32_t number);

#endif
