/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds events by comparing a window's end with the end before: producers came or went, an
 * interface is watched in another mode, an output fails or works again. */
#ifndef CROSSTAP_REPORT_EVENTS_NEWS_H
#define CROSSTAP_REPORT_EVENTS_NEWS_H

#include "attack/attack.h"
#include "crosscheck/crosscheck.h"
#include "privacy/privacy.h"
#include "report/board.h"
#include "report/events/changes.h"
#include "report/events/events.h"
#include "report/outputs.h"
#include "wire/window/window.h"

struct news {
	struct changes *changes;
	struct events *events; /* where they are added */
	int64_t now_ms;
};

/* Between changes_begin() and the next one each of these, once. */
void news_of_inputs(const struct news *news, const struct report_input *inputs, size_t n_inputs);
/* The verdict of a window that begins at `start_ns`, if it is another than before: an event, and a
 * line of the log with what it means and the horizon's sums. */
void news_of_verdict(
    const struct news *news, const struct crosscheck_result *result, int64_t start_ns);
/* NULL: there is no wire. */
void news_of_wire(const struct news *news, const struct wire_window *wire);
/* Those that began in the window, and those that have ended: an event and a line of the log each.
 */
void news_of_attacks(const struct news *news, const struct attacks_now *attacks, int64_t start_ns,
    int64_t end_ns, struct privacy *privacy);
void news_of_outputs(const struct news *news, struct outputs *outputs);

#endif
