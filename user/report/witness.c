/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/witness.h"

#include <errno.h>
#include <string.h>

static void put_counts(crosscheck_counts counts, const struct margin_slice *slice)
{
	for (size_t i = 0; i < slice->n; i++) {
		const struct cell *cell = &slice->cells[i];
		const unsigned transport = margin_transport(cell->key);

		if (transport < CROSSCHECK_TRANSPORTS)
			counts[margin_direction(cell->key)][transport][margin_family(cell->key)] +=
			    cell->count;
	}
}

int witness_of(struct crosscheck_dnstap *ret, const struct window_view *view, struct arena *arena)
{
	const struct margin_slice *qtypes = &view->compared[MARGIN_COMPARED_QTYPE];
	const struct margin_slice *refused = &view->compared[MARGIN_COMPARED_REFUSED];
	struct crosscheck_code *codes = arena_alloc(arena, (qtypes->n + 1) * sizeof(*codes));
	const struct shard *total = view->total;

	if (!codes)
		return -ENOMEM;
	memset(ret, 0, sizeof(*ret));
	put_counts(ret->messages, &view->compared[MARGIN_COMPARED]);
	put_counts(ret->malformed, &view->compared[MARGIN_COMPARED_MALFORMED]);
	put_counts(ret->late, &view->compared[MARGIN_COMPARED_LATE]);
	put_counts(ret->unknown, &view->compared[MARGIN_COMPARED_UNKNOWN]);
	for (size_t i = 0; i < refused->n; i++)
		ret->refused += margin_transport(refused->cells[i].key) == TRANSPORT_UDP
		    ? refused->cells[i].count
		    : 0;
	for (size_t i = 0; i < qtypes->n; i++)
		codes[i] = (struct crosscheck_code){
		    (uint16_t)margin_value(qtypes->cells[i].key), qtypes->cells[i].count};
	ret->qtypes = codes;
	ret->n_qtypes = qtypes->n;
	ret->displaced = total->late + total->skewed + total->merged + total->lost;
	ret->pace = &total->pace;
	ret->sources = &total->sources;
	return 0;
}
