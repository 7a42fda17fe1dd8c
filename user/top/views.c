/* SPDX-License-Identifier: BSD-2-Clause */
#include "top/views.h"

#include "top/figures.h"

#include <stdlib.h>
#include <string.h>

#define MIN_NAME 12

const struct view views[VIEWS] = {
    [VIEW_ZONES] = {'1', "Zones", "zones", "ZONE", NULL, TOP_ZONES,
	{{"QUERIES/s", "queries", COLUMN_RATE, TOP_QUERIES, 10},
	    {"ANSWERS/s", "responses", COLUMN_RATE, TOP_RESPONSES, 10},
	    {"SOURCES", "sources", COLUMN_COUNT, TOP_SOURCES, 8},
	    {"MEDIAN", "response_time_us_p50", COLUMN_US, TOP_P50_US, 9},
	    {"99 %", "response_time_us_p99", COLUMN_US, TOP_P99_US, 9},
	    {"NXDOMAIN", "nxdomain", COLUMN_PERCENT, TOP_NXDOMAIN, 9},
	    {"BAD", "malformed", COLUMN_COUNT, TOP_MALFORMED, 7}}},
    [VIEW_TYPES] = {'2', "Types", "qtypes", "QUERY TYPE", NULL, TOP_TYPES,
	{{"QUERIES/s", "queries", COLUMN_RATE, TOP_QUERIES, 11},
	    {"SHARE", NULL, COLUMN_SHARE, TOP_QUERIES, 9}}},
    [VIEW_RCODES] = {'3', "Rcodes", "rcodes", "RESPONSE CODE", NULL, TOP_RCODES,
	{{"ANSWERS/s", "responses", COLUMN_RATE, TOP_QUERIES, 11},
	    {"SHARE", NULL, COLUMN_SHARE, TOP_QUERIES, 9}}},
    [VIEW_TRANSPORTS] = {'4', "Trans", "transports", "TRANSPORT", NULL, TOP_TRANSPORTS,
	{{"QUERIES/s", "queries", COLUMN_RATE, TOP_QUERIES, 11},
	    {"ANSWERS/s", "responses", COLUMN_RATE, TOP_RESPONSES, 11},
	    {"SHARE", NULL, COLUMN_SHARE, TOP_QUERIES, 9}}},
    [VIEW_CLIENTS] = {'5', "Clients", "clients", "CLIENT", NULL, TOP_CLIENTS,
	{{"QUERIES/s", "queries", COLUMN_RATE, TOP_QUERIES, 10},
	    {"SHARE", NULL, COLUMN_SHARE, TOP_QUERIES, 7},
	    {"ICMP", "icmp_rtt_ms", COLUMN_MS, TOP_ICMP_MS, 9},
	    {"AS", "asn", COLUMN_NUMBER, TOP_AS_NUMBER, 11},
	    {"CC", "country", COLUMN_NOTE, TOP_QUERIES, 3}}}, /* 40 are left for an address */
    [VIEW_SUBNETS] = {'6', "Nets", "subnets", "SUBNET",
	"counted with the word `addresses` in `datasets`", TOP_SUBNETS,
	{{"QUERIES/s", "queries", COLUMN_RATE, TOP_QUERIES, 11},
	    {"SHARE", NULL, COLUMN_SHARE, TOP_QUERIES, 9},
	    {"NXDOMAIN", "nxdomain", COLUMN_PERCENT, TOP_NXDOMAIN, 10},
	    {"BYTES/s", "response_bytes", COLUMN_RATE, TOP_RESPONSE_BYTES, 10}}},
    [VIEW_NAMES] = {'7', "Names", "names", "NAME",
	"counted with `top.names` above 0, and where `privacy` leaves names", TOP_NAMES,
	{{"QUERIES/s", "queries", COLUMN_RATE, TOP_QUERIES, 11},
	    {"NXDOMAIN/s", "nxdomain", COLUMN_RATE, TOP_NXDOMAIN, 12}}},
    [VIEW_ASNS] = {'8', "AS", "asns", "AS", "needs a database: `geo.asn`", TOP_ASNS,
	{{"QUERIES/s", "queries", COLUMN_RATE, TOP_QUERIES, 10},
	    {"SHARE", NULL, COLUMN_SHARE, TOP_QUERIES, 7},
	    {"SOURCES", "sources", COLUMN_COUNT, TOP_SOURCES, 8},
	    {"ICMP", "icmp_rtt_ms", COLUMN_MS, TOP_ICMP_MS, 9},
	    {"TCP", "tcp_rtt_ms", COLUMN_MS, TOP_TCP_MS, 9},
	    {"ORGANISATION", "as_org", COLUMN_NOTE, TOP_QUERIES, 25}}},
    [VIEW_COUNTRIES] = {'9', "Country", "countries", "COUNTRY", "needs a database: `geo.country`",
	TOP_COUNTRIES,
	{{"QUERIES/s", "queries", COLUMN_RATE, TOP_QUERIES, 11},
	    {"SHARE", NULL, COLUMN_SHARE, TOP_QUERIES, 9},
	    {"SOURCES", "sources", COLUMN_COUNT, TOP_SOURCES, 9},
	    {"ICMP", "icmp_rtt_ms", COLUMN_MS, TOP_ICMP_MS, 10},
	    {"TCP", "tcp_rtt_ms", COLUMN_MS, TOP_TCP_MS, 10}}},
    [VIEW_FUNNEL] = {'0', "Funnel", "funnel", "FUNNEL", NULL, TOP_LISTS,
	{{"WINDOW", "messages", COLUMN_COUNT, TOP_QUERIES, 10},
	    {"EACH s", NULL, COLUMN_RATE, TOP_QUERIES, 10},
	    {"WHAT IT IS", NULL, COLUMN_NOTE, TOP_QUERIES, 42}}},
    [VIEW_INPUTS] = {'i', "In", "inputs", "INPUT", NULL, TOP_INPUTS,
	{{"FRAMES", "frames", COLUMN_COUNT, TOP_FRAMES, 9},
	    {"PRODUCERS", "connections", COLUMN_COUNT, TOP_PRODUCERS, 10},
	    {"BAD", "frames_bad", COLUMN_COUNT, TOP_BAD, 9},
	    {"LATE", "late", COLUMN_COUNT, TOP_LATE, 9},
	    {"LAST", "last_frame_age_s", COLUMN_AGE, TOP_AGE_S, 8}}},
    [VIEW_OUTPUTS] = {'o', "Out", "outputs", "OUTPUT", NULL, TOP_OUTPUTS,
	{{"POINTS", "points", COLUMN_COUNT, TOP_POINTS, 9},
	    {"DROPPED", "points_dropped", COLUMN_COUNT, TOP_DROPPED, 8},
	    {"REFUSED", "points_rejected", COLUMN_COUNT, TOP_REJECTED, 8},
	    {"QUEUED", "queued", COLUMN_COUNT, TOP_QUEUED, 8},
	    {"STATE", "failing", COLUMN_STATE, TOP_FAILING, 8},
	    {"ERROR", "last_error", COLUMN_NOTE, TOP_POINTS, 15}}},
};

unsigned view_of_key(int key)
{
	unsigned view = 0;

	while (view < VIEWS && views[view].press != key)
		view++;
	return view;
}

unsigned view_columns(enum top_view view)
{
	unsigned n = 0;

	while (n < VIEW_COLUMNS && views[view].columns[n].title)
		n++;
	return n;
}

/* -- rows */

static bool passes(const struct table_row *row, const char *filter)
{
	return !*filter || strcasestr(row->name, filter) || strcasestr(row->note, filter);
}

static double key_of(const struct table_row *row, const struct view_column *column)
{
	const double value = row->figures[column->figure];
	double whole;

	if (!table_row_knows(row, column->figure))
		return -1e300; /* last */
	if (column->kind != COLUMN_PERCENT)
		return value;
	whole = row->figures[table_row_knows(row, TOP_RESPONSES) ? TOP_RESPONSES : TOP_QUERIES];
	return whole > 0 ? value / whole : 0;
}

static int compare(const void *a, const void *b, void *context)
{
	const struct table_row *x = *(const struct table_row *const *)a,
			       *y = *(const struct table_row *const *)b;
	const struct view_column *column = context;
	double p, q;

	if (column && column->kind == COLUMN_NOTE && strcmp(x->note, y->note) != 0)
		return strcmp(x->note, y->note);
	if (column && column->kind != COLUMN_NOTE) {
		p = key_of(x, column);
		q = key_of(y, column);
		if (p != q)
			return p < q ? 1 : -1;
	}
	return strcmp(x->name, y->name);
}

static void select_stages(struct view_rows *rows, const struct top_model *model, const char *filter)
{
	for (unsigned i = 0; i < STAGES; i++) {
		struct table_row *row = &rows->stages[i];

		if (!(model->funnel_known >> i & 1))
			continue;
		memset(row, 0, sizeof(*row));
		strcpy(row->name, top_stages[i].name);
		strcpy(row->note, top_stages[i].words);
		table_row_set(row, TOP_QUERIES, model->funnel[i]);
		if (passes(row, filter))
			rows->rows[rows->n++] = row;
	}
}

void view_select(struct view_rows *rows, const struct top_model *model, enum top_view view,
    unsigned sort, const char *filter)
{
	const struct view_column *column =
	    sort < view_columns(view) ? &views[view].columns[sort] : NULL;
	const struct top_table *table;

	rows->n = 0;
	rows->total = 0;
	if (view == VIEW_FUNNEL) { /* in its own order: from the NIC to the answer */
		select_stages(rows, model, filter);
		return;
	}
	table = &model->lists[views[view].list];
	rows->total = table->left_out_weight;
	for (size_t i = 0; i < table->n; i++) {
		rows->total += table->rows[i].figures[0];
		if (passes(&table->rows[i], filter))
			rows->rows[rows->n++] = &table->rows[i];
	}
	/* The agent names the busiest clients only. */
	if (view == VIEW_CLIENTS && model->queries > rows->total)
		rows->total = model->queries;
	qsort_r(rows->rows, rows->n, sizeof(rows->rows[0]), compare, (void *)column);
}

/* -- on the screen */

/* What the columns leave of a screen's width. A wider screen is a wider name, up to a third, and
 * then a wider note, which is the last column. */
static int name_width(const struct screen *screen, enum top_view view)
{
	const unsigned n = view_columns(view);
	int width = screen->width;

	for (unsigned i = 0; i < n; i++)
		width -= views[view].columns[i].width;
	if (views[view].columns[n - 1].kind == COLUMN_NOTE && width > screen->width / 2)
		width = screen->width / 2;
	return width < MIN_NAME ? MIN_NAME : width;
}

static void put_right(
    struct screen *screen, int y, int x, int width, enum style style, const char *text)
{
	const int length = (int)strlen(text);

	screen_put(screen, y, x + (length < width ? width - length : 1), width - 1, style, text);
}

void view_put_titles(struct screen *screen, int y, enum top_view view, unsigned sort)
{
	int x = name_width(screen, view);

	screen_put(screen, y, 0, x - 1, STYLE_PLAIN, views[view].name);
	for (unsigned i = 0; i < view_columns(view); i++) {
		const struct view_column *column = &views[view].columns[i];

		if (column->kind == COLUMN_NOTE)
			screen_put(
			    screen, y, x + 1, screen->width - x - 1, STYLE_PLAIN, column->title);
		else
			put_right(screen, y, x, column->width, STYLE_PLAIN, column->title);
		x += column->width;
	}
	screen_style(screen, y, STYLE_HEADING);
	x = name_width(screen, view);
	for (unsigned i = 0; i < sort && i < view_columns(view); i++)
		x += views[view].columns[i].width;
	if (view == VIEW_FUNNEL)
		return;
	if (sort >= view_columns(view))
		screen_put(screen, y, (int)strlen(views[view].name), 1, STYLE_HEADING, "^");
	else if (x < screen->width && screen->cells[y][x].character == ' ')
		screen_put(screen, y, x, 1, STYLE_HEADING, "v");
}

/* `out` has the figure; the style is what it says of it. */
static enum style figure(char out[FIGURE_BYTES], const struct view_column *column,
    const struct table_row *row, double total, double seconds)
{
	const double value = row->figures[column->figure];

	out[0] = '-';
	out[1] = '\0';
	if (!table_row_knows(row, column->figure))
		return STYLE_PLAIN;
	switch (column->kind) {
	case COLUMN_RATE:
		figure_rate(out, value / seconds);
		break;
	case COLUMN_SHARE:
		figure_percent(out, value, total);
		break;
	case COLUMN_PERCENT:
		figure_percent(out, value,
		    row->figures[table_row_knows(row, TOP_RESPONSES) ? TOP_RESPONSES
								     : TOP_QUERIES]);
		break;
	case COLUMN_US:
		figure_us(out, value);
		break;
	case COLUMN_MS:
		figure_us(out, value * 1000);
		break;
	case COLUMN_AGE:
		figure_age(out, value);
		break;
	case COLUMN_NUMBER:
		snprintf(out, FIGURE_BYTES, "%.0f", value >= 0 && value < 1e10 ? value : 0);
		break;
	case COLUMN_STATE:
		strcpy(out, value > 0 ? "failing" : "ok");
		return value > 0 ? STYLE_BAD : STYLE_GOOD;
	default:
		figure_count(out, value);
		break;
	}
	return STYLE_PLAIN;
}

static bool is_loss(const struct table_row *row)
{
	for (unsigned i = 0; i < STAGES; i++) {
		if (strcmp(row->name, top_stages[i].name) == 0)
			return top_stages[i].loss && row->figures[0] > 0;
	}
	return false;
}

void view_put_row(struct screen *screen, int y, const struct top_model *model, enum top_view view,
    const struct view_rows *rows, size_t row)
{
	const struct table_row *from = rows->rows[row];
	int x = name_width(screen, view);

	screen_put(screen, y, 0, x - 1, STYLE_PLAIN, from->name);
	for (unsigned i = 0; i < view_columns(view); i++) {
		const struct view_column *column = &views[view].columns[i];
		char text[FIGURE_BYTES];
		enum style style;

		if (column->kind == COLUMN_NOTE) {
			screen_put(
			    screen, y, x + 1, screen->width - x - 1, STYLE_PLAIN, from->note);
		} else {
			style = figure(text, column, from, rows->total, model->interval_s);
			put_right(screen, y, x, column->width, style, text);
		}
		x += column->width;
	}
	if (view == VIEW_FUNNEL && is_loss(from))
		screen_style(screen, y, STYLE_BAD);
}
