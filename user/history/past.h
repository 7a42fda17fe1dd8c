/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the history is kept: two rings of moments, the windows of the last hour and the minutes of
 * the last 48, and for each series a column of both. A column's cells are signed integers of 40
 * bits: 549 G packets, bytes or thousandths of a millisecond, past which they saturate. Its size is
 * bounded when it is made. No lock.
 *
 * A moment that no window was in is not there, and a series that a window did not know has no value
 * in it: neither is ever 0. Minutes begin on the grid; a window belongs to the one that it begins
 * in, also after the clock was set back. Moments are held in the order in which they came.
 */
#ifndef CROSSTAP_HISTORY_PAST_H
#define CROSSTAP_HISTORY_PAST_H

#include "history/kept.h"

#define PAST_ABSENT     INT64_MIN
#define PAST_LARGEST    ((1ll << 39) - 1) /* also below 0 */
#define PAST_CELL_BYTES 5
#define PAST_TAG_BYTES  256 /* longer values are cut */
#define PAST_HOUR_MS    3600000
#define PAST_DAYS_MS    (48ll * PAST_HOUR_MS)
#define PAST_MINUTE_MS  60000
#define PAST_SPARE      8 /* windows that a clock step or a reload cut short */

enum past_tier { PAST_WINDOWS, PAST_MINUTES, PAST_TIERS };

struct past_moment {
	int64_t start_ms;
	uint64_t watched_ms; /* what of it was counted */
};

struct past_ring {
	struct past_moment *moments;
	size_t capacity, n, next; /* the newest is before `next` */
	int64_t step_ms;
};

struct past_series {
	uint8_t of;    /* enum kept_id */
	uint64_t hash; /* of `of` and tags */
	char *tags[KEPT_TAGS];
	double rate;      /* how busy: a moving mean a second */
	uint64_t touched; /* the window that it was last in */
	uint8_t *cells; /* by tier, place in the ring and field: what has no past is not touched */
	struct past_series *twin;
};

struct past {
	size_t limit, bytes; /* bytes: what it can take at most */
	int64_t interval_ms;
	struct past_ring rings[PAST_TIERS];
	size_t most[KEPT_COUNT]; /* 0: not kept */
	struct past_series *series;
	size_t n_series, max_series;
	uint8_t *cells; /* of all series, one after the other; touched as they are filled */
	size_t cells_used, cells_bytes;
	size_t n_of[KEPT_COUNT];
	int64_t replaced_ms[KEPT_COUNT];
	uint64_t windows;
};

/* What would fit, without making it. */
struct past_plan {
	int64_t interval_ms, step_ms; /* of windows and of minutes */
	size_t windows, minutes;
	size_t most[KEPT_COUNT];
	size_t bytes;
};
void past_plan(struct past_plan *ret, size_t limit, int64_t interval_ms);

/* A series of a window. */
struct past_item {
	const char *tags[KEPT_TAGS];
	int64_t *values; /* by kept field; PAST_ABSENT */
	uint64_t weight; /* how busy */
};
/* Of the row of a measurement the fields that are kept, n_fields of them. */
void past_take_row(int64_t *values, enum kept_id of, const void *row, uint32_t known);

struct past_set {
	struct past_item *items; /* will be sorted */
	size_t n;
	bool counted; /* a series that is not here counted 0 */
};
struct past_window {
	int64_t start_ms;
	uint64_t watched_ms;
	struct past_set sets[KEPT_COUNT];
};

/* -ENOMEM. */
int past_new(struct past **ret, size_t limit, int64_t interval_ms);
void past_free(struct past *past);
/* -ENOMEM: some series are missing in this window. */
int past_add(struct past *past, struct past_window *window);
/* What `from` holds and `to`, which is empty, has room for. -ENOMEM: some series are missing. */
int past_copy(struct past *to, struct past *from);

/* Places of a ring from the oldest on: 0 to n - 1. */
size_t past_place(const struct past_ring *ring, size_t i);
int64_t past_get(const struct past *past, const struct past_series *series, size_t field,
    enum past_tier tier, size_t place);
/* Folds `value` into what is there. */
int64_t past_fold(enum kept_fold fold, int64_t there, int64_t value);

/* A cell's bytes are the same on every host; zeros are PAST_ABSENT. */
uint8_t *past_cell(const struct past *past, const struct past_series *series, size_t field,
    enum past_tier tier, size_t place);
void past_cell_set(uint8_t *cell, int64_t value); /* saturates */
int64_t past_cell_value(const uint8_t *cell);
/* A series without values; NULL: no memory, or no room. */
struct past_series *past_make_series(
    struct past *past, enum kept_id of, const char *const tags[KEPT_TAGS]);

#endif
