/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/events/events.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_used(const struct events *events, int64_t time_ms)
{
	for (uint64_t i = 0; i < events->n_used && i < EVENTS_REMEMBERED; i++) {
		if (events->used_ms[i] == time_ms)
			return true;
	}
	return false;
}

void events_add(
    struct events *events, int64_t now_ms, const char *kind, const char *format, va_list args)
{
	struct event *event;

	if (events->n == EVENTS_MAX)
		memmove(events->list, events->list + 1, --events->n * sizeof(*event));
	event = &events->list[events->n++];
	/* The clock may have been set back to where there were some. */
	while (is_used(events, now_ms))
		now_ms++;
	event->time_ms = now_ms;
	events->used_ms[events->n_used++ % EVENTS_REMEMBERED] = event->time_ms;
	snprintf(event->kind, sizeof(event->kind), "%s", kind);
	vsnprintf(event->text, sizeof(event->text), format, args);
}

void events_clear(struct events *events)
{
	events->n = 0;
}
