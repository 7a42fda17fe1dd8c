/* SPDX-License-Identifier: BSD-2-Clause */
/* From readings of the kernel side's counters to a window: the arithmetic of stack_drops.c alone.
 */
#ifndef CROSSTAP_WIRE_HOST_STACK_DROPS_COUNT_H
#define CROSSTAP_WIRE_HOST_STACK_DROPS_COUNT_H

#include "wire/host/stack_drops.h"
#include "wire/host/stack_drops_reasons.h"

struct stack_drops_count {
	struct stack_reason reasons[WIRE_DROP_REASONS];
	struct wire_drops now[WIRE_SLOTS]; /* the reading: sums over CPUs */
	uint64_t missed; /* so far: drops that the program was not run for, as one came while it
			    ran on the same CPU */
	/* Of the readings before. */
	struct wire_drops before[WIRE_SLOTS];
	uint64_t missed_before, refused;
	struct stack_drops_twice twice;
	bool begun;
};

/* `now` and `missed` are a reading, after slot `closed` was flipped. -ENOMEM: as if it had not been
 * read. */
int stack_drops_count(struct stack_drops_count *count, uint32_t closed, bool native,
    struct arena *arena, struct stack_drops_window *ret);

#endif
