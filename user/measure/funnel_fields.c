/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/funnel_fields.h"

#include <assert.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

size_t funnel_fields(const struct crosscheck_result *result, struct funnel_field ret[FUNNEL_FIELDS])
{
	const struct crosscheck_funnel *funnel = &result->funnel;
	const uint32_t known = result->wire ? funnel->known : 0;
	const struct {
		const char *name;
		bool known;
		int64_t value;
	} all[] = {
	    {"nic_drops", known & WIRE_KNOWS_NIC_DROPS, (int64_t)funnel->nic_drops},
	    {"wire_queries", result->wire, (int64_t)funnel->wire_queries},
	    {"stack_drops", known & WIRE_KNOWS_STACK_DROPS, (int64_t)funnel->stack_drops},
	    {"socket_drops", known & WIRE_KNOWS_SOCKETS, (int64_t)funnel->socket_drops},
	    {"queued", known & WIRE_KNOWS_SOCKETS, funnel->queued},
	    {"malformed", result->wire, funnel->malformed},
	    {"not_logged", result->wire, funnel->not_logged},
	    {"dnstap_queries", true, (int64_t)funnel->dnstap_queries},
	    {"explained", result->wire, funnel->explained},
	    {"unexplained", result->wire, funnel->unexplained},
	    {"boundary", result->wire, (int64_t)funnel->boundary},
	    {"balance", funnel->balanced, funnel->balance},
	    {"dnstap_responses", true, (int64_t)funnel->dnstap_responses},
	    {"wire_responses", result->wire && result->responses, (int64_t)funnel->wire_responses},
	    {"tx_drops", known & WIRE_KNOWS_TX_DROPS, (int64_t)funnel->tx_drops},
	    {"unanswered", result->wire && result->responses, funnel->unanswered},
	    {"listen_overflows", known & WIRE_KNOWS_LISTEN, (int64_t)funnel->listen_overflows},
	    {"corrected", result->wire, funnel->corrected},
	    {"corrected_low", result->wire, funnel->corrected_low},
	    {"corrected_high", result->wire, funnel->corrected_high},
	};
	size_t n = 0;

	static_assert(ARRAY_SIZE(all) == FUNNEL_FIELDS, "FUNNEL_FIELDS");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i].known)
			ret[n++] = (struct funnel_field){all[i].name, all[i].value};
	}
	return n;
}
