/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which series a margin's cell belongs to, in points and in /metrics alike: a client must not
 * choose how many there are. Unassigned query types, rcodes, classes and codes are counted
 * together, as are responses by type and rcode, and queries by transport and type, of all but the
 * zone's busiest types of the window and the day.
 */
#ifndef CROSSTAP_MEASURE_BOUNDED_H
#define CROSSTAP_MEASURE_BOUNDED_H

#include "measure/unassigned.h"
#include "stats/view.h"

#define BOUNDED_TYPES BUSY_KEPT

struct bounded {
	struct unassigned *unassigned; /* NULL: everything keeps its number */
	int64_t time_ms;
	struct cell types[BOUNDED_TYPES]; /* of MARGIN_QTYPE_RESPONSES, most responses first */
	size_t n_types;
};

void bounded_make(struct bounded *ret, const struct window_view *view, const struct zone_view *zone,
    struct unassigned *unassigned);
/* The key itself, or the one of all others. */
uint64_t bounded_key(const struct bounded *bounded, uint64_t key);

#endif
