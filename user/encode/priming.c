/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/priming.h"

static const struct cell *cell_of(
    const struct zone_view *zone, enum margin margin, unsigned direction, unsigned transport)
{
	return margin_at(
	    &zone->margins[margin], zone->zone, margin, direction, transport, FAMILY_IPV4, 0);
}

bool priming_row(const struct zone_view *zone, unsigned transport, struct priming_row *ret)
{
	const struct cell *queries = cell_of(zone, MARGIN_PRIMING, DIR_QUERY, transport);
	const struct cell *responses = cell_of(zone, MARGIN_PRIMING, DIR_RESPONSE, transport);
	const struct margin_slice sizes =
	    margin_of_transport(&zone->margins[MARGIN_PRIMING_SIZE], DIR_QUERY, transport);

	if (!queries->count && !responses->count)
		return false;
	*ret = (struct priming_row){
	    .queries = queries->count,
	    .queries_do = cell_of(zone, MARGIN_PRIMING_DO, DIR_QUERY, transport)->count,
	    .responses = responses->count,
	    .response_bytes = responses->amount,
	    .responses_tc = cell_of(zone, MARGIN_PRIMING_TC, DIR_RESPONSE, transport)->count,
	};
	for (size_t i = 0; i < sizes.n; i++)
		ret->query_sizes[margin_value(sizes.cells[i].key) % EDNS_SIZE_COUNT] =
		    sizes.cells[i].count;
	return true;
}
