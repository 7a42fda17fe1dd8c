/* SPDX-License-Identifier: BSD-2-Clause */
/* The way of a query over UDP from the NIC to its answer, and at which stage of it queries were
 * lost. Inside crosscheck/ only. */
#ifndef CROSSTAP_CROSSCHECK_FUNNEL_H
#define CROSSTAP_CROSSCHECK_FUNNEL_H

#include "crosscheck/crosscheck.h"

/*
 * Stack drops that are an upper bound (other packets move those counters, too) explain no more than
 * is missing. What is missing within the boundary may be in the next window: it waits, and as much
 * of the bound with it, until a later window makes good for it or has no neighbours any more.
 */
struct funnel_bound {
	uint64_t credit; /* of the bounds so far, what may still explain something */
	int64_t waiting; /* missing so far and not explained, within the boundary; signed */
};

/*
 * Messages that wait in the sockets have not been logged yet. How many they are the kernel does not
 * say, only what memory they are charged with, and that depends on the driver: so as many as are
 * missing, within what this memory can hold. None where there is none. Of datagrams whose further
 * fragments have not come the kernel does not say whose they are: as many as are missing.
 */
struct funnel_queue {
	bool begun;
	int64_t messages;
	uint64_t more, fewer; /* than `messages`, of what this memory can hold */
};

/*
 * Frames without the message do not say whether it was malformed. Of windows with such frames: so
 * many of the wire's malformed queries were not logged as are missing, summed so that what counts
 * next door comes back.
 */
struct funnel_malformed {
	int64_t missing;         /* not explained otherwise */
	int64_t most, explained; /* malformed on the wire and not in dnstap; of these */
};

struct funnel_state {
	struct funnel_malformed malformed;
	struct funnel_bound bound;
	struct funnel_queue queue;
};

/* Fills all of result->funnel but the balance from result->rows and the wire's stages. *state goes
 * from window to window, zeros at first. */
void funnel_make(struct crosscheck_result *result, const struct wire_window *wire,
    const struct crosscheck_dnstap *dnstap, int64_t not_logged, struct funnel_state *state);
/* The dnstap side alone, where there is no wire. */
void funnel_make_blind(struct crosscheck_result *result, const struct crosscheck_dnstap *dnstap);

#endif
