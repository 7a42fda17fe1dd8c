/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks in the whole input: those that some of its windows named, with what they were over all
 * of these. */
#ifndef CROSSTAP_REPLAY_REPLAY_ATTACKS_H
#define CROSSTAP_REPLAY_REPLAY_ATTACKS_H

#include "attack/attack.h"
#include "config/config.h"
#include "stats/shard.h"
#include "stats/windows.h"

struct replay_attacks {
	struct attacks *attacks;
	struct attack list[ATTACK_KINDS * ATTACKS_MAX];
	int64_t end_ns[ATTACK_KINDS * ATTACKS_MAX]; /* of the last window in which it went on */
	size_t n;
};

/* -ENOMEM. */
int replay_attacks_init(struct replay_attacks *attacks, const struct hash_seed *seed);
void replay_attacks_done(struct replay_attacks *attacks);
/* A window; `shard` NULL: without a frame. */
void replay_attacks_window(struct replay_attacks *attacks, const struct config *config,
    const struct shard *shard, const struct window_span *span);

#endif
