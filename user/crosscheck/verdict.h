/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verdict: one word for the last horizon. Windows are summed; a figure counts beyond
 * max(20 messages, 0.1 % of the wire's queries), in two judgements running; the first condition
 * that holds gives the name. All figures are of UDP, so a TCP stream that could not be followed
 * changes no verdict.
 *
 * A difference between the witnesses counts beyond what they may have counted on different sides
 * of the horizon's two edges. Inside of it that cancels out. How much it can be at its end shows in
 * the window after: the second of two judgements holds it against the first. And none counts while
 * the balance is not beyond what it was in the last quiet window before the horizon, of an hour and
 * a horizon at most. So no traffic makes a verdict by its shape, as long as the producer's clock
 * keeps within its lag; and a loss of the threshold's size beyond both edges has its name when the
 * window after it closes, and loses it when a horizon of windows without loss and one more have.
 */
#ifndef CROSSTAP_CROSSCHECK_VERDICT_H
#define CROSSTAP_CROSSCHECK_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#define VERDICT_LEAST      20                     /* messages */
#define VERDICT_SHARE      1000                   /* one in so many queries */
#define VERDICT_TC_SHARE   20                     /* one in so many responses: 5 % */
#define VERDICT_EARLIER_NS (3600ull * 1000000000) /* what the share of TC is held against */
#define VERDICT_WINDOWS    2                      /* the horizon's least */

/* In the order in which they are tried. */
#define VERDICTS(X)                                                                                \
	X(WIRE_BLIND, "wire-blind")                                                                \
	X(DNSTAP_BLIND, "dnstap-blind")                                                            \
	X(PARTIAL, "partial")                                                                      \
	X(STACK_LOSS, "stack-loss")                                                                \
	X(SOCKET_LOSS, "socket-loss")                                                              \
	X(RATE_LIMITED, "rate-limited")                                                            \
	X(SERVER_SILENT, "server-silent")                                                          \
	X(DNSTAP_LOSS, "dnstap-loss")                                                              \
	X(OK, "ok")
#define VERDICT_(id, name) VERDICT_##id,
enum verdict { VERDICTS(VERDICT_) VERDICT_COUNT };
#undef VERDICT_
const char *verdict_name(enum verdict verdict);
/* What it means, as a sentence without its end. */
const char *verdict_meaning(enum verdict verdict);

/* Of a window, or summed over several. */
struct verdict_sums {
	uint64_t windows;
	uint64_t wire_queries, dnstap_queries, stack_drops, socket_drops;
	int64_t explained, unexplained;
	/* Of the windows in which outbound packets were seen. */
	uint64_t queries, responses, tc;
};

/* Between two windows the running sum of `unexplained` may be so many messages above what is lost,
 * or below. */
struct verdict_edge {
	uint64_t above, below;
};

struct verdict_window {
	struct verdict_sums sums; /* zeros but `windows`, where it is not counted */
	bool counted;
	struct verdict_edge start, end; /* `end` as far as the window itself knows */
	bool balanced;
	int64_t balance; /* after it */
};

/* How things stand in the newest window. */
struct verdict_now {
	bool wire;               /* is watching */
	bool connected;          /* a producer is */
	unsigned compared, zone; /* inputs */
};

struct verdicts;

/* -ENOMEM; both in nanoseconds. */
int verdicts_new(struct verdicts **ret, uint64_t interval_ns, uint64_t horizon_ns);
void verdicts_free(struct verdicts *verdicts);

/* Adds a window and judges. Also one that is not counted, where a witness was not there. */
enum verdict verdicts_add(
    struct verdicts *verdicts, const struct verdict_window *window, const struct verdict_now *now);
/* A window that is neither summed nor judged: the last judgement stays. What it hides of its
 * neighbours' edges counts as nothing. */
enum verdict verdicts_skip(struct verdicts *verdicts, const struct verdict_edge *start);
/* The last judgement; VERDICT_OK before the first. */
enum verdict verdicts_last(const struct verdicts *verdicts);
/* So that a new one goes on where an old one was. */
void verdicts_continue(struct verdicts *verdicts, const struct verdicts *from);
/* What it summed. */
const struct verdict_sums *verdicts_horizon(const struct verdicts *verdicts);
/* Judges one sum by itself: all of a replay, which has no edges. There is no earlier hour then, so
 * nothing says whether its share of TC is a high one. */
enum verdict verdict_whole(const struct verdict_sums *sums, const struct verdict_now *now);

#endif
