/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This room counts what dnstap says, window by window. Each input's thread (agent/input.c; replay
 * has one thread) owns a collector, which takes batches of records, finds the window of each by its
 * own time, and counts it there, in shards that only this thread touches. A shard of a window that
 * closes leaves through collector_close(), the main thread merges it and reads it by view.h, and it
 * comes back, empty, through collector_give() or the ring `returned`.
 */
#ifndef CROSSTAP_STATS_COLLECTOR_H
#define CROSSTAP_STATS_COLLECTOR_H

#include "base/ring.h"
#include "dnstap/record.h"
#include "stats/shard.h"
#include "zones/zones.h"

#define COLLECTOR_MAX_SHARDS                                                                       \
	6 /* windows that can be open (now, the next, grace of 2 intervals), and one more */

/* Which messages the cross-check compares, beside the rules on the message itself. Immutable. */
struct compare_filter {
	uint16_t ports[16]; /* wire.ports */
	size_t n_ports;
	const uint64_t (*own)[2]; /* this host's addresses as in struct source, sorted; clients with
				     one are left out */
	size_t n_own;
};

struct suffixes;
struct tlds;

/* What a domain is (stats/domains.h): so many labels below the zone, or below the public suffix
 * where that is longer. */
struct domain_rules {
	uint8_t labels, zone_labels;     /* the latter of `zone`, where there are no `zones` */
	const struct suffixes *suffixes; /* NULL: none */
};

/* What an input says of its frames. Immutable; what it points to outlives the collector's use of
 * it. */
struct collector_traits {
	uint16_t zone;                /* label of everything, or: */
	const struct zone_set *zones; /* label by suffix; NULL: not */
	bool figures;                 /* scope server, zone */
	bool compared;                /* scope server, witness */
	bool queries_from_responses;
	uint8_t facts;            /* enum facts_wanted */
	uint8_t magnitude_labels; /* of DNS Magnitude's domains; 0: no tally */
	struct domain_rules domains;
	struct trait_limits clients;
	bool (*qtype_assigned)(uint16_t type); /* by IANA; NULL: all are */
	const struct tlds *tlds;               /* of stats/junk.h; NULL: none */
	const struct compare_filter *filter;   /* NULL: compare nothing */
};

struct collector_config {
	int64_t interval_ns;
	struct hash_seed seed;
	struct shard_limits limits;
	size_t max_shards;     /* 2 to COLLECTOR_MAX_SHARDS */
	uint64_t labels_since; /* zone_registry_generation() */
	struct collector_traits traits;
	struct ring
	    *returned; /* empty shards come back through it; NULL: through collector_give() */
};

struct collector;

int collector_new(struct collector **ret, const struct collector_config *config);
void collector_free(struct collector *collector);
/* While no window is open. */
void collector_set_interval(struct collector *collector, int64_t interval_ns);
/* Between batches only: tables of open windows keep what they hold. */
void collector_set_limits(
    struct collector *collector, const struct shard_limits *limits, size_t max_shards);
/* Between batches only. What is counted from then on has labels of these traits alone. */
void collector_set_traits(struct collector *collector, const struct collector_traits *traits);

/* At most RECORD_BATCH records, received at `now_ns` (wall clock): no window later than that one is
 * opened. */
void collector_take(
    struct collector *collector, const struct record *records, size_t n, int64_t now_ns);
/* A frame that is no dnstap message. */
void collector_bad(struct collector *collector, int64_t now_ns);

/* Shards are begun in this generation of the zone registry from now on. */
void collector_renew_labels(struct collector *collector, uint64_t generation);
/* The oldest generation in which one of the open shards was begun; UINT64_MAX: none is open. */
uint64_t collector_labels_since(const struct collector *collector);

/* The oldest window that frames may join. */
int64_t collector_oldest(const struct collector *collector);
/* Takes out every shard of a window before `oldest`, the new oldest one; INT64_MAX: all, at the end
 * or before collector_reopen(). Returns how many of at most COLLECTOR_MAX_SHARDS. Where it would
 * leave the collector without any shard, all others being away, the newest one stays and becomes
 * part of `oldest` (shard->merged). What this thread had left to do is for whoever reads them:
 * shard_settle(). */
size_t collector_close(
    struct collector *collector, int64_t oldest, struct shard *ret[COLLECTOR_MAX_SHARDS]);
/* Sets the oldest window, at the start (before, frames of any time open windows) or to an earlier
 * one after the clock stepped back. */
void collector_reopen(struct collector *collector, int64_t oldest);
/* An empty shard for windows to come. */
void collector_give(struct collector *collector, struct shard *shard);

#endif
