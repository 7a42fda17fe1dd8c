/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who asked, in one window: one entry of 32 bytes for each address and zone, or of 64 with its
 * traits, so that a message of whatever datasets touches one cache line of its client. Of fixed
 * capacity while the window is open; what does not fit goes to the caller's overflow. Entries are
 * exact.
 *
 * A search reads tags, a byte for each slot, eight at a time: of the entries, which are cold where
 * clients are many, it touches none but its own, and that one has been asked for.
 *
 * Bytes of responses stand beside the entries, which are full, but for those that the traits count
 * in any case: whoever does not count them never touches that memory.
 */
#ifndef CROSSTAP_STATS_SOURCES_H
#define CROSSTAP_STATS_SOURCES_H

#include "base/hash.h"
#include "base/prefetch.h"
#include "base/saturate.h"
#include "stats/traits.h"

#include "crosstap/compat.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SOURCE_IPV4 0x8000u /* in zone_family, beside the zone */

struct source {
	uint64_t address[2]; /* network order bytes; IPv4 in the first four, the rest 0 */
	uint16_t zone_family;
	uint16_t transports;                   /* 1 << enum transport; never 0 in use */
	uint32_t queries, responses, nxdomain; /* saturating */
};
_Static_assert(sizeof(struct source) == 32, "two entries a cache line");

struct sources {
	void *slots;     /* struct source each; sources_slot() */
	unsigned shift;  /* an entry has 1 << shift bytes */
	uint8_t *tags;   /* by slot, then the first of them again; sources_tag(), 0: free */
	uint64_t *bytes; /* of responses, by slot, beyond those in the traits */
	bool has_bytes;  /* they are counted */
	bool has_beside; /* some of them are in `bytes`, untouched until then */
	bool has_traits;
	uint32_t size; /* in slots */
	uint32_t used;
	uint32_t limit;
	struct sources *old; /* whose entries have still to come here; NULL: none */
	uint32_t moved;      /* slots of it that have been looked at */
	uint32_t had;        /* entries that it had */
};

/* `slots` is rounded up to a power of two, or to one and a half of one: a table is never twice as
 * large as it has to be. */
int sources_init(struct sources *sources, size_t slots);
/* The next of these sizes. */
size_t sources_next_size(size_t slots);
void sources_done(struct sources *sources);
/* Of an empty table: with traits from now on, or without. -ENOMEM: without. */
int sources_want_traits(struct sources *sources, bool wanted);
/* Up to this size it may grow while its window is open. */
#define SOURCES_GROW_SLOTS (256u << 10)
/* Empty; the next size (within `max_slots`) if it was full; twice as large if it was half full and
 * is too large to grow while the window is open; half as large if it was nearly empty. A large one
 * keeps its pages, the system has those of any other until they are used. */
int sources_clear(struct sources *sources, size_t max_slots);
/* To a size that holds what is there: else -ENOSPC. */
int sources_resize(struct sources *sources, size_t slots, const struct hash_seed *seed);
/* The same while its window is open: its entries come as they are asked for, some more with each
 * sources_go_on(), and the rest by sources_settle(). Until then nobody may read any but with
 * sources_at(). -ENOMEM leaves it as it was. */
int sources_grow(struct sources *sources, size_t slots, const struct hash_seed *seed);
void sources_go_on(struct sources *sources, const struct hash_seed *seed);
void sources_settle(struct sources *sources, const struct hash_seed *seed);
/* Adds every entry of `from`, growing as need be. */
int sources_merge(struct sources *into, const struct sources *from, const struct hash_seed *seed);

/* An IPv4 address as the first half of one: stored and loaded again in other widths it would wait
 * for the store. */
static inline uint64_t source_ipv4(const uint8_t *bytes)
{
	uint32_t v;

	memcpy(&v, bytes, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return v;
#else
	return (uint64_t)v << 32;
#endif
}

static inline uint64_t source_hash(
    const struct hash_seed *seed, const uint64_t address[2], uint16_t zone_family)
{
	return hash_u64x3(seed, address[0], address[1], zone_family);
}

static inline struct source *sources_slot(const struct sources *sources, size_t i)
{
	return (struct source *)((char *)sources->slots + (i << sources->shift));
}

static inline size_t sources_index(const struct sources *sources, const struct source *source)
{
	return (size_t)((const char *)source - (const char *)sources->slots) >> sources->shift;
}

/* What is known of an entry of a table with traits. */
static inline struct source_traits *sources_traits(const struct source *source)
{
	return (struct source_traits *)((char *)source + sizeof(*source));
}

static inline void sources_add_beside(
    struct sources *sources, const struct source *source, uint64_t bytes)
{
	sources->bytes[sources_index(sources, source)] += bytes;
	sources->has_beside = true;
}

/* Of a response that the traits do not count. */
static inline void sources_add_bytes(
    struct sources *sources, const struct source *source, uint64_t bytes)
{
	sources->has_bytes = true;
	sources_add_beside(sources, source, bytes);
}

/* Of one that they do: as much as there is room for in them. */
static inline void sources_add_traits_bytes(
    struct sources *sources, struct source *source, uint32_t bytes)
{
	uint32_t *sum = &sources_traits(source)->response_bytes;
	const uint64_t more = (uint64_t)*sum + bytes;

	*sum = (uint32_t)more;
	if (__builtin_expect(more > UINT32_MAX, 0)) {
		*sum = UINT32_MAX;
		if (sources->has_bytes)
			sources_add_beside(sources, source, more - UINT32_MAX);
	}
}

/* Where they are counted. */
static inline uint64_t sources_bytes(const struct sources *sources, const struct source *source)
{
	return (sources->has_beside ? sources->bytes[sources_index(sources, source)] : 0) +
	    (sources->has_traits ? sources_traits(source)->response_bytes : 0);
}

/* Where the search for a hash begins: as far into the table as the lower half of the hash is into
 * its range. */
static inline uint32_t sources_home(const struct sources *sources, uint64_t hash)
{
	return (uint32_t)((hash & UINT32_MAX) * sources->size >> 32);
}

static inline uint32_t sources_after(const struct sources *sources, uint32_t at)
{
	return at + 1 == sources->size ? 0 : at + 1;
}

/* Of an entry in use. */
static inline uint8_t sources_tag(uint64_t hash)
{
	return (uint8_t)(0x80 | hash >> 57);
}

#define SOURCES_TAGS 8 /* read at a time */

/* The first slot from `at` on whose tag is this one, or that is free. */
static inline uint32_t sources_seek(const struct sources *sources, uint32_t at, uint8_t tag)
{
	const uint64_t ones = 0x0101010101010101, tops = ones << 7;

	for (;; at += SOURCES_TAGS) {
		uint64_t tags, others, found;

		at -= at >= sources->size ? sources->size : 0;
		tags = ct_load_le64(sources->tags + at);
		/* The top bits of bytes that are 0: of the lowest, and perhaps of some above it. */
		others = tags ^ tag * ones;
		found = ((others - ones) & ~others & tops) | (~tags & tops);
		if (found) {
			at += (uint32_t)__builtin_ctzll(found) / 8;
			return at - (at >= sources->size ? sources->size : 0);
		}
	}
}

static inline void sources_prefetch_tags(const struct sources *sources, uint64_t hash)
{
	prefetch_write(&sources->tags[sources_home(sources, hash)]);
}

/* Once the tags have come: the entry of the hash, or what may be it. */
static inline uint32_t sources_guess(const struct sources *sources, uint64_t hash)
{
	return sources_seek(sources, sources_home(sources, hash), sources_tag(hash));
}

static inline bool sources_is_of(
    const struct source *source, const uint64_t address[2], uint16_t zone_family)
{
	return source->address[0] == address[0] && source->address[1] == address[1] &&
	    source->zone_family == zone_family;
}

/* The entry, made if need be (transports is then 0 and must be set); NULL when there is no room. */
struct source *sources_at(
    struct sources *sources, uint64_t hash, const uint64_t address[2], uint16_t zone_family);
/* Of more than one zone: a client may be there more than once. */
bool sources_have_zones(const struct sources *sources);
bool sources_has(
    const struct sources *sources, uint64_t hash, const uint64_t address[2], uint16_t zone_family);

/* sources_at(), which `guess` mostly is: sources_guess() of a while ago, of whatever table. */
static inline struct source *sources_at_guess(struct sources *sources, uint32_t guess,
    uint64_t hash, const uint64_t address[2], uint16_t zone_family)
{
	if (__builtin_expect(guess < sources->size, 1)) {
		struct source *source = sources_slot(sources, guess);

		if (sources_is_of(source, address, zone_family) && source->transports)
			return source;
	}
	return sources_at(sources, hash, address, zone_family);
}

#define source_zone(source)   ((source)->zone_family & ~SOURCE_IPV4)
#define source_family(source) ((source)->zone_family & SOURCE_IPV4 ? FAMILY_IPV4 : FAMILY_IPV6)

#endif
