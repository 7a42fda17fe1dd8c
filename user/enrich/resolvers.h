/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of resolvers across windows: country and AS, the latest round-trip times, and how
 * regularly they ask. One entry for each address, whatever zones it asks for. One thread (the
 * report's) owns it; nothing here is on a frame's way.
 *
 * Memory starts small, doubles as resolvers appear, and is bounded. A full table gives the places
 * of those that stopped asking to newcomers: a clock hand goes round and takes the first entry that
 * was silent for longer than it has earned, which is not at all for one seen in a single window and
 * doubles with each further one, up to 1,023 windows. So a flood of forged sources, each seen once,
 * replaces itself and not the resolvers. Who finds no place is not remembered, nothing else.
 */
#ifndef CROSSTAP_ENRICH_RESOLVERS_H
#define CROSSTAP_ENRICH_RESOLVERS_H

#include "base/hash.h"
#include "geo/geo.h"
#include "stats/traits.h"

#include <stddef.h>
#include <stdint.h>

#define RESOLVER_MAX_CREDIT 10
#define RESOLVER_MAX_RTT_US 60000000u

struct resolver {
	uint64_t address[2]; /* network order bytes; IPv4 in the first four, the rest 0 */
	struct geo_answer geo;
	uint32_t icmp_rtt_us, tcp_rtt_us; /* the latest; 0: none */
	uint32_t icmp_s, tcp_s;           /* when: seconds since 1970 */
	uint32_t window;                  /* the last one in which it asked */
	uint16_t answered;                /* its answered queries of that window, saturating */
	uint8_t family;                   /* 4 or 6 */
	uint8_t credit;                   /* windows in which it asked, less one, saturating */
	struct client_day day;
};
_Static_assert(sizeof(struct resolver) == 80, "a million of them are 80 MB");

/* An entry, and the two slots of the index that it has on average. */
#define RESOLVER_BYTES (sizeof(struct resolver) + 2 * sizeof(uint32_t))

struct resolvers;

/* At most `limit` entries. -ENOMEM. */
int resolvers_new(struct resolvers **ret, size_t limit, const struct hash_seed *seed);
void resolvers_free(struct resolvers *resolvers);
/* A smaller limit forgets the ones that were added last. */
void resolvers_set_limit(struct resolvers *resolvers, size_t limit);

/* Empty again; the memory stays. */
void resolvers_reset(struct resolvers *resolvers);

/* A new window: everybody may be idle. */
void resolvers_begin_window(struct resolvers *resolvers);

/* Three steps, so that several look-ups wait for memory at once: hash, prefetch, later prefetch the
 * entry, later find. */
uint64_t resolvers_hash(
    const struct resolvers *resolvers, const uint64_t address[2], unsigned family);
void resolvers_prefetch(const struct resolvers *resolvers, uint64_t hash);
void resolvers_prefetch_entry(const struct resolvers *resolvers, uint64_t hash);
/* NULL: not known. Pointers are valid until the next resolvers_add(). */
struct resolver *resolvers_find(
    struct resolvers *resolvers, uint64_t hash, const uint64_t address[2], unsigned family);
/* For an address that is not there. NULL: full of resolvers that are not idle, or no memory. */
struct resolver *resolvers_add(
    struct resolvers *resolvers, uint64_t hash, const uint64_t address[2], unsigned family);
/* It asked in this window, and so many of its queries were answered; once for each zone. */
void resolvers_touch(struct resolvers *resolvers, struct resolver *resolver, uint32_t answered);

/* Of a resolver that is known; -ENOENT if not. 0 and more than a minute are no times: -ERANGE. */
int resolvers_set_icmp_rtt(struct resolvers *resolvers, const uint64_t address[2], unsigned family,
    uint32_t rtt_us, uint32_t now_s);
int resolvers_set_tcp_rtt(struct resolvers *resolvers, const uint64_t address[2], unsigned family,
    uint32_t rtt_us, uint32_t now_s);

/* Asked in the present window. */
bool resolvers_is_present(const struct resolvers *resolvers, const struct resolver *resolver);
/* Every answer of a database is to be looked up again. */
void resolvers_forget_geo(struct resolvers *resolvers);

size_t resolvers_count(const struct resolvers *resolvers);
size_t resolvers_limit(const struct resolvers *resolvers);
struct resolver *resolvers_at(struct resolvers *resolvers, size_t i);
uint64_t resolvers_evicted(const struct resolvers *resolvers);
/* Newcomers that found no place. */
uint64_t resolvers_refused(const struct resolvers *resolvers);
size_t resolvers_memory_bytes(const struct resolvers *resolvers);

#endif
