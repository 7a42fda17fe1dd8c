/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the query that a response answers, for producers whose responses carry no query_time: the
 * newest unanswered query of the same protocol, client address, port and id, at most
 * PAIRING_MAX_AGE_NS older. Sets of four entries, one cache line each; a full set loses its oldest.
 */
#ifndef CROSSTAP_STATS_PAIRING_H
#define CROSSTAP_STATS_PAIRING_H

#include "zones/zones.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAIRING_MAX_AGE_NS (10 * 1000000000LL)
#define PAIRING_LEAST_SETS 1024  /* 64 KiB */
#define PAIRING_MOST_SETS  16384 /* 1 MiB */
/* Beside a zone's number: the query's time is none that the producer told. */
#define PAIRING_UNTIMED 0x8000u

struct pairing;

int pairing_new(struct pairing **ret);
void pairing_free(struct pairing *pairing);
/* `hash` is keyed and covers protocol, address, port and id; 48 bits of it stand for them. */
void pairing_prefetch(const struct pairing *pairing, uint64_t hash);
/* `zone`: a number, also with PAIRING_UNTIMED. */
void pairing_put(struct pairing *pairing, uint64_t hash, uint16_t zone, int64_t time_ns);
/* True if there is a query: it is taken out. The zone is as it was put. */
bool pairing_take(struct pairing *pairing, uint64_t hash, int64_t time_ns, int64_t *ret_query_ns,
    uint16_t *ret_zone);
/* Queries of zones that are not among `numbers` (all, if NULL) are of zone `other` from now on. Not
 * on a frame's way. */
void pairing_relabel(struct pairing *pairing, const struct zone_numbers *numbers, uint16_t other);
/* Queries that had to go while they could still have been answered, since the start. */
uint64_t pairing_evicted(const struct pairing *pairing);
/* Doubles where queries were evicted since the last call. Not on a frame's way. */
void pairing_grow(struct pairing *pairing);

#endif
