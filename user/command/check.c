/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crosstap check: is this configuration good, also on this host, what does it come to, how many
 * series can it make?
 */
#include "command/command.h"

#include "base/log_text.h"
#include "config/config.h"
#include "document/document.h"
#include "history/history.h"
#include "text/json_text.h"
#include "measure/series.h"
#include "outside/outside.h"
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
    {USAGE_WRITE_METRICS, document_write_metrics},
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

static int print_json(
    const struct config *config, const struct config_series *series, json_t *problems)
{
	json_t *map = json_object();
	struct past_plan plan;
	int r = 0;

	history_plan(&plan, config);

	if (json_object_set_new(map, "config", config_to_json(config)) < 0 ||
	    json_object_set_new(map, "series", series_to_json(series)) < 0 ||
	    json_object_set_new(map, "history", history_to_json(&plan)) < 0 ||
	    json_object_set(map, "problems", problems) < 0)
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

/* -- problems: a list of objects with level, file, line, column and text */

static json_t *problem_new(
    const char *level, const char *file, unsigned line, unsigned column, const char *text)
{
	json_t *problem = json_object();

	json_object_set_new(problem, "level", json_string(level));
	if (file) {
		json_object_set_new(problem, "line", json_integer(line));
		json_object_set_new(problem, "column", json_integer(column));
		json_object_set_new(problem, "file", json_string(file));
	}
	json_object_set_new(problem, "text", json_string(text));
	return problem;
}

/* FILE:LINE:COLUMN: text, as config_load() writes it; without numbers, `text` is the whole line. */
static json_t *problem_of_line(char *line)
{
	unsigned row = 0, column = 0;
	int end = 0;
	char *at = line;

	while (
	    (at = strchr(at, ':')) && (sscanf(at, ":%u:%u: %n", &row, &column, &end) != 2 || !end))
		at++;
	if (!at)
		return problem_new("error", NULL, 0, 0, line);
	*at = '\0';
	return problem_new("error", line, row, column, at + end);
}

static const char *const levels[] = {
    [OUTSIDE_ERROR] = "error", [OUTSIDE_WARNING] = "warning", [OUTSIDE_UNKNOWN] = "not judged"};

struct found {
	const char *file; /* NULL: the built-in defaults */
	json_t *problems;
	bool has_errors;
};

static void take_finding(void *context, const struct outside_finding *finding)
{
	struct found *found = context;
	char text[2048], clean[4 * sizeof(text)];
	int n = snprintf(text, sizeof(text), "%s: %s", finding->key, finding->text);
	size_t length = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;

	length = log_text_clean(clean, sizeof(clean) - 1, text, length);
	clean[length] = '\0';
	json_array_append_new(found->problems,
	    problem_new(
		levels[finding->level], found->file, finding->line, finding->column, clean));
	if (finding->level == OUTSIDE_ERROR)
		found->has_errors = true;
}

static void look_outside(void *context, const struct config *config, const struct node *root)
{
	struct found *found = context;
	struct outside outside = {
	    .config = config, .root = root, .report = take_finding, .context = found};

	found->file = *config->path ? config->path : NULL;
	agent_user_find(&outside.agent, AGENT_USER);
	outside_check(&outside);
}

/* An error is told by its place alone, as the parser does it. */
static void print_problem(const json_t *problem)
{
	const char *level = json_string_value(json_object_get(problem, "level")),
		   *file = json_string_value(json_object_get(problem, "file"));
	const bool is_error = strcmp(level, "error") == 0;

	if (file)
		fprintf(stderr, "%s:%u:%u: ", file,
		    (unsigned)json_integer_value(json_object_get(problem, "line")),
		    (unsigned)json_integer_value(json_object_get(problem, "column")));
	fprintf(stderr, "%s%s%s\n", is_error ? "" : level, is_error ? "" : ": ",
	    json_string_value(json_object_get(problem, "text")));
}

static void print_problems(const json_t *problems)
{
	for (size_t i = 0; i < json_array_size(problems); i++)
		print_problem(json_array_get(problems, i));
}

/* What the parser says comes first. -EINVAL also where this host alone makes it an error. */
static int load(const char *path, json_t *problems, struct config **ret)
{
	struct found found = {.problems = json_array()};
	const struct config_looker looker = {look_outside, &found};
	struct config *config = NULL;
	char *lines = NULL, *rest = NULL;
	size_t size = 0;
	FILE *errors = open_memstream(&lines, &size);
	int r = errors ? config_load_and_look(path, errors, &looker, &config) : -ENOMEM;

	if (errors)
		fclose(errors);
	for (char *line = lines ? strtok_r(lines, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		json_array_append_new(problems, problem_of_line(line));
	json_array_extend(problems, found.problems);
	json_decref(found.problems);
	free(lines);
	if (r == 0 && found.has_errors)
		r = -EINVAL;
	if (r < 0)
		config_unref(config);
	else
		*ret = config;
	return r;
}

static int print_effective(
    const struct config *config, const struct arguments *arguments, json_t *problems)
{
	struct config_series series;
	int r = config_series_bound(config, &series);

	if (r < 0)
		return r;
	return arguments->json ? print_json(config, &series, problems)
			       : print_text(config, &series);
}

static int check(const struct arguments *arguments)
{
	struct config *config = NULL;
	json_t *problems = json_array();
	int r = load(arguments->path, problems, &config);

	if (!arguments->json)
		print_problems(problems);
	if (r == 0)
		r = print_effective(config, arguments, problems);
	else if (arguments->json && json_print(problems, 2, stdout) == 0)
		putchar('\n');
	fflush(stdout);
	config_unref(config);
	json_decref(problems);
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
	if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		r = -EIO;
	if (r == -ENOMEM)
		fprintf(stderr, "check: %s\n", strerror(-r));
	return r < 0 ? EXIT_BAD : 0;
}
