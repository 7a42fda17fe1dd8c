/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of `crosstap top`: which rows, in which order, and their columns in 80 of a screen. */
#ifndef CROSSTAP_TOP_VIEWS_H
#define CROSSTAP_TOP_VIEWS_H

#include "top/model.h"
#include "top/screen.h"

/* In the order of their keys: 1 to 9, 0, i, o. */
enum top_view {
	VIEW_ZONES,
	VIEW_TYPES,
	VIEW_RCODES,
	VIEW_TRANSPORTS,
	VIEW_CLIENTS,
	VIEW_SUBNETS,
	VIEW_NAMES,
	VIEW_ASNS,
	VIEW_COUNTRIES,
	VIEW_FUNNEL,
	VIEW_INPUTS,
	VIEW_OUTPUTS,
	VIEWS
};

enum column_kind {
	COLUMN_RATE,    /* of the window, a second */
	COLUMN_SHARE,   /* of all rows */
	COLUMN_PERCENT, /* of the row's responses, or of its queries where it has none of these */
	COLUMN_COUNT,
	COLUMN_US,
	COLUMN_MS,
	COLUMN_AGE,
	COLUMN_NUMBER, /* that is a name */
	COLUMN_STATE,
	COLUMN_NOTE
};

struct view_column {
	const char *title;
	const char *key; /* in the JSON; NULL: it is not in there */
	enum column_kind kind;
	enum top_figure figure;
	int width; /* with the blank before it; of a note: at least */
};

#define VIEW_COLUMNS 8

struct view {
	/* What chooses it and its title are on the screen (all twelve are 80 columns), the key in
	 * the JSON, the name in the first column's title. */
	char press;
	const char *title, *key, *name;
	const char *missing; /* what it takes to have rows; NULL: traffic */
	enum top_list list;  /* not of VIEW_FUNNEL */
	struct view_column columns[VIEW_COLUMNS];
};
extern const struct view views[VIEWS];

/* Rows of a view as they are shown: pointers into the model, or into `stages`. */
struct view_rows {
	size_t n;
	double total; /* of what the rows weigh, those that are not shown included */
	const struct table_row *rows[TOP_TABLE_ROWS];
	struct table_row stages[STAGES];
};

/* VIEWS: the key chooses none. */
unsigned view_of_key(int key);
/* How many columns it has besides the name. */
unsigned view_columns(enum top_view view);
/* `sort`: a column; view_columns() of them: by name. `filter`: part of a name or note, in letters
 * of either case; "" takes all. */
void view_select(struct view_rows *rows, const struct top_model *model, enum top_view view,
    unsigned sort, const char *filter);
/* The titles, the one of the column that it is sorted by marked. */
void view_put_titles(struct screen *screen, int y, enum top_view view, unsigned sort);
void view_put_row(struct screen *screen, int y, const struct top_model *model, enum top_view view,
    const struct view_rows *rows, size_t row);

#endif
