/* SPDX-License-Identifier: BSD-2-Clause */
#include "geo/breakdown.h"

#include "base/hist.h"
#include "stats/cells.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Every zone's ASes: as many as there are in a window with sources from everywhere, several times
 * over. Past that, new ones are `other`. */
#define MAX_GROUPS  (128u << 10)
#define FIRST_SLOTS 1024
#define NO_GROUP    UINT32_MAX

struct group {
	uint64_t key;
	struct breakdown_row counts;
	uint32_t row; /* in which it ends up */
};

struct sample { /* of a source whose distance is known */
	uint32_t queries, rtt_us[BREAKDOWN_RTTS], groups[BREAKDOWN_KINDS];
};

struct breakdown {
	struct hash_seed seed;
	unsigned kinds;
	struct group *groups;
	size_t n_groups, groups_room;
	uint32_t *index; /* of groups, plus 1; at most half full */
	uint32_t mask;
	struct sample *samples;
	size_t n_samples, samples_room;
	struct cells buckets; /* queries by row, measurement and time */
	struct breakdown_row *rows;
	size_t n_rows;
	uint64_t queries; /* of all that was added */
};

int breakdown_new(struct breakdown **ret, const struct hash_seed *seed)
{
	struct breakdown *breakdown = calloc(1, sizeof(*breakdown));
	int r = -ENOMEM;

	if (!breakdown)
		return r;
	breakdown->seed = *seed;
	breakdown->mask = FIRST_SLOTS - 1;
	breakdown->index = calloc(FIRST_SLOTS, sizeof(uint32_t));
	if (breakdown->index)
		r = cells_init(&breakdown->buckets, FIRST_SLOTS, seed);
	if (r < 0) {
		breakdown_free(breakdown);
		return r;
	}
	*ret = breakdown;
	return 0;
}

void breakdown_free(struct breakdown *breakdown)
{
	if (!breakdown)
		return;
	free(breakdown->groups);
	free(breakdown->index);
	free(breakdown->samples);
	free(breakdown->rows);
	cells_done(&breakdown->buckets);
	free(breakdown);
}

/* What a flood took is given back with the next window. */
static void shrink(struct breakdown *breakdown)
{
	uint32_t *index = NULL;

	if (breakdown->samples_room > 64 * (breakdown->n_samples + 1024)) {
		free(breakdown->samples);
		breakdown->samples = NULL;
		breakdown->samples_room = 0;
	}
	if (breakdown->mask >= 64 * (breakdown->n_groups + FIRST_SLOTS))
		index = calloc(FIRST_SLOTS, sizeof(*index));
	if (!index)
		return;
	free(breakdown->index);
	free(breakdown->groups);
	breakdown->index = index;
	breakdown->mask = FIRST_SLOTS - 1;
	breakdown->groups = NULL;
	breakdown->groups_room = 0;
}

void breakdown_begin(struct breakdown *breakdown, unsigned kinds)
{
	shrink(breakdown);
	memset(breakdown->index, 0, ((size_t)breakdown->mask + 1) * sizeof(*breakdown->index));
	breakdown->kinds = kinds;
	breakdown->n_groups = breakdown->n_samples = breakdown->n_rows = 0;
	breakdown->queries = 0;
}

static uint64_t key_of(uint16_t zone, unsigned kind, uint32_t value)
{
	return (uint64_t)zone << 33 | (uint64_t)kind << 32 | value;
}

static uint32_t *slot_of(const struct breakdown *breakdown, uint64_t key)
{
	uint32_t at = (uint32_t)hash_u64(&breakdown->seed, key) & breakdown->mask;

	while (breakdown->index[at] && breakdown->groups[breakdown->index[at] - 1].key != key)
		at = (at + 1) & breakdown->mask;
	return &breakdown->index[at];
}

static int grow_groups(struct breakdown *breakdown)
{
	const size_t slots = ((size_t)breakdown->mask + 1) * 2;
	struct group *groups =
	    reallocarray(breakdown->groups, slots / 2, sizeof(*breakdown->groups));
	uint32_t *index;

	if (!groups)
		return -ENOMEM;
	breakdown->groups = groups;
	index = calloc(slots, sizeof(*index));
	if (!index)
		return -ENOMEM;
	free(breakdown->index);
	breakdown->index = index;
	breakdown->mask = (uint32_t)(slots - 1);
	breakdown->groups_room = slots / 2;
	for (size_t i = 0; i < breakdown->n_groups; i++)
		*slot_of(breakdown, breakdown->groups[i].key) = (uint32_t)i + 1;
	return 0;
}

static int find_group(
    struct breakdown *breakdown, uint16_t zone, unsigned kind, uint32_t value, uint32_t *ret)
{
	const uint64_t key = key_of(zone, kind, value);
	uint32_t *slot = slot_of(breakdown, key);

	if (!*slot) {
		if (value != BREAKDOWN_OTHER && breakdown->n_groups >= MAX_GROUPS)
			return find_group(breakdown, zone, kind, BREAKDOWN_OTHER, ret);
		if (breakdown->n_groups == breakdown->groups_room) {
			int r = grow_groups(breakdown);

			if (r < 0)
				return r;
			slot = slot_of(breakdown, key);
		}
		breakdown->groups[breakdown->n_groups] = (struct group){
		    .key = key, .counts = {.zone = zone, .kind = (uint8_t)kind, .value = value}};
		*slot = (uint32_t)++breakdown->n_groups;
	}
	*ret = *slot - 1;
	return 0;
}

static void count(struct breakdown_row *row, const struct breakdown_item *item)
{
	row->queries += item->queries;
	row->responses += item->responses;
	row->sources++;
	clients_add(&row->clients, item->traits, item->queries);
	for (int rtt = 0; rtt < BREAKDOWN_RTTS; rtt++) {
		if (item->rtt_us[rtt])
			row->queries_by[rtt] += item->queries;
	}
	if (item->rtt_us[BREAKDOWN_ICMP] && item->rtt_us[BREAKDOWN_TCP])
		row->queries_both += item->queries;
}

static void add_row(struct breakdown_row *row, const struct breakdown_row *more)
{
	row->queries += more->queries;
	row->responses += more->responses;
	row->sources += more->sources;
	for (int trait = 0; trait < CLIENT_TRAIT_COUNT; trait++) {
		row->clients.sources[trait] += more->clients.sources[trait];
		row->clients.queries[trait] += more->clients.queries[trait];
	}
	for (int rtt = 0; rtt < BREAKDOWN_RTTS; rtt++)
		row->queries_by[rtt] += more->queries_by[rtt];
	row->queries_both += more->queries_both;
}

static int add_sample(struct breakdown *breakdown, const struct sample *sample)
{
	if (breakdown->n_samples == breakdown->samples_room) {
		const size_t room = breakdown->samples_room ? breakdown->samples_room * 2 : 1024;
		struct sample *samples = reallocarray(breakdown->samples, room, sizeof(*samples));

		if (!samples)
			return -ENOMEM;
		breakdown->samples = samples;
		breakdown->samples_room = room;
	}
	breakdown->samples[breakdown->n_samples++] = *sample;
	return 0;
}

int breakdown_add(struct breakdown *breakdown, const struct breakdown_item *item)
{
	struct sample sample = {.queries = item->queries,
	    .rtt_us = {item->rtt_us[0], item->rtt_us[1]},
	    .groups = {NO_GROUP, NO_GROUP}};
	int r = 0;

	for (unsigned kind = 0; kind < BREAKDOWN_KINDS && r == 0; kind++) {
		if (breakdown->kinds & 1u << kind)
			r = find_group(
			    breakdown, item->zone, kind, item->values[kind], &sample.groups[kind]);
	}
	if (r == 0 && item->queries && (item->rtt_us[0] || item->rtt_us[1]))
		r = add_sample(breakdown, &sample);
	for (unsigned kind = 0; kind < BREAKDOWN_KINDS && r == 0; kind++) {
		if (sample.groups[kind] != NO_GROUP)
			count(&breakdown->groups[sample.groups[kind]].counts, item);
	}
	breakdown->queries += item->queries;
	return r;
}

/* -- rows */

static int compare_groups(const void *a, const void *b)
{
	const struct breakdown_row *x = &(*(struct group *const *)a)->counts;
	const struct breakdown_row *y = &(*(struct group *const *)b)->counts;

	if (x->zone != y->zone)
		return x->zone < y->zone ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if ((x->value == BREAKDOWN_OTHER) != (y->value == BREAKDOWN_OTHER))
		return x->value == BREAKDOWN_OTHER ? 1 : -1;
	if (x->queries != y->queries)
		return x->queries > y->queries ? -1 : 1;
	return (x->value > y->value) - (x->value < y->value);
}

static bool is_admitted(struct admission *admission, const struct breakdown_limits *limits,
    const struct breakdown_row *counts, size_t rank)
{
	if (counts->value == BREAKDOWN_OTHER)
		return false;
	if (counts->value == BREAKDOWN_UNKNOWN)
		return true;
	if (counts->kind == BREAKDOWN_ASN)
		return rank < limits->top_asns &&
		    admission_ask(
			admission, counts->zone, counts->kind, counts->value, limits->asns_a_day);
	return admission_ask(
	    admission, counts->zone, counts->kind, counts->value, BREAKDOWN_COUNTRIES);
}

/* The groups of one zone and kind: a row for each that is admitted, one for the rest. */
static void make_rows(struct breakdown *breakdown, struct group **groups, size_t n,
    struct admission *admission, const struct breakdown_limits *limits)
{
	struct breakdown_row other = {.zone = groups[0]->counts.zone,
	    .kind = groups[0]->counts.kind,
	    .value = BREAKDOWN_OTHER};

	for (size_t i = 0, rank = 0; i < n; i++) {
		const bool admitted = is_admitted(admission, limits, &groups[i]->counts, rank);

		rank += groups[i]->counts.value != BREAKDOWN_UNKNOWN;
		if (admitted) {
			groups[i]->row = (uint32_t)breakdown->n_rows;
			breakdown->rows[breakdown->n_rows++] = groups[i]->counts;
		} else {
			groups[i]->row = NO_GROUP;
			add_row(&other, &groups[i]->counts);
		}
	}
	if (!other.sources)
		return;
	for (size_t i = 0; i < n; i++) {
		if (groups[i]->row == NO_GROUP)
			groups[i]->row = (uint32_t)breakdown->n_rows;
	}
	breakdown->rows[breakdown->n_rows++] = other;
}

static int make_all_rows(
    struct breakdown *breakdown, struct admission *admission, const struct breakdown_limits *limits)
{
	struct group **sorted = calloc(breakdown->n_groups + 1, sizeof(struct group *));

	free(breakdown->rows);
	/* `other` always takes the place of at least one group. */
	breakdown->rows = calloc(breakdown->n_groups + 1, sizeof(*breakdown->rows));
	if (!sorted || !breakdown->rows) {
		free(sorted);
		return -ENOMEM;
	}
	for (size_t i = 0; i < breakdown->n_groups; i++)
		sorted[i] = &breakdown->groups[i];
	qsort(sorted, breakdown->n_groups, sizeof(struct group *), compare_groups);
	for (size_t i = 0, end; i < breakdown->n_groups; i = end) {
		for (end = i + 1;
		     end < breakdown->n_groups && sorted[end]->key >> 32 == sorted[i]->key >> 32;
		     end++)
			continue;
		make_rows(breakdown, sorted + i, end - i, admission, limits);
	}
	free(sorted);
	return 0;
}

/* -- quantiles */

#define BUCKET_BITS 16

static int add_bucket(
    struct breakdown *breakdown, uint32_t row, int rtt, const struct sample *sample)
{
	struct cells *buckets = &breakdown->buckets;
	const uint64_t key = ((uint64_t)row + 1) << (BUCKET_BITS + 1) |
	    (uint64_t)rtt << BUCKET_BITS | hist_bucket(sample->rtt_us[rtt]);
	struct cell *cell = cells_at(buckets, cells_hash(buckets, key), key);

	if (!cell) {
		int r = cells_resize(buckets, ((size_t)buckets->mask + 1) * 2);

		if (r < 0)
			return r;
		cell = cells_at(buckets, cells_hash(buckets, key), key);
	}
	cell->count += sample->queries;
	return 0;
}

static int fill_buckets(struct breakdown *breakdown)
{
	for (size_t i = 0; i < breakdown->n_samples; i++) {
		const struct sample *sample = &breakdown->samples[i];

		for (int kind = 0; kind < BREAKDOWN_KINDS; kind++) {
			if (sample->groups[kind] == NO_GROUP)
				continue;
			for (int rtt = 0; rtt < BREAKDOWN_RTTS; rtt++) {
				int r = sample->rtt_us[rtt]
				    ? add_bucket(breakdown,
					  breakdown->groups[sample->groups[kind]].row, rtt, sample)
				    : 0;

				if (r < 0)
					return r;
			}
		}
	}
	return 0;
}

static int read_quantiles(struct breakdown *breakdown)
{
	const struct cell *cells;
	size_t n = cells_sort(&breakdown->buckets, &cells), end;
	struct hist_count *counts = calloc(HIST_BUCKETS, sizeof(*counts));

	if (!counts)
		return -ENOMEM;
	for (size_t i = 0; i < n; i = end) {
		const uint64_t key = cells[i].key >> BUCKET_BITS;
		struct breakdown_row *row = &breakdown->rows[(key >> 1) - 1];

		for (end = i; end < n && cells[end].key >> BUCKET_BITS == key; end++)
			counts[end - i] = (struct hist_count){
			    cells[end].key & ((1u << BUCKET_BITS) - 1), cells[end].count};
		row->measured[key & 1] = true;
		row->p50_ms[key & 1] = hist_quantile(counts, end - i, 0.50) / 1000;
		row->p90_ms[key & 1] = hist_quantile(counts, end - i, 0.90) / 1000;
	}
	free(counts);
	return 0;
}

int breakdown_finish(struct breakdown *breakdown, struct admission *admission,
    const struct breakdown_limits *limits, const struct breakdown_row **ret_rows, size_t *ret_n)
{
	int r = make_all_rows(breakdown, admission, limits);

	if (r == 0)
		r = fill_buckets(breakdown);
	if (r == 0)
		r = read_quantiles(breakdown);
	(void)cells_clear(&breakdown->buckets, SIZE_MAX);
	if (r < 0)
		return r;
	*ret_rows = breakdown->rows;
	*ret_n = breakdown->n_rows;
	return 0;
}

/* -- agreement */

static int compare_differences(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Nearest rank. */
static double difference_ms(const int64_t *sorted, size_t n, double q)
{
	return n ? (double)sorted[(size_t)(q * (double)(n - 1) + 0.5)] / 1000 : 0;
}

int breakdown_get_agreement(const struct breakdown *breakdown, struct breakdown_agreement *ret)
{
	int64_t *differences = calloc(breakdown->n_samples + 1, sizeof(*differences));
	struct breakdown_agreement agreement = {.queries = breakdown->queries};

	if (!differences)
		return -ENOMEM;
	for (size_t i = 0; i < breakdown->n_samples; i++) {
		const struct sample *sample = &breakdown->samples[i];

		for (int rtt = 0; rtt < BREAKDOWN_RTTS; rtt++) {
			if (sample->rtt_us[rtt])
				agreement.queries_by[rtt] += sample->queries;
		}
		if (!sample->rtt_us[BREAKDOWN_ICMP] || !sample->rtt_us[BREAKDOWN_TCP])
			continue;
		agreement.queries_both += sample->queries;
		differences[agreement.sources_both++] = (int64_t)sample->rtt_us[BREAKDOWN_TCP] -
		    (int64_t)sample->rtt_us[BREAKDOWN_ICMP];
	}
	qsort(differences, agreement.sources_both, sizeof(*differences), compare_differences);
	agreement.difference_p10_ms = difference_ms(differences, agreement.sources_both, 0.1);
	agreement.difference_p50_ms = difference_ms(differences, agreement.sources_both, 0.5);
	agreement.difference_p90_ms = difference_ms(differences, agreement.sources_both, 0.9);
	free(differences);
	*ret = agreement;
	return 0;
}
