/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DNS Magnitude: how many clients ask for a domain, whatever they ask how often (nic.at, ICANN). In
 * `magnitude.dir`:
 *
 *   SERVER-YYYYMMDD.cbor       the dataset of a UTC day, which ICANN's toolkit reads, merges with
 *                              those of other sites, and makes its report of
 *   SERVER.magnitude.state     the day so far, for a restart
 *
 * A day's dataset is written when the day ends, hourly before that, and at the end of the program,
 * one that failed once more after each window, while its day is the last one that ended; the state
 * once a minute, when a day has begun, and at the end, so that a restart loses nothing, and a kill
 * a minute.
 *
 * Input threads tally (magnitude/tally.h); the report's thread owns the day and adds their windows.
 */
#ifndef CROSSTAP_MAGNITUDE_MAGNITUDE_H
#define CROSSTAP_MAGNITUDE_MAGNITUDE_H

#include "magnitude/dataset.h"

struct magnitude;

struct magnitude_options {
	const char *dir, *server;
	size_t domains; /* in a dataset; not 0 */
	bool live;      /* there is a state; else the first window says which day it is */
	int64_t now_ns;
};

/* Goes on with the day whose state is in `dir`, if that is today, or tomorrow: then the clock was
 * set back over midnight. Of any other day it writes the dataset. *ret_fresh_reason (static text):
 * why a state was not taken; else NULL. Makes `dir` if need be. Errors: -ENOMEM, or those of the
 * file system. */
int magnitude_new(
    struct magnitude **ret, const struct magnitude_options *options, const char **ret_fresh_reason);
/* Does not write: magnitude_flush() before. */
void magnitude_free(struct magnitude *magnitude);
/* A window's tally (NULL: nobody asked), for the day that it begins in. A window of a new day ends
 * the old one. The error of writing that; -ENOMEM. */
int magnitude_add(struct magnitude *magnitude, int64_t start_ns, const struct tally *tally);
/* Writes dataset and state. */
int magnitude_flush(struct magnitude *magnitude);
/* Writes what is due (monotonic time). */
int magnitude_flush_when_due(struct magnitude *magnitude, uint64_t now_ns);
/* The report of the day so far; free() it. NULL: no memory, or no day yet. */
char *magnitude_json(struct magnitude *magnitude);

#endif
