/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/open_shards.h"

#include "stats/windows.h"

int open_shards_init(struct open_shards *shards, const struct collector_config *config)
{
	const int r = shard_new(&shards->spare[0], &config->limits, &config->seed);

	if (r < 0)
		return r;
	shards->config = config;
	shards->oldest = INT64_MIN;
	shards->n_spare = shards->n_made = 1;
	return 0;
}

void open_shards_clear(struct open_shards *shards)
{
	for (size_t i = 0; i < shards->n_open; i++)
		shard_free(shards->open[i]);
	for (size_t i = 0; i < shards->n_spare; i++)
		shard_free(shards->spare[i]);
}

uint64_t open_shards_labels_since(const struct open_shards *shards)
{
	uint64_t since = UINT64_MAX;

	for (size_t i = 0; i < shards->n_open; i++) {
		if (since > shards->open[i]->labels_since)
			since = shards->open[i]->labels_since;
	}
	return since;
}

static struct shard *take_spare(struct open_shards *shards)
{
	struct shard *shard = NULL;

	if (shards->n_spare)
		shard = shards->spare[--shards->n_spare];
	else if (shards->config->returned)
		shard = ring_pop(shards->config->returned);
	if (shard) {
		shard_fit_lists(shard, &shards->config->limits);
		return shard;
	}
	if (shards->n_made >= shards->config->max_shards ||
	    shard_new(&shard, &shards->config->limits, &shards->config->seed) < 0)
		return NULL;
	shards->n_made++;
	return shard;
}

/* The shard of a window, opened if need be; the newest one where there is none to be had. */
static struct shard *shard_of(struct open_shards *shards, int64_t index)
{
	struct shard *shard;
	size_t at = shards->n_open;

	while (at > 0 && shards->open[at - 1]->index > index)
		at--;
	if (at > 0 && shards->open[at - 1]->index == index)
		return shards->open[at - 1];
	shard = take_spare(shards);
	if (!shard) {
		/* collector_close() leaves one here: there is none only at the very end, or without
		 * memory. */
		if (!shards->n_open)
			return NULL;
		shard = shards->open[shards->n_open - 1];
		shard->merged++;
		return shard;
	}
	for (size_t i = shards->n_open; i > at; i--)
		shards->open[i] = shards->open[i - 1];
	shards->open[at] = shard;
	shards->n_open++;
	shard->index = index;
	shard->labels_since = shards->config->labels_since;
	shard->frames += shards->unplaced;
	shard->lost += shards->unplaced;
	shards->unplaced = 0;
	return shard;
}

/* Not the window of its time: the newest one for a record from the future, the oldest for a late
 * one. */
static struct shard *find_other(
    struct open_shards *shards, int64_t index, int64_t newest, bool *ret_late)
{
	struct shard *shard;

	if (index > newest) {
		shard = shard_of(shards, newest);
		if (shard)
			shard->skewed++;
		return shard;
	}
	shard = shard_of(shards, shards->oldest);
	if (shard)
		shard->late++;
	*ret_late = true;
	return shard;
}

struct shard *open_shards_look(
    struct open_shards *shards, int64_t time_ns, int64_t now_ns, bool *ret_late)
{
	const int64_t interval = shards->config->interval_ns;
	const int64_t index = window_index(time_ns, interval);
	int64_t newest = window_index(now_ns, interval);
	struct shard *shard;

	*ret_late = false;
	if (newest < shards->oldest)
		newest = shards->oldest;
	if (index > newest || index < shards->oldest)
		return find_other(shards, index, newest, ret_late);
	shard = shard_of(shards, index);
	if (shard && shard->index == index) {
		shards->last = shard;
		shards->last_start_ns = index * interval;
		shards->last_end_ns = shards->last_start_ns + interval;
	}
	return shard;
}

/* Where the report holds all other shards, the newest of those that should leave stays, as the
 * beginning of what is the oldest window from now on: a thread always has one to count into. */
static size_t keep_one(
    struct open_shards *shards, int64_t oldest, struct shard *const leaving[], size_t n)
{
	struct shard *shard;

	if (n == 0 || oldest == INT64_MAX || shards->n_open || shards->n_spare ||
	    shards->n_made < shards->config->max_shards)
		return n;
	shard = shards->config->returned ? ring_pop(shards->config->returned) : NULL;
	if (shard) {
		shards->spare[shards->n_spare++] = shard;
		return n;
	}
	shard = leaving[n - 1];
	shard->merged += shard->frames;
	shard->index = oldest;
	shards->open[shards->n_open++] = shard;
	return n - 1;
}

size_t open_shards_close(
    struct open_shards *shards, int64_t oldest, struct shard *ret[COLLECTOR_MAX_SHARDS])
{
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < shards->n_open; i++) {
		if (shards->open[i]->index < oldest)
			ret[n++] = shards->open[i];
		else
			shards->open[kept++] = shards->open[i];
	}
	shards->n_open = kept;
	n = keep_one(shards, oldest, ret, n);
	for (size_t i = 0; i < n; i++)
		shard_note_margins(ret[i]);
	shards->last = NULL;
	if (shards->oldest < oldest && oldest != INT64_MAX)
		shards->oldest = oldest;
	return n;
}

void open_shards_reopen(struct open_shards *shards, int64_t oldest)
{
	shards->oldest = oldest;
	shards->last = NULL;
}

void open_shards_give(struct open_shards *shards, struct shard *shard)
{
	if (shards->n_spare < COLLECTOR_MAX_SHARDS)
		shards->spare[shards->n_spare++] = shard;
	else
		shard_free(shard);
}
