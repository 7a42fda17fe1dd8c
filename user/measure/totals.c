/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/totals.h"

#include "measure/measurement.h"
#include "stats/margins.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 1024

struct totals {
	pthread_mutex_t lock;
	struct cells margins;
};

int totals_new(struct totals **ret, const struct hash_seed *seed)
{
	struct totals *totals = calloc(1, sizeof(*totals));

	if (!totals)
		return -ENOMEM;
	pthread_mutex_init(&totals->lock, NULL);
	if (cells_init(&totals->margins, FIRST_SLOTS, seed) < 0) {
		totals_free(totals);
		return -ENOMEM;
	}
	*ret = totals;
	return 0;
}

void totals_free(struct totals *totals)
{
	if (!totals)
		return;
	cells_done(&totals->margins);
	pthread_mutex_destroy(&totals->lock);
	free(totals);
}

static uint64_t bounded_key(uint64_t key, int64_t time_ms, struct unassigned *unassigned)
{
	char buffer[MNEMONIC_BYTES];

	if (margin_kind(key) != MARGIN_QTYPE ||
	    strcmp(unassigned_qtype(unassigned, time_ms, (uint16_t)margin_value(key), buffer),
		UNASSIGNED_OTHER) != 0)
		return key;
	return margin_key(margin_zone(key), MARGIN_QTYPE, 0, 0, 0, TOTALS_QTYPE_OTHER);
}

static int add_zone(struct totals *totals, const struct zone_view *zone, int64_t time_ms,
    struct unassigned *unassigned)
{
	for (int margin = 1; margin < MARGIN_COUNT; margin++) {
		const struct margin_slice *slice = &zone->margins[margin];

		if (!measure_margin_is_kept((enum margin)margin))
			continue;
		for (size_t i = 0; i < slice->n; i++) {
			const struct cell *cell = &slice->cells[i];
			int r = margins_add(&totals->margins,
			    bounded_key(cell->key, time_ms, unassigned), cell->count, cell->amount);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

int totals_add(struct totals *totals, const struct window_view *view, struct unassigned *unassigned)
{
	int r = 0;

	pthread_mutex_lock(&totals->lock);
	for (size_t i = 0; i < view->n_zones && r == 0; i++)
		r = add_zone(totals, &view->zones[i], view->span.time_ms, unassigned);
	pthread_mutex_unlock(&totals->lock);
	return r;
}

int totals_copy(struct totals *totals, struct cell **ret_cells, size_t *ret_n)
{
	struct cell *cells;
	size_t n = 0;

	pthread_mutex_lock(&totals->lock);
	cells = malloc((totals->margins.used + 1) * sizeof(*cells));
	for (size_t i = 0; cells && i <= totals->margins.mask; i++) {
		if (totals->margins.slots[i].key)
			cells[n++] = totals->margins.slots[i];
	}
	pthread_mutex_unlock(&totals->lock);
	if (!cells)
		return -ENOMEM;
	qsort(cells, n, sizeof(*cells), cell_compare);
	*ret_cells = cells;
	*ret_n = n;
	return 0;
}
