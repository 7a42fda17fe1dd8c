/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A collector's shards: one for each window that is open, and empty ones for those to come. Inside
 * stats/ only.
 */
#ifndef CROSSTAP_STATS_OPEN_SHARDS_H
#define CROSSTAP_STATS_OPEN_SHARDS_H

#include "stats/collector.h"

struct open_shards {
	const struct collector_config *config;     /* as it is at each call */
	struct shard *open[COLLECTOR_MAX_SHARDS];  /* by index, oldest first */
	struct shard *spare[COLLECTOR_MAX_SHARDS]; /* empty */
	size_t n_open, n_spare, n_made;
	struct shard *last; /* of the last record, for times in [last_start_ns, last_end_ns) */
	int64_t last_start_ns, last_end_ns;
	int64_t oldest;    /* window that frames may join */
	uint64_t unplaced; /* frames that came while there was no shard at all */
};

/* `shards` is all zeros. -ENOMEM. */
int open_shards_init(struct open_shards *shards, const struct collector_config *config);
void open_shards_clear(struct open_shards *shards);

struct shard *open_shards_look(
    struct open_shards *shards, int64_t time_ns, int64_t now_ns, bool *ret_late);

/* Where a record of this time counts: in its own window, opened if need be, or, from the future or
 * *ret_late, in the nearest that may be. NULL: without memory. */
static inline struct shard *open_shards_find(
    struct open_shards *shards, int64_t time_ns, int64_t now_ns, bool *ret_late)
{
	if (shards->last && time_ns >= shards->last_start_ns && time_ns < shards->last_end_ns) {
		*ret_late = false;
		return shards->last;
	}
	return open_shards_look(shards, time_ns, now_ns, ret_late);
}

/* NULL: in the next one that there is. */
static inline void open_shards_count_frame(struct open_shards *shards, struct shard *shard)
{
	if (shard)
		shard->frames++;
	else
		shards->unplaced++;
}

/* As the collector's functions of these names. */
uint64_t open_shards_labels_since(const struct open_shards *shards);
size_t open_shards_close(
    struct open_shards *shards, int64_t oldest, struct shard *ret[COLLECTOR_MAX_SHARDS]);
void open_shards_reopen(struct open_shards *shards, int64_t oldest);
void open_shards_give(struct open_shards *shards, struct shard *shard);

#endif
