/* SPDX-License-Identifier: BSD-2-Clause */
/* What a client asks the history for. */
#ifndef CROSSTAP_HISTORY_QUERY_H
#define CROSSTAP_HISTORY_QUERY_H

#include "history/kept.h"

#define HISTORY_POINTS 4000   /* of a series, in an answer */
#define HISTORY_VALUES 400000 /* of all series in one */

struct history_query {
	int64_t from_ms, to_ms;      /* since 1970; `to` is the first moment after it */
	int64_t step_ms;             /* 0: the shortest that is held and fits an answer */
	uint32_t fields[KEPT_COUNT]; /* 1 << place in struct kept */
};

/*
 * The parameters as they came, NULL: not there. `from` and `to` in seconds since 1970, or below 0
 * before `now_ms` (default: the last hour); `step` in seconds; `names` MEASUREMENT or
 * MEASUREMENT.FIELD, with commas between them (default: all). -EINVAL, with words in `error`: none
 * of these, or an empty time.
 */
int history_query_parse(struct history_query *ret, const char *from, const char *to,
    const char *step, const char *names, int64_t now_ms, char *error, size_t size);

#endif
