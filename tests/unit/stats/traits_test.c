/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/traits.h"

#include "base/unused.h"
#include "stats/sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct trait_limits limits = {.validating_queries = 10,
    .validating_share = 0.001,
    .least_queries = 50,
    .minimising_share = 0.9,
    .mixed_case_share = 0.9,
    .nxdomain_share = 0.9,
    .letters = 8,
    .large_edns = 1232};

static bool has(const struct client_day *day, enum client_trait trait)
{
	return client_day_judge(day, false, &limits) >> trait & 1;
}

static void add(
    struct client_day *day, int64_t number, uint32_t queries, const struct source_traits *traits)
{
	const struct source source = {.queries = queries, .responses = queries};

	client_day_add(day, &source, traits, number, &limits);
	client_day_end_window(day);
}

static void windows_of_a_day_add_up(void **state UNUSED)
{
	struct client_day day = {0};

	for (int window = 0; window < 9; window++)
		add(&day, 20000, 5, &(struct source_traits){.dnssec = 1, .narrow = 5});
	assert_false(has(&day, CLIENT_VALIDATING));
	assert_false(has(&day, CLIENT_MINIMISING));
	add(&day, 20000, 5, &(struct source_traits){.dnssec = 1, .narrow = 5});
	assert_true(has(&day, CLIENT_VALIDATING));
	assert_true(has(&day, CLIENT_MINIMISING));
	/* 1 in 1,000, and 90 %. */
	add(&day, 20000, 9950, &(struct source_traits){.narrow = 8950});
	assert_true(has(&day, CLIENT_VALIDATING));
	assert_true(has(&day, CLIENT_MINIMISING));
	add(&day, 20000, 1, &(struct source_traits){0});
	assert_false(has(&day, CLIENT_VALIDATING));
	assert_false(has(&day, CLIENT_MINIMISING));
}

static void ports_and_signs_are_kept(void **state UNUSED)
{
	struct client_day day = {0};

	add(&day, 1, 49, &(struct source_traits){.udp = 49, .ports = {53}});
	assert_false(has(&day, CLIENT_FIXED_PORT));
	add(&day, 1, 1, &(struct source_traits){.udp = 1, .ports = {54, 53}});
	assert_true(has(&day, CLIENT_FIXED_PORT));
	add(&day, 1, 1, &(struct source_traits){.udp = 1, .ports = {55}});
	assert_false(has(&day, CLIENT_FIXED_PORT));
	add(&day, 1, 1, &(struct source_traits){.signs = SIGN_TCP});
	assert_true(has(&day, CLIENT_TCP));
	assert_false(has(&day, CLIENT_TCP_AFTER_TC));
	add(&day, 1, 1, &(struct source_traits){.signs = SIGN_TRUNCATED | SIGN_EDNS});
	assert_false(has(&day, CLIENT_TCP_AFTER_TC));
	add(&day, 1, 1, &(struct source_traits){.signs = SIGN_TCP});
	assert_true(has(&day, CLIENT_TCP_AFTER_TC));
	assert_true(has(&day, CLIENT_EDNS));
	assert_false(has(&day, CLIENT_COOKIE));
}

/* In a window a zone's TC and another zone's TCP are in no order, whichever is added first. */
static void zones_of_a_window_are_in_no_order(void **state UNUSED)
{
	const struct source_traits signs[] = {{.signs = SIGN_TRUNCATED}, {.signs = SIGN_TCP}};
	const struct source source = {.queries = 1};

	for (int first = 0; first < 2; first++) {
		struct client_day day = {0};

		client_day_add(&day, &source, &signs[first], 1, &limits);
		client_day_add(&day, &source, &signs[!first], 1, &limits);
		client_day_end_window(&day);
		assert_false(has(&day, CLIENT_TCP_AFTER_TC));
		assert_int_equal(day.signs, SIGN_TRUNCATED | SIGN_TCP);
		add(&day, 1, 1, &signs[1]);
		assert_true(has(&day, CLIENT_TCP_AFTER_TC));
	}
}

/* Until a day has said enough, what the one before said holds; a day without a query is forgotten.
 */
static void a_day_follows_another(void **state UNUSED)
{
	const struct source_traits dnssec = {.dnssec = 10}, plain = {0};
	struct client_day day = {0};

	add(&day, 65535, 50, &dnssec);
	add(&day, 65536, 49, &plain);
	assert_true(has(&day, CLIENT_VALIDATING));
	add(&day, 65536, 1, &plain);
	assert_false(has(&day, CLIENT_VALIDATING));
	add(&day, 65537, 1, &plain);
	assert_false(has(&day, CLIENT_VALIDATING));
	add(&day, 65537, 50, &dnssec);
	add(&day, 65539, 1, &plain);
	assert_false(has(&day, CLIENT_VALIDATING));
}

static void counters_stop_at_their_greatest_value(void **state UNUSED)
{
	const struct source_traits most = {.narrow = UINT32_MAX,
	    .dnssec = UINT16_MAX,
	    .lettered = 40000,
	    .mixed = 39000,
	    .udp = UINT8_MAX,
	    .ports = {1},
	    .response_bytes = UINT32_MAX,
	    .votes = UINT32_MAX};
	struct source_traits sum = most;
	struct client_day day = {0};

	source_traits_merge(&sum, &most);
	assert_int_equal(sum.narrow, UINT32_MAX);
	assert_int_equal(sum.dnssec, UINT16_MAX);
	assert_int_equal(sum.lettered, 40000); /* the share stays */
	assert_int_equal(sum.mixed, 39000);
	assert_int_equal(sum.udp, UINT8_MAX);
	assert_int_equal(sum.response_bytes, UINT32_MAX);
	assert_int_equal(sum.votes, UINT32_MAX);
	for (int i = 0; i < 3; i++)
		add(&day, 1, UINT32_MAX, &most);
	assert_true(has(&day, CLIENT_MINIMISING));
	assert_true(has(&day, CLIENT_MIXED_CASE));
	assert_true(has(&day, CLIENT_FIXED_PORT));
	assert_false(has(&day, CLIENT_VALIDATING));
}

/* Of a question that most answers are to, at least twice its surplus over half is left. */
static void votes_find_the_majority(void **state UNUSED)
{
	uint32_t question = 0, votes = 0;

	for (uint32_t i = 0; i < 1000; i++)
		traits_vote(&question, &votes, i % 5 ? 4711 : i, 1);
	assert_int_equal(question, 4711);
	assert_in_range(votes, 600, 800);
	traits_vote(&question, &votes, 99, 5000);
	assert_int_equal(question, 99);
	assert_in_range(votes, 4200, 4400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(windows_of_a_day_add_up),
	    cmocka_unit_test(ports_and_signs_are_kept),
	    cmocka_unit_test(zones_of_a_window_are_in_no_order),
	    cmocka_unit_test(a_day_follows_another),
	    cmocka_unit_test(counters_stop_at_their_greatest_value),
	    cmocka_unit_test(votes_find_the_majority),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
