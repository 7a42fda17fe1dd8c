/* SPDX-License-Identifier: BSD-2-Clause */
#define NCURSES_WIDECHAR 1
#include "top/live.h"

#include "base/clock.h"

#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#define CTRL_C        3
#define ESCAPE        27
#define DELETE        127
#define ESCAPE_MS     25 /* between the bytes of a key that is several */
#define MAX_REFRESH_S 60
#define ROWS_SEEN     (LINES > 10 ? LINES - 9 : 1)

struct live {
	struct layout *layout;
	struct top_client *client;
	struct top_model *model, *spare;
	struct screen *screen;
	bool utf8;
	attr_t attributes[STYLES];
};

/* Without colours, or where NO_COLOR (no-color.org) is set, what is bad is inverse or bold. */
static void init_styles(struct live *live)
{
	const char *no_color = getenv("NO_COLOR");
	const bool color = !(no_color && *no_color) && has_colors() && start_color() == OK;
	static const struct {
		short color;
		attr_t plain;
	} styles[STYLES] = {[STYLE_STRONG] = {-1, A_BOLD},
	    [STYLE_GOOD] = {COLOR_GREEN, A_NORMAL},
	    [STYLE_BAD] = {COLOR_RED, A_BOLD},
	    [STYLE_WARN] = {COLOR_YELLOW, A_BOLD},
	    [STYLE_HEADING] = {-1, A_REVERSE},
	    [STYLE_PLAIN] = {-1, A_NORMAL}};

	if (color)
		(void)use_default_colors();
	for (unsigned i = 0; i < STYLES; i++) {
		live->attributes[i] = styles[i].plain;
		if (color && styles[i].color >= 0 &&
		    init_pair((short)(i + 1), styles[i].color, -1) == OK)
			live->attributes[i] |= (attr_t)COLOR_PAIR(i + 1);
	}
}

static void draw(struct live *live)
{
	screen_clear(live->screen, COLS, LINES, live->utf8);
	layout_draw(live->layout, live->model, live->screen);
	for (int y = 0; y < live->screen->height; y++) {
		for (int x = 0; x < live->screen->width; x++) {
			const struct screen_cell *cell = &live->screen->cells[y][x];
			const wchar_t text[] = {cell->character, 0};

			(void)attrset(live->attributes[cell->style]);
			(void)mvaddnwstr(y, x, text, 1);
		}
	}
	refresh();
}

/* Asks; what was seen before stays if nobody answers. */
static void look(struct live *live)
{
	char error[LAYOUT_ERROR] = "";
	struct top_model *model = live->spare;
	int r = top_client_ask(live->client, model, error, sizeof(error));

	if (r < 0) {
		strcpy(live->layout->error, *error ? error : strerror(-r));
		return;
	}
	live->layout->error[0] = '\0';
	live->spare = live->model;
	live->model = model;
	top_rates_add(&live->layout->history, model);
}

static void edit_filter(struct layout *layout, int key)
{
	const size_t length = strlen(layout->filter);

	if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		layout->filtering = false;
	} else if (key == ESCAPE) {
		layout->filtering = false;
		layout->filter[0] = '\0';
	} else if (key == KEY_BACKSPACE || key == DELETE || key == '\b') {
		if (length)
			layout->filter[length - 1] = '\0';
	} else if (key >= ' ' && key <= '~' && length + 1 < sizeof(layout->filter)) {
		layout->filter[length] = (char)key;
		layout->filter[length + 1] = '\0';
	}
	layout->scroll = 0;
}

static void show_view(struct layout *layout, unsigned view)
{
	layout->view = view % VIEWS;
	layout->scroll = 0;
}

static void change_interval(struct layout *layout, double by)
{
	layout->refresh_s += by;
	if (layout->refresh_s < 1)
		layout->refresh_s = 1;
	if (layout->refresh_s > MAX_REFRESH_S)
		layout->refresh_s = MAX_REFRESH_S;
}

static void scroll_rows(struct layout *layout, int key)
{
	switch (key) {
	case KEY_DOWN:
	case 'j':
		layout->scroll++;
		break;
	case KEY_UP:
	case 'k':
		layout->scroll--;
		break;
	case KEY_NPAGE:
		layout->scroll += ROWS_SEEN;
		break;
	case KEY_PPAGE:
		layout->scroll -= ROWS_SEEN;
		break;
	case KEY_HOME:
		layout->scroll = 0;
		break;
	case KEY_END:
		layout->scroll = TOP_TABLE_ROWS;
		break;
	default: /* a new size (KEY_RESIZE) only needs drawing */
		break;
	}
}

static void command(struct layout *layout, int key)
{
	unsigned *sort = &layout->sort[layout->view];

	const unsigned chosen = view_of_key(key);

	if (chosen < VIEWS)
		show_view(layout, chosen);
	else if (key == '\t')
		show_view(layout, layout->view + 1);
	else if (key == KEY_BTAB)
		show_view(layout, layout->view + VIEWS - 1);
	else if (key == 's' || key == KEY_F(6))
		*sort = (*sort + 1) % (view_columns(layout->view) + 1);
	else if (key == 'h' || key == '?' || key == KEY_F(1))
		layout->help = true;
	else if (key == '/')
		layout->filtering = true;
	else if (key == ESCAPE)
		layout->filter[0] = '\0';
	else if (key == 'p')
		layout->paused = !layout->paused;
	else if (key == '+' || key == '-')
		change_interval(layout, key == '+' ? 1 : -1);
	else
		scroll_rows(layout, key);
}

/* Where a terminal is gone getch() says ERR at once, for ever. */
static bool terminal_is_there(void)
{
	struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&fd, 1, 0) <= 0 || !(fd.revents & (POLLHUP | POLLERR | POLLNVAL));
}

/* False: the user wants to end. */
static bool handle_key(struct layout *layout, int key)
{
	if (key == ERR)
		return terminal_is_there();
	if (key == CTRL_C)
		return false;
	if (key != KEY_RESIZE && layout->help) {
		layout->help = false;
		return true;
	}
	if (layout->filtering) {
		edit_filter(layout, key);
		return true;
	}
	if (key == 'q' || key == 'Q' || key == KEY_F(10))
		return false;
	command(layout, key);
	return true;
}

static void loop(struct live *live)
{
	uint64_t last_ns = clock_monotonic_ns();
	bool more = true;

	while (more) {
		const uint64_t every_ns = (uint64_t)(live->layout->refresh_s * NS_PER_S);
		uint64_t now_ns = clock_monotonic_ns();

		if (now_ns - last_ns >= every_ns) {
			if (!live->layout->paused)
				look(live);
			last_ns = now_ns = clock_monotonic_ns();
		}
		draw(live);
		timeout((int)((last_ns + every_ns - now_ns) / NS_PER_MS) + 1);
		more = handle_key(live->layout, getch());
	}
}

int live_run(struct layout *layout, struct top_client *client, struct top_model *model,
    struct top_model *spare, struct screen *screen)
{
	struct live live = {.layout = layout,
	    .client = client,
	    .model = model,
	    .spare = spare,
	    .screen = screen,
	    .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0};
	SCREEN *terminal = newterm(NULL, stdout, stdin);

	if (!terminal)
		return -ENOTTY;
	raw();
	noecho();
	keypad(stdscr, TRUE);
	(void)set_escdelay(ESCAPE_MS);
	(void)curs_set(0);
	init_styles(&live);
	loop(&live);
	endwin();
	delscreen(terminal);
	return 0;
}
