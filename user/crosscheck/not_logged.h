/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each producer keeps from dnstap, and how far its clock is from the packet's arrival. From
 * running Knot 3.2, NSD 4.6, BIND 9.18, Unbound 1.17, dnsdist 1.7 and PowerDNS Recursor 4.8 with
 * each kind of query.
 */
#ifndef CROSSTAP_CROSSCHECK_NOT_LOGGED_H
#define CROSSTAP_CROSSCHECK_NOT_LOGGED_H

#include "wire/window/window.h"

enum producer {
	PRODUCER_OTHER,      /* taken to log everything */
	PRODUCER_KNOT,       /* mod-dnstap in the default template: every query */
	PRODUCER_KNOT_ZONES, /* mod-dnstap at zones: only what belongs to them */
	PRODUCER_NSD,
	PRODUCER_BIND,
	PRODUCER_UNBOUND,
	PRODUCER_DNSDIST,
	PRODUCER_RECURSOR,
	PRODUCERS
};

/* By Dnstap.version, in the form that each writes by default, compared without case; NULL or
 * something else: PRODUCER_OTHER. Where Knot's module sits no version tells: PRODUCER_KNOT. */
enum producer producer_recognise(const char *version, size_t length);

/* Between a query's arrival and its query_time, as `boundary` reckons with. */
uint64_t producer_lag_ns(enum producer producer);

/*
 * What is known of the producers since they connected; zeroed at first.
 *
 * A module at a zone never logs the answer to a name outside of it: that is what REFUSED on the
 * wire means, without any in dnstap, which shows the other answers well enough. Until it is known,
 * such queries are unexplained; then `not_logged` catches up, so that the sum over windows is that
 * of the classes, whenever it was known. One REFUSED in dnstap says the opposite until the next
 * connection, and what was counted before is taken back in the same way.
 */
struct not_logged {
	bool zones; /* Knot's module sits at zones */
	uint64_t wire_refused, dnstap_refused;
	uint64_t wire_others, dnstap_others; /* answers that a module at zones logs */
	/* Of windows that the balance holds: queries, and what was said of them. */
	uint64_t classes[WIRE_CLASSES];
	int64_t told;
};

/* A window. */
struct not_logged_window {
	const enum producer *producers;
	size_t n_producers;
	const struct wire_window *wire;
	uint64_t dnstap_responses, dnstap_refused; /* compared, over UDP; that say what they hold */
	bool connected; /* anew: somebody in it, what was learned of the old ones is forgotten */
	bool changed;   /* other inputs: nothing is known of them */
	bool balanced;  /* the window adds to the balance */
};

/*
 * Compared, well-formed queries over UDP of classes that none of the producers logs. With several
 * producers nobody can tell whose a query was: a class counts if all of them leave it out. 0
 * without a producer. Where no answers are seen on the wire only queries that tell by themselves.
 */
int64_t not_logged_add(struct not_logged *known, const struct not_logged_window *window);

#endif
