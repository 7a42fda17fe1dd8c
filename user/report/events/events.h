/* SPDX-License-Identifier: BSD-2-Clause */
/* What happened since the last window: the next one makes points crosstap_event of it. */
#ifndef CROSSTAP_REPORT_EVENTS_EVENTS_H
#define CROSSTAP_REPORT_EVENTS_EVENTS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define EVENTS_MAX        64  /* the newest are kept: they say how things stand */
#define EVENTS_REMEMBERED 256 /* whose times no other gets */

struct event {
	int64_t time_ms; /* of the wall clock, made unique */
	char kind[16];
	char text[240];
};

struct events {
	struct event list[EVENTS_MAX];
	size_t n;
	int64_t used_ms[EVENTS_REMEMBERED]; /* times of the latest */
	uint64_t n_used;
};

void events_add(struct events *events, int64_t now_ms, const char *kind, const char *format,
    va_list args) __attribute__((format(printf, 4, 0)));
/* They were encoded. Times go on being unique. */
void events_clear(struct events *events);

#endif
