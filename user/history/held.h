/* SPDX-License-Identifier: BSD-2-Clause */
/* What a history holds, and its file: for the files of this room. */
#ifndef CROSSTAP_HISTORY_HELD_H
#define CROSSTAP_HISTORY_HELD_H

#include "history/history.h"

struct history_next {
	struct past *past; /* NULL: turned off */
	struct history_event *events;
	size_t max_events, n_events, next_event;
};

/* `limit` above 0. -ENOMEM. */
int held_new(struct history_next **ret, size_t limit, int64_t interval_ms);
void held_event(struct history_next *held, const struct history_event *event);
const struct history_event *held_event_at(const struct history_next *held, size_t i);
void held_copy(struct history_next *to, struct history_next *from);

/* The file: a header, the moments, the kept fields by their names, the series, the events, and XXH3
 * over all of it; of this host's byte order. */
int held_write(const struct history_next *held, const char *path);
/* -ENOENT; -EBADMSG; -EFBIG; -EPROTONOSUPPORT: a newer version; -ENOMEM; else of reading. */
int held_read(struct history_next **ret, const char *path);
int held_decode(struct history_next **ret, const uint8_t *data, size_t size);

/* An answer, see history_answer(): copied while the history's lock is held, written after that. */
struct history_series;
struct history_picture {
	enum past_tier tier;
	int64_t from_ms, step_ms;
	size_t points, n_series;
	int64_t interval_ms;
	struct {
		int64_t from_ms, to_ms, step_ms; /* from == to: nothing */
	} has[PAST_TIERS];
	uint64_t *watched_ms; /* by point; 0: nothing was counted */
	int64_t *values;      /* by series and point */
	struct history_series *series;
	struct history_event *events;
	size_t n_events;
};
struct history_series {
	enum kept_id of;
	size_t field;
	char tags[KEPT_TAGS][PAST_TAG_BYTES];
};
int picture_take(struct history_picture *ret, const struct history_next *held,
    const struct history_query *query, char *error, size_t size);
void picture_done(struct history_picture *picture);
/* NULL: no memory. */
char *picture_text(const struct history_picture *picture);

#endif
