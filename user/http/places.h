/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The places that HTTP's connections take, so that nobody takes the page away from others.
 * Strangers, loopback and the addresses that have shown the token have places of their own. Where
 * more have come than one kind has places, those go that have been at the same thing for longest,
 * first of the address that has most. Who has only just come has a moment to be read. And whatever
 * a connection is at has a deadline, however slowly it goes on: libmicrohttpd's own timeout begins
 * anew with every byte.
 *
 * libmicrohttpd's threads call all of it, the thread of sweep.h the last function. A connection
 * that has to go is shut down (shutdown(2)), which its thread notices; its place is free when it
 * closes. Times are of CLOCK_MONOTONIC, in nanoseconds.
 */
#ifndef CROSSTAP_HTTP_PLACES_H
#define CROSSTAP_HTTP_PLACES_H

#include "network/peer.h"

#include <stdbool.h>
#include <stdint.h>

#define PLACES_STRANGERS 32
#define PLACES_LOOPBACK  32
#define PLACES_OWNERS    16
/* With those that have only just come, and those that are on their way out. */
#define PLACES_MAX 512
/* Who has been at something for less is left at it: libmicrohttpd takes all that wait in the
 * kernel's queue before it reads any of them. */
#define PLACES_MOMENT_MS 75

/* From the connection to the end of its first request, TLS handshake included. */
#define PLACES_REQUEST_S 10
/* From an answer's end to the end of the next request. */
#define PLACES_NEXT_S 20
/* From a request's end to that of its answer: a slow reader. */
#define PLACES_ANSWER_S 30

/* Who waits for events as they come (event_streams.h) has a place as everybody; of those of a kind
 * so many may do so, and of a stranger's or an owner's address fewer, so that the others are left
 * for requests. 64 in all. */
#define PLACES_STREAMS_STRANGERS 24
#define PLACES_STREAMS_LOOPBACK  28
#define PLACES_STREAMS_OWNERS    12
#define PLACES_STREAMS_ADDRESS   8
#define PLACES_STREAMS           (PLACES_STREAMS_STRANGERS + PLACES_STREAMS_LOOPBACK + PLACES_STREAMS_OWNERS)
/* For what was sent to be taken by the other end; a stream sends something more often. */
#define PLACES_STREAM_S 45

#define PLACES_TRIM_MS  20  /* between looks at who has to go */
#define PLACES_SWEEP_MS 500 /* where nobody has to, but for those that are over their time */

struct places;
struct place;

/* -ENOMEM. */
int places_new(struct places **ret);
/* Takes NULL; no connection is left. */
void places_free(struct places *places);
/* A new connection; the caller's descriptor stays open until place_leave(). Some moments after
 * it, or with places_sweep(), somebody goes where there are too many. NULL: it was shut down,
 * since PLACES_MAX are there. */
struct place *places_take(struct places *places, int fd, const struct peer *peer, uint64_t now_ns);
/* Takes NULL. Before the descriptor is closed. */
void place_leave(struct places *places, struct place *place);
/* Its request has come whole. */
void place_answers(struct places *places, struct place *place, uint64_t now_ns);
/* Its answer is out. */
void place_waits(struct places *places, struct place *place, uint64_t now_ns);
/* Its answer is a stream. False: there are too many, or it has no place. */
bool place_streams(struct places *places, struct place *place, uint64_t now_ns);
/* Its other end has taken what was sent to it so far. */
void place_streamed(struct places *places, struct place *place, uint64_t now_ns);
/* Whoever sent the token from there has places of an owner's from now on. */
void places_remember_owner(struct places *places, const struct peer *peer);
/* Somebody will have to go. */
bool places_crowded(struct places *places);
/* Ends what is over its time, and who is too many. When to be called again, in nanoseconds; 0:
 * nobody is left. */
uint64_t places_sweep(struct places *places, uint64_t now_ns);

#endif
