/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crosstap check: is this configuration good, also on this host, what does it come to, how many
 * series can it make?
 */
#include "command/command.h"

#include "base/log_text.h"
#include "config/config.h"
#include "config/write.h"
#include "document/document.h"
#include "history/history.h"
#include "measure/series.h"
#include "outside/outside.h"
#include "outside/unit_environment.h"
#include "text/json_build.h"
#include "text/json_text.h"
#include "usage/usage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_BAD   2
#define TEXT_BYTES 2048 /* of a problem */

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

static void put_series(
    struct json_build *build, json_t *document, const struct config_series *series)
{
	json_t *map = json_put_object(build, document, "series");
	json_t *rows, *unbounded;

	json_put_count(build, map, "total", series->total);
	rows = json_put_object(build, map, "measurements");
	unbounded = json_put_array(build, map, "unbounded");
	for (size_t i = 0; i < series->n; i++) {
		const struct config_series_row *row = &series->rows[i];

		json_put_count(build, rows, row->measurement, row->bound);
		if (row->unbounded)
			json_add(build, unbounded, json_string(row->measurement));
	}
}

/* What the history has room for: series by measurement and tags. */
static void put_history(struct json_build *build, json_t *document, const struct past_plan *plan)
{
	json_t *map = json_put_object(build, document, "history"), *rows;

	json_put_count(build, map, "bytes", plan->bytes);
	json_put_real(build, map, "window_s", (double)plan->interval_ms / 1000);
	json_put_count(build, map, "windows", plan->windows);
	json_put_real(build, map, "minute_s", (double)plan->step_ms / 1000);
	json_put_count(build, map, "minutes", plan->minutes);
	rows = json_put_array(build, map, "series");
	for (int of = 0; of < KEPT_COUNT; of++) {
		json_t *row = json_add_object(build, rows), *tags;

		json_put_text(
		    build, row, "measurement", measurements[history_kept[of].measurement].name);
		tags = json_put_array(build, row, "tags");
		for (size_t t = 0; t < history_kept[of].n_tags; t++)
			json_add(
			    build, tags, json_string(measure_tags[history_kept[of].tags[t]].name));
		json_put_count(build, row, "most", plan->most[of]);
	}
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
	struct json_build build = {0};
	json_t *map = json_build_object(&build);
	struct past_plan plan;
	int r = 0;

	history_plan(&plan, config);
	json_put(&build, map, "config", config_to_json(config));
	put_series(&build, map, series);
	put_history(&build, map, &plan);
	json_put(&build, map, "problems", json_incref(problems));
	map = json_build_finish(&build, map);
	if (!map)
		return -ENOMEM;
	if (json_print(map, 2, stdout) < 0 || putchar('\n') == EOF)
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

static const char *const levels[] = {
    [OUTSIDE_ERROR] = "error", [OUTSIDE_WARNING] = "warning", [OUTSIDE_UNKNOWN] = "not judged"};

struct found {
	const char *file; /* NULL: the built-in defaults */
	json_t *problems;
	bool has_errors, lost; /* no memory for one of them */
};

/* Bytes that no terminal and no JSON takes as they are become \xNN. */
static json_t *clean_string(const char *text)
{
	char clean[4 * TEXT_BYTES];
	size_t length = strnlen(text, TEXT_BYTES - 1);

	length = log_text_clean(clean, sizeof(clean) - 1, text, length);
	return json_stringn(clean, length);
}

/* Whole, or not at all. */
static void add_problem(struct found *found, const char *level, const char *file, unsigned line,
    unsigned column, const char *text)
{
	struct json_build build = {0};
	json_t *problem = json_build_object(&build);

	json_put_text(&build, problem, "level", level);
	if (file) {
		json_put_int(&build, problem, "line", line);
		if (column)
			json_put_int(&build, problem, "column", column);
		json_put(&build, problem, "file", clean_string(file));
	}
	json_put(&build, problem, "text", clean_string(text));
	if (json_array_append_new(found->problems, json_build_finish(&build, problem)) < 0)
		found->lost = true;
}

/* Where in FILE:LINE:COLUMN: text the first colon is, and how much there is up to the text. */
static char *find_place(char *line, unsigned *ret_row, unsigned *ret_column, int *ret_end)
{
	for (char *at = line; (at = strchr(at, ':')); at++) {
		*ret_end = 0;
		if (sscanf(at, ":%u:%u: %n", ret_row, ret_column, ret_end) == 2 && *ret_end)
			return at;
	}
	/* A list that the configuration names has no columns. */
	*ret_column = 0;
	for (char *at = line; (at = strchr(at, ':')); at++) {
		*ret_end = 0;
		if (sscanf(at, ":%u: %n", ret_row, ret_end) == 1 && *ret_end)
			return at;
	}
	return NULL;
}

/* As config_load() writes it; without numbers, `text` is the whole line. */
static void add_line(struct found *found, char *line)
{
	unsigned row = 0, column = 0;
	int end = 0;
	char *at = find_place(line, &row, &column, &end);

	if (at)
		*at = '\0';
	add_problem(found, "error", at ? line : NULL, row, column, at ? at + end : line);
}

static void take_finding(void *context, const struct outside_finding *finding)
{
	struct found *found = context;
	char text[TEXT_BYTES];

	snprintf(text, sizeof(text), "%s: %s", finding->key, finding->text);
	add_problem(
	    found, levels[finding->level], found->file, finding->line, finding->column, text);
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
	const json_t *column = json_object_get(problem, "column");
	const bool is_error = strcmp(level, "error") == 0;

	if (file)
		fprintf(stderr, "%s:%u:", file,
		    (unsigned)json_integer_value(json_object_get(problem, "line")));
	if (file && column)
		fprintf(stderr, "%u:", (unsigned)json_integer_value(column));
	if (file)
		fputc(' ', stderr);
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
	struct found parsed = {.problems = problems}, found = {.problems = json_array()};
	const struct config_looker looker = {look_outside, &found};
	struct config *config = NULL;
	char *lines = NULL, *rest = NULL;
	size_t size = 0;
	FILE *errors = open_memstream(&lines, &size);
	int r = errors ? config_load_and_look(path, errors, &looker, &config) : -ENOMEM;

	if (errors && fclose(errors) != 0)
		r = -ENOMEM;
	for (char *line = lines ? strtok_r(lines, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		add_line(&parsed, line);
	if (json_array_extend(problems, found.problems) < 0 || parsed.lost || found.lost)
		r = -ENOMEM;
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
	int r;

	unit_environment_take(UNIT_ENVIRONMENT);
	r = load(arguments->path, problems, &config);
	if (!arguments->json)
		print_problems(problems);
	if (r == 0)
		r = print_effective(config, arguments, problems);
	else if (arguments->json && problems &&
	    (json_print(problems, 2, stdout) < 0 || putchar('\n') == EOF))
		r = -EIO;
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
