/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is told to those who watch the page, as it happens: that a window has closed and its
 * documents can be fetched, and each event of the points. The newest are held for those who come
 * back; each has a number, and the run's beginning stands before it, since another run counts anew.
 * The report's thread writes, any thread reads.
 */
#ifndef CROSSTAP_REPORT_EVENTS_TICKER_H
#define CROSSTAP_REPORT_EVENTS_TICKER_H

#include "report/events/events.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TICKER_HELD 256
/* A message of it at most, with its NUL: an event's text in JSON, kind, time and number. */
#define TICKER_MESSAGE_BYTES 2048

struct ticker;

/* Where a reader is: after the message of this number. */
struct ticker_place {
	uint64_t run, number;
};

/* `run_ms`: when this process began, as a name of it. -ENOMEM. */
int ticker_new(struct ticker **ret, int64_t run_ms);
void ticker_free(struct ticker *ticker); /* takes NULL */

/* `told` is called, by the report's thread, when something new is held; it must not call back.
 * NULL: nobody is told any more, and no call is under way when this returns. */
void ticker_tell(struct ticker *ticker, void (*told)(void *context), void *context);

/* Those of a window, in their order. */
void ticker_events(struct ticker *ticker, const struct events *events);
/* The documents of a window are there. Times of the wall clock. */
void ticker_window(struct ticker *ticker, int64_t start_ns, int64_t end_ns);

/* The name of a message: two numbers with a dash. False: it is none. */
bool ticker_parse(const char *text, struct ticker_place *ret);
/* Where a reader begins. `last`: the message that it has seen last; what came after it follows, as
 * far as that is held, and all that is held where it was of another run. NULL, or one that was
 * never sent: the newest window follows. */
void ticker_begin(struct ticker *ticker, const struct ticker_place *last, struct ticker_place *ret);
/* The next messages for `place`, whole ones, as text/event-stream has them (HTML, section 9.2.6);
 * how many bytes, 0 if there is nothing new. `size`: at least TICKER_MESSAGE_BYTES. -ESTALE: what
 * follows is held no more; -ENOMEM. */
int ticker_read(struct ticker *ticker, struct ticker_place *place, char *buffer, size_t size);

#endif
