/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap check: is this configuration good, what does it come to, how many series can it make? */
#include "command/command.h"

#include "config/config.h"
#include "document/document.h"
#include "text/json_text.h"
#include "measure/series.h"
#include "config/write.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_BAD 2

static const char usage[] =
    "usage: crosstap check [-c FILE] [--json]\n"
    "       crosstap check --options | --measurements\n"
    "Validates a configuration, prints the effective one and the bound of "
    "time series it can make.\n"
    "  -c FILE   instead of " CONFIG_DEFAULT_PATH "\n"
    "  --json    one JSON document on stdout: of a bad file the array of all its errors\n"
    "  --options       print every option that there is, as JSON\n"
    "  --measurements  print what is measured, as JSON, and nothing else\n"
    "Exit status: 0 valid, 2 not valid or bad usage.\n";

enum action {
	CHECK,
	HELP,
	OPTIONS_JSON,
	MEASUREMENTS_JSON,
	WRITE_DEFAULT,
	WRITE_MAN,
	WRITE_TABLE,
	BAD_USAGE
};

struct arguments {
	const char *path;
	int json;
};

static enum action parse_arguments(int argc, char **argv, struct arguments *ret)
{
	enum { JSON = 256, OPTIONS, MEASURED, DEFAULT, MAN, TABLE };
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"json", no_argument, NULL, JSON},
	    {"options", no_argument, NULL, OPTIONS},
	    {"help", no_argument, NULL, 'h'},
	    {"measurements", no_argument, NULL, MEASURED},
	    {"write-default", no_argument, NULL, DEFAULT}, /* for config/crosstap.yaml */
	    {"write-man", no_argument, NULL, MAN},         /* for config/man/crosstap.yaml.5 */
	    {"write-table", no_argument, NULL, TABLE},     /* for README.md */
	    {0},
	};
	enum action action = CHECK;
	int c;

	optind = 0; /* glibc: start over, main may have used getopt */
	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (c == 'c')
			ret->path = optarg;
		else if (c == JSON)
			ret->json = 1;
		else if (c == 'h')
			action = HELP;
		else if (c == MEASURED)
			action = MEASUREMENTS_JSON;
		else if (c == TABLE)
			action = WRITE_TABLE;
		else if (c == DEFAULT)
			action = WRITE_DEFAULT;
		else if (c == MAN)
			action = WRITE_MAN;
		else if (c == OPTIONS)
			action = OPTIONS_JSON;
		else
			return BAD_USAGE;
	}
	return optind < argc ? BAD_USAGE : action;
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

static int print_json(const struct config *config, const struct config_series *series)
{
	json_t *map = json_object();
	int r = 0;

	if (json_object_set_new(map, "config", config_to_json(config)) < 0 ||
	    json_object_set_new(map, "series", series_to_json(series)) < 0)
		r = -ENOMEM;
	else if (json_print(map, 2, stdout) < 0 || putchar('\n') == EOF)
		r = -EIO;
	json_decref(map);
	return r;
}

/* Comments after the YAML, so that the output as a whole is a configuration. */
static int print_text(const struct config *config, const struct config_series *series)
{
	int r = config_write_yaml(config, stdout);

	printf("\n# Time series at most, in a day:\n");
	for (size_t i = 0; i < series->n; i++) {
		const struct config_series_row *row = &series->rows[i];

		printf("# %-18s %10" PRIu64 "%s\n", row->measurement, row->bound,
		    row->unbounded ? "  a window; top.key: value sets no bound to a day" : "");
	}
	printf("# %-18s %10" PRIu64 "%s\n", "total", series->total,
	    series->unbounded ? "  and more" : "");
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
	int r;

	switch (parse_arguments(argc, argv, &arguments)) {
	case CHECK:
		r = check(&arguments);
		break;
	case HELP:
		r = fputs(usage, stdout) == EOF ? -EIO : 0;
		break;
	case MEASUREMENTS_JSON:
		r = document_write_measurements(stdout);
		break;
	case WRITE_TABLE:
		r = document_write_table(stdout);
		break;
	case WRITE_DEFAULT:
		r = document_write_default(stdout);
		break;
	case WRITE_MAN:
		r = document_write_man(stdout);
		break;
	case OPTIONS_JSON:
		r = document_write_options(stdout);
		break;
	default:
		fputs(usage, stderr);
		return EXIT_BAD;
	}
	if (r == 0 && fflush(stdout) != 0)
		r = -EIO;
	return r < 0 ? EXIT_BAD : 0;
}
