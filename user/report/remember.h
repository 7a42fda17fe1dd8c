/* SPDX-License-Identifier: BSD-2-Clause */
/* A closed window for the history: the rows of the table of what is measured that it keeps. */
#ifndef CROSSTAP_REPORT_REMEMBER_H
#define CROSSTAP_REPORT_REMEMBER_H

#include "crosscheck/crosscheck.h"
#include "enrich/enrich.h"
#include "history/history.h"
#include "measure/rows.h"
#include "measure/unassigned.h"
#include "report/events/events.h"
#include "stats/view.h"

struct remember {
	const struct window_view *view;
	const struct enrich_view *enriched;
	struct enrich *enrich;                    /* NULL: none */
	const struct crosscheck_result *compared; /* NULL: nothing is */
	const struct wire_window *wire;           /* NULL: none */
	const struct agent_figures *figures;
	struct unassigned *unassigned;
	const struct events *events;
	uint64_t watched_ms; /* of the window */
	bool figured;        /* some input feeds the figures */
};

/* Scratch memory comes from `arena`. -ENOMEM: a part of the window is missing. */
int remember_window(struct history *history, const struct remember *from, struct arena *arena);

/* The file beside `state`; both log what does not work. */
void remember_load(struct history *history, const struct config *config);
void remember_save(struct history *history, const struct config *config);
/* Every five minutes; *due_ns, monotonic, is 0 at first. */
void remember_save_when_due(struct history *history, const struct config *config, uint64_t *due_ns);

#endif
