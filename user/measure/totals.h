/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was counted since the start: the margins of all closed windows, for readers that want
 * counters which only grow. Written by the report, read by HTTP; a lock of its own.
 */
#ifndef CROSSTAP_MEASURE_TOTALS_H
#define CROSSTAP_MEASURE_TOTALS_H

#include "measure/unassigned.h"
#include "stats/view.h"

/* Query types past the daily bound of unassigned ones are summed under this value of MARGIN_QTYPE:
 * RFC 6895 reserves 65535, so that it is no type of its own (and is counted here when sent
 * nevertheless). */
#define TOTALS_QTYPE_OTHER 65535

struct totals;

int totals_new(struct totals **ret, const struct hash_seed *seed);
void totals_free(struct totals *totals);
/* Adds a window. -ENOMEM: a part of it is missing. */
int totals_add(
    struct totals *totals, const struct window_view *view, struct unassigned *unassigned);
/* A sorted copy of the margins that metrics are made of (measure_margin_is_kept()); free() it.
 * -ENOMEM. */
int totals_copy(struct totals *totals, struct cell **ret_cells, size_t *ret_n);

#endif
