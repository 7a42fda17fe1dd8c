/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/rows.h"

_Static_assert((unsigned)WIRE_KNOWS_SOURCES << 1 <= FUNNEL_KNOWS_WIRE, "bits of their own");

uint32_t wire_cell_known(unsigned transport)
{
	return (transport <= WIRE_TCP ? WIRE_KNOWS_MESSAGES : 0) |
	    (transport != WIRE_UDP ? WIRE_KNOWS_CONNECTIONS : 0) |
	    (transport == WIRE_TCP ? WIRE_KNOWS_STREAMS : 0);
}

uint32_t funnel_row(const struct crosscheck_result *result, struct funnel_row *ret)
{
	*ret = (struct funnel_row){.funnel = result->funnel,
	    .verdict = verdict_name(result->verdict),
	    .complete = !result->incomplete};
	return result->funnel.known | (result->wire ? FUNNEL_KNOWS_WIRE : 0) |
	    (result->responses ? FUNNEL_KNOWS_RESPONSES : 0) |
	    (result->funnel.balanced ? FUNNEL_KNOWS_BALANCE : 0);
}
