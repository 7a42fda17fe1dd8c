/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a shard has left to do of what takes milliseconds: a full table is set aside, another takes
 * its place, and with each batch of messages a part of it is summed or moved. A producer's socket
 * holds what it writes in that time, and not what it writes while a whole table is summed.
 */
#ifndef CROSSTAP_STATS_PENDING_H
#define CROSSTAP_STATS_PENDING_H

#include "stats/cells.h"
#include "stats/cube.h"

#include <stdbool.h>
#include <stddef.h>

struct shard;

/* Each table is done up to its slot `..._done`. What sources.old still has is pending, too. */
struct shard_pending {
	bool any;              /* there is something to do */
	bool exchanged;        /* the cube was, in this window */
	struct cube full;      /* on its way into the margins; cells NULL: none. Empty: a spare */
	struct cells facts;    /* likewise; slots NULL: none */
	struct cells outgrown; /* margins, on their way into larger ones; slots NULL: none */
	size_t full_done, facts_done, outgrown_done;
};

/* An empty cube of `slots` takes the place of the shard's. -ENOMEM: it is as it was. */
int pending_exchange_cube(struct shard *shard, size_t slots);
/* The same of the cells of its further facts. */
int pending_exchange_facts(struct shard *shard, size_t slots);

/* The margins, with room for some more. -ENOMEM. */
int pending_need_margins(struct shard *shard);

/* One part, where there is `any`. */
void shard_go_on(struct shard *shard, const struct hash_seed *seed);
/* All of it: before anybody reads a shard that was counted into. */
void shard_settle(struct shard *shard, const struct hash_seed *seed);
/* All that goes to the margins. */
void pending_fold(struct shard *shard);

/* Nothing is pending any more. A cube that was exchanged will be again: its spare stays if it has
 * the size of the cube, which has been cleared before. */
void pending_clear(struct shard *shard);
void pending_done(struct shard_pending *pending);

#endif
