/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything that one thread counts of one window. Passed whole to the report and back empty; at
 * any moment one thread owns it.
 */
#ifndef CROSSTAP_STATS_SHARD_H
#define CROSSTAP_STATS_SHARD_H

#include "base/distinct.h"
#include "base/topk.h"
#include "magnitude/tally.h"
#include "stats/domains.h"
#include "stats/facts.h"
#include "stats/margins.h"
#include "stats/pace.h"
#include "stats/pending.h"
#include "stats/places.h"
#include "stats/sources.h"

enum shard_names { NAMES_QUERY, NAMES_NXDOMAIN, NAMES_KINDS };

/* What clients are ranked by: from their entries, or, being rare, from entries of their own. */
#define TALKERS(X)                                                                                 \
	X(RESPONSE_BYTES, "response_bytes")                                                        \
	X(NXDOMAIN, "nxdomain")                                                                    \
	X(REFUSED, "refused")                                                                      \
	X(TCP, "tcp")                                                                              \
	X(MALFORMED, "malformed")
#define TALKER_(id, name) TALKER_##id,
enum talker { TALKERS(TALKER_) TALKER_COUNT };
#undef TALKER_

/* Where an entry for rare events counts them. */
static inline uint32_t *rare_counter(struct source *rare, enum talker by)
{
	return by == TALKER_TCP    ? &rare->queries
	    : by == TALKER_REFUSED ? &rare->responses
				   : &rare->nxdomain; /* TALKER_MALFORMED */
}

struct shard_limits {
	size_t cube_slots, source_slots;  /* largest sizes that the tables may grow to */
	size_t name_slots;                /* of each list of names; 0: no names */
	size_t facts_blocks, facts_cells; /* of further facts (stats/facts.h); 0: the least */
	bool source_traits;               /* stats/traits.h */
	size_t domain_slots, domain_sketch_bytes; /* of domains; 0: no domains */
	size_t place_slots;                       /* of server addresses; 0: the least */
	size_t unassigned; /* cells of further facts with values that IANA has not assigned */
};

/* Sources that found the table full: counted, not listed. */
struct overflow_group {
	uint32_t key;              /* zone << 8 | family << 4 | transport, or OVERFLOW_ANY */
	struct distinct *distinct; /* NULL: free */
};
#define OVERFLOW_ANY    15u
#define OVERFLOW_GROUPS 1024 /* open addressing; at most half of it is used */

struct shard_overflow {
	struct overflow_group groups[OVERFLOW_GROUPS];
	size_t n_groups;
	struct topk *addresses; /* key: 16 bytes of address; group: zone_family */
	uint64_t messages;      /* of sources without an entry */
};

struct shard {
	int64_t index;         /* of the window: start / interval */
	uint64_t labels_since; /* generation of the zone registry in which it was begun */
	struct cube cube;
	struct cells margins; /* of cubes and facts that were full; slots NULL until then */
	size_t margin_slots;  /* that they begin with */
	struct shard_pending pending;
	struct facts facts;
	struct sources sources;
	struct topk *names[NAMES_KINDS]; /* NULL: none */
	size_t name_slots;               /* of each of them, as they were asked for */
	struct domains *domains;         /* NULL: none */
	struct shard_overflow *overflow; /* NULL until it is needed */
	struct places places;
	struct sources rare; /* clients with rare events, counted as rare_counter() says; slots
				NULL: none yet */
	struct tally *tally; /* for DNS Magnitude; NULL: nothing yet */
	struct pace pace;    /* of compared messages */
	uint64_t frames, frames_bad, late, skewed, ignored;
	uint64_t merged;          /* frames of other windows that joined this one: no free shard */
	uint64_t lost;            /* updates that found no memory */
	uint64_t paired, evicted; /* responses with a query; queries that pairing had to drop */
};

int shard_new(struct shard **ret, const struct shard_limits *limits, const struct hash_seed *seed);
void shard_free(struct shard *shard);
/* Empty again, tables sized for what this window has shown. Touches all of its memory: not on a
 * frame's way. */
void shard_clear(struct shard *shard, const struct shard_limits *limits);

/* Lists of names and domains as large as the limits say, of an empty shard. Without memory it has
 * none. */
void shard_fit_lists(struct shard *shard, const struct shard_limits *limits);

/* At the window's end, by the thread that counted: its next window begins with margins as large as
 * it needed, or half where it used few of them. What a report adds to them is the report's. */
void shard_note_margins(struct shard *shard);
/* Its margins, made if need be. -ENOMEM. */
int shard_need_margins(struct shard *shard);
#define SHARD_RARE_SLOTS 1024 /* that the table of clients with rare events begins with */

/*
 * A table is full. A small cube doubles; a large one is summed into the margins, by parts, and an
 * empty one takes its place, twice as large within the limit. Sources grow too, up to
 * SOURCES_GROW_SLOTS; beyond only between windows, and NULL is returned.
 */
struct cube_cell *shard_cell_slow(
    struct shard *shard, const struct shard_limits *limits, uint64_t key);
struct source *shard_source_slow(struct shard *shard, const struct shard_limits *limits,
    const struct hash_seed *seed, uint64_t hash, const uint64_t address[2], uint16_t zone_family);
/* Messages with this key in the cube, for whose numbers its cell has no room. */
void shard_add_beside(struct shard *shard, uint64_t key, uint64_t count, uint64_t amount);
/* A cell that has no room for more: to the margins with what it holds. */
void shard_cell_carry(struct shard *shard, struct cube_cell *cell);
/* Sums the cube and the further facts into the margins and empties them. */
void shard_fold(struct shard *shard);
/* The further facts of a zone whose row facts_row() does not have; NULL without memory. */
struct facts_row *shard_row_slow(
    struct shard *shard, const struct shard_limits *limits, uint32_t zone);
/* Their cell, which cells_at() has no room for; and the one to count in, where it is new and of a
 * value that IANA has not assigned. */
struct cell *shard_fact_slow(struct shard *shard, const struct shard_limits *limits, uint64_t key);
struct cell *shard_fact_unassigned(
    struct shard *shard, const struct shard_limits *limits, struct cell *cell);
/* A place of a zone's row has run over. */
void shard_fact_carry(
    struct shard *shard, const struct shard_limits *limits, uint32_t zone, unsigned place);
/* A message whose place has no entry. */
void shard_place_other(struct shard *shard, uint32_t zone, uint32_t direction, uint32_t bytes);
/* Its tally, made if need be; NULL without memory. */
struct tally *shard_tally(struct shard *shard, const struct hash_seed *seed);
/* The entry for rare events of a client; NULL: there is no room for more such clients. */
struct source *shard_rare(struct shard *shard, const struct shard_limits *limits,
    const struct hash_seed *seed, uint64_t hash, const uint64_t address[2], uint16_t zone_family);
/* A message with this key in the cube came when its window was closed. */
void shard_add_late(struct shard *shard, uint64_t key);
/* A message of a source that has no entry. */
void shard_overflow_add(struct shard *shard, uint64_t hash, const uint64_t address[2],
    uint16_t zone_family, uint32_t transport);

/* Adds all of `from` (same seed), both settled first, growing as need be; the cube and the facts of
 * `from` join the margins of `into`. -ENOMEM: part of it is missing, counted in into->lost. */
int shard_merge(struct shard *into, struct shard *from, const struct hash_seed *seed);

/* Once, when the window is complete: adds the table's sources to the overflow's groups. */
void shard_close_overflow(struct shard *shard, const struct hash_seed *seed);
/* Distinct sources of a zone (transport OVERFLOW_ANY: over all); `in_table` where no source of that
 * group found the table full, which makes it exact. After shard_close_overflow(). */
uint64_t shard_distinct(const struct shard *shard, uint16_t zone, uint32_t family,
    uint32_t transport, uint64_t in_table);

#endif
