/* SPDX-License-Identifier: BSD-2-Clause */
/* The cross-check of a window as points: crosscheck, crosscheck_qtype, crosscheck_source, funnel.
 */
#ifndef CROSSTAP_ENCODE_ENCODE_CROSSCHECK_H
#define CROSSTAP_ENCODE_ENCODE_CROSSCHECK_H

#include "crosscheck/crosscheck.h"
#include "encode/encode_dns.h"

/* Without a wire there are no rows, and of the funnel what dnstap says, verdict and complete. Of
 * `context`: privacy, unassigned, top_key. */
void encode_crosscheck(struct points *points, int64_t time_ms,
    const struct crosscheck_result *result, const struct encode_context *context);

#endif
