/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each producer keeps from dnstap, and how far its clock is from the packet's arrival. From
 * running Knot 3.2, NSD 4.6, BIND 9.18, Unbound 1.17, dnsdist 1.7 and PowerDNS Recursor 4.8.
 */
#ifndef CROSSTAP_CROSSCHECK_NOT_LOGGED_H
#define CROSSTAP_CROSSCHECK_NOT_LOGGED_H

#include "crosscheck/wire_window.h"

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

/* Responses with REFUSED since the producer connected. */
struct producer_refused {
	uint64_t wire, dnstap;
};

/*
 * By Dnstap.version, in the form that each writes by default, compared without case; NULL or
 * something else: PRODUCER_OTHER. Where Knot's module sits no version tells; a module at a zone
 * never logs the answer to a name outside of it, so that is what REFUSED on the wire without any in
 * dnstap means.
 */
enum producer producer_recognise(
    const char *version, size_t length, const struct producer_refused *refused);

/* Between a query's arrival and its query_time, as `boundary` reckons with. */
uint64_t producer_lag_ns(enum producer producer);

/*
 * Compared, well-formed queries over UDP of classes that none of these producers logs. With several
 * producers nobody can tell whose a query was: a class counts if all of them leave it out. 0
 * without a producer, or where the wire does not know the classes.
 */
uint64_t not_logged(const enum producer *producers, size_t n, const struct wire_window *wire);

#endif
