/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "report/events/events.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void add(struct events *events, int64_t now_ms, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add(struct events *events, int64_t now_ms, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	events_add(events, now_ms, "test", format, args);
	va_end(args);
}

/* One series has one point a millisecond: also after a clear, and when the clock steps back, where
 * events keep their own times. */
static void test_times_are_unique(void **state UNUSED)
{
	struct events events = {0};

	add(&events, 1000, "one");
	add(&events, 1000, "two");
	events_clear(&events);
	add(&events, 900, "three");
	assert_int_equal(events.n, 1);
	assert_int_equal(events.list[0].time_ms, 900);
	add(&events, 1000, "four");
	assert_int_equal(events.list[1].time_ms, 1002);
	add(&events, 5000, "five");
	assert_int_equal(events.list[2].time_ms, 5000);
	for (int i = 0; i < EVENTS_REMEMBERED; i++)
		add(&events, 2000 + i, "many");
	add(&events, 2000, "again");
	assert_int_equal(events.list[events.n - 1].time_ms, 2000 + EVENTS_REMEMBERED);
}

static void test_newest_are_kept(void **state UNUSED)
{
	struct events events = {0};

	for (int i = 0; i < EVENTS_MAX + 10; i++)
		add(&events, i, "event %d", i);
	assert_int_equal(events.n, EVENTS_MAX);
	assert_string_equal(events.list[0].text, "event 10");
	assert_string_equal(events.list[EVENTS_MAX - 1].text, "event 73");
}

static void test_long_text_is_cut(void **state UNUSED)
{
	struct events events = {0};

	add(&events, 1, "%0500d", 7);
	assert_int_equal(strlen(events.list[0].text), sizeof(events.list[0].text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_times_are_unique),
	    cmocka_unit_test(test_newest_are_kept),
	    cmocka_unit_test(test_long_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
