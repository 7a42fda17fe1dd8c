/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The board: what other threads (HTTP's) may read of the last closed window. The report's thread
 * writes, any thread reads.
 */
#ifndef CROSSTAP_REPORT_BOARD_H
#define CROSSTAP_REPORT_BOARD_H

#include "config/config.h"
#include "measure/rows.h"
#include "report/outputs.h"
#include "report/tops.h"
#include "stats/windows.h"

struct board;

#define REPORT_CERTIFICATES 32 /* more are not followed */
struct report_certificate {
	char name[128];
	int64_t end_s;
};

/* For /api/v1/status and /metrics. */
struct report_status {
	char server[256];
	int64_t started_ns, window_start_ns,
	    window_end_ns; /* the last closed window; 0, 0: none yet */
	uint64_t interval_ns;
	struct agent_figures figures; /* counters since the start, else of the last window */
	struct report_input *inputs;
	size_t n_inputs;
	struct output_status *sinks;
	size_t n_sinks;
	struct report_certificate certificates[REPORT_CERTIFICATES];
	size_t n_certificates;
};

/* JSON documents. */
enum board_document {
	BOARD_WINDOW,
	BOARD_RESOLVERS,
	BOARD_CROSSCHECK,
	BOARD_MAGNITUDE,
	BOARD_DOCUMENTS
};

/* -ENOMEM. */
int board_new(struct board **ret);
void board_free(struct board *board);
void board_configure(struct board *board, const struct config *config);

/* Takes `text` (malloc'd; NULL: there is none). */
void board_put(struct board *board, enum board_document document, char *text);
/* As report_certificate(). */
void board_certificate(struct board *board, const char *name, int64_t end_s);
/* Adds a closed window to the status. */
void board_window(struct board *board, const struct window_span *span,
    const struct agent_figures *figures, const struct report_input *inputs, size_t n_inputs);

/* Takes the reference; NULL: there are none. */
void board_put_tops(struct board *board, struct tops *tops);
/* Any thread; tops_unref() it. NULL: there are none. */
struct tops *board_tops(struct board *board);

/* Any thread; free() it. NULL: there is none, or no memory. */
char *board_get(struct board *board, enum board_document document);
/* Any thread: all but the sinks. report_status_free() it. -ENOMEM. */
int board_status(struct board *board, struct report_status **ret);
void report_status_free(struct report_status *status);

#endif
