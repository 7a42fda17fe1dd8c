/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How things stood at the last window's end, so that only what differs becomes an event: producers
 * of an input, an interface's mode, an output that fails. A thing is known by kind and name; its
 * state is a text.
 */
#ifndef CROSSTAP_REPORT_EVENTS_CHANGES_H
#define CROSSTAP_REPORT_EVENTS_CHANGES_H

#include <stdbool.h>

#define CHANGES_MAX 1024 /* things; more are not followed */

struct changes;

/* -ENOMEM. */
int changes_new(struct changes **ret);
void changes_free(struct changes *changes);

/* A window ends: what is not noted from now on is gone. */
void changes_begin(struct changes *changes);
/* True if its state is another than last time. At first sight, if it is another than `usual`. */
bool changes_note(struct changes *changes, const char *kind, const char *name, const char *state,
    const char *usual);
/* Forgets a thing of this kind that was not noted; its name, valid until the next call. NULL: there
 * is none any more. */
const char *changes_gone(struct changes *changes, const char *kind);

#endif
