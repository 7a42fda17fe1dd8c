/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap check: is this configuration good, what does it come to, how many series can it make? */
#include "command/command.h"

#include "config/config.h"
#include "document/document.h"
#include "history/history.h"
#include "text/json_text.h"
#include "measure/series.h"
#include "config/write.h"
#include "usage/usage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_BAD 2

struct arguments {
	const char *path;
	bool json;
	int (*write)(FILE *out); /* NULL: the configuration is looked at */
	bool help;
};

/* What is made from the tables, each alone. */
static const struct {
	enum option_id option;
	int (*write)(FILE *out);
} documents[] = {
    {USAGE_OPTIONS, document_write_options},
    {USAGE_MEASUREMENTS, document_write_measurements},
    {USAGE_WRITE_DEFAULT, document_write_default},
    {USAGE_WRITE_MAN, document_write_man},
    {USAGE_WRITE_TABLE, document_write_table},
    {USAGE_WRITE_SYNOPSIS, document_write_synopsis},
    {USAGE_WRITE_BASH, document_write_bash},
    {USAGE_WRITE_ZSH, document_write_zsh},
    {USAGE_WRITE_FISH, document_write_fish},
};

static int take_document(struct arguments *arguments, int option)
{
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		if ((int)documents[i].option != option)
			continue;
		arguments->write = documents[i].write;
		return 0;
	}
	return -EINVAL;
}

static int parse_arguments(int argc, char **argv, struct arguments *ret)
{
	struct usage_reader reader;
	int option, r = 0;

	usage_begin(&reader, COMMAND_CHECK, argc, argv);
	while (r == 0 && (option = usage_next(&reader)) != -1) {
		if (option == USAGE_CONFIG)
			ret->path = optarg;
		else if (option == USAGE_JSON)
			ret->json = true;
		else if (option == USAGE_HELP)
			ret->help = true;
		else
			r = take_document(ret, option);
	}
	return optind < argc ? -EINVAL : r;
}

static json_t *series_to_json(const struct config_series *series)
{
	json_t *map = json_object(), *rows = json_object(), *unbounded = json_array();

	for (size_t i = 0; i < series->n; i++) {
		const struct config_series_row *row = &series->rows[i];

		json_object_set_new(rows, row->measurement, json_integer((json_int_t)row->bound));
		if (row->unbounded)
			json_array_append_new(unbounded, json_string(row->measurement));
	}
	json_object_set_new(map, "total", json_integer((json_int_t)series->total));
	json_object_set_new(map, "measurements", rows);
	json_object_set_new(map, "unbounded", unbounded);
	return map;
}

/* What the history has room for: series by measurement and tags. */
static json_t *history_to_json(const struct past_plan *plan)
{
	json_t *map = json_object(), *rows = json_array();

	json_object_set_new(map, "bytes", json_integer((json_int_t)plan->bytes));
	json_object_set_new(map, "window_s", json_real((double)plan->interval_ms / 1000));
	json_object_set_new(map, "windows", json_integer((json_int_t)plan->windows));
	json_object_set_new(map, "minute_s", json_real((double)plan->step_ms / 1000));
	json_object_set_new(map, "minutes", json_integer((json_int_t)plan->minutes));
	for (int of = 0; of < KEPT_COUNT; of++) {
		json_t *row = json_object(), *tags = json_array();

		json_object_set_new(row, "measurement",
		    json_string(measurements[history_kept[of].measurement].name));
		for (size_t t = 0; t < history_kept[of].n_tags; t++)
			json_array_append_new(
			    tags, json_string(measure_tags[history_kept[of].tags[t]].name));
		json_object_set_new(row, "tags", tags);
		json_object_set_new(row, "most", json_integer((json_int_t)plan->most[of]));
		json_array_append_new(rows, row);
	}
	json_object_set_new(map, "series", rows);
	return map;
}

static void print_history(const struct past_plan *plan)
{
	if (!plan->bytes) {
		printf("\n# History: off.\n");
		return;
	}
	printf("\n# History: %zu windows of %g s and %zu minutes of %g s in %.1f MiB at most; tag "
	       "values with series of their own:\n",
	    plan->windows, (double)plan->interval_ms / 1000, plan->minutes,
	    (double)plan->step_ms / 1000, (double)plan->bytes / (1 << 20));
	for (int of = 0; of < KEPT_COUNT; of++) {
		printf("# %-18s %10zu ", measurements[history_kept[of].measurement].name,
		    plan->most[of]);
		for (size_t t = 0; t < history_kept[of].n_tags; t++)
			printf(" %s", measure_tags[history_kept[of].tags[t]].name);
		printf("\n");
	}
}

static int print_json(const struct config *config, const struct config_series *series)
{
	json_t *map = json_object();
	struct past_plan plan;
	int r = 0;

	history_plan(&plan, config);

	if (json_object_set_new(map, "config", config_to_json(config)) < 0 ||
	    json_object_set_new(map, "series", series_to_json(series)) < 0 ||
	    json_object_set_new(map, "history", history_to_json(&plan)) < 0)
		r = -ENOMEM;
	else if (json_print(map, 2, stdout) < 0 || putchar('\n') == EOF)
		r = -EIO;
	json_decref(map);
	return r;
}

/* Comments after the YAML, so that the output as a whole is a configuration. */
static int print_text(const struct config *config, const struct config_series *series)
{
	struct past_plan plan;
	int r = config_write_yaml(config, stdout);

	history_plan(&plan, config);
	printf("\n# Time series at most, in a day:\n");
	for (size_t i = 0; i < series->n; i++) {
		const struct config_series_row *row = &series->rows[i];

		printf("# %-18s %10" PRIu64 "%s\n", row->measurement, row->bound,
		    row->unbounded ? "  a window; top.key: value sets no bound to a day" : "");
	}
	printf("# %-18s %10" PRIu64 "%s\n", "total", series->total,
	    series->unbounded ? "  and more" : "");
	print_history(&plan);
	return r;
}

/* FILE:LINE:COLUMN: text, as config_load() writes it; without numbers, `text` is the whole line. */
static json_t *problem_to_json(char *line)
{
	json_t *problem = json_object();
	unsigned row, column;
	int end = 0;
	char *at = line;

	while (
	    (at = strchr(at, ':')) && (sscanf(at, ":%u:%u: %n", &row, &column, &end) != 2 || !end))
		at++;
	if (at) {
		json_object_set_new(problem, "line", json_integer(row));
		json_object_set_new(problem, "column", json_integer(column));
		*at = '\0';
		json_object_set_new(problem, "file", json_string(line));
	}
	json_object_set_new(problem, "text", json_string(at ? at + end : line));
	return problem;
}

static int print_problems(const struct arguments *arguments, char *problems)
{
	json_t *list = json_array();
	char *rest = NULL;
	int r = 0;

	if (!arguments->json) {
		json_decref(list);
		return fputs(problems, stderr) == EOF ? -EIO : 0;
	}
	for (char *line = strtok_r(problems, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		json_array_append_new(list, problem_to_json(line));
	if (json_print(list, 2, stdout) < 0 || putchar('\n') == EOF)
		r = -EIO;
	json_decref(list);
	return r;
}

static int load(const struct arguments *arguments, struct config **ret)
{
	char *problems = NULL;
	size_t size = 0;
	FILE *errors = open_memstream(&problems, &size);
	int r = errors ? config_load(arguments->path, errors, ret) : -ENOMEM;

	if (errors)
		fclose(errors);
	if (r < 0 && problems)
		(void)print_problems(arguments, problems);
	free(problems);
	return r;
}

static int check(const struct arguments *arguments)
{
	struct config_series series;
	struct config *config = NULL;
	int r = load(arguments, &config);

	if (r < 0) {
		fflush(stdout);
		return r;
	}
	r = config_series_bound(config, &series);
	if (r == 0)
		r = arguments->json ? print_json(config, &series) : print_text(config, &series);
	config_unref(config);
	return r;
}

int command_check(int argc, char **argv)
{
	struct arguments arguments = {0};
	int r = 0;

	if (parse_arguments(argc, argv, &arguments) < 0) {
		usage_print(stderr, COMMAND_CHECK);
		return EXIT_BAD;
	}
	if (arguments.help)
		usage_print(stdout, COMMAND_CHECK);
	else if (arguments.write)
		r = arguments.write(stdout);
	else
		r = check(&arguments);
	if (r == 0 && fflush(stdout) != 0)
		r = -EIO;
	return r < 0 ? EXIT_BAD : 0;
}
