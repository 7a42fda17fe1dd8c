/* SPDX-License-Identifier: BSD-2-Clause */
/* The agent's inputs and outputs as rows of the table of what is measured. */
#ifndef CROSSTAP_REPORT_AGENT_ROWS_H
#define CROSSTAP_REPORT_AGENT_ROWS_H

#include "measure/rows.h"
#include "report/board.h"
#include "sink/sink.h"

/* Resident memory of this process; 0 where /proc does not say. */
uint64_t agent_rss_bytes(void);

/* Of an input, at `now_ns`, since `before`: the same input then; NULL: since the start. */
void input_row_of(const struct report_input *input, const struct report_input *before,
    int64_t now_ns, struct input_row *ret);
/* What of the row is known: INPUT_KNOWS_ bits. */
uint32_t input_row_knows(const struct report_input *input);
/* At `now_ns`. */
void certificate_row_of(
    const struct report_certificate *certificate, int64_t now_ns, struct certificate_row *ret);
/* Of an output, since the start. */
void output_row_of(const struct sink_stats *stats, struct output_row *ret);

#endif
