/* SPDX-License-Identifier: BSD-2-Clause */
#include "history/past.h"

#include "base/pages.h"
#include "crosscheck/verdict.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define RATE_S     600.0 /* how far back a series' rate looks */
#define REPLACE_MS 60000 /* of a kind one series at most in this time gives way */
#define LABEL_COST (KEPT_TAGS * PAST_TAG_BYTES + 64)

/* -- what fits */

static size_t cells_of(size_t fields, size_t windows, size_t minutes)
{
	return fields * (windows + minutes) * PAST_CELL_BYTES;
}

static size_t cost(const struct past_plan *plan, enum kept_id of)
{
	return cells_of(history_kept[of].n_fields, plan->windows, plan->minutes) + LABEL_COST +
	    sizeof(struct past_series);
}

/* Those of which there are only so many come first, in half of it; the others share the rest. */
static void plan_series(struct past_plan *plan, size_t limit)
{
	size_t wanted = 0, left;
	double share;

	for (int of = 0; of < KEPT_COUNT; of++) {
		const size_t bytes = history_kept[of].most * cost(plan, (enum kept_id)of);

		if (history_kept[of].busiest) {
			wanted += bytes;
		} else if (plan->bytes + bytes <= limit / 2) {
			plan->most[of] = history_kept[of].most;
			plan->bytes += bytes;
		}
	}
	left = limit > plan->bytes ? limit - plan->bytes : 0;
	share = wanted ? fmin(1, (double)left / (double)wanted) : 0;
	for (int of = 0; of < KEPT_COUNT; of++) {
		const size_t most = (size_t)((double)history_kept[of].most * share);

		if (!history_kept[of].busiest || most < 2)
			continue;
		plan->most[of] = most;
		plan->bytes += most * cost(plan, (enum kept_id)of);
	}
}

void past_plan(struct past_plan *ret, size_t limit, int64_t interval_ms)
{
	struct past_plan plan = {.interval_ms = interval_ms};

	plan.step_ms = (interval_ms + PAST_MINUTE_MS - 1) / PAST_MINUTE_MS * PAST_MINUTE_MS;
	plan.windows = (size_t)((PAST_HOUR_MS + interval_ms - 1) / interval_ms) + PAST_SPARE;
	/* The first and the last may be parts. */
	plan.minutes = (size_t)(PAST_DAYS_MS / plan.step_ms) + 2;
	plan.bytes =
	    sizeof(struct past) + (plan.windows + plan.minutes) * sizeof(struct past_moment);
	plan_series(&plan, limit);
	*ret = plan;
}

/* -- making one */

static size_t series_bytes(const struct past *past, enum kept_id of)
{
	return cells_of(
	    history_kept[of].n_fields, past->rings[0].capacity, past->rings[1].capacity);
}

int past_new(struct past **ret, size_t limit, int64_t interval_ms)
{
	struct past *past = calloc(1, sizeof(*past));
	struct past_plan plan;

	if (!past)
		return -ENOMEM;
	past_plan(&plan, limit, interval_ms);
	past->limit = limit;
	past->bytes = plan.bytes;
	past->interval_ms = interval_ms;
	memcpy(past->most, plan.most, sizeof(past->most));
	for (int of = 0; of < KEPT_COUNT; of++)
		past->max_series += plan.most[of];
	past->rings[PAST_WINDOWS] =
	    (struct past_ring){.capacity = plan.windows, .step_ms = interval_ms};
	past->rings[PAST_MINUTES] =
	    (struct past_ring){.capacity = plan.minutes, .step_ms = plan.step_ms};
	for (int of = 0; of < KEPT_COUNT; of++)
		past->cells_bytes += plan.most[of] * series_bytes(past, (enum kept_id)of);
	past->series = calloc(past->max_series + 1, sizeof(*past->series));
	past->cells = pages_reserve(past->cells_bytes + 1);
	for (int t = 0; t < PAST_TIERS; t++)
		past->rings[t].moments =
		    calloc(past->rings[t].capacity, sizeof(*past->rings[t].moments));
	if (!past->series || !past->cells || !past->rings[0].moments || !past->rings[1].moments) {
		past_free(past);
		return -ENOMEM;
	}
	*ret = past;
	return 0;
}

void past_free(struct past *past)
{
	if (!past)
		return;
	for (size_t i = 0; i < past->n_series; i++) {
		for (int t = 0; t < KEPT_TAGS; t++)
			free(past->series[i].tags[t]);
	}
	free(past->series);
	pages_free(past->cells, past->cells_bytes + 1);
	for (int t = 0; t < PAST_TIERS; t++)
		free(past->rings[t].moments);
	free(past);
}

/* -- cells */

uint8_t *past_cell(const struct past *past, const struct past_series *series, size_t field,
    enum past_tier tier, size_t place)
{
	const size_t before = tier == PAST_MINUTES ? past->rings[0].capacity : 0;

	return series->cells +
	    ((before + place) * history_kept[series->of].n_fields + field) * PAST_CELL_BYTES;
}

/* The least number of 40 bits stands for none. */
void past_cell_set(uint8_t *to, int64_t value)
{
	uint64_t bits;

	if (value != PAST_ABSENT && value > PAST_LARGEST)
		value = PAST_LARGEST;
	if (value != PAST_ABSENT && value < -PAST_LARGEST)
		value = -PAST_LARGEST;
	bits = value == PAST_ABSENT ? 0 : (uint64_t)(value + PAST_LARGEST + 1);
	for (int i = 0; i < PAST_CELL_BYTES; i++)
		to[i] = (uint8_t)(bits >> (8 * i));
}

int64_t past_cell_value(const uint8_t *from)
{
	uint64_t bits = 0;

	for (int i = 0; i < PAST_CELL_BYTES; i++)
		bits |= (uint64_t)from[i] << (8 * i);
	return bits ? (int64_t)bits - PAST_LARGEST - 1 : PAST_ABSENT;
}

int64_t past_get(const struct past *past, const struct past_series *series, size_t field,
    enum past_tier tier, size_t place)
{
	return past_cell_value(past_cell(past, series, field, tier, place));
}

int64_t past_fold(enum kept_fold fold, int64_t there, int64_t value)
{
	if (there == PAST_ABSENT || value == PAST_ABSENT)
		return value == PAST_ABSENT ? there : value;
	switch (fold) {
	case FOLD_SUM:
		return there + value;
	case FOLD_MAX:
		return there > value ? there : value;
	case FOLD_MIN:
		return there < value ? there : value;
	case FOLD_LAST:
		break;
	}
	return value;
}

static void fold_cell(uint8_t *to, enum kept_fold fold, int64_t value)
{
	past_cell_set(to, past_fold(fold, past_cell_value(to), value));
}

/* -- moments */

size_t past_place(const struct past_ring *ring, size_t i)
{
	return (ring->next + ring->capacity - ring->n + i) % ring->capacity;
}

static size_t newest(const struct past_ring *ring)
{
	return (ring->next + ring->capacity - 1) % ring->capacity;
}

/* The oldest gives its place. */
static size_t begin_moment(struct past *past, enum past_tier tier, int64_t start_ms)
{
	struct past_ring *ring = &past->rings[tier];
	const size_t place = ring->next;

	ring->moments[place] = (struct past_moment){.start_ms = start_ms};
	ring->next = (place + 1) % ring->capacity;
	if (ring->n < ring->capacity)
		ring->n++;
	for (size_t i = 0; i < past->n_series; i++) {
		for (size_t f = 0; f < history_kept[past->series[i].of].n_fields; f++)
			past_cell_set(
			    past_cell(past, &past->series[i], f, tier, place), PAST_ABSENT);
	}
	return place;
}

/* Where it is no more than a part of an older minute, after a clock step, that one is found. */
static size_t minute_of(struct past *past, int64_t start_ms)
{
	const struct past_ring *ring = &past->rings[PAST_MINUTES];
	int64_t minute_ms = start_ms / ring->step_ms * ring->step_ms;

	if (start_ms < minute_ms)
		minute_ms -= ring->step_ms;
	if (ring->n && ring->moments[newest(ring)].start_ms < minute_ms)
		return begin_moment(past, PAST_MINUTES, minute_ms);
	for (size_t i = ring->n; i-- > 0;) {
		const size_t place = past_place(ring, i);

		if (ring->moments[place].start_ms == minute_ms)
			return place;
	}
	return begin_moment(past, PAST_MINUTES, minute_ms);
}

/* -- series */

static bool is_other(const struct past_series *series)
{
	return history_kept[series->of].busiest &&
	    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): such ones have tags */
	    strcmp(series->tags[history_kept[series->of].n_tags - 1], KEPT_OTHER) == 0 &&
	    strcmp(series->tags[0], KEPT_OTHER) == 0;
}

static uint64_t hash_of(enum kept_id of, const char *const tags[KEPT_TAGS])
{
	uint64_t hash = of;

	for (size_t t = 0; t < history_kept[of].n_tags; t++)
		/* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): as many are set as it has */
		hash = XXH3_64bits_withSeed(tags[t], strnlen(tags[t], PAST_TAG_BYTES - 1), hash);
	return hash;
}

static struct past_series *find(
    struct past *past, enum kept_id of, const char *const tags[KEPT_TAGS])
{
	const uint64_t hash = hash_of(of, tags);

	for (size_t i = 0; i < past->n_series; i++) {
		struct past_series *series = &past->series[i];
		size_t same = 0;

		if (series->hash != hash || series->of != of)
			continue;
		while (same < history_kept[of].n_tags &&
		    strncmp(series->tags[same], tags[same], PAST_TAG_BYTES - 1) == 0)
			same++;
		if (same == history_kept[of].n_tags)
			return series;
	}
	return NULL;
}

static int copy_tags(char *ret[KEPT_TAGS], enum kept_id of, const char *const tags[KEPT_TAGS])
{
	char *copy[KEPT_TAGS] = {0};

	for (size_t t = 0; t < history_kept[of].n_tags; t++) {
		copy[t] = strndup(tags[t], PAST_TAG_BYTES - 1);
		if (copy[t])
			continue;
		while (t-- > 0)
			free(copy[t]);
		return -ENOMEM;
	}
	memcpy(ret, copy, sizeof(copy));
	return 0;
}

struct past_series *past_make_series(
    struct past *past, enum kept_id of, const char *const tags[KEPT_TAGS])
{
	struct past_series series = {.of = (uint8_t)of, .hash = hash_of(of, tags)};

	if (past->n_of[of] >= past->most[of] || copy_tags(series.tags, of, tags) < 0)
		return NULL;
	/* Zeros are absent. */
	series.cells = past->cells + past->cells_used;
	past->cells_used += series_bytes(past, of);
	past->series[past->n_series] = series;
	past->n_of[of]++;
	return &past->series[past->n_series++];
}

static struct past_series *other_of(struct past *past, enum kept_id of)
{
	static const char *const tags[KEPT_TAGS] = {KEPT_OTHER, KEPT_OTHER};
	struct past_series *other = find(past, of, tags);

	return other ? other : past_make_series(past, of, tags);
}

/* The last place is that of `other`. */
static bool has_room(struct past *past, enum kept_id of)
{
	static const char *const tags[KEPT_TAGS] = {KEPT_OTHER, KEPT_OTHER};

	return past->n_of[of] + (history_kept[of].busiest && !find(past, of, tags)) <
	    past->most[of];
}

static struct past_series *least_busy(struct past *past, enum kept_id of)
{
	struct past_series *least = NULL;

	for (size_t i = 0; i < past->n_series; i++) {
		struct past_series *series = &past->series[i];

		if (series->of == of && !is_other(series) && (!least || series->rate < least->rate))
			least = series;
	}
	return least;
}

/* What is summed goes on to count as `other`; the rest is gone. */
static void fold_series(struct past *past, struct past_series *to, const struct past_series *from)
{
	for (size_t f = 0; f < history_kept[from->of].n_fields; f++) {
		for (int t = 0; t < PAST_TIERS && history_kept[from->of].fields[f].fold == FOLD_SUM;
		     t++) {
			for (size_t i = 0; i < past->rings[t].n; i++) {
				const size_t place = past_place(&past->rings[t], i);

				fold_cell(past_cell(past, to, f, (enum past_tier)t, place),
				    FOLD_SUM,
				    past_cell_value(
					past_cell(past, from, f, (enum past_tier)t, place)));
			}
		}
	}
}

/* A newcomer that is twice as busy as the least of those that are kept takes its place. */
static struct past_series *replace(struct past *past, enum kept_id of,
    const char *const tags[KEPT_TAGS], double rate, int64_t now_ms)
{
	struct past_series *least = least_busy(past, of), *other;
	char *copy[KEPT_TAGS];

	if (!least || rate <= 2 * least->rate || llabs(now_ms - past->replaced_ms[of]) < REPLACE_MS)
		return NULL;
	other = other_of(past, of);
	if (!other || copy_tags(copy, of, tags) < 0)
		return NULL;
	fold_series(past, other, least);
	memset(least->cells, 0, series_bytes(past, of));
	for (size_t t = 0; t < history_kept[of].n_tags; t++)
		free(least->tags[t]);
	memcpy(least->tags, copy, sizeof(copy));
	least->hash = hash_of(of, tags);
	least->rate = rate;
	past->replaced_ms[of] = now_ms;
	return least;
}

/* -- a window */

static int64_t verdict_of(const char *text)
{
	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (strcmp(verdict_name((enum verdict)v), text) == 0)
			return v;
	}
	return PAST_ABSENT;
}

static int64_t value_of(const struct measure_field *field, const void *row)
{
	char buffer[MEASURE_TEXT_BYTES];
	const char *text;
	double number;

	if (field->type == MEASURE_TEXT) {
		text = measure_text(field, row, buffer);
		return text ? verdict_of(text) : PAST_ABSENT;
	}
	if (field->type != MEASURE_FLOAT)
		return measure_integer(field, row);
	number = measure_number(field, row) * kept_scale(field);
	return isfinite(number)
	    ? llround(fmax((double)-PAST_LARGEST, fmin((double)PAST_LARGEST, number)))
	    : PAST_ABSENT;
}

void past_take_row(int64_t *values, enum kept_id of, const void *row, uint32_t known)
{
	for (size_t f = 0; f < history_kept[of].n_fields; f++) {
		const struct measure_field *field = kept_field(&history_kept[of], f);

		values[f] =
		    field && measure_known(field, known) ? value_of(field, row) : PAST_ABSENT;
	}
}

struct moment {
	int64_t start_ms;
	double seconds;
	size_t places[PAST_TIERS];
};

static void put(struct past *past, const struct moment *moment, struct past_series *series,
    size_t field, int64_t value)
{
	for (int t = 0; t < PAST_TIERS; t++)
		fold_cell(past_cell(past, series, field, (enum past_tier)t, moment->places[t]),
		    history_kept[series->of].fields[field].fold, value);
}

static void note_rate(struct past_series *series, double rate, double seconds)
{
	series->rate += (rate - series->rate) * fmin(1, seconds / RATE_S);
}

static int add_item(
    struct past *past, const struct moment *moment, enum kept_id of, const struct past_item *item)
{
	const char *const *tags = item->tags;
	const double rate = (double)item->weight / moment->seconds;
	struct past_series *series = find(past, of, tags);

	if (!series && has_room(past, of)) {
		series = past_make_series(past, of, tags);
		if (!series)
			return -ENOMEM;
		series->rate = rate;
	} else if (!series && history_kept[of].busiest) {
		series = replace(past, of, tags, rate, moment->start_ms);
		if (!series)
			series = other_of(past, of);
		if (!series)
			return -ENOMEM;
	} else if (!series) {
		return 0;
	}
	for (size_t f = 0; f < history_kept[of].n_fields; f++) {
		if (!is_other(series) || history_kept[of].fields[f].fold == FOLD_SUM)
			put(past, moment, series, f, item->values[f]);
	}
	if (!is_other(series))
		note_rate(series, rate, moment->seconds);
	series->touched = past->windows;
	return 0;
}

static int compare_weight(const void *a, const void *b)
{
	const struct past_item *x = a, *y = b;

	return (x->weight < y->weight) - (x->weight > y->weight);
}

/* A series whose zone, say, nobody asked for. */
static void add_zeros(struct past *past, const struct moment *moment, enum kept_id of)
{
	for (size_t i = 0; i < past->n_series; i++) {
		struct past_series *series = &past->series[i];

		if (series->of != of || series->touched == past->windows)
			continue;
		for (size_t f = 0; f < history_kept[of].n_fields; f++) {
			if (history_kept[of].fields[f].fold == FOLD_SUM)
				put(past, moment, series, f, 0);
		}
		note_rate(series, 0, moment->seconds);
	}
}

int past_add(struct past *past, struct past_window *window)
{
	struct moment moment = {.start_ms = window->start_ms,
	    .seconds = window->watched_ms ? (double)window->watched_ms / 1000 : 0.001};
	int error = 0;

	past->windows++;
	moment.places[PAST_WINDOWS] = begin_moment(past, PAST_WINDOWS, window->start_ms);
	moment.places[PAST_MINUTES] = minute_of(past, window->start_ms);
	for (int t = 0; t < PAST_TIERS; t++)
		past->rings[t].moments[moment.places[t]].watched_ms += window->watched_ms;
	for (int of = 0; of < KEPT_COUNT; of++) {
		struct past_set *items = &window->sets[of];

		if (!past->most[of])
			continue;
		if (items->n > 1)
			qsort(items->items, items->n, sizeof(*items->items), compare_weight);
		for (size_t i = 0; i < items->n; i++) {
			const int r = add_item(past, &moment, (enum kept_id)of, &items->items[i]);

			error = r < 0 ? r : error;
		}
		if (items->counted)
			add_zeros(past, &moment, (enum kept_id)of);
	}
	return error;
}

/* -- another shape */

static int copy_series(struct past *to, struct past *from)
{
	int error = 0;

	for (size_t i = 0; i < from->n_series; i++) {
		struct past_series *series = &from->series[i];
		const enum kept_id of = (enum kept_id)series->of;
		const char *const tags[KEPT_TAGS] = {series->tags[0], series->tags[1]};

		series->twin = find(to, of, tags);
		if (!series->twin && (has_room(to, of) || is_other(series)))
			series->twin = past_make_series(to, of, tags);
		if (!series->twin && history_kept[of].busiest)
			series->twin = other_of(to, of);
		if (!series->twin) {
			error = to->most[of] ? -ENOMEM : error;
			continue;
		}
		if (!is_other(series->twin))
			series->twin->rate = series->rate;
	}
	return error;
}

static void copy_moment(
    struct past *to, size_t to_place, const struct past *from, size_t place, enum past_tier tier)
{
	to->rings[tier].moments[to_place].watched_ms += from->rings[tier].moments[place].watched_ms;
	for (size_t i = 0; i < from->n_series; i++) {
		const struct past_series *series = &from->series[i];
		const struct kept *of = &history_kept[series->of];
		const bool joins = series->twin && is_other(series->twin);

		for (size_t f = 0; series->twin && f < of->n_fields; f++) {
			if (!joins || of->fields[f].fold == FOLD_SUM)
				fold_cell(past_cell(to, series->twin, f, tier, to_place),
				    of->fields[f].fold,
				    past_cell_value(past_cell(from, series, f, tier, place)));
		}
	}
}

int past_copy(struct past *to, struct past *from)
{
	const int r = copy_series(to, from);

	for (int t = 0; t < PAST_TIERS; t++) {
		const struct past_ring *ring = &from->rings[t];
		const size_t room = to->rings[t].capacity;

		for (size_t i = ring->n > room ? ring->n - room : 0; i < ring->n; i++) {
			const size_t place = past_place(ring, i);
			const int64_t start_ms = ring->moments[place].start_ms;

			copy_moment(to,
			    t == PAST_MINUTES ? minute_of(to, start_ms)
					      : begin_moment(to, PAST_WINDOWS, start_ms),
			    from, place, (enum past_tier)t);
		}
	}
	return r;
}
