/* SPDX-License-Identifier: BSD-2-Clause */
#include "top/once.h"

#include "crosscheck/verdict.h"
#include "text/json_build.h"
#include "top/layout.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH    80
#define ROWS     10
#define ROWS_ALL 100 /* of zones, stages, inputs and outputs */

/* -- table */

static size_t most_rows(enum top_view view)
{
	return view == VIEW_ZONES || view >= VIEW_FUNNEL ? ROWS_ALL : ROWS;
}

static void put_view(FILE *out, struct screen *screen, struct view_rows *rows,
    const struct top_model *model, enum top_view view, bool utf8)
{
	size_t n;

	view_select(rows, model, view, 0, "");
	if (!rows->n && view != VIEW_ZONES && view != VIEW_INPUTS)
		return;
	n = rows->n < most_rows(view) ? rows->n : most_rows(view);
	screen_clear(screen, WIDTH, (int)n + 2, utf8);
	view_put_titles(screen, 1, view, VIEW_COLUMNS);
	screen_put(screen, 1, (int)strlen(views[view].name), 1, STYLE_PLAIN, " ");
	for (size_t i = 0; i < n; i++)
		view_put_row(screen, (int)i + 2, model, view, rows, i);
	screen_print(screen, out);
	if (rows->n > n)
		fprintf(out, "and %zu more\n", rows->n - n);
}

int once_table(FILE *out, const struct top_model *model, bool utf8)
{
	struct screen *screen = malloc(sizeof(*screen));
	struct view_rows *rows = malloc(sizeof(*rows));
	int r = -ENOMEM;

	if (screen && rows) {
		screen_clear(screen, WIDTH, LAYOUT_HEAD, utf8);
		layout_put_head(screen, 0, model);
		screen_print(screen, out);
		for (unsigned view = 0; view < VIEWS; view++)
			put_view(out, screen, rows, model, view, utf8);
		r = 0;
	}
	free(screen);
	free(rows);
	return r;
}

/* -- document */

static void put_figure(struct json_build *build, json_t *object, const struct table_row *row,
    const struct view_column *column)
{
	const double value = row->figures[column->figure];

	if (!column->key)
		return;
	if (column->kind == COLUMN_NOTE) {
		if (*row->note)
			json_put_text(build, object, column->key, row->note);
	} else if (!table_row_knows(row, column->figure)) {
		return;
	} else if (column->kind == COLUMN_STATE) {
		json_put_bool(build, object, column->key, value > 0);
	} else if (column->kind == COLUMN_US || column->kind == COLUMN_MS ||
	    column->kind == COLUMN_AGE) {
		json_put_real(build, object, column->key, value);
	} else {
		json_put_int(build, object, column->key, (int64_t)value);
	}
}

static void put_list(struct json_build *build, json_t *document, struct view_rows *rows,
    const struct top_model *model, enum top_view view)
{
	json_t *list = json_put_array(build, document, views[view].key);

	view_select(rows, model, view, 0, "");
	for (size_t i = 0; i < rows->n; i++) {
		json_t *object = json_add_object(build, list);

		json_put_text(build, object, "name", rows->rows[i]->name);
		for (unsigned k = 0; k < view_columns(view); k++)
			put_figure(build, object, rows->rows[i], &views[view].columns[k]);
	}
	if (model->lists[views[view].list].left_out)
		json_put_count(build, json_put_child(build, document, "left_out"), views[view].key,
		    model->lists[views[view].list].left_out);
}

static int64_t integer(double value)
{
	return value > -9e15 && value < 9e15 ? (int64_t)value : 0;
}

json_t *once_json(const struct top_model *model)
{
	struct view_rows *rows = malloc(sizeof(*rows));
	struct json_build build = {.failed = !rows};
	json_t *document = json_build_object(&build), *funnel;

	json_put_text(&build, document, "server", model->server);
	json_put_text(&build, document, "version", model->version);
	json_put_real(&build, document, "interval_s", model->interval_s);
	json_put_int(&build, document, "end_ms", integer(model->window_end_ms));
	if (*model->verdict)
		json_put_text(&build, document, "verdict", model->verdict);
	else
		json_put(&build, document, "verdict", json_null());
	json_put_text(&build, document, "meaning", layout_meaning(model->verdict));
	json_put_real(&build, document, "queries_per_s", model->queries / model->interval_s);
	json_put_real(&build, document, "responses_per_s", model->responses / model->interval_s);
	funnel = json_put_object(&build, document, "funnel");
	for (unsigned i = 0; i < STAGES; i++) {
		if (model->funnel_known >> i & 1)
			json_put_int(&build, funnel, top_stages[i].name, integer(model->funnel[i]));
	}
	for (unsigned view = 0; rows && view < VIEWS; view++) {
		if (view != VIEW_FUNNEL)
			put_list(&build, document, rows, model, view);
	}
	free(rows);
	return json_build_finish(&build, document);
}

/* -- plugin */

int plugin_verdicts(uint32_t *ret, const char *list, char *error, size_t size)
{
	uint32_t verdicts = 0;

	for (;; list++) {
		const size_t length = strcspn(list, ",");
		unsigned i = 0;

		while (i < VERDICT_COUNT &&
		    (strlen(verdict_name(i)) != length ||
			strncmp(list, verdict_name(i), length) != 0))
			i++;
		if (i < VERDICT_COUNT) {
			verdicts |= 1u << i;
		} else if (length == 3 && strncmp(list, "any", 3) == 0) {
			verdicts |= ((1u << VERDICT_COUNT) - 1) & ~(1u << VERDICT_OK);
		} else {
			snprintf(error, size, "`%.*s` is no verdict", (int)length, list);
			return -EINVAL;
		}
		list += length;
		if (!*list)
			break;
	}
	*ret = verdicts;
	return 0;
}

int plugin_status(const struct top_model *model, uint32_t warning, uint32_t critical)
{
	for (unsigned i = 0; i < VERDICT_COUNT; i++) {
		if (strcmp(model->verdict, verdict_name(i)) != 0)
			continue;
		if (critical >> i & 1)
			return PLUGIN_CRITICAL;
		return warning >> i & 1 ? PLUGIN_WARNING : PLUGIN_OK;
	}
	return PLUGIN_UNKNOWN;
}

/* label=value[unit];warn;crit;min, as the guidelines have it. Without limits: verdicts are what is
 * judged. */
static void put_performance(FILE *out, const struct top_model *model)
{
	fprintf(out, " | queries_per_s=%.1f;;;0 responses_per_s=%.1f;;;0",
	    model->queries / model->interval_s, model->responses / model->interval_s);
	for (unsigned i = 0; i < STAGES; i++) {
		if (model->funnel_known >> i & 1)
			fprintf(out, " %s=%" PRId64, top_stages[i].name, integer(model->funnel[i]));
	}
}

int plugin_line(FILE *out, const struct top_model *model, uint32_t warning, uint32_t critical)
{
	static const char *const words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
	const int status = plugin_status(model, warning, critical);
	const char *meaning = layout_meaning(model->verdict);

	if (*meaning)
		fprintf(out, "CROSSTAP %s - %s: %s", words[status], model->verdict, meaning);
	else if (*model->verdict)
		fprintf(out, "CROSSTAP %s - a verdict that is not known here", words[status]);
	else
		fprintf(out, "CROSSTAP %s - no verdict is made", words[status]);
	put_performance(out, model);
	fputc('\n', out);
	return status;
}

int plugin_no_agent(FILE *out, const char *why)
{
	fprintf(out, "CROSSTAP UNKNOWN - ");
	for (; *why; why++) /* a bar would begin performance data */
		fputc(*why == '|' ? ' ' : *why, out);
	fputc('\n', out);
	return PLUGIN_UNKNOWN;
}
