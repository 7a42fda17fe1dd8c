/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/clock.h"
#include "base/hash.h"
#include "base/unused.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define KEYS    65536
#define BUCKETS 4096

static unsigned interrupted; /* calls from now on that a signal ends */

/* In place of the C library's. */
ssize_t getrandom(void *to, size_t n, unsigned flags)
{
	if (!interrupted)
		return syscall(SYS_getrandom, to, n, flags);
	interrupted--;
	memset(to, 0, n / 2);
	return interrupted ? -1 : (ssize_t)(n / 2);
}

static void test_half_a_seed_is_none(void **state UNUSED)
{
	struct hash_seed seed;

	interrupted = 3;
	hash_seed_random(&seed);
	assert_int_equal(interrupted, 0);
	assert_true(seed.a != 1); /* the half that was zero */
}

static void test_seeds_are_odd_and_differ(void **state UNUSED)
{
	struct hash_seed a, b;

	hash_seed_random(&a);
	hash_seed_random(&b);
	assert_true(a.a & a.b & b.a & b.b & 1);
	assert_true(a.a != b.a || a.b != b.b);
}

/* Of consecutive keys in one word, low and high bits fill buckets like random numbers: chi-squared
 * with BUCKETS - 1 degrees, mean 4095, deviation 90. */
static void check_spread(int word, unsigned shift)
{
	static uint32_t counts[BUCKETS];
	const struct hash_seed seed = {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9};
	const double expected = (double)KEYS / BUCKETS;
	double chi = 0;

	memset(counts, 0, sizeof(counts));
	for (uint64_t i = 0; i < KEYS; i++) {
		const uint64_t hash = word == 3 ? hash_u64(&seed, i << 20)
						: hash_u64x3(&seed, word == 0 ? i << 32 : 1,
						      word == 1 ? i : 2, word == 2 ? i << 8 : 3);

		counts[hash >> shift & (BUCKETS - 1)]++;
	}
	for (int i = 0; i < BUCKETS; i++)
		chi += (counts[i] - expected) * (counts[i] - expected) / expected;
	assert_true(chi < 4095 + 6 * 90);
}

static void test_keys_spread(void **state UNUSED)
{
	for (int word = 0; word < 4; word++) {
		check_spread(word, 0);
		check_spread(word, 20);
		check_spread(word, 52);
	}
}

static void test_system_clock_is_the_wall_clock(void **state UNUSED)
{
	struct timespec ts;
	int64_t before, now;

	clock_gettime(CLOCK_REALTIME, &ts);
	before = (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
	now = clock_wall_ns(&clock_system);
	assert_true(now - before < 60 * NS_PER_S && before - now < 60 * NS_PER_S);
	assert_true(clock_monotonic_ns() <= clock_monotonic_ns());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_seeds_are_odd_and_differ),
	    cmocka_unit_test(test_half_a_seed_is_none),
	    cmocka_unit_test(test_keys_spread),
	    cmocka_unit_test(test_system_clock_is_the_wall_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
