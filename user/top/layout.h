/* SPDX-License-Identifier: BSD-2-Clause */
/* The screen of `crosstap top`, whatever its size: head, one of the tables, and a line of help. */
#ifndef CROSSTAP_TOP_LAYOUT_H
#define CROSSTAP_TOP_LAYOUT_H

#include "top/views.h"

#include <stdbool.h>

#define LAYOUT_HISTORY 256 /* windows */
#define LAYOUT_ERROR   512
#define LAYOUT_FILTER  32

/* Queries a second of the last windows, the newest last; NaN: a window that was not seen. */
struct top_rates {
	double rates[LAYOUT_HISTORY];
	size_t n;
	double end_ms; /* of the newest */
};

/* The window of `model`, if it is a new one. Those between are gaps. */
void top_rates_add(struct top_rates *history, const struct top_model *model);

struct layout {
	enum top_view view;
	unsigned sort[VIEWS]; /* columns; see view_select() */
	char filter[LAYOUT_FILTER];
	bool filtering; /* the user types it */
	bool help, paused;
	int scroll;               /* rows above the screen */
	double refresh_s;         /* between two looks */
	char error[LAYOUT_ERROR]; /* why the model is old; empty: it is not */
	struct top_rates history;
	struct view_rows rows;
};

/* What it starts with: zones, each view by its first column. */
void layout_init(struct layout *layout);
/* Draws on a screen that was cleared. Brings `scroll` into bounds. */
void layout_draw(struct layout *layout, const struct top_model *model, struct screen *screen);
/* Server, window, verdict and funnel: LAYOUT_HEAD lines from `y`. */
#define LAYOUT_HEAD 4
void layout_put_head(struct screen *screen, int y, const struct top_model *model);
/* The verdict's meaning; "" for one that is not known. */
const char *layout_meaning(const char *verdict);

#endif
