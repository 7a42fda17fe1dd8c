/* SPDX-License-Identifier: BSD-2-Clause */
/* The verdict `rate-limited`: by what share of the responses is truncated, and was before. */
#include "verdict_fixture.h"

/* Over 5 % of responses, and at least twice the earlier hour's share. */
static void rate_limits_show_in_tc(void **state)
{
	struct fixture *f = *state;

	fixture_udp(f, 1000, 1000, 1000);
	set_tc(f, 50);
	steady(f, VERDICT_OK);
	fresh(f);
	fixture_udp(f, 1000, 1000, 1000);
	set_tc(f, 51); /* no earlier hour yet: its share is 0 */
	fixture_close(f);
	fixture_close(f);
	expect(f, VERDICT_RATE_LIMITED);
	for (int i = 0; i < 3; i++)
		fixture_close(f);
	expect(f, VERDICT_OK); /* such is this server's way */
	set_tc(f, 102);
	for (int i = 0; i < 30; i++)
		fixture_close(f);
	expect(f, VERDICT_RATE_LIMITED);
}

static void twice_the_share_of_an_hour(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 400; i++) {
		fixture_udp(f, 1000, 1000, 1000);
		set_tc(f, 40);
		fixture_close(f);
		expect(f, VERDICT_OK);
	}
	set_tc(f, 79); /* over 5 %, but less than twice */
	for (int i = 0; i < 3; i++)
		fixture_close(f);
	expect(f, VERDICT_OK);
	set_tc(f, 85);
	for (int i = 0; i < 3; i++)
		fixture_close(f);
	expect(f, VERDICT_RATE_LIMITED);
	/* As long as there is an earlier hour to hold it against. */
	for (int i = 0; i < 200; i++)
		fixture_close(f);
	expect(f, VERDICT_RATE_LIMITED);
	for (int i = 0; i < 200; i++)
		fixture_close(f);
	expect(f, VERDICT_OK);
}

/* So many windows of 1000 responses or fewer; returns the verdicts that were seen as bits. */
static unsigned truncated(struct fixture *f, int windows, uint64_t responses, uint64_t tc)
{
	unsigned seen = 0;

	fixture_udp(f, responses, responses, responses);
	set_tc(f, tc);
	for (int i = 0; i < windows; i++) {
		fixture_close(f);
		seen |= 1u << f->result.verdict;
	}
	return seen;
}

/* What was truncated before a limit began is no limit, however much it is. The limit shows at twice
 * that share, and does not become the server's way. */
static void truncated_before_a_limit(void **state)
{
	struct fixture *f = *state;
	const unsigned ok = 1u << VERDICT_OK;

	/* Too few to judge, enough to know the share: 28 %. */
	assert_int_equal(truncated(f, 10, 25, 7), ok);
	assert_int_equal(truncated(f, 5, 1000, 280), ok);
	assert_int_equal(truncated(f, 5, 1000, 500), ok);
	for (int round = 0; round < 2; round++) {
		truncated(f, 3, 1000, 950);
		expect(f, VERDICT_RATE_LIMITED);
		assert_int_equal(truncated(f, 30, 1000, 950), 1u << VERDICT_RATE_LIMITED);
		truncated(f, 3, 1000, 280);
		expect(f, VERDICT_OK);
		assert_int_equal(truncated(f, 10, 1000, 280), ok);
	}
}

static void few_truncated_responses_are_no_limit(void **state)
{
	struct fixture *f = *state;

	fixture_udp(f, 50, 50, 50);
	set_tc(f, 10); /* 20 in the horizon */
	steady(f, VERDICT_OK);
}

/* Queries of a limiter that dnstap does not log are its doing. */
static void rate_limited_comes_before_losses(void **state)
{
	struct fixture *f = *state;

	fixture_udp(f, 1000, 300, 400);
	set_tc(f, 100);
	fixture_close(f);
	fixture_close(f);
	expect(f, VERDICT_RATE_LIMITED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(rate_limits_show_in_tc),
	    TEST(twice_the_share_of_an_hour),
	    TEST(truncated_before_a_limit),
	    TEST(few_truncated_responses_are_no_limit),
	    TEST(rate_limited_comes_before_losses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
