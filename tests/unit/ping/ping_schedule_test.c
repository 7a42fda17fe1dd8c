/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/unused.h"
#include "ping/ping_schedule.h"
#include "ping/ping_table.h"

#define WINDOW_NS (10ULL * NS_PER_S)
#define MINUTE_NS (60ULL * NS_PER_S)
#define HOUR_NS   (60 * MINUTE_NS)
#define EVERY_NS  (10 * MINUTE_NS)
#define START_NS  (7 * HOUR_NS)
#define BOTH      (1u << 4 | 1u << 6)
#define SEED      12345

static struct ping_schedule *new_schedule(size_t max_rows, size_t plan_rows)
{
	struct ping_schedule_settings settings = {
	    .every_ns = EVERY_NS,
	    .window_ns = WINDOW_NS,
	    .max_rows = max_rows,
	    .plan_rows = plan_rows,
	};
	struct ping_schedule *schedule;

	assert_int_equal(ping_schedule_new(&schedule, &settings, SEED), 0);
	return schedule;
}

static struct ping_address numbered(uint32_t n)
{
	struct ping_address address = {.family = 4};

	memcpy(address.bytes, &n, sizeof(n));
	return address;
}

static bool offer(struct ping_schedule *s, uint32_t n, uint32_t answered, uint64_t now_ns)
{
	struct ping_address address = numbered(n);

	return ping_schedule_touch(s, &address, answered, now_ns) ||
	    ping_schedule_admit(s, &address, answered, now_ns);
}

/* Three windows of `answered` each; returns the time of the last. */
static uint64_t qualify(struct ping_schedule *s, uint32_t n, uint32_t answered, uint64_t now_ns)
{
	for (int i = 0; i < 3; i++) {
		ping_schedule_begin_window(s);
		now_ns += WINDOW_NS;
		assert_true(offer(s, n, answered, now_ns));
	}
	return now_ns;
}

static bool takes(struct ping_schedule *s, uint32_t n, uint64_t now_ns)
{
	struct ping_address want = numbered(n), got;

	return ping_schedule_take(s, now_ns, BOTH, &got) && memcmp(&want, &got, sizeof(got)) == 0;
}

static bool takes_nobody(struct ping_schedule *s, uint64_t now_ns)
{
	struct ping_address got;

	return !ping_schedule_take(s, now_ns, BOTH, &got);
}

static void test_asks_only_after_three_windows(void **state UNUSED)
{
	struct ping_schedule *s = new_schedule(1024, 64);
	uint64_t now_ns = START_NS;

	assert_true(ping_schedule_next_ns(s) == PING_NEVER);
	for (int window = 0; window < 2; window++, now_ns += WINDOW_NS) {
		ping_schedule_begin_window(s);
		/* Twice in a window is one window. */
		assert_true(offer(s, 1, 1000, now_ns));
		assert_true(offer(s, 1, 1000, now_ns));
		assert_true(takes_nobody(s, now_ns));
		assert_true(ping_schedule_next_ns(s) == PING_NEVER);
	}
	ping_schedule_begin_window(s);
	assert_true(offer(s, 1, 1000, now_ns));
	assert_true(takes(s, 1, now_ns));
	ping_schedule_free(s);
}

static void test_asks_only_after_ten_answers(void **state UNUSED)
{
	struct ping_schedule *s = new_schedule(1024, 64);
	uint64_t now_ns = qualify(s, 1, 3, START_NS);

	assert_true(takes_nobody(s, now_ns));
	/* A window without answers counts for nothing. */
	ping_schedule_begin_window(s);
	assert_true(offer(s, 1, 0, now_ns));
	assert_true(takes_nobody(s, now_ns));
	ping_schedule_begin_window(s);
	assert_true(offer(s, 1, 1, now_ns + WINDOW_NS));
	assert_true(takes(s, 1, now_ns + WINDOW_NS));
	ping_schedule_free(s);
}

static void test_forgets_what_is_older_than_an_hour(void **state UNUSED)
{
	struct ping_schedule *s = new_schedule(1024, 64);
	uint64_t now_ns = START_NS;

	ping_schedule_begin_window(s);
	assert_true(offer(s, 1, 100, now_ns));
	ping_schedule_begin_window(s);
	assert_true(offer(s, 1, 100, now_ns + 20 * MINUTE_NS));
	/* The third comes 61 minutes after the first, the others are out of sight. */
	ping_schedule_begin_window(s);
	assert_true(offer(s, 1, 100, now_ns + 85 * MINUTE_NS));
	assert_true(takes_nobody(s, now_ns + 85 * MINUTE_NS));
	ping_schedule_free(s);
}

static void test_who_falls_silent_is_not_asked(void **state UNUSED)
{
	struct ping_schedule *s = new_schedule(1024, 64);
	uint64_t now_ns = qualify(s, 1, 100, START_NS);
	struct ping_address address = numbered(1);

	assert_true(takes(s, 1, now_ns));
	ping_schedule_sent(s, &address, now_ns);
	ping_schedule_replied(s, &address, 20 * NS_PER_MS, now_ns);
	now_ns += 2 * HOUR_NS;
	assert_true(takes_nobody(s, now_ns));
	assert_true(ping_schedule_next_ns(s) == PING_NEVER);
	assert_true(takes(s, 1, qualify(s, 1, 100, now_ns)));
	ping_schedule_free(s);
}

/* Windows of an hour: three of them are never within one hour. */
static void test_long_windows(void **state UNUSED)
{
	struct ping_schedule_settings settings = {
	    .every_ns = EVERY_NS, .window_ns = HOUR_NS, .max_rows = 1024, .plan_rows = 64};
	struct ping_address got;
	struct ping_schedule *s;
	unsigned asked = 0;

	assert_int_equal(ping_schedule_new(&s, &settings, SEED), 0);
	for (unsigned window = 1; window <= 24; window++) {
		uint64_t now_ns = START_NS + window * HOUR_NS;

		ping_schedule_begin_window(s);
		assert_true(offer(s, 1, 50, now_ns));
		if (ping_schedule_take(s, now_ns, BOTH, &got)) {
			ping_schedule_sent(s, &got, now_ns);
			ping_schedule_replied(s, &got, 1, now_ns);
			asked++;
		}
	}
	assert_int_equal(asked, 22);
	ping_schedule_free(s);
}

static void test_busiest_first(void **state UNUSED)
{
	struct ping_schedule *s = new_schedule(1024, 8);
	uint64_t now_ns = START_NS;
	uint32_t last = UINT32_MAX;

	for (int window = 0; window < 3; window++, now_ns += WINDOW_NS) {
		ping_schedule_begin_window(s);
		for (uint32_t n = 1; n <= 100; n++)
			assert_true(offer(s, n, 10 + n * 37 % 101, now_ns));
	}
	/* More than fit into a plan, so several looks. */
	for (int i = 0; i < 100; i++) {
		struct ping_address got;
		uint32_t n;

		assert_true(ping_schedule_take(s, now_ns, BOTH, &got));
		memcpy(&n, got.bytes, sizeof(n));
		assert_true(n * 37 % 101 < last);
		last = n * 37 % 101;
		ping_schedule_sent(s, &got, now_ns);
		if (i % 8 == 7)
			now_ns += NS_PER_S;
	}
	assert_true(takes_nobody(s, now_ns + NS_PER_S));
	ping_schedule_free(s);
}

static void test_interval_of_one_that_answers(void **state UNUSED)
{
	struct ping_schedule *s = new_schedule(1024, 64);
	struct ping_address address = numbered(1);
	uint64_t now_ns = START_NS, last_ns = 0;
	unsigned sent = 0;

	for (; now_ns < START_NS + 10 * HOUR_NS; now_ns += NS_PER_S) {
		if (now_ns % WINDOW_NS == 0) {
			ping_schedule_begin_window(s);
			assert_true(offer(s, 1, 5, now_ns));
		}
		if (!takes(s, 1, now_ns))
			continue;
		assert_true(!last_ns || now_ns - last_ns >= EVERY_NS);
		assert_true(
		    !last_ns || now_ns - last_ns <= EVERY_NS + EVERY_NS / 16 + 2 * NS_PER_S);
		last_ns = now_ns;
		sent++;
		ping_schedule_sent(s, &address, now_ns);
		ping_schedule_replied(s, &address, 1000, now_ns);
	}
	assert_in_range(sent, 55, 60);
	ping_schedule_free(s);
}

enum outcome { REPLY, SILENCE, OBJECTION };

/* Asks once, tells the outcome, and returns how long it then takes until the next time. */
static uint64_t pause_after(struct ping_schedule *s, enum outcome outcome, uint64_t *now_ns)
{
	struct ping_address address = numbered(1);
	uint64_t asked_ns = *now_ns;

	ping_schedule_sent(s, &address, asked_ns);
	if (outcome == REPLY)
		ping_schedule_replied(s, &address, 1000, asked_ns);
	else if (outcome == SILENCE)
		ping_schedule_timed_out(s, &address, asked_ns);
	else
		ping_schedule_objected(s, &address, PING_BACKOFF_OBJECTION, asked_ns);
	for (;;) {
		*now_ns += MINUTE_NS;
		ping_schedule_begin_window(s);
		assert_true(offer(s, 1, 20, *now_ns));
		if (takes(s, 1, *now_ns))
			return *now_ns - asked_ns;
		assert_true(*now_ns - asked_ns < 26 * HOUR_NS);
	}
}

static void assert_about(uint64_t value, uint64_t least)
{
	assert_true(value >= least);
	assert_true(value <= least + least / 16 + MINUTE_NS);
}

static void test_backoff_of_the_silent(void **state UNUSED)
{
	struct ping_schedule *s = new_schedule(1024, 64);
	uint64_t now_ns = qualify(s, 1, 20, START_NS);
	uint64_t expected_ns = EVERY_NS;

	assert_true(takes(s, 1, now_ns));
	for (int i = 0; i < 12; i++) {
		expected_ns *= 2;
		if (expected_ns > PING_MAX_BACKOFF_NS)
			expected_ns = PING_MAX_BACKOFF_NS;
		assert_about(pause_after(s, SILENCE, &now_ns), expected_ns);
	}
	assert_int_equal(expected_ns, 24 * HOUR_NS);
	assert_about(pause_after(s, REPLY, &now_ns), EVERY_NS);
	assert_about(pause_after(s, SILENCE, &now_ns), 2 * EVERY_NS);
	ping_schedule_free(s);
}

static void test_backoff_of_who_objects(void **state UNUSED)
{
	struct ping_schedule *s = new_schedule(1024, 64);
	uint64_t now_ns = qualify(s, 1, 20, START_NS);
	struct ping_address address = numbered(1);
	struct ping_result result;

	assert_true(takes(s, 1, now_ns));
	assert_about(pause_after(s, OBJECTION, &now_ns), 8 * EVERY_NS);
	assert_about(pause_after(s, OBJECTION, &now_ns), 64 * EVERY_NS);
	assert_about(pause_after(s, OBJECTION, &now_ns), 24 * HOUR_NS);
	assert_true(ping_schedule_result(s, &address, now_ns, &result));
	assert_int_equal(result.errors, 3);
	assert_int_equal(result.sent, 3);
	assert_false(result.measured);
	ping_schedule_free(s);
}

static void test_results(void **state UNUSED)
{
	struct ping_schedule *s = new_schedule(1024, 64);
	uint64_t now_ns = qualify(s, 1, 20, START_NS);
	struct ping_address address = numbered(1), other = numbered(2);
	struct ping_result result;

	assert_true(ping_schedule_result(s, &address, now_ns, &result));
	assert_false(result.measured);
	assert_false(ping_schedule_result(s, &other, now_ns, &result));
	other = address;
	other.family = 6;
	assert_false(ping_schedule_result(s, &other, now_ns, &result));
	ping_schedule_sent(s, &address, now_ns);
	ping_schedule_replied(s, &address, 1234567, now_ns + NS_PER_MS);
	assert_true(ping_schedule_result(s, &address, now_ns + NS_PER_S, &result));
	assert_true(result.measured);
	assert_int_equal(result.rtt_ns, 1234567);
	assert_int_equal(result.age_ns, NS_PER_S - NS_PER_MS);
	assert_int_equal(result.sent, 1);
	ping_schedule_free(s);
}

static void test_closed_family_waits(void **state UNUSED)
{
	struct ping_schedule *s = new_schedule(1024, 64);
	uint64_t now_ns = qualify(s, 1, 20, START_NS);
	struct ping_address got;

	assert_false(ping_schedule_take(s, now_ns, 1u << 6, &got));
	assert_true(ping_schedule_next_ns(s) == PING_NEVER);
	ping_schedule_look_again(s);
	assert_true(ping_schedule_take(s, now_ns + NS_PER_S, BOTH, &got));
	ping_schedule_free(s);
}

static void count_result(void *context, const struct ping_result *result)
{
	assert_true(result->measured);
	++*(size_t *)context;
}

/* Growing and shrinking keeps every measurement that there is room for. */
static void test_resize(void **state UNUSED)
{
	struct ping_schedule *s = new_schedule(1 << 16, 64);
	struct ping_schedule_settings settings = {
	    .every_ns = EVERY_NS, .window_ns = WINDOW_NS, .max_rows = 1 << 12, .plan_rows = 64};
	struct ping_stats stats = {0};
	uint64_t now_ns = START_NS;
	size_t n = 0, set = 0;

	for (int window = 0; window < 3; window++, now_ns += WINDOW_NS) {
		ping_schedule_begin_window(s);
		for (uint32_t i = 1; i <= 1000; i++)
			assert_true(offer(s, i, 20, now_ns));
	}
	for (uint32_t i = 1; i <= 1000; i++) {
		struct ping_address address = numbered(i);

		ping_schedule_sent(s, &address, now_ns);
		ping_schedule_replied(s, &address, i, now_ns);
	}
	/* A few sets are full; a measured resolver loses its row to none of these. */
	for (uint32_t i = 1001; i <= 30000; i++)
		offer(s, i, 1, now_ns);
	assert_int_equal(ping_schedule_configure(s, &settings), 0);
	ping_schedule_stats(s, &stats);
	assert_in_range(stats.known, 3000, 4096);
	assert_int_equal(stats.capacity, 4096);
	do {
		set = ping_schedule_walk(s, set, 16, now_ns, count_result, &n);
	} while (set);
	assert_int_equal(n, 1000);
	ping_schedule_free(s);
}

/* Five million forged sources, a fifth of them in each window, and 2,000 resolvers. */
static void test_flood_of_forged_sources(void **state UNUSED)
{
	const uint32_t resolvers = 2000, forged = 1000000;
	struct ping_schedule *s = new_schedule(1 << 15, 200);
	struct ping_stats stats = {0};
	struct ping_address got;
	uint64_t now_ns = START_NS;
	uint32_t next = 1 << 24;
	unsigned taken = 0;

	/* Half of the resolvers are known before; the others come in the middle of it. */
	for (uint32_t n = 1; n <= resolvers / 2; n++)
		assert_true(offer(s, n, 12, now_ns));
	for (int window = 0; window < 5; window++) {
		now_ns += WINDOW_NS;
		ping_schedule_begin_window(s);
		for (uint32_t i = 0; i < forged; i++) {
			offer(s, next++, 1 + i % 3, now_ns);
			if (i % (forged / resolvers) == 0) {
				uint32_t n = i / (forged / resolvers) + 1;

				if (window >= 2 || n <= resolvers / 2)
					assert_true(offer(s, n, 12, now_ns));
			}
		}
	}
	ping_schedule_stats(s, &stats);
	assert_true(stats.known <= 1 << 15);
	assert_true(stats.memory_bytes <= (1 << 15) * sizeof(struct ping_row) + 64 * 1024);
	while (ping_schedule_take(s, now_ns, BOTH, &got)) {
		uint32_t n;

		memcpy(&n, got.bytes, sizeof(n));
		assert_in_range(n, 1, resolvers);
		ping_schedule_sent(s, &got, now_ns);
		taken++;
		if (taken % 200 == 0)
			now_ns += NS_PER_S;
	}
	assert_int_equal(taken, resolvers);
	ping_schedule_free(s);
}

/* A pool of forged sources that comes back often enough to qualify is asked, is silent, and then
 * does not keep newcomers out, who ask more. */
static void test_persistent_forgers_do_not_hold_rows(void **state UNUSED)
{
	struct ping_schedule *s = new_schedule(64, 64);
	uint64_t now_ns = START_NS;
	struct ping_address got;

	for (int window = 0; window < 3; window++, now_ns += WINDOW_NS) {
		ping_schedule_begin_window(s);
		for (uint32_t n = 1; n <= 2000; n++)
			offer(s, n, 5, now_ns);
	}
	for (int round = 0; round < 2; round++) {
		for (; ping_schedule_take(s, now_ns, BOTH, &got); now_ns += NS_PER_MS) {
			ping_schedule_sent(s, &got, now_ns);
			/* At first they are as good as anybody. */
			assert_true(round || !offer(s, 5000, 1000, now_ns));
			ping_schedule_timed_out(s, &got, now_ns);
		}
		now_ns += round ? 0 : 22 * MINUTE_NS;
		ping_schedule_begin_window(s);
	}
	assert_true(offer(s, 5000, 1000, now_ns));
	ping_schedule_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_asks_only_after_three_windows),
	    cmocka_unit_test(test_asks_only_after_ten_answers),
	    cmocka_unit_test(test_forgets_what_is_older_than_an_hour),
	    cmocka_unit_test(test_who_falls_silent_is_not_asked),
	    cmocka_unit_test(test_long_windows),
	    cmocka_unit_test(test_busiest_first),
	    cmocka_unit_test(test_interval_of_one_that_answers),
	    cmocka_unit_test(test_backoff_of_the_silent),
	    cmocka_unit_test(test_backoff_of_who_objects),
	    cmocka_unit_test(test_results),
	    cmocka_unit_test(test_closed_family_waits),
	    cmocka_unit_test(test_resize),
	    cmocka_unit_test(test_flood_of_forged_sources),
	    cmocka_unit_test(test_persistent_forgers_do_not_hold_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
