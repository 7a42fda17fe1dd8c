/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap top: a running agent, live in the terminal, once, or as a plugin's line. */
#include "command/command.h"

#include "base/log.h"
#include "http/access.h"
#include "text/json_text.h"
#include "top/client.h"
#include "top/live.h"
#include "top/once.h"
#include "usage/usage.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULE        "top"
#define EXIT_NO_AGENT 1
#define EXIT_USAGE    2
#define EXIT_NOT_OK   3
#define MAX_HEALTH    4096

enum action { SHOW, HELP, BAD_USAGE };

struct arguments {
	const char *url, *token_file, *ca;
	const char *warning_list, *critical_list;
	uint32_t warning, critical; /* 1 << enum verdict */
	bool once, json, health;
};

/* The lists make it a monitoring plugin, which has exit statuses of its own. */
static bool is_plugin(const struct arguments *arguments)
{
	return arguments->warning_list || arguments->critical_list;
}

static int bad_usage(const struct arguments *arguments)
{
	return is_plugin(arguments) ? PLUGIN_UNKNOWN : EXIT_USAGE;
}

static enum action parse_arguments(int argc, char **argv, struct arguments *ret)
{
	struct usage_reader reader;
	enum action action = SHOW;
	int option;

	usage_begin(&reader, COMMAND_TOP, argc, argv);
	while ((option = usage_next(&reader)) != -1) {
		if (option == USAGE_URL)
			ret->url = optarg;
		else if (option == USAGE_TOKEN_FILE)
			ret->token_file = optarg;
		else if (option == USAGE_CA)
			ret->ca = optarg;
		else if (option == USAGE_ONCE)
			ret->once = true;
		else if (option == USAGE_JSON)
			ret->json = true;
		else if (option == USAGE_HEALTH)
			ret->health = true;
		else if (option == USAGE_WARNING)
			ret->warning_list = optarg;
		else if (option == USAGE_CRITICAL)
			ret->critical_list = optarg;
		else if (option == USAGE_HELP)
			action = HELP;
		else
			action = BAD_USAGE;
	}
	return optind < argc ? BAD_USAGE : action;
}

static int parse_lists(struct arguments *arguments)
{
	char error[LAYOUT_ERROR], clean[LAYOUT_ERROR];
	int r = 0;

	if (arguments->warning_list)
		r = plugin_verdicts(
		    &arguments->warning, arguments->warning_list, error, sizeof(error));
	if (r == 0 && arguments->critical_list)
		r = plugin_verdicts(
		    &arguments->critical, arguments->critical_list, error, sizeof(error));
	if (r < 0)
		log_error(MODULE, "%s", screen_clean(clean, sizeof(clean), error));
	return r;
}

/* -- once */

/* stdout is whole, or the exit status says that it is not. */
static int finish(int status)
{
	return fflush(stdout) != 0 || ferror(stdout) ? EXIT_NO_AGENT : status;
}

static int no_agent(const struct arguments *arguments, const char *error, int r)
{
	char clean[LAYOUT_ERROR];

	screen_clean(clean, sizeof(clean), *error ? error : strerror(-r));
	if (!is_plugin(arguments)) {
		log_error(MODULE, "%s", clean);
		return EXIT_NO_AGENT;
	}
	plugin_no_agent(stdout, clean);
	(void)fflush(stdout);
	return PLUGIN_UNKNOWN;
}

static int print_json(const struct top_model *model)
{
	json_t *document = once_json(model);
	int r = document ? json_print(document, 0, stdout) : -1;

	json_decref(document);
	putchar('\n');
	return r;
}

static int print_once(const struct arguments *arguments, const struct top_model *model)
{
	int status = top_model_not_ok(model) ? EXIT_NOT_OK : 0;

	if (is_plugin(arguments))
		status = plugin_status(model, arguments->warning, arguments->critical);
	if (arguments->json) {
		if (print_json(model) < 0)
			status = is_plugin(arguments) ? PLUGIN_UNKNOWN : EXIT_NO_AGENT;
	} else if (is_plugin(arguments)) {
		(void)plugin_line(stdout, model, arguments->warning, arguments->critical);
	} else if (once_table(stdout, model, strcmp(nl_langinfo(CODESET), "UTF-8") == 0) < 0) {
		return EXIT_NO_AGENT;
	}
	return finish(status);
}

/* -- live */

static int show_live(struct top_client *client, struct top_model *model, struct top_model *spare)
{
	struct layout *layout = malloc(sizeof(*layout));
	struct screen *screen = malloc(sizeof(*screen));
	int r = -1;

	if (layout && screen) {
		layout_init(layout);
		top_rates_add(&layout->history, model);
		r = live_run(layout, client, model, spare, screen);
		if (r < 0)
			log_error(MODULE,
			    "this terminal cannot be used (TERM=%s); --once prints text",
			    getenv("TERM") ? getenv("TERM") : "");
	}
	free(layout);
	free(screen);
	return r < 0 ? EXIT_NO_AGENT : 0;
}

static int show(const struct arguments *arguments, struct top_client *client)
{
	struct top_model *model = malloc(sizeof(*model)), *spare = malloc(sizeof(*spare));
	char error[LAYOUT_ERROR] = "";
	int r = -1, status;

	if (model && spare)
		r = top_client_ask(client, model, error, sizeof(error));
	if (r < 0)
		status = no_agent(arguments, error, r);
	else if (arguments->once || arguments->json || is_plugin(arguments) ||
	    !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		status = print_once(arguments, model);
	else
		status = show_live(client, model, spare);
	free(model);
	free(spare);
	return status;
}

/* The agent chose the text of an answer: what a terminal would obey is taken out. */
static int show_health(struct top_client *client)
{
	char text[MAX_HEALTH], error[LAYOUT_ERROR] = "", clean[MAX_HEALTH];
	int r = top_client_health(client, text, sizeof(text), error, sizeof(error));

	if (r < 0) {
		screen_clean(clean, sizeof(clean), *error ? error : strerror(-r));
		log_error(MODULE, "%s", clean);
		return EXIT_NO_AGENT;
	}
	text[strcspn(text, "\n")] = '\0';
	puts(screen_clean(clean, sizeof(clean), text));
	return finish(r > 0);
}

static int run(struct arguments *arguments)
{
	struct top_client *client = NULL;
	struct access access = {0};
	char error[LAYOUT_ERROR];
	int status, r;

	(void)setlocale(LC_CTYPE, ""); /* numbers stay those of "C" */
	if (parse_lists(arguments) < 0)
		return bad_usage(arguments);
	r = access_init(
	    &access, arguments->token_file ? arguments->token_file : "", error, sizeof(error));
	if (r < 0) {
		log_error(MODULE, "%s", error);
		return bad_usage(arguments);
	}
	r = top_client_new(&client, arguments->url, access.bearer, arguments->ca);
	access_done(&access);
	if (r < 0) {
		log_error(
		    MODULE, "%s: %s", arguments->url, r == -EINVAL ? "is not a URL" : strerror(-r));
		return bad_usage(arguments);
	}
	status = arguments->health ? show_health(client) : show(arguments, client);
	top_client_free(client);
	return status;
}

int command_top(int argc, char **argv)
{
	struct arguments arguments = {.url = USAGE_DEFAULT_URL};

	switch (parse_arguments(argc, argv, &arguments)) {
	case SHOW:
		return run(&arguments);
	case HELP:
		usage_print(stdout, COMMAND_TOP);
		return finish(0);
	default:
		usage_print(stderr, COMMAND_TOP);
		return bad_usage(&arguments);
	}
}
