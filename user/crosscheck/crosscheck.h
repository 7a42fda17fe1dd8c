/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This room holds one witness against the other, window by window: what the wire saw, what dnstap
 * said, and where the difference went. The report's thread calls it when a window is closed
 * (report/comparison.c), replay once at the end of its input. It is arithmetic alone: it reads no
 * clock, opens nothing and logs nothing.
 *
 * Compared are inbound messages with QR=0 and outbound ones with QR=1 that both witnesses can see;
 * what is left out is decided where messages are counted (wire_count.h, stats/collector.c,
 * stats/margins.c).
 *
 * Between windows the state holds the running balance, what may be on either side of the last
 * window's end, and the horizon that the verdict sums (verdict.h says when a figure counts); its
 * size is fixed by the configuration.
 */
#ifndef CROSSTAP_CROSSCHECK_CROSSCHECK_H
#define CROSSTAP_CROSSCHECK_CROSSCHECK_H

#include "base/arena.h"
#include "base/hash.h"
#include "crosscheck/not_logged.h"
#include "crosscheck/verdict.h"
#include "stats/pace.h"
#include "stats/sources.h"
#include "wire/window/window.h"

#define CROSSCHECK_DIRECTIONS 2 /* enum key_direction, enum wire_direction */
#define CROSSCHECK_TRANSPORTS 2 /* udp, tcp */
#define CROSSCHECK_FAMILIES   2

#define CROSSCHECK_LATEST_FLIP_NS 5000000 /* later, and the window is not complete */

typedef uint64_t crosscheck_counts[CROSSCHECK_DIRECTIONS][CROSSCHECK_TRANSPORTS]
				  [CROSSCHECK_FAMILIES];

struct crosscheck_code {
	uint16_t code;
	uint64_t count;
};

/* Messages of inputs whose scope is server or witness. */
struct crosscheck_dnstap {
	crosscheck_counts messages, malformed, late;
	crosscheck_counts unknown; /* came without the message: of any type, perhaps malformed */
	uint64_t refused;          /* responses over UDP with REFUSED */
	const struct pace *pace;   /* when in the window they came; NULL: evenly */
	uint64_t displaced; /* frames that were counted in another window than their own, or not at
			       all: late, skewed, merged, lost */
	const struct crosscheck_code *qtypes; /* of compared queries, sorted by code */
	size_t n_qtypes;
	const struct sources *sources; /* NULL: none */
};

/* What happened to the dnstap side in this window. */
struct crosscheck_inputs {
	unsigned compared;     /* inputs of scope server or witness */
	unsigned zone;         /* inputs of scope zone */
	unsigned unwatched;    /* of the compared ones: had no producer for a part of the window */
	bool connected;        /* one of the compared ones had a producer at any time */
	bool reconnected;      /* a producer came or went */
	bool from_responses;   /* a compared one has `queries: responses` */
	bool started, stopped; /* the agent, within the window */
	bool reloaded;         /* a new configuration ... */
	bool changed;          /* ... that compares something else than the old one */
	bool clock_set;        /* while the window was open: what it counted may be a neighbour's */
	const enum producer *producers; /* of the compared inputs */
	size_t n_producers;
};

struct crosscheck_row {
	uint64_t wire, dnstap;
	int64_t difference; /* wire - dnstap */
	uint64_t left_out;  /* by the wire */
	uint64_t late;
	uint64_t boundary;
};

struct crosscheck_qtype {
	uint16_t qtype;
	uint64_t wire, dnstap;
	int64_t difference;
};

struct crosscheck_source {
	uint8_t address[16];
	uint8_t length; /* 4 or 16 */
	uint64_t wire, dnstap;
	int64_t difference; /* > 0 */
};

/* Why a window is not complete. */
#define CROSSCHECK_INCOMPLETE(X)                                                                   \
	X(START, "start")                                                                          \
	X(STOP, "stop")                                                                            \
	X(RELOAD, "reload")                                                                        \
	X(CLOCK, "clock-set")                                                                      \
	X(RECONNECT, "reconnect")                                                                  \
	X(NO_INPUT, "no-input")                                                                    \
	X(NO_PRODUCER, "no-producer")                                                              \
	X(RESPONSES, "queries-from-responses")                                                     \
	X(WIRE, "wire")                                                                            \
	X(FLIP, "late-flip")                                                                       \
	X(FRAMES, "late-frames")                                                                   \
	X(SOCKETS, "sockets-changed")
#define CROSSCHECK_INCOMPLETE_(id, name) CROSSCHECK_INCOMPLETE_##id,
enum crosscheck_incomplete {
	CROSSCHECK_INCOMPLETE(CROSSCHECK_INCOMPLETE_) CROSSCHECK_INCOMPLETE_COUNT
};
#undef CROSSCHECK_INCOMPLETE_
const char *crosscheck_incomplete_name(unsigned reason);

/* From the NIC to the answer: UDP over both families. What the wire did not measure is not `known`
 * (enum wire_known) and counts as 0 in the sums. */
struct crosscheck_funnel {
	uint32_t known;
	uint64_t nic_drops, wire_queries, stack_drops, socket_drops;
	int64_t queued, malformed;
	int64_t not_logged; /* negative where it is taken back, see not_logged.h */
	uint64_t dnstap_queries;
	int64_t explained, unexplained;
	uint64_t boundary;
	bool balanced;   /* `balance` has begun */
	int64_t balance; /* see crosscheck_window() */
	uint64_t dnstap_responses, wire_responses;
	uint64_t tx_drops, listen_overflows;
	int64_t unanswered; /* valid if responses are seen */
	int64_t corrected, corrected_low, corrected_high;
};

struct crosscheck_result {
	bool wire;        /* the wire was watched: rows and the funnel but its dnstap side */
	bool responses;   /* it saw outbound messages, too */
	bool counted;     /* the window adds to balance and totals */
	bool stack_bound; /* stack_drops come from counters that other packets move as well */
	struct crosscheck_row rows[CROSSCHECK_DIRECTIONS][CROSSCHECK_TRANSPORTS]
				  [CROSSCHECK_FAMILIES];
	const struct crosscheck_qtype *qtypes; /* sorted by type; none where dnstap does not tell */
	size_t n_qtypes;
	const struct crosscheck_source *sources; /* the most missing queries first */
	size_t n_sources;
	struct crosscheck_funnel funnel;
	uint32_t incomplete; /* 1 << enum crosscheck_incomplete; 0: complete */
	enum verdict verdict, verdict_before;
	struct verdict_sums horizon; /* what the verdict judged */
};

struct crosscheck_options {
	uint64_t interval_ns, horizon_ns;
	size_t top_sources;    /* at most this many in `sources` */
	struct hash_seed seed; /* clients choose their addresses */
	bool whole;            /* replay: one window is all there is: it has no neighbours, and is
				  judged at once */
};

struct crosscheck;
struct crosscheck_next;

/* -ENOMEM. */
int crosscheck_new(struct crosscheck **ret, const struct crosscheck_options *options);
void crosscheck_free(struct crosscheck *crosscheck);
/* Other options; with another interval or horizon what the verdict summed is forgotten, balance and
 * verdict stay. -ENOMEM: nothing has changed. */
int crosscheck_prepare(const struct crosscheck *crosscheck,
    const struct crosscheck_options *options, struct crosscheck_next **ret);
void crosscheck_commit(struct crosscheck *crosscheck, struct crosscheck_next *next);
void crosscheck_next_free(struct crosscheck_next *next); /* takes NULL */

/*
 * Closes a window of `duration_ns`. `wire` NULL: there is none. Lists in *ret live in `arena`.
 *
 * The balance is the running sum of `unexplained`, from the first complete window on. Every later
 * window adds to it but those in which the agent started or stopped, the inputs changed or the wire
 * was lost. -ENOMEM: *ret is not written and the window was not counted.
 */
int crosscheck_window(struct crosscheck *crosscheck, uint64_t duration_ns,
    const struct wire_window *wire, const struct crosscheck_dnstap *dnstap,
    const struct crosscheck_inputs *inputs, struct arena *arena, struct crosscheck_result *ret);

#endif
