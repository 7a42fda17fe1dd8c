/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What wire and cross-check have counted since the start, for readers that want counters which only
 * grow: the rows of the table of what is measured, added up by it (measure_add()). Written by the
 * report, read by HTTP; a lock of its own.
 */
#ifndef CROSSTAP_MEASURE_WIRE_TOTALS_H
#define CROSSTAP_MEASURE_WIRE_TOTALS_H

#include "config/config.h"
#include "crosscheck/crosscheck.h"
#include "measure/rows.h"

/* More than a host has; one that is gone makes room for a new one. */
#define WIRE_TOTALS_INTERFACES 64

/* Messages by code. A client chooses query types: those of its own making, and what finds no room,
 * are counted together from WIRE_TOTALS_OWN on. */
#define WIRE_TOTALS_CODES 192 /* more than IANA has assigned query types or rcodes */
#define WIRE_TOTALS_OWN   32
struct wire_totals_codes {
	struct {
		uint16_t code;
		uint64_t messages;
	} items[WIRE_TOTALS_CODES];
	size_t n, n_own; /* n_own of these are not assigned */
	uint64_t other;
};

/* Sizes: upper bounds of buckets in bytes, each the last byte of a bin of RSSAC002. */
#define WIRE_TOTALS_SIZES(X)                                                                       \
	X(31)                                                                                      \
	X(47)                                                                                      \
	X(63)                                                                                      \
	X(79)                                                                                      \
	X(95)                                                                                      \
	X(127)                                                                                     \
	X(191)                                                                                     \
	X(255)                                                                                     \
	X(383)                                                                                     \
	X(511)                                                                                     \
	X(767)                                                                                     \
	X(1023)                                                                                    \
	X(1231)                                                                                    \
	X(1407)                                                                                    \
	X(2047)                                                                                    \
	X(4095)
#define WIRE_TOTALS_ONE_(bound) +1
enum { WIRE_TOTALS_BUCKETS = 0 WIRE_TOTALS_SIZES(WIRE_TOTALS_ONE_) };
#undef WIRE_TOTALS_ONE_
struct wire_totals_sizes {
	uint64_t counts[WIRE_TOTALS_BUCKETS + 1]; /* not cumulative; the last one is +Inf */
	double bytes;                             /* by the middles of the bins */
};

struct wire_totals_interface {
	char name[WIRE_NAME_BYTES]; /* empty: free */
	const char *mode;           /* NULL: gone */
	enum wire_mode best;        /* that it was ever watched in; WIRE_AUTO: none yet */
	bool egress;                /* outbound packets were seen */
	struct wire_cell cells[WIRE_DIRECTIONS][WIRE_TRANSPORTS][CROSSCHECK_FAMILIES];
	struct wire_totals_codes qtypes, rcodes;
	uint64_t opcodes[WIRE_OPCODES];
	uint64_t malformed[WIRE_DIRECTIONS][WIRE_REASONS];
	struct wire_totals_sizes sizes[WIRE_DIRECTIONS][WIRE_SIZE_TRANSPORTS];
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
/* How many interfaces of the last window are watched in a worse mode than they should be: than
 * `wanted` (wire.mode); where that is auto, by packet sockets or not at all, or in a worse mode
 * than once since the start. */
unsigned wire_totals_stepped_down(struct wire_totals *totals, enum wire_mode wanted);
/* Any thread: a copy to free(). -ENOMEM. */
int wire_totals_copy(struct wire_totals *totals, struct wire_totals_data **ret);

#endif
