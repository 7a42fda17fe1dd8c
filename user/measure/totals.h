/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was counted since the start: the margins of all closed windows, for readers that want
 * counters which only grow. Written by the report, read by HTTP; a lock of its own.
 */
#ifndef CROSSTAP_MEASURE_TOTALS_H
#define CROSSTAP_MEASURE_TOTALS_H

#include "measure/unassigned.h"
#include "stats/view.h"

struct totals;

int totals_new(struct totals **ret, const struct hash_seed *seed);
void totals_free(struct totals *totals);
/* Adds a window. -ENOMEM: a part of it is missing. */
int totals_add(
    struct totals *totals, const struct window_view *view, struct unassigned *unassigned);
/* Takes zones out, whose numbers will be others'. -ENOMEM: nothing has changed. */
int totals_forget(struct totals *totals, const struct zone_numbers *zones);

/* The margins that metrics are made of (measure_margin_is_kept()), and what their zones were called
 * when they were copied. */
struct totals_data {
	struct cell *cells; /* sorted */
	size_t n;
	char **labels; /* by number of the zone */
	size_t n_labels;
};

/* -ENOMEM. */
int totals_copy(struct totals *totals, struct totals_data **ret);
void totals_data_free(struct totals_data *data);
const char *totals_data_label(const struct totals_data *data, uint32_t zone);

#endif
