/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/unused.h"
#include "ping/ping_pace.h"

#define START_NS (3600ULL * NS_PER_S)

struct run {
	uint64_t *times;
	size_t n;
};

static uint64_t seed = 88172645463325252ULL;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Sends whenever allowed; the thread wakes late by up to `late_ns`, at times by a whole stall. */
static void simulate(struct ping_pace *pace, struct run *run, uint64_t from_ns, uint64_t until_ns,
    uint64_t late_ns, uint64_t stall_ns)
{
	uint64_t now_ns = from_ns;

	while (now_ns < until_ns) {
		while (ping_pace_next_ns(pace) <= now_ns) {
			/* When it leaves; the log hears of it later. */
			run->times[run->n++] = now_ns;
			now_ns += 1000 + next_random() % 20000;
			ping_pace_sent(pace, now_ns);
		}
		now_ns = ping_pace_next_ns(pace) > now_ns + PING_TICK_NS ? ping_pace_next_ns(pace)
									 : now_ns + PING_TICK_NS;
		now_ns += late_ns ? next_random() % late_ns : 0;
		if (stall_ns && next_random() % 500 == 0)
			now_ns += next_random() % stall_ns;
	}
}

/* Every second that begins with a packet holds the most that any second near it holds. */
static void assert_never_over(const struct run *run, size_t rate)
{
	for (size_t i = 0; i + rate < run->n; i++)
		assert_true(run->times[i + rate] - run->times[i] >= (uint64_t)NS_PER_S);
}

static void check_rate(double rate, uint64_t late_ns, uint64_t stall_ns)
{
	const uint64_t seconds = 20;
	struct ping_pace pace = {0};
	struct run run = {.times = calloc((size_t)(rate * 22) + 64, sizeof(uint64_t))};

	assert_non_null(run.times);
	assert_int_equal(ping_pace_set(&pace, rate), 0);
	simulate(&pace, &run, START_NS, START_NS + seconds * NS_PER_S, late_ns, stall_ns);
	assert_never_over(&run, (size_t)rate);
	/* Without stalls nearly all of the rate is used. */
	if (!stall_ns)
		assert_true((double)run.n >= rate * (double)seconds * 0.97 - 1);
	free(run.times);
	ping_pace_clear(&pace);
}

static void test_no_second_over_the_rate(void **state UNUSED)
{
	static const double rates[] = {1, 2, 10, 199, 200, 500, 1000, 10000};

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		check_rate(rates[i], 0, 0);
		check_rate(rates[i], NS_PER_MS, 0);
		check_rate(rates[i], 20 * NS_PER_MS, 3ULL * NS_PER_S);
	}
}

static void test_even_spacing(void **state UNUSED)
{
	struct ping_pace pace = {0};
	struct run run = {.times = calloc(4096, sizeof(uint64_t))};

	assert_non_null(run.times);
	assert_int_equal(ping_pace_set(&pace, 100), 0);
	simulate(&pace, &run, START_NS, START_NS + 10ULL * NS_PER_S, NS_PER_MS, 0);
	/* No tenth of a second holds more than a tenth of the rate and what may be caught up. */
	for (size_t i = 0; i + 15 < run.n; i++)
		assert_true(run.times[i + 15] - run.times[i] >= 100 * (uint64_t)NS_PER_MS);
	free(run.times);
	ping_pace_clear(&pace);
}

static void test_less_than_one_a_second(void **state UNUSED)
{
	struct ping_pace pace = {0};
	struct run run = {.times = calloc(4096, sizeof(uint64_t))};

	assert_non_null(run.times);
	assert_int_equal(ping_pace_set(&pace, 0.25), 0);
	simulate(&pace, &run, START_NS, START_NS + 41ULL * NS_PER_S, 0, 0);
	assert_int_equal(run.n, 11);
	for (size_t i = 0; i + 1 < run.n; i++)
		assert_true(run.times[i + 1] - run.times[i] >= 4ULL * NS_PER_S);
	free(run.times);
	ping_pace_clear(&pace);
}

/* A change of the rate must not open a second over the larger of both. */
static void test_change_keeps_the_log(void **state UNUSED)
{
	struct ping_pace pace = {0};
	struct run run = {.times = calloc(65536, sizeof(uint64_t))};
	uint64_t now_ns = START_NS;

	assert_non_null(run.times);
	for (int i = 0; i < 40; i++, now_ns += 300 * NS_PER_MS) {
		assert_int_equal(ping_pace_set(&pace, i % 2 ? 50 : 300), 0);
		simulate(&pace, &run, now_ns, now_ns + 300 * NS_PER_MS, NS_PER_MS, 0);
	}
	assert_never_over(&run, 300);
	/* Down from 300: silence until no more than 50 are left in the second. */
	assert_int_equal(ping_pace_set(&pace, 50), 0);
	run.n = 0;
	simulate(&pace, &run, now_ns, now_ns + 3ULL * NS_PER_S, 0, 0);
	assert_never_over(&run, 50);
	free(run.times);
	ping_pace_clear(&pace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_second_over_the_rate),
	    cmocka_unit_test(test_even_spacing),
	    cmocka_unit_test(test_less_than_one_a_second),
	    cmocka_unit_test(test_change_keeps_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
