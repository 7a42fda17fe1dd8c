/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Further facts of a window's messages, for which the cube's key has no room and which would
 * multiply its cells: a client chooses its EDNS size, the length of a name, its class. Where the
 * values are few they are counted in a row of small counters for each zone, one cache line however
 * many figures a query has; what runs over, and values that are many, in cells whose keys are those
 * of margins.
 *
 * A client must not choose how many cells there are. Of values that IANA has not assigned a shard
 * keeps shard_limits.unassigned cells, the others are counted under KEY_OTHER. Rows for which there
 * is no room are summed into the margins and start again; cells that are full, as the cube.
 */
#ifndef CROSSTAP_STATS_FACTS_H
#define CROSSTAP_STATS_FACTS_H

#include "base/prefetch.h"
#include "stats/cells.h"
#include "stats/key.h"
#include "zones/zones.h"

/* Which are wanted. What is not costs nothing. */
enum facts_wanted {
	FACTS_TYPES = 1, /* class of queries; responses by type, and by type and rcode */
	FACTS_EDNS = 2,  /* version, size, client subnet; extended errors */
	FACTS_QNAME = 4, /* length, labels, traits; junk and priming (stats/item_junk.h) */
	FACTS_ADDRESSES =
	    8, /* stats/places.h; bytes and rare events of clients (stats/sources.h) */
	FACTS_ALL = 15,
	/* Counted in tables of their own. */
	FACTS_DOMAINS = 16, /* stats/domains.h */
	FACTS_CLIENTS = 32, /* stats/traits.h: what clients are like */
	FACTS_ATTACKS = 64, /* the same place: what is sent to them, and on which question */
	FACTS_PORTS = 128,  /* in cells: ports of clients */
};

/* The places of a row: margin, values, the first of them. */
#define FACTS_PLACES(X)                                                                            \
	X(IN, MARGIN_CLASS, 1, DNS_CLASS_IN)                                                       \
	X(SIZE, MARGIN_EDNS_SIZE, EDNS_SIZE_COUNT, 0)      /* of version 0, or without EDNS */     \
	X(OTHER_SIZE, MARGIN_EDNS_SIZE, EDNS_SIZE_NONE, 0) /* of other versions */                 \
	X(LENGTH, MARGIN_QNAME_LENGTH, KEY_QNAME_BINS, 0)                                          \
	X(LABELS, MARGIN_QNAME_LABELS, KEY_QNAME_LABELS + 1, 0)                                    \
	X(TRAIT, MARGIN_QNAME_TRAIT, QNAME_TRAIT_COUNT, 0)                                         \
	X(NO_TLD, MARGIN_JUNK, 1, JUNK_NON_AUTH_TLD) /* half of what the root is asked */
#define FACTS_PLACE_(id, margin, values, value)                                                    \
	FACTS_##id, FACTS_##id##_LAST_ = FACTS_##id + (values)-1,
enum facts_place { FACTS_PLACES(FACTS_PLACE_) FACTS_PLACE_COUNT };
#undef FACTS_PLACE_

/* A zone's queries. */
struct facts_row {
	uint8_t low[64]; /* by enum facts_place; FACTS_CARRY of them are in a cell */
};
#define FACTS_CARRY 256
_Static_assert(FACTS_PLACE_COUNT <= 64, "a cache line");

#define FACTS_BLOCK_ZONES 64 /* 4 KiB */
#define FACTS_BLOCKS      (ZONES_MAX / FACTS_BLOCK_ZONES)

/* Where the cell of a zone's responses by type and rcode was found: a few of them take nearly all
 * responses, and need no search. */
struct facts_recent {
	uint64_t name; /* facts_recent_name(); all ones: free */
	struct cell *cell;
};
#define FACTS_RECENT_BITS 8

struct facts {
	struct facts_row *blocks[FACTS_BLOCKS]; /* by zone; NULL: none of its zones was asked */
	size_t n_blocks;
	struct cells cells;
	size_t unassigned;          /* cells of values that are not assigned */
	uint32_t last_zone;         /* the one that was asked last, or FACTS_NO_ZONE */
	struct facts_row *last_row; /* of last_zone */
	struct facts_recent recent[1 << FACTS_RECENT_BITS]; /* none whose cell has moved since */
};
#define FACTS_NO_ZONE UINT32_MAX

static inline uint64_t facts_recent_name(uint32_t zone, uint16_t qtype, uint16_t rcode)
{
	return (uint64_t)zone << 32 | (uint32_t)qtype << 16 | rcode;
}

/* The only place of that name; another one may be there. */
static inline struct facts_recent *facts_recent(struct facts *facts, uint64_t name)
{
	return &facts->recent[name * 0x9e3779b97f4a7c15 >> (64 - FACTS_RECENT_BITS)];
}

int facts_init(struct facts *facts, const struct hash_seed *seed);
void facts_done(struct facts *facts);
/* Empty, its tables as they are: not on a frame's way. */
void facts_clear(struct facts *facts, size_t max_cells);
/* Forgets where rows and cells were found: they have moved. */
void facts_forget(struct facts *facts);
/* Gives the memory of the rows back; they are empty. */
void facts_release_rows(struct facts *facts);
/* Adds everything to the margins. -ENOMEM: a part of it is missing. */
int facts_fold(const struct facts *facts, struct cells *margins);
/* The same of some slots of its cells. */
int facts_fold_slots(const struct cells *cells, struct cells *margins, size_t first, size_t n);

/* The zone's row, or NULL where facts_need_row() has to make it. */
static inline struct facts_row *facts_row(const struct facts *facts, uint32_t zone)
{
	struct facts_row *block = facts->blocks[zone / FACTS_BLOCK_ZONES];

	return block ? &block[zone % FACTS_BLOCK_ZONES] : NULL;
}

/* -ENOSPC at `max_blocks`, -ENOMEM. */
int facts_need_row(struct facts *facts, uint32_t zone, size_t max_blocks, struct facts_row **ret);

static inline void facts_prefetch_row(const struct facts *facts, uint32_t zone)
{
	prefetch_write(facts_row(facts, zone));
}

/* The margin that a place of a zone's row is a part of. */
uint64_t facts_place_key(uint32_t zone, unsigned place);
/* The other one, the version of a place that is a size; 0: none. */
uint64_t facts_place_version_key(uint32_t zone, unsigned place);

/* The bin of an advertised size: a query's way has no room for a search. */
extern const uint8_t facts_size_bins[4098];

static inline enum edns_size facts_size_bin(uint32_t bytes)
{
	return (enum edns_size)facts_size_bins[bytes < 4097 ? bytes : 4097];
}

/* Which of enum facts_wanted the margin is a part of; 0: it is always counted. */
uint8_t facts_of_margin(enum margin margin);

/* Whether the registry has a meaning for the value of such a key; `qtype_assigned` says so of query
 * types. */
bool facts_is_assigned(uint64_t key, bool (*qtype_assigned)(uint16_t));
/* The same with KEY_OTHER in the value's place. */
uint64_t facts_other_key(uint64_t key);

#endif
