/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This room remembers: every window of the last hour and every minute of the last 48, of what a
 * page draws (kept.h), within `limits.history` bytes (past.h). The report's thread adds windows,
 * loads and saves; HTTP's threads ask. It opens nothing but its file, and has no thread.
 *
 * A minute's counts are exactly the sums of the windows that begin in it. Of what is not counted a
 * minute, or a step of an answer, has the largest, the least or the last of its windows: the answer
 * says which (`fold`).
 */
#ifndef CROSSTAP_HISTORY_HISTORY_H
#define CROSSTAP_HISTORY_HISTORY_H

#include "config/config.h"
#include "history/past.h"
#include "history/query.h"

#define HISTORY_EVENTS 512 /* the newest; fewer in little memory */

struct history;
struct history_next;

struct history_event {
	int64_t time_ms;
	char kind[16];
	char text[240];
};

/* What `config` comes to; all 0 where it is turned off. */
void history_plan(struct past_plan *ret, const struct config *config);

/* Remembers nothing where `limits.history` is 0. -ENOMEM. */
int history_new(struct history **ret, const struct config *config);
void history_free(struct history *history); /* takes NULL */
/* Another size or interval. -ENOMEM: nothing has changed. */
int history_prepare(struct history_next **ret, const struct config *config);
/* Takes `next`; of what was remembered, all that it has room for. */
void history_commit(struct history *history, struct history_next *next);
void history_next_free(struct history_next *next); /* takes NULL */

/* A closed window. -ENOMEM: some series are missing in it. */
int history_add(struct history *history, struct past_window *window);
void history_event(struct history *history, const struct history_event *event);

/* The file of a configuration's `state`; false: there is to be none. */
#define HISTORY_PATH (4096 + 16)
bool history_path(char ret[HISTORY_PATH], const struct config *config);
/* The error of the file system. Nothing where it is turned off. */
int history_save(struct history *history, const char *path);
/*
 * Adds what the file holds to a history without windows. -ENOENT: no file. A file that is not sound
 * (-EBADMSG), too long (-EFBIG) or a newer version's (-EPROTONOSUPPORT) is moved to PATH.aside.
 */
int history_load(struct history *history, const char *path);

/*
 * Any thread. To free(): a document as the manual page describes it. -ENODATA: it is turned off;
 * -E2BIG: more values than an answer holds; -ENOMEM; each with words for the client in `error`.
 */
int history_answer(struct history *history, const struct history_query *query, char **ret,
    char *error, size_t size);

#endif
