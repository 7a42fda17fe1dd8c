/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client must not choose how many series there are, nor a producer: of the query types that IANA
 * has not assigned, the first UNASSIGNED_KEPT of a UTC day keep their number, of the rcodes the
 * first RCODES_KEPT, the others are counted together. Where types are combined with something else,
 * BUSY_KEPT types of a zone have series in a UTC day: the busiest ones of its first windows.
 */
#ifndef CROSSTAP_MEASURE_UNASSIGNED_H
#define CROSSTAP_MEASURE_UNASSIGNED_H

#include "measure/mnemonic.h"

#define UNASSIGNED_KEPT  32
#define RCODES_KEPT      3
#define UNASSIGNED_OTHER "other"

#define BUSY_KEPT  20
#define BUSY_LISTS 256 /* zones whose numbers are equal modulo this share one */

struct busy_types {
	uint16_t types[BUSY_KEPT];
	unsigned n;
};

struct unassigned {
	int64_t day; /* since 1970 */
	uint16_t types[UNASSIGNED_KEPT];
	unsigned n;
	uint16_t rcodes[RCODES_KEPT];
	unsigned n_rcodes;
	struct busy_types busy[BUSY_LISTS];
};

/* Whether the type or rcode keeps its number. `time_ms`: of the window. */
bool unassigned_keeps(struct unassigned *unassigned, int64_t time_ms, uint16_t type);
bool unassigned_keeps_rcode(struct unassigned *unassigned, int64_t time_ms, uint16_t rcode);
/* Whether the type is one of its zone's busy ones: to be asked the busiest first. */
bool unassigned_busy(struct unassigned *unassigned, int64_t time_ms, uint16_t zone, uint16_t type);
/* The name, or UNASSIGNED_OTHER. `time_ms`: of the window. */
const char *unassigned_qtype(
    struct unassigned *unassigned, int64_t time_ms, uint16_t type, char buffer[MNEMONIC_BYTES]);
const char *unassigned_rcode(
    struct unassigned *unassigned, int64_t time_ms, uint16_t rcode, char buffer[MNEMONIC_BYTES]);

#endif
