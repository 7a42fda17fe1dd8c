/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What wire and cross-check have counted since the start, for readers that want counters which only
 * grow: the rows of the table of what is measured, added up by it (measure_add()). Written by the
 * report, read by HTTP; a lock of its own.
 */
#ifndef CROSSTAP_MEASURE_WIRE_TOTALS_H
#define CROSSTAP_MEASURE_WIRE_TOTALS_H

#include "crosscheck/crosscheck.h"
#include "measure/rows.h"

/* More than a host has; one that is gone makes room for a new one. */
#define WIRE_TOTALS_INTERFACES 64

struct wire_totals_interface {
	char name[WIRE_NAME_BYTES]; /* empty: free */
	const char *mode;           /* NULL: gone */
	bool egress;                /* outbound packets were seen */
	struct wire_cell cells[WIRE_DIRECTIONS][WIRE_TRANSPORTS][CROSSCHECK_FAMILIES];
};

struct wire_totals_row {
	bool known; /* the wire was watched: `sums` means something */
	struct crosscheck_point sums;
	uint64_t missing, surplus; /* differences above and below 0 */
};

struct wire_totals_data {
	bool judged; /* a window was held against the other witness */
	enum verdict verdict;
	bool responses; /* rows of responses have been compared */
	bool timed;     /* handshakes are */
	struct wire_totals_interface interfaces[WIRE_TOTALS_INTERFACES];
	struct wire_rtt rtt;
	struct tcp_rtt_row handshakes[CROSSCHECK_FAMILIES]; /* counts only */
	struct wire_totals_row rows[CROSSCHECK_DIRECTIONS][CROSSCHECK_TRANSPORTS]
				   [CROSSCHECK_FAMILIES];
	struct funnel_row funnel;
	uint32_t funnel_ever, funnel_now; /* what any window, and the last one, knew of it */
};

struct wire_totals;

/* -ENOMEM. */
int wire_totals_new(struct wire_totals **ret);
void wire_totals_free(struct wire_totals *totals);
/* Adds a window; of windows in which a witness came or went, not the differences. */
void wire_totals_add(struct wire_totals *totals, const struct wire_window *wire,
    const struct crosscheck_result *result);
/* Any thread: a copy to free(). -ENOMEM. */
int wire_totals_copy(struct wire_totals *totals, struct wire_totals_data **ret);

#endif
