/* SPDX-License-Identifier: BSD-2-Clause */
/* What an InfluxDB says in the body of an error. The body is hostile. */
#ifndef CROSSTAP_SINK_INFLUX_REPLY_H
#define CROSSTAP_SINK_INFLUX_REPLY_H

#include <stddef.h>

#define INFLUX_WORDS_MAX 200

struct influx_reply {
	char words[INFLUX_WORDS_MAX + 1]; /* printable, one line; may be empty */
	/* Points that a partial write left out (v1: 400, v2: 400 or 422); `points` if it was none,
	 * or if its answer is cut off, so that nobody knows how many. */
	size_t rejected;
};

/* `points` is the number of points in the request. `secrets` (ended by NULL; or NULL) are replaced
 * by *** in the words. */
void influx_reply_read(struct influx_reply *ret, const char *body, size_t length, size_t points,
    const char *const *secrets);

#endif
