/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "top/figures.h"
#include "top/layout.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct fixture {
	struct top_model model;
	struct layout layout;
	struct screen screen;
	char text[SCREEN_MAX_HEIGHT * (SCREEN_MAX_WIDTH * 3 + 1) + 1];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	top_model_clear(&f->model);
	layout_init(&f->layout);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void feed(struct fixture *f, enum top_document document, const char *text)
{
	top_model_begin(&f->model, document);
	assert_int_equal(top_model_feed(&f->model, text, strlen(text)), 0);
	assert_int_equal(top_model_end(&f->model), 0);
}

static const char *draw(struct fixture *f, int width, int height, bool utf8)
{
	FILE *out = fmemopen(f->text, sizeof(f->text), "w");

	screen_clear(&f->screen, width, height, utf8);
	layout_draw(&f->layout, &f->model, &f->screen);
	screen_print(&f->screen, out);
	fclose(out);
	return f->text;
}

static void expect(struct fixture *f, const char *text)
{
	if (!strstr(f->text, text))
		fail_msg("no \"%s\" in %s", text, f->text);
}

static void put_zones(struct fixture *f)
{
	feed(f, TOP_WINDOW,
	    "{\"end_ms\":1700000010000,\"interval_s\":10.0,\"zones\":{"
	    "\"nl\":{\"queries\":12340,\"responses\":12330,\"sources\":77,"
	    "\"rcode\":{\"NXDOMAIN\":1233}},\"org\":{\"queries\":50,\"responses\":50,"
	    "\"rcode\":{\"NXDOMAIN\":40}},\"aero\":{\"queries\":60}}}");
}

/* 80 columns have every column of every view whole, its title too. */
static void test_columns_fit(void **state)
{
	struct fixture *f = *state;

	for (unsigned view = 0; view < VIEWS; view++) {
		f->layout.view = view;
		draw(f, 80, 24, false);
		expect(f, views[view].name);
		for (unsigned i = 0; i < view_columns(view); i++)
			expect(f, views[view].columns[i].title);
		expect(f,
		    "1Zones 2Types 3Rcodes 4Trans 5Clients 6Nets 7Names 8AS 9Country 0Funnel "
		    "iIn oOut\n");
		expect(f, "q quit");
	}
}

static void test_largest_figures(void **state)
{
	struct fixture *f = *state;

	feed(f, TOP_WINDOW,
	    "{\"interval_s\":1e-300,\"zones\":{\"z\":{\"queries\":1e308,\"responses\":-1e308,"
	    "\"sources\":1e300,\"response_time_us\":{\"p50\":1e308,\"p99\":-1},"
	    "\"malformed\":{\"query\":1e308,\"response\":1e308}}}}");
	draw(f, 80, 24, false);
	expect(f, "\nz ");
	assert_null(strstr(f->text, "inf"));
	assert_null(strstr(f->text, "nan"));
	feed(f, TOP_RESOLVERS,
	    "{\"zones\":{\"z\":{\"resolvers\":[{\"address\":"
	    "\"2001:0db8:1111:2222:3333:4444:5555:6666\",\"country\":\"NL\",\"asn\":4294967295,"
	    "\"queries\":1,\"icmp_rtt_ms\":999.94}]}}}");
	f->layout.view = VIEW_CLIENTS;
	f->model.queries = 4;
	draw(f, 80, 24, false);
	expect(f, "\n2001:0db8:1111:2222:3333:4444:5555:6666 ");
	expect(f, "  25.0% 999.9 ms 4294967295 NL\n");
}

static void test_sort_and_filter(void **state)
{
	struct fixture *f = *state;

	put_zones(f);
	draw(f, 80, 24, false);
	assert_true(strstr(f->text, "\nnl ") < strstr(f->text, "\naero "));
	assert_true(strstr(f->text, "\naero ") < strstr(f->text, "\norg "));
	f->layout.sort[VIEW_ZONES] = 5; /* the share of NXDOMAIN */
	draw(f, 80, 24, false);
	assert_true(strstr(f->text, "\norg ") < strstr(f->text, "\nnl "));
	assert_true(strstr(f->text, "\nnl ") < strstr(f->text, "\naero "));
	f->layout.sort[VIEW_ZONES] = view_columns(VIEW_ZONES);
	draw(f, 80, 24, false);
	assert_true(strstr(f->text, "\naero ") < strstr(f->text, "\nnl "));
	strcpy(f->layout.filter, "RG");
	draw(f, 80, 24, false);
	expect(f, "\norg ");
	assert_null(strstr(f->text, "\nnl "));
	expect(f, "only: RG");
	strcpy(f->layout.filter, "nobody");
	draw(f, 80, 24, false);
	expect(f, "nothing has these letters");
}

/* Every view has a key of its own, and an empty one says what it takes. */
static void test_keys(void **state)
{
	struct fixture *f = *state;

	for (unsigned view = 0; view < VIEWS; view++)
		assert_int_equal(view_of_key(views[view].press), view);
	assert_int_equal(view_of_key('z'), VIEWS);
	f->layout.view = VIEW_SUBNETS;
	draw(f, 80, 24, false);
	expect(f, "nothing to show here: counted with the word `addresses` in `datasets`");
	f->layout.view = VIEW_ZONES;
	draw(f, 80, 24, false);
	expect(f, "nothing to show here\n");
}

static void test_verdict_and_funnel(void **state)
{
	struct fixture *f = *state;

	draw(f, 80, 24, false);
	expect(f, "no verdict");
	feed(f, TOP_CROSSCHECK,
	    "{\"funnel\":{\"wire_queries\":100,\"stack_drops\":0,\"socket_drops\":4,"
	    "\"unexplained\":0,\"dnstap_queries\":96},\"verdict\":\"socket-loss\"}");
	draw(f, 80, 24, false);
	expect(f, "\nsocket-loss: the nameserver's sockets were full and queries were dropped\n");
	expect(f, "\nwire 100 > stack 0 > socket 4 > unexplained 0 > dnstap 96\n");
	assert_int_equal(f->screen.cells[1][0].style, STYLE_BAD);
	assert_int_equal(f->screen.cells[2][0].style, STYLE_PLAIN);
	assert_int_equal(f->screen.cells[2][strlen("wire 100 > stack 0 > ")].style, STYLE_BAD);
	assert_int_equal(f->screen.cells[2][strlen("wire 100 > ")].style, STYLE_PLAIN);
	f->layout.view = VIEW_FUNNEL;
	draw(f, 80, 24, false);
	expect(f, "\nsocket_drops               4       4.0 found the nameserver's sockets full\n");
	feed(f, TOP_CROSSCHECK, "{\"verdict\":\"ok\"}");
	draw(f, 80, 24, false);
	assert_int_equal(f->screen.cells[1][0].style, STYLE_GOOD);
}

/* Terminals obey none of what an agent or a stranger says. */
static void test_hostile_text(void **state)
{
	struct fixture *f = *state;

	feed(f, TOP_STATUS, "{\"server\":\"\\u001b[2J\\u202eevil\",\"version\":\"\\u009b31m\"}");
	feed(f, TOP_RESOLVERS,
	    "{\"zones\":{\"z\":{\"asns\":{\"1\":{\"queries\":1,"
	    "\"as_org\":\"T\\u00e9l\\u00e9\\u4e2d\\u00ad\\u0301\"}}}}}");
	f->layout.view = VIEW_ASNS;
	draw(f, 80, 24, true);
	expect(f, "\\x1b[2J\\xe2\\x80\\xae");
	expect(f, "\\xc2\\x9b31m");
	expect(f, "T\xc3\xa9l\xc3\xa9\\xe4\\xb8\\xad\\xc2\\xa~");
	draw(f, 80, 24, false);
	expect(f, "T\\xc3\\xa9l\\xc3\\xa9\\xe4~");
	for (const char *at = f->text; *at; at++)
		assert_true((*at >= ' ' && *at <= '~') || *at == '\n');
}

static void test_history(void **state)
{
	struct fixture *f = *state;
	struct top_rates *history = &f->layout.history;

	put_zones(f);
	top_rates_add(history, &f->model);
	top_rates_add(history, &f->model); /* the same window */
	assert_int_equal(history->n, 1);
	f->model.window_end_ms += 30000; /* two windows were not seen */
	f->model.queries /= 2;
	top_rates_add(history, &f->model);
	assert_int_equal(history->n, 4);
	assert_true(isnan(history->rates[1]) && isnan(history->rates[2]));
	draw(f, 80, 24, false);
	expect(f, "\nqueries/s, at most 1245.0 #  =\n");
	draw(f, 80, 24, true);
	expect(f, "1245.0 \xe2\x96\x88  \xe2\x96\x85\n");
	for (unsigned i = 0; i < 2 * LAYOUT_HISTORY; i++) {
		f->model.window_end_ms += 10000;
		top_rates_add(history, &f->model);
	}
	assert_int_equal(history->n, LAYOUT_HISTORY);
	f->model.window_end_ms = 1e308;
	top_rates_add(history, &f->model);
	assert_int_equal(history->n, LAYOUT_HISTORY);
}

static void test_any_size(void **state)
{
	struct fixture *f = *state;

	put_zones(f);
	strcpy(f->layout.error, "no agent answers");
	for (int width = -1; width < 100; width += 3) {
		for (int height = -1; height < 30; height++) {
			f->layout.scroll = 100;
			draw(f, width, height, true);
			assert_true(f->layout.scroll >= 0 && f->layout.scroll <= 3);
		}
	}
	draw(f, 10000, 10000, true);
	assert_int_equal(f->screen.width, SCREEN_MAX_WIDTH);
	expect(f, "no agent answers");
	f->layout.help = true;
	draw(f, 80, 24, false);
	expect(f, "pause");
	assert_null(strstr(f->text, "\nnl"));
}

static void test_figures(void **state UNUSED)
{
	char out[FIGURE_BYTES];

	assert_string_equal(figure_count(out, 999999), "999999");
	assert_string_equal(figure_count(out, 12345678), "12346k");
	assert_string_equal(figure_rate(out, 1234.56), "1234.6");
	assert_string_equal(figure_percent(out, 1, 3), "33.3%");
	assert_string_equal(figure_percent(out, 1, 0), "-");
	assert_string_equal(figure_us(out, 999.7), "1.0 ms");
	assert_string_equal(figure_us(out, 2.5e6), "2.5 s");
	assert_string_equal(figure_age(out, 7300), "2 h");
	assert_string_equal(figure_age(out, NAN), "0 s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_columns_fit, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_largest_figures, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_sort_and_filter, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_verdict_and_funnel, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hostile_text, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_history, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_any_size, setup, teardown),
	    cmocka_unit_test(test_figures),
	};

	return cmocka_run_group_tests_name("top/layout", tests, NULL, NULL);
}
