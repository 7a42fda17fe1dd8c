/* SPDX-License-Identifier: BSD-2-Clause */
#include "top/layout.h"

#include "crosscheck/verdict.h"
#include "top/figures.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define MAX_GAP 1000 /* windows; more are as good as all */

enum { LINE_HISTORY = LAYOUT_HEAD, LINE_TABS, LINE_TITLES, LINE_ROWS };

static const char *const help[] = {
    "1 2 ... 9 0 i o  a view; Tab and Shift-Tab: the next and the one before",
    "s F6             sort by the next column, at the end by name",
    "/                show rows with these letters only; Esc or an empty one: all",
    "arrows j k       a row down, up; Page Up, Page Down, Home, End",
    "p                pause: figures stay as they are; again: go on",
    "+ -              look less often, more often",
    "h F1 ?           this page; any key leaves it",
    "q                quit",
    "",
    "Losses are red, in the funnel and in the line under the verdict. Figures are",
    "of the last window that closed. man crosstap has more.",
};

void top_rates_add(struct top_rates *history, const struct top_model *model)
{
	const double step_ms = model->interval_s * 1000,
		     ahead = (model->window_end_ms - history->end_ms) / step_ms;
	size_t gaps = 0;

	if (!(model->window_end_ms > 0) || model->window_end_ms == history->end_ms)
		return;
	if (history->n && ahead > 1.5)
		gaps = ahead < MAX_GAP ? (size_t)(ahead - 0.5) : MAX_GAP;
	for (size_t i = 0; i <= gaps; i++) {
		if (history->n == LAYOUT_HISTORY)
			memmove(history->rates, history->rates + 1,
			    --history->n * sizeof(history->rates[0]));
		history->rates[history->n++] = i == gaps ? model->queries / model->interval_s : NAN;
	}
	history->end_ms = model->window_end_ms;
}

void layout_init(struct layout *layout)
{
	memset(layout, 0, sizeof(*layout));
	layout->refresh_s = 1;
}

const char *layout_meaning(const char *verdict)
{
	for (unsigned i = 0; i < VERDICT_COUNT; i++) {
		if (strcmp(verdict, verdict_name(i)) == 0)
			return verdict_meaning(i);
	}
	return "";
}

/* -- head */

static void put_agent(struct screen *screen, int y, const struct top_model *model)
{
	const double up = (model->now_ms - model->started_ms) / 1000, ms = model->window_end_ms;
	const time_t end = ms > 0 && ms < 1e14 ? (time_t)(ms / 1000) : 0;
	char text[FIGURE_BYTES], clock[16] = "-";
	struct tm parts;
	int x = screen_put(screen, y, 0, screen->width / 3, STYLE_STRONG, model->server);

	x = screen_format(screen, y, x, STYLE_PLAIN, "  crosstap %.16s  up %s  %.0f MiB",
	    model->version, figure_age(text, up),
	    model->rss_bytes >= 0 && model->rss_bytes < 1e15 ? model->rss_bytes / (1 << 20) : 0);
	if (!end) {
		screen_format(screen, y, x, STYLE_WARN, "  no window has closed yet");
		return;
	}
	if (localtime_r(&end, &parts))
		strftime(clock, sizeof(clock), "%H:%M:%S", &parts);
	screen_format(screen, y, x, STYLE_PLAIN, "  %s s until %s",
	    figure_count(text, model->interval_s), clock);
}

static void put_verdict(struct screen *screen, int y, const struct top_model *model)
{
	const char *meaning = layout_meaning(model->verdict);

	if (!*model->verdict)
		screen_put(screen, y, 0, screen->width, STYLE_PLAIN,
		    "no verdict: nothing was compared with the wire yet");
	else
		screen_format(screen, y, 0, top_model_not_ok(model) ? STYLE_BAD : STYLE_GOOD,
		    "%s%s%s", model->verdict, *meaning ? ": " : "", meaning);
}

/* A part of the funnel's line; what is lost stands out. */
static int put_stage(struct screen *screen, int y, int x, const struct top_model *model,
    enum top_stage stage, const char *words)
{
	const double value = model->funnel[stage];
	char text[FIGURE_BYTES];
	enum style style = STYLE_PLAIN;

	if (!(model->funnel_known >> stage & 1))
		return x;
	if (top_stages[stage].loss && value > 0)
		style = STYLE_BAD;
	if (x)
		x = screen_format(screen, y, x, STYLE_PLAIN, " > ");
	return screen_format(screen, y, x, style, "%s %s", words, figure_count(text, value));
}

static void put_funnel(struct screen *screen, int y, const struct top_model *model)
{
	static const struct {
		enum top_stage stage;
		const char *words;
	} parts[] = {{STAGE_NIC_DROPS, "nic"}, {STAGE_WIRE_QUERIES, "wire"},
	    {STAGE_STACK_DROPS, "stack"}, {STAGE_SOCKET_DROPS, "socket"},
	    {STAGE_UNEXPLAINED, "unexplained"}, {STAGE_DNSTAP_QUERIES, "dnstap"},
	    {STAGE_TX_DROPS, "tx"}};
	int x = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		x = put_stage(screen, y, x, model, parts[i].stage, parts[i].words);
	if (!x)
		screen_put(screen, y, 0, screen->width, STYLE_PLAIN, "no funnel yet");
}

static void put_rates(struct screen *screen, int y, const struct top_model *model)
{
	char queries[FIGURE_BYTES], responses[FIGURE_BYTES], sources[FIGURE_BYTES];

	screen_format(screen, y, 0, STYLE_PLAIN, "%s queries/s  %s answers/s  %s resolvers known",
	    figure_rate(queries, model->queries / model->interval_s),
	    figure_rate(responses, model->responses / model->interval_s),
	    figure_count(sources, model->resolvers));
}

void layout_put_head(struct screen *screen, int y, const struct top_model *model)
{
	put_agent(screen, y, model);
	put_verdict(screen, y + 1, model);
	put_funnel(screen, y + 2, model);
	put_rates(screen, y + 3, model);
}

/* -- what is below */

static void put_history(struct screen *screen, int y, const struct top_rates *history)
{
	char text[FIGURE_BYTES];
	double most = 0;
	size_t first;
	int x, width;

	for (size_t i = 0; i < history->n; i++) {
		if (history->rates[i] > most)
			most = history->rates[i];
	}
	x = screen_format(
	    screen, y, 0, STYLE_PLAIN, "queries/s, at most %s ", figure_rate(text, most));
	width = screen->width - x;
	first = width > 0 && history->n > (size_t)width ? history->n - (size_t)width : 0;
	for (size_t i = first; width > 0 && i < history->n; i++)
		screen_bar(screen, y, x++, history->rates[i], most);
}

static void put_tabs(struct screen *screen, int y, enum top_view shown)
{
	int x = 0;

	for (unsigned i = 0; i < VIEWS; i++) {
		x = screen_format(screen, y, x, i == shown ? STYLE_HEADING : STYLE_PLAIN, "%c%s",
		    views[i].press, views[i].title);
		x++;
	}
}

static void put_footer(struct layout *layout, const struct top_model *model, struct screen *screen)
{
	const int y = screen->height - 1;
	const uint64_t left_out =
	    layout->view == VIEW_FUNNEL ? 0 : model->lists[views[layout->view].list].left_out;

	if (layout->filtering) {
		screen_format(screen, y, 0, STYLE_HEADING, "filter: %s_", layout->filter);
	} else if (*layout->error) {
		screen_put(screen, y, 0, screen->width, STYLE_BAD, layout->error);
	} else {
		int x = screen_format(screen, y, 0, STYLE_HEADING,
		    "%sh help  s sort  / filter  p pause  +- %.0f s  q quit",
		    layout->paused ? "PAUSED  " : "", layout->refresh_s);

		if (*layout->filter)
			x = screen_format(screen, y, x, STYLE_WARN, "  only: %s", layout->filter);
		if (left_out)
			screen_format(screen, y, x, STYLE_WARN, "  %.0f lighter rows left out",
			    (double)left_out);
	}
}

static void put_help(struct screen *screen)
{
	screen_put(screen, 0, 0, screen->width, STYLE_STRONG, "crosstap top: keys");
	for (size_t i = 0; i < sizeof(help) / sizeof(help[0]); i++)
		screen_put(screen, (int)i + 2, 0, screen->width, STYLE_PLAIN, help[i]);
}

static void put_rows(struct layout *layout, const struct top_model *model, struct screen *screen)
{
	const int place = screen->height - 1 - LINE_ROWS;
	int spare;

	view_select(&layout->rows, model, layout->view, layout->sort[layout->view], layout->filter);
	spare = (int)layout->rows.n - (place > 0 ? place : 0);
	if (layout->scroll > spare)
		layout->scroll = spare;
	if (layout->scroll < 0)
		layout->scroll = 0;
	for (int i = 0; i < place && (size_t)layout->scroll + (size_t)i < layout->rows.n; i++)
		view_put_row(screen, LINE_ROWS + i, model, layout->view, &layout->rows,
		    (size_t)layout->scroll + (size_t)i);
	if (layout->rows.n || place <= 0)
		return;
	if (*layout->filter)
		screen_put(
		    screen, LINE_ROWS, 0, screen->width, STYLE_PLAIN, "nothing has these letters");
	else
		screen_format(screen, LINE_ROWS, 0, STYLE_PLAIN, "nothing to show here%s%s",
		    views[layout->view].missing ? ": " : "",
		    views[layout->view].missing ? views[layout->view].missing : "");
}

void layout_draw(struct layout *layout, const struct top_model *model, struct screen *screen)
{
	if (layout->help) {
		put_help(screen);
		return;
	}
	layout_put_head(screen, 0, model);
	put_history(screen, LINE_HISTORY, &layout->history);
	put_tabs(screen, LINE_TABS, layout->view);
	view_put_titles(screen, LINE_TITLES, layout->view, layout->sort[layout->view]);
	put_rows(layout, model, screen);
	for (int x = 0; screen->height > 0 && x < screen->width; x++)
		screen->cells[screen->height - 1][x] = (struct screen_cell){' ', STYLE_PLAIN};
	put_footer(layout, model, screen);
}
