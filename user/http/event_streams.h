/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GET /api/v1/events: server-sent events (HTML, section 9.2) of the page. A stream has no thread:
 * it is suspended in libmicrohttpd until the report tells something new (report/events/ticker.h),
 * its reader is gone, or EVENT_STREAMS_BEAT_S have passed, and then holds one buffer of what it
 * says next.
 *
 *   retry: 2000
 *
 *   id: 1700000000000-17
 *   event: window
 *   data: {"start": 1700000010, "end": 1700000020}
 *
 *   id: 1700000000000-18
 *   event: event
 *   data: {"time": 1700000021.5, "kind": "verdict", "text": "socket-loss"}
 *
 *   : beat
 *
 * A window comes when /api/v1/window, crosscheck, resolvers and history have it, after the events
 * that its points have; the newest one at once. With Last-Event-ID what came after that follows, as
 * far as it is held.
 *
 * What the kernel has not sent for PLACES_STREAM_S ends a stream, as does falling behind what is
 * held: whoever reads again comes back with the last id.
 */
#ifndef CROSSTAP_HTTP_EVENT_STREAMS_H
#define CROSSTAP_HTTP_EVENT_STREAMS_H

#include "http/places.h"
#include "report/events/ticker.h"

#include <microhttpd.h>
#include <stdint.h>

#define EVENT_STREAMS_BEAT_S  15 /* between two comments, where there is nothing else to say */
#define EVENT_STREAMS_RETRY_S 10 /* when to ask again who found no place */

struct event_streams;

/* `ticker` and `places` outlive it. -ENOMEM. */
int event_streams_new(struct event_streams **ret, struct ticker *ticker, struct places *places);
/* Takes NULL; no stream is left. */
void event_streams_free(struct event_streams *streams);
/* The answer to a request, without its header fields; `last_id`: of Last-Event-ID, or NULL.
 * `place`: of the connection; NULL: whoever asks wants the header alone. -EBUSY: too many, or they
 * have been ended; -ENOMEM. */
int event_streams_open(struct event_streams *streams, struct MHD_Connection *connection,
    struct place *place, const char *last_id, struct MHD_Response **ret);
/* From the thread of sweep.h: those whose reader is gone, and those that have been silent for long,
 * go on. */
void event_streams_sweep(struct event_streams *streams, uint64_t now_ns);
/* All end, and no other begins. Before libmicrohttpd is stopped, which must not find one
 * suspended. Takes NULL. */
void event_streams_end(struct event_streams *streams);

#endif
