/* SPDX-License-Identifier: BSD-2-Clause */
/* What enrichment does on the network, in threads of their own: echo requests to resolvers, and
 * downloads of databases. Inside enrich/ only; the report's thread calls everything. */
#ifndef CROSSTAP_ENRICH_LIVE_H
#define CROSSTAP_ENRICH_LIVE_H

#include "enrich/enrich.h"

struct live;
struct live_next;

/* Before other threads start. -ENOMEM. */
int live_new(struct live **ret, const struct config *config);
void live_free(struct live *live);
/* Logs what does not work. */
void live_start(struct live *live, const struct config *config);
void live_stop(struct live *live);
/* Another configuration, as enrich_prepare(). */
int live_prepare(
    struct live *live, const struct config *config, uint32_t takers, struct live_next **ret);
/* Logs what does not work. */
void live_commit(struct live *live, struct live_next *next);
void live_next_free(struct live_next *next); /* takes NULL */

/* The latest echo times, for the resolvers that are known. */
void live_collect(struct live *live, struct resolvers *resolvers, uint32_t now_s);
/* Those that asked in the present window, as candidates. */
void live_offer(struct live *live, struct resolvers *resolvers);
/* Sets what is known of ping. */
void live_get_stats(struct live *live, struct enrich_stats *stats);

#endif
