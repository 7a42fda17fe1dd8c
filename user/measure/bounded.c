/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/bounded.h"

#include "stats/facts.h"

/* Of equal counts the smaller type is first: cells are sorted. */
static void offer(struct bounded *bounded, const struct cell *cell)
{
	struct cell *types = bounded->types;
	size_t at;

	if (bounded->n_types < BOUNDED_TYPES)
		at = bounded->n_types++;
	else if (types[BOUNDED_TYPES - 1].count < cell->count)
		at = BOUNDED_TYPES - 1;
	else
		return;
	for (; at > 0 && types[at - 1].count < cell->count; at--)
		types[at] = types[at - 1];
	types[at] = *cell;
}

static bool keeps_type(const struct bounded *bounded, uint32_t type)
{
	return type < KEY_OTHER &&
	    (!bounded->unassigned ||
		unassigned_keeps(bounded->unassigned, bounded->time_ms, (uint16_t)type));
}

/* Of the busiest of the window those that are the day's, too. */
static void keep_busy(struct bounded *bounded, uint16_t zone)
{
	size_t n = 0;

	for (size_t i = 0; i < bounded->n_types; i++) {
		const uint32_t type = margin_value(bounded->types[i].key);

		if (!bounded->unassigned ||
		    (keeps_type(bounded, type) &&
			unassigned_busy(
			    bounded->unassigned, bounded->time_ms, zone, (uint16_t)type)))
			bounded->types[n++] = bounded->types[i];
	}
	bounded->n_types = n;
}

void bounded_make(struct bounded *ret, const struct window_view *view, const struct zone_view *zone,
    struct unassigned *unassigned)
{
	const struct margin_slice *slice = &zone->margins[MARGIN_QTYPE_RESPONSES];

	*ret = (struct bounded){.unassigned = unassigned, .time_ms = view->span.time_ms};
	for (size_t i = 0; i < slice->n; i++) {
		if (margin_value(slice->cells[i].key) != KEY_OTHER)
			offer(ret, &slice->cells[i]);
	}
	keep_busy(ret, zone->zone);
}

static bool is_busy(const struct bounded *bounded, uint32_t type)
{
	for (size_t i = 0; i < bounded->n_types; i++) {
		if (margin_value(bounded->types[i].key) == type)
			return true;
	}
	return false;
}

static bool keeps_rcode(const struct bounded *bounded, uint32_t rcode)
{
	return !bounded->unassigned ||
	    (rcode < KEY_OTHER &&
		unassigned_keeps_rcode(bounded->unassigned, bounded->time_ms, (uint16_t)rcode));
}

/* Each of the two as it may be by itself. */
static uint64_t bounded_pair(const struct bounded *bounded, uint64_t key)
{
	const uint32_t type = key_qtype(margin_value(key)), rcode = key_rcode(margin_value(key));

	return margin_key(margin_zone(key), MARGIN_QTYPE_RCODE, 0, 0, 0,
	    key_qtype_rcode(is_busy(bounded, type) ? type : KEY_OTHER,
		keeps_rcode(bounded, rcode) ? rcode : KEY_RCODE_OTHER));
}

static uint64_t bounded_rcode_size(const struct bounded *bounded, uint64_t key)
{
	const uint32_t value = margin_value(key);

	return keeps_rcode(bounded, key_size_rcode(value))
	    ? key
	    : margin_key(margin_zone(key), MARGIN_RCODE_SIZE, 0, 0, 0,
		  key_rcode_size(KEY_RCODE_OTHER, key_size_of(value)));
}

static bool keeps(const struct bounded *bounded, uint64_t key)
{
	const uint32_t value = margin_value(key);

	switch (margin_kind(key)) {
	case MARGIN_QTYPE:
	case MARGIN_QTYPE_RESPONSES:
		return keeps_type(bounded, value);
	case MARGIN_TRANSPORT_QTYPE:
		return is_busy(bounded, value);
	case MARGIN_RCODE:
		return keeps_rcode(bounded, value);
	case MARGIN_CLASS:
	case MARGIN_EDE:
		return !bounded->unassigned || facts_is_assigned(key, NULL);
	default:
		return true;
	}
}

uint64_t bounded_key(const struct bounded *bounded, uint64_t key)
{
	if (margin_kind(key) == MARGIN_QTYPE_RCODE)
		return bounded_pair(bounded, key);
	if (margin_kind(key) == MARGIN_RCODE_SIZE)
		return bounded_rcode_size(bounded, key);
	return keeps(bounded, key) ? key : facts_other_key(key);
}
