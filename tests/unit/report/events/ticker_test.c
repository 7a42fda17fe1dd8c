/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/clock.h"
#include "base/unused.h"
#include "report/events/ticker.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define RUN 1700000000000

static int start(void **state)
{
	struct ticker *ticker;

	assert_int_equal(ticker_new(&ticker, RUN), 0);
	*state = ticker;
	return 0;
}

static int stop(void **state)
{
	ticker_free(*state);
	ticker_free(NULL);
	return 0;
}

static void tell(struct ticker *ticker, const char *text)
{
	struct events events = {.n = 1, .list = {{.time_ms = 1700000003500, .kind = "verdict"}}};

	snprintf(events.list[0].text, sizeof(events.list[0].text), "%s", text);
	ticker_events(ticker, &events);
}

/* All that there is for that place, one message after the other. */
static const char *rest(struct ticker *ticker, struct ticker_place *place)
{
	static char text[64 * TICKER_MESSAGE_BYTES];
	size_t used = 0;
	int n;

	while ((n = ticker_read(ticker, place, text + used, TICKER_MESSAGE_BYTES)) > 0)
		used += (size_t)n;
	assert_int_equal(n, 0);
	text[used] = '\0';
	return text;
}

static void test_messages(void **state)
{
	struct ticker *ticker = *state;
	struct ticker_place place;

	ticker_begin(ticker, NULL, &place);
	assert_string_equal(rest(ticker, &place), "");
	tell(ticker, "socket-loss");
	ticker_window(ticker, 1700000000 * NS_PER_S, 1700000010 * NS_PER_S);
	ticker_window(ticker, 1700000010 * NS_PER_S, 1700000011500 * NS_PER_MS);
	assert_string_equal(rest(ticker, &place),
	    "id: 1700000000000-1\nevent: event\n"
	    "data: {\"time\":1700000003.5,\"kind\":\"verdict\",\"text\":\"socket-loss\"}\n\n"
	    "id: 1700000000000-2\nevent: window\n"
	    "data: {\"start\":1700000000,\"end\":1700000010}\n\n"
	    "id: 1700000000000-3\nevent: window\n"
	    "data: {\"start\":1700000010,\"end\":1700000011.5}\n\n");
	assert_string_equal(rest(ticker, &place), "");
	/* Who comes without a number has the newest window at once. */
	ticker_begin(ticker, NULL, &place);
	assert_int_equal(place.number, 2);
}

/* No text of a stranger ends a line, and the longest fits. */
static void test_hostile_texts(void **state)
{
	static const char bytes[] = {'\n', '\r', '\x01', '"', '\\', '\xff'};
	struct ticker *ticker = *state;
	struct ticker_place place;
	char text[240];

	ticker_begin(ticker, NULL, &place);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		const char *said;

		memset(text, bytes[i], sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		tell(ticker, text);
		said = rest(ticker, &place);
		assert_non_null(strstr(said, "\"text\":\""));
		assert_ptr_equal(strstr(said, "\n\n"), said + strlen(said) - 2);
		assert_null(strchr(said, '\r'));
	}
}

static void test_who_comes_back(void **state)
{
	struct ticker *ticker = *state;
	struct ticker_place place, last;

	for (int i = 0; i < 5; i++)
		ticker_window(ticker, i * NS_PER_S, (i + 1) * NS_PER_S);
	last = (struct ticker_place){RUN, 3};
	ticker_begin(ticker, &last, &place);
	assert_int_equal(place.number, 3);
	assert_string_equal(rest(ticker, &place),
	    "id: 1700000000000-4\nevent: window\ndata: {\"start\":3,\"end\":4}\n\n"
	    "id: 1700000000000-5\nevent: window\ndata: {\"start\":4,\"end\":5}\n\n");
	last.number = 5;
	ticker_begin(ticker, &last, &place);
	assert_string_equal(rest(ticker, &place), "");
	/* Never sent: as if it were not there. */
	last.number = 6;
	ticker_begin(ticker, &last, &place);
	assert_int_equal(place.number, 4);
	/* Of another run: it has seen nothing of this one. */
	last = (struct ticker_place){RUN - 1, 1000};
	ticker_begin(ticker, &last, &place);
	assert_int_equal(place.number, 0);
}

static void test_bounds(void **state)
{
	struct ticker *ticker = *state;
	struct ticker_place place, last = {RUN, 1};
	char buffer[TICKER_MESSAGE_BYTES];

	ticker_begin(ticker, NULL, &place);
	for (int i = 0; i < TICKER_HELD; i++)
		ticker_window(ticker, i, i + 1);
	assert_true(ticker_read(ticker, &place, buffer, sizeof(buffer)) > 0);
	place.number = 0;
	ticker_window(ticker, 0, 1);
	assert_int_equal(ticker_read(ticker, &place, buffer, sizeof(buffer)), -ESTALE);
	ticker_begin(ticker, &last, &place);
	assert_int_equal(place.number, 1);
	ticker_window(ticker, 0, 1);
	ticker_window(ticker, 0, 1);
	ticker_begin(ticker, &last, &place);
	assert_int_equal(place.number, 3);
	assert_true(ticker_read(ticker, &place, buffer, sizeof(buffer)) > 0);
}

static void test_names(void **state UNUSED)
{
	static const char *const none[] = {"", "-", "1", "1-", "-1", "0-1", "1-0", "01-1", "1-1 ",
	    " 1-1", "1-1-1", "+1-1", "1--1", "99999999999999999999-1", "0x1-1", "1-1\n"};
	struct ticker_place place = {7, 7};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(ticker_parse(none[i], &place));
	assert_true(place.run == 7 && place.number == 7);
	assert_true(ticker_parse("1700000000000-9999999999999999999", &place));
	assert_true(place.run == RUN && place.number == 9999999999999999999u);
}

static void count(void *context)
{
	(*(int *)context)++;
}

static void test_who_is_told(void **state)
{
	struct ticker *ticker = *state;
	int told = 0;

	ticker_tell(ticker, count, &told);
	tell(ticker, "one");
	ticker_window(ticker, 0, 1);
	ticker_events(ticker, &(struct events){0});
	assert_int_equal(told, 2);
	ticker_tell(ticker, NULL, NULL);
	tell(ticker, "two");
	assert_int_equal(told, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_messages, start, stop),
	    cmocka_unit_test_setup_teardown(test_hostile_texts, start, stop),
	    cmocka_unit_test_setup_teardown(test_who_comes_back, start, stop),
	    cmocka_unit_test_setup_teardown(test_bounds, start, stop),
	    cmocka_unit_test_setup_teardown(test_names, start, stop),
	    cmocka_unit_test_setup_teardown(test_who_is_told, start, stop),
	};

	return cmocka_run_group_tests_name("report/events/ticker", tests, NULL, NULL);
}
