/* SPDX-License-Identifier: BSD-2-Clause */
/* From the configuration to what the stages take: shared by the running agent and by replay. */
#ifndef CROSSTAP_AGENT_SETUP_H
#define CROSSTAP_AGENT_SETUP_H

#include "config/config.h"
#include "stats/collector.h"
#include "zones/suffixes.h"
#include "zones/tlds.h"

/* What a collector needs of one input. Its zone set, or its reference to a label, belongs to it. */
struct input_setup {
	struct zone_registry *registry; /* where it has a reference to traits.zone; else NULL */
	struct zone_set *zones;
	struct suffixes *suffixes; /* NULL: none */
	struct tlds *tlds;         /* the same */
	struct collector_traits traits;
};

/* Errors with the reason in `error`: -ENOSPC more labels than there are numbers, -ENOMEM, -EINVAL.
 * The registry outlives the setup. */
int input_setup_make(struct input_setup *ret, const struct config *config,
    const struct config_input *input, struct zone_registry *registry,
    const struct compare_filter *filter, const struct hash_seed *seed, char *error, size_t size);
void input_setup_done(struct input_setup *setup);

void compare_filter_make(struct compare_filter *ret, const struct config *config);

/* How large the tables of one shard may be, when `shards` share limits.memory. */
void shard_limits_make(struct shard_limits *ret, const struct config *config, size_t shards);
/* The same for the shards of a running agent's inputs. */
void agent_limits_make(struct shard_limits *ret, const struct config *config);
/* Windows that can be open at once, and one more. */
size_t shards_per_collector(const struct config *config);

#endif
