/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/totals.h"
#include "zones/zones.h"

#include "measure/bounded.h"
#include "measure/measurement.h"
#include "stats/facts.h"
#include "stats/margins.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 1024

struct totals {
	pthread_mutex_t lock;
	struct cells margins;
	struct hash_seed seed;
	char *labels[ZONES_MAX]; /* of zones in the margins; below n_labels */
	size_t n_labels;
};

int totals_new(struct totals **ret, const struct hash_seed *seed)
{
	struct totals *totals = calloc(1, sizeof(*totals));

	if (!totals)
		return -ENOMEM;
	pthread_mutex_init(&totals->lock, NULL);
	totals->seed = *seed;
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
	for (size_t i = 0; i < totals->n_labels; i++)
		free(totals->labels[i]);
	pthread_mutex_destroy(&totals->lock);
	free(totals);
}

static int keep_label(struct totals *totals, const struct zone_view *zone)
{
	char **label = &totals->labels[zone->zone];

	if (!*label)
		*label = strdup(zone->label);
	if (!*label)
		return -ENOMEM;
	if (totals->n_labels <= zone->zone)
		totals->n_labels = zone->zone + 1u;
	return 0;
}

static int add_margin(
    struct totals *totals, const struct bounded *bounded, const struct margin_slice *slice)
{
	int r = 0;

	for (size_t i = 0; i < slice->n && r == 0; i++) {
		const struct cell *cell = &slice->cells[i];

		r = margins_add(
		    &totals->margins, bounded_key(bounded, cell->key), cell->count, cell->amount);
	}
	return r;
}

static int add_zone(struct totals *totals, const struct window_view *view,
    const struct zone_view *zone, struct unassigned *unassigned)
{
	struct bounded bounded;
	int r = keep_label(totals, zone);

	bounded_make(&bounded, view, zone, unassigned);
	for (int margin = 1; margin < MARGIN_COUNT && r == 0; margin++) {
		const uint8_t facts = facts_of_margin((enum margin)margin);

		if (measure_margin_is_kept((enum margin)margin) && (facts & view->facts) == facts)
			r = add_margin(totals, &bounded, &zone->margins[margin]);
	}
	return r;
}

int totals_add(struct totals *totals, const struct window_view *view, struct unassigned *unassigned)
{
	int r = 0;

	pthread_mutex_lock(&totals->lock);
	for (size_t i = 0; i < view->n_zones && r == 0; i++)
		r = add_zone(totals, view, &view->zones[i], unassigned);
	pthread_mutex_unlock(&totals->lock);
	return r;
}

/* The margins of all other zones. */
static int leave_out(
    const struct totals *totals, const struct zone_numbers *zones, struct cells *ret)
{
	int r = cells_init(ret, (size_t)totals->margins.mask + 1, &totals->seed);

	if (r < 0)
		return r;
	for (size_t i = 0; i <= totals->margins.mask && r == 0; i++) {
		const struct cell *cell = &totals->margins.slots[i];

		if (cell->key && !zone_numbers_has(zones, margin_zone(cell->key)))
			r = margins_add(ret, cell->key, cell->count, cell->amount);
	}
	if (r < 0)
		cells_done(ret);
	return r;
}

int totals_forget(struct totals *totals, const struct zone_numbers *zones)
{
	struct cells left;
	int r;

	pthread_mutex_lock(&totals->lock);
	r = leave_out(totals, zones, &left);
	if (r == 0) {
		cells_done(&totals->margins);
		totals->margins = left;
	}
	for (uint32_t zone = 0; zone < totals->n_labels && r == 0; zone++) {
		if (!zone_numbers_has(zones, zone))
			continue;
		free(totals->labels[zone]);
		totals->labels[zone] = NULL;
	}
	pthread_mutex_unlock(&totals->lock);
	return r;
}

static int copy_cells(const struct totals *totals, struct totals_data *data)
{
	data->cells = malloc((totals->margins.used + 1) * sizeof(*data->cells));
	if (!data->cells)
		return -ENOMEM;
	for (size_t i = 0; i <= totals->margins.mask; i++) {
		if (totals->margins.slots[i].key)
			data->cells[data->n++] = totals->margins.slots[i];
	}
	return 0;
}

static int copy_labels(const struct totals *totals, struct totals_data *data)
{
	data->labels = calloc(totals->n_labels + 1, sizeof(*data->labels));
	if (!data->labels)
		return -ENOMEM;
	for (; data->n_labels < totals->n_labels; data->n_labels++) {
		const char *label = totals->labels[data->n_labels];

		if (label && !(data->labels[data->n_labels] = strdup(label)))
			return -ENOMEM;
	}
	return 0;
}

int totals_copy(struct totals *totals, struct totals_data **ret)
{
	struct totals_data *data = calloc(1, sizeof(*data));
	int r;

	if (!data)
		return -ENOMEM;
	pthread_mutex_lock(&totals->lock);
	r = copy_cells(totals, data);
	if (r == 0)
		r = copy_labels(totals, data);
	pthread_mutex_unlock(&totals->lock);
	if (r < 0) {
		totals_data_free(data);
		return r;
	}
	qsort(data->cells, data->n, sizeof(*data->cells), cell_compare);
	*ret = data;
	return 0;
}

void totals_data_free(struct totals_data *data)
{
	if (!data)
		return;
	for (size_t i = 0; i < data->n_labels; i++)
		free(data->labels[i]);
	free(data->labels);
	free(data->cells);
	free(data);
}

const char *totals_data_label(const struct totals_data *data, uint32_t zone)
{
	return zone < data->n_labels && data->labels[zone] ? data->labels[zone] : ZONE_OTHER_LABEL;
}
