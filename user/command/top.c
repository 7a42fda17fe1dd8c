/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap top: a running agent, live in the terminal. */
#include "command/command.h"

#include "base/clock.h"
#include "base/log.h"
#include "command/top_client.h"
#include "command/top_text.h"
#include "http/access.h"
#include "usage/usage.h"

#include <curses.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULE        "top"
#define EXIT_USAGE    2
#define MAX_ERROR     512
#define MAX_HEALTH    4096
#define CTRL_C        3
#define MIN_REFRESH_S 1.0
#define MAX_REFRESH_S 10.0

enum action { SHOW, HELP, BAD_USAGE };

struct arguments {
	const char *url, *token_file, *ca;
	bool once, health;
};

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
		else if (option == USAGE_HEALTH)
			ret->health = true;
		else if (option == USAGE_HELP)
			action = HELP;
		else
			return BAD_USAGE;
	}
	return optind < argc ? BAD_USAGE : action;
}

/* What to look at, for as long as the screen is up. */
struct view {
	char *text;
	size_t length;
	char error[MAX_ERROR]; /* why `text` is old; empty: it is not */
	int scroll;            /* lines above the screen */
	double refresh_s;
};

static int render(struct view *view, const struct top_answer *answer)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return -ENOMEM;
	top_text(out, answer);
	if (fclose(out) != 0) {
		free(text);
		return -ENOMEM;
	}
	free(view->text);
	view->text = text;
	view->length = length;
	return 0;
}

/* Asks; what was seen before stays if nobody answers. */
static int refresh_view(struct view *view, struct top_client *client)
{
	struct top_answer answer;
	char error[MAX_ERROR] = "";
	double seconds;
	int r = top_client_ask(client, &answer, error, sizeof(error));

	top_clean(view->error, sizeof(view->error), error, strlen(error));
	if (r < 0)
		return r;
	seconds = json_number_value(json_object_get(answer.status, "interval_s"));
	if (seconds > MAX_REFRESH_S)
		seconds = MAX_REFRESH_S;
	view->refresh_s = seconds >= MIN_REFRESH_S ? seconds : MIN_REFRESH_S;
	r = render(view, &answer);
	top_answer_done(&answer);
	return r;
}

static int count_lines(const char *text)
{
	int n = 0;

	while ((text = strchr(text, '\n'))) {
		text++;
		n++;
	}
	return n;
}

static void draw(struct view *view)
{
	const int spare = count_lines(view->text) - (LINES - 1);
	const char *line = view->text;

	if (view->scroll > spare)
		view->scroll = spare;
	if (view->scroll < 0)
		view->scroll = 0;
	erase();
	for (int i = 0; i < view->scroll; i++)
		line = strchr(line, '\n') + 1;
	for (int y = 0; y < LINES - 1 && *line; y++) {
		const int length = (int)strcspn(line, "\n");

		mvaddnstr(y, 0, line, length < COLS ? length : COLS);
		line += length + (line[length] == '\n');
	}
	attron(A_REVERSE);
	mvaddnstr(LINES - 1, 0, *view->error ? view->error : "q ends, arrow keys scroll", COLS - 1);
	attroff(A_REVERSE);
	refresh();
}

/* False: the user wants to end. */
static bool handle_key(struct view *view, int key)
{
	switch (key) {
	case 'q':
	case 'Q':
	case CTRL_C:
		return false;
	case KEY_DOWN:
	case 'j':
		view->scroll++;
		break;
	case KEY_UP:
	case 'k':
		view->scroll--;
		break;
	case KEY_NPAGE:
		view->scroll += LINES - 2;
		break;
	case KEY_PPAGE:
		view->scroll -= LINES - 2;
		break;
	default: /* a new size (KEY_RESIZE) only needs drawing */
		break;
	}
	return true;
}

static void live(struct view *view, struct top_client *client)
{
	uint64_t next_ns = clock_monotonic_ns() + (uint64_t)(view->refresh_s * NS_PER_S);
	int key;

	do {
		uint64_t now_ns = clock_monotonic_ns();

		if (now_ns >= next_ns) {
			(void)refresh_view(view, client); /* its error is on the screen */
			now_ns = clock_monotonic_ns();
			next_ns = now_ns + (uint64_t)(view->refresh_s * NS_PER_S);
		}
		draw(view);
		timeout((int)((next_ns - now_ns) / NS_PER_MS) + 1);
		key = getch();
	} while (handle_key(view, key));
}

static int show_live(struct view *view, struct top_client *client)
{
	SCREEN *screen = newterm(NULL, stdout, stdin);

	if (!screen) {
		log_error(MODULE, "this terminal cannot be used (TERM=%s); --once prints text",
		    getenv("TERM") ? getenv("TERM") : "");
		return 1;
	}
	raw();
	noecho();
	keypad(stdscr, TRUE);
	(void)curs_set(0);
	live(view, client);
	endwin();
	delscreen(screen);
	return 0;
}

static int show(const struct arguments *arguments, struct top_client *client)
{
	struct view view = {.refresh_s = MIN_REFRESH_S};
	int status = 0;

	if (refresh_view(&view, client) < 0) {
		log_error(MODULE, "%s", *view.error ? view.error : strerror(ENOMEM));
		status = 1;
	} else if (arguments->once || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO)) {
		status =
		    fwrite(view.text, 1, view.length, stdout) != view.length || fflush(stdout) != 0;
	} else {
		status = show_live(&view, client);
	}
	free(view.text);
	return status;
}

/* The agent chose the text of an answer: what a terminal would obey is taken out. */
static int show_health(struct top_client *client)
{
	char text[MAX_HEALTH], error[MAX_ERROR] = "", clean[MAX_HEALTH];
	int r = top_client_health(client, text, sizeof(text), error, sizeof(error));

	if (r < 0) {
		top_clean(clean, sizeof(clean), error, strlen(error));
		log_error(MODULE, "%s", *clean ? clean : strerror(-r));
		return 1;
	}
	top_clean(clean, sizeof(clean), text, strcspn(text, "\n"));
	puts(clean);
	return fflush(stdout) != 0 || r > 0;
}

static int run(const struct arguments *arguments)
{
	struct top_client *client = NULL;
	struct access access = {0};
	char error[MAX_ERROR];
	int status, r;

	r = access_init(
	    &access, arguments->token_file ? arguments->token_file : "", error, sizeof(error));
	if (r < 0) {
		log_error(MODULE, "%s", error);
		return EXIT_USAGE;
	}
	r = top_client_new(&client, arguments->url, access.bearer, arguments->ca);
	access_done(&access);
	if (r < 0) {
		log_error(
		    MODULE, "%s: %s", arguments->url, r == -EINVAL ? "is not a URL" : strerror(-r));
		return EXIT_USAGE;
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
		return fflush(stdout) != 0;
	default:
		usage_print(stderr, COMMAND_TOP);
		return EXIT_USAGE;
	}
}
