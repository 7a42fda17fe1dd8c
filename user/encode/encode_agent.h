/* SPDX-License-Identifier: BSD-2-Clause */
/* The agent's own points: crosstap, crosstap_input, crosstap_event. */
#ifndef CROSSTAP_ENCODE_ENCODE_AGENT_H
#define CROSSTAP_ENCODE_ENCODE_AGENT_H

#include "report/board.h"
#include "encode/points.h"

void encode_agent(struct points *points, int64_t time_ms, const struct agent_figures *figures);
/* `before`: the same inputs' counters at the window before; NULL for one that is new. */
void encode_input(struct points *points, int64_t time_ms, int64_t now_ns,
    const struct report_input *input, const struct dnstap_stats *before);
void encode_event(struct points *points, int64_t time_ms, const char *kind, const char *text);

/* Resident memory of this process; 0 where /proc does not say. */
uint64_t agent_rss_bytes(void);

#endif
