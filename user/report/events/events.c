/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/events/events.h"

#include <stdio.h>
#include <string.h>

void events_add(
    struct events *events, int64_t now_ms, const char *kind, const char *format, va_list args)
{
	struct event *event;

	if (events->n == EVENTS_MAX)
		memmove(events->list, events->list + 1, --events->n * sizeof(*event));
	event = &events->list[events->n++];
	event->time_ms = now_ms > events->last_ms ? now_ms : events->last_ms + 1;
	events->last_ms = event->time_ms;
	snprintf(event->kind, sizeof(event->kind), "%s", kind);
	vsnprintf(event->text, sizeof(event->text), format, args);
}

void events_clear(struct events *events)
{
	events->n = 0;
}
