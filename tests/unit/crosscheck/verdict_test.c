/* SPDX-License-Identifier: BSD-2-Clause */
/* The verdict: each condition at its threshold, their order, what is summed and what is forgotten.
 */
#include "base/unused.h"
#include "verdict_fixture.h"

static void all_is_well(void **state)
{
	struct fixture *f = *state;

	fixture_udp(f, 1000, 1000, 1000);
	fixture_close(f);
	expect(f, VERDICT_OK);
	steady(f, VERDICT_OK);
}

/* Beyond 20 messages in the horizon, and what may be next door: 1 at each edge here. */
static void a_figure_needs_more_than_twenty_messages(void **state)
{
	struct fixture *f = *state;

	fixture_udp(f, 1000, 989, 1000); /* 2 x 11 missing */
	steady(f, VERDICT_OK);
	assert_int_equal(f->result.funnel.boundary, 1);
	fresh(f);
	fixture_udp(f, 1000, 988, 1000);
	steady(f, VERDICT_DNSTAP_LOSS);
}

/* Beyond 0.1 % of the wire's queries, and 50 at each edge. */
static void a_figure_needs_more_than_a_thousandth(void **state)
{
	struct fixture *f = *state;

	fixture_udp(f, 100000, 99850, 100000);
	steady(f, VERDICT_OK);
	assert_int_equal(f->result.funnel.boundary, 100);
	fresh(f);
	fixture_udp(f, 100000, 99849, 100000);
	steady(f, VERDICT_DNSTAP_LOSS);
}

static void a_condition_holds_twice_running(void **state)
{
	struct fixture *f = *state;

	fixture_window(f, 1000, 1000);
	fixture_window(f, 1000, 900);
	expect(f, VERDICT_OK);
	fixture_window(f, 1000, 1000);
	expect(f, VERDICT_DNSTAP_LOSS); /* the horizon still has it */
	assert_int_equal(f->result.verdict_before, VERDICT_OK);
	fixture_window(f, 1000, 1000);
	expect(f, VERDICT_OK);
	assert_int_equal(f->result.verdict_before, VERDICT_DNSTAP_LOSS);
}

/* What one window misses and the next one has is nothing, late frames included. */
static void the_horizon_is_summed(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 6; i++) {
		f->dnstap.displaced = i & 1 ? 100 : 0;
		fixture_window(f, 1000, i & 1 ? 1100 : 900);
		expect(f, VERDICT_OK);
	}
	assert_int_equal(f->result.horizon.windows, 2);
	assert_int_equal(f->result.horizon.wire_queries, 2000);
	assert_int_equal(f->result.horizon.unexplained, 0);
}

static void the_horizon_has_two_windows_at_least(void **state)
{
	struct fixture *f = *state;

	fixture_options(f, WINDOW_NS, NS_PER_S, false);
	for (int i = 0; i < 3; i++)
		fixture_window(f, 1000, 1000);
	assert_int_equal(f->result.horizon.windows, 2);
	fixture_options(f, WINDOW_NS, 6 * WINDOW_NS, false);
	for (int i = 0; i < 9; i++)
		fixture_window(f, 1000, 1000);
	assert_int_equal(f->result.horizon.windows, 6);
	fixture_options(f, WINDOW_NS, 6 * WINDOW_NS - 1, false);
	for (int i = 0; i < 9; i++)
		fixture_window(f, 1000, 1000);
	assert_int_equal(f->result.horizon.windows, 6);
}

/* A producer whose clock is early takes from a window what it gives to the one before; when the
 * traffic is over the horizon holds its last window alone. */
static void what_is_next_door_is_no_loss(void **state)
{
	static const enum producer bind = PRODUCER_BIND;
	static struct pace pace[2];
	struct fixture *f = *state;

	memset(pace, 0, sizeof(pace));
	for (int i = 0; i < 25; i++)
		pace_add(&pace[1], 0, WINDOW_NS - 1, WINDOW_NS, pace_shift(WINDOW_NS));
	for (int i = 0; i < 8; i++) {
		const bool full = i < 4;

		f->inputs.producers = &bind;
		f->inputs.n_producers = 1;
		f->dnstap.pace = &pace[full];
		fixture_window(f,
		    full         ? 5000
			: i == 4 ? 1000
				 : 0,
		    i == 0       ? 5025
			: full   ? 5000
			: i == 4 ? 975
				 : 0);
		expect(f, VERDICT_OK);
	}
	assert_int_equal(f->result.funnel.balance, 0);
}

/* However late the producer's clock was. */
static void a_balance_that_is_back_is_no_loss(void **state)
{
	struct fixture *f = *state;

	for (int again = 0; again < 2; again++) {
		fixture_window(f, 0, 0);
		fixture_window(f, 1000, 1060);
		fixture_window(f, 1000, 1000);
		fixture_window(f, 1000, 1000);
		fixture_window(f, 1000, 940);
		expect(f, VERDICT_OK);
		fixture_window(f, 0, 0);
		expect(f, VERDICT_OK);
	}
	/* Beyond what it was it is one, though it was quiet in between. */
	fixture_window(f, 0, 0);
	fixture_window(f, 1000, 960);
	fixture_window(f, 0, 0);
	expect(f, VERDICT_DNSTAP_LOSS);
}

/* Of an hour ago nobody knows what it stood for. */
static void an_old_balance_says_nothing(void **state)
{
	struct fixture *f = *state;

	fixture_window(f, 0, 0);
	fixture_window(f, 1000, 3000);
	for (int i = 0; i < 400; i++)
		fixture_window(f, 1000, 1000);
	fixture_window(f, 1000, 900);
	fixture_window(f, 1000, 1000);
	expect(f, VERDICT_DNSTAP_LOSS);
}

static void a_surplus_is_no_loss(void **state)
{
	struct fixture *f = *state;

	fixture_udp(f, 1000, 1200, 1200);
	steady(f, VERDICT_OK);
}

static void nobody_at_the_wire(void **state)
{
	struct fixture *f = *state;

	fixture_udp(f, 0, 21, 0); /* something passes that the wire cannot see */
	steady(f, VERDICT_WIRE_BLIND);
	fresh(f);
	fixture_udp(f, 0, 10, 0);
	steady(f, VERDICT_OK);
	f->wire.watched = false;
	fixture_close(f);
	expect(f, VERDICT_OK);
	fixture_close(f);
	expect(f, VERDICT_WIRE_BLIND);
	f->wire.watched = true;
	fixture_close(f);
	expect(f, VERDICT_OK);
}

static void no_wire_at_all(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++)
		assert_int_equal(crosscheck_window(f->crosscheck, WINDOW_NS, NULL, &f->dnstap,
				     &f->inputs, f->arena, &f->result),
		    0);
	expect(f, VERDICT_WIRE_BLIND);
}

static void dnstap_says_nothing(void **state)
{
	struct fixture *f = *state;

	fixture_udp(f, 1000, 0, 1000); /* a producer is there, and silent */
	steady(f, VERDICT_DNSTAP_BLIND);
	fresh(f);
	f->inputs.connected = false; /* nobody there, whatever the wire sees */
	fixture_udp(f, 3, 0, 3);
	steady(f, VERDICT_DNSTAP_BLIND);
	fresh(f);
	fixture_udp(f, 10, 0, 10); /* quiet, but connected */
	steady(f, VERDICT_OK);
	fresh(f);
	f->inputs = (struct crosscheck_inputs){0}; /* inputs: [] */
	fixture_udp(f, 1000, 0, 1000);
	steady(f, VERDICT_DNSTAP_BLIND);
}

/* What never reached the nameserver could not be logged. */
static void drops_make_dnstap_not_blind(void **state)
{
	struct fixture *f = *state;

	f->wire.socket_drops = 1000;
	fixture_udp(f, 1000, 0, 0);
	steady(f, VERDICT_SOCKET_LOSS);
	f->inputs.connected = false;
	steady(f, VERDICT_SOCKET_LOSS);
}

static void only_zones(void **state)
{
	struct fixture *f = *state;

	f->inputs.compared = 0;
	f->inputs.zone = 2;
	fixture_udp(f, 1000, 0, 1000);
	steady(f, VERDICT_PARTIAL);
	assert_int_equal(f->result.incomplete, 1u << CROSSCHECK_INCOMPLETE_NO_INPUT);
}

static void drops_of_stack_and_sockets(void **state)
{
	struct fixture *f = *state;
	struct wire_drop drop = {"NETFILTER_DROP", 11, false};

	f->wire.stack_drops = &drop;
	f->wire.n_stack_drops = 1;
	f->wire.socket_drops = 11;
	fixture_udp(f, 1000, 978, 978);
	steady(f, VERDICT_STACK_LOSS); /* before socket-loss */
	fresh(f);
	drop.messages = 10;
	f->wire.stack_drops = &drop;
	f->wire.n_stack_drops = 1;
	f->wire.socket_drops = 11;
	fixture_udp(f, 1000, 979, 979);
	steady(f, VERDICT_SOCKET_LOSS);
}

static void silence(void **state)
{
	struct fixture *f = *state;

	fixture_udp(f, 1000, 1000, 500);
	steady(f, VERDICT_OK);
	fixture_udp(f, 1000, 1000, 499);
	steady(f, VERDICT_SERVER_SILENT);
	fresh(f);
	fixture_udp(f, 1000, 100, 499); /* before dnstap-loss */
	steady(f, VERDICT_SERVER_SILENT);
	fresh(f);
	fixture_udp(f, 10, 10, 0); /* 20 missing in the horizon */
	steady(f, VERDICT_OK);
	fresh(f);
	f->interface.egress = false; /* nobody looks at responses */
	fixture_udp(f, 1000, 1000, 0);
	steady(f, VERDICT_OK);
}

/* Figures are of UDP: what TCP streams hide changes nothing. */
static void tcp_changes_no_verdict(void **state)
{
	struct fixture *f = *state;
	struct wire_cell *cell = fixture_cell(f, WIRE_IN, WIRE_TCP, PACKET_IPV4);

	cell->messages = 5000;
	cell->resync = 10;
	fixture_udp(f, 1000, 1000, 1000);
	steady(f, VERDICT_OK);
	assert_int_equal(f->result.funnel.unexplained, 0);
	f->dnstap.messages[DIR_QUERY][TRANSPORT_TCP][FAMILY_IPV4] = 90000;
	steady(f, VERDICT_OK);
}

/* A window with a start, a stop or other inputs leaves verdict and horizon alone. */
static void windows_that_add_nothing_judge_nothing(void **state)
{
	struct fixture *f = *state;

	fixture_udp(f, 1000, 900, 1000);
	steady(f, VERDICT_DNSTAP_LOSS);
	f->inputs.changed = true;
	fixture_window(f, 77, 77);
	expect(f, VERDICT_DNSTAP_LOSS);
	assert_int_equal(f->result.horizon.wire_queries, 2000);
	f->inputs.changed = false;
	f->inputs.stopped = true;
	fixture_window(f, 77, 77);
	expect(f, VERDICT_DNSTAP_LOSS);
	assert_int_equal(f->result.horizon.wire_queries, 2000);
}

/* Set back, it ends two open windows before their frames came; the next one has them. */
static void a_clock_that_is_set_blames_nobody(void **state)
{
	struct fixture *f = *state;

	fixture_window(f, 1000, 1000);
	f->inputs.clock_set = true;
	fixture_window(f, 1000, 800);
	expect(f, VERDICT_OK);
	fixture_window(f, 500, 0);
	expect(f, VERDICT_OK);
	fixture_window(f, 700, 1400);
	expect(f, VERDICT_OK);
	f->inputs.clock_set = false;
	fixture_window(f, 1000, 1000);
	expect(f, VERDICT_OK);
	fixture_window(f, 1000, 900);
	fixture_window(f, 1000, 900);
	expect(f, VERDICT_DNSTAP_LOSS);
	assert_int_equal(f->result.funnel.balance, 200);
}

static void a_reconnect_does_count(void **state)
{
	struct fixture *f = *state;

	fixture_udp(f, 1000, 900, 1000);
	f->inputs.reconnected = true;
	fixture_close(f);
	fixture_close(f);
	expect(f, VERDICT_DNSTAP_LOSS);
}

/* A window that lost the wire has no share in the sums. */
static void half_a_window_of_wire_is_no_loss(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 5; i++) {
		fixture_quiet(f);
		f->wire.whole = i % 2 == 0;
		fixture_window(f, i % 2 == 0 ? 1000 : 1500, 1000);
		expect(f, VERDICT_OK);
	}
}

static void a_replay_is_judged_at_once(void **state)
{
	struct fixture *f = *state;

	fixture_options(f, WINDOW_NS, 6 * WINDOW_NS, true);
	f->inputs.started = f->inputs.stopped = true;
	fixture_window(f, 1000, 979);
	expect(f, VERDICT_DNSTAP_LOSS);
	fixture_window(f, 1000, 980);
	expect(f, VERDICT_OK);
	fixture_udp(f, 1000, 1000, 1000);
	set_tc(f, 500); /* there is no earlier hour to say that this is much */
	fixture_close(f);
	expect(f, VERDICT_OK);
	fixture_udp(f, 0, 1000, 1000);
	fixture_close(f);
	expect(f, VERDICT_WIRE_BLIND);
}

static void verdict_survives_another_horizon(void **state)
{
	struct fixture *f = *state;

	fixture_udp(f, 1000, 900, 1000);
	steady(f, VERDICT_DNSTAP_LOSS);
	f->options.horizon_ns = 5 * WINDOW_NS;
	fixture_configure(f);
	fixture_close(f);
	expect(f, VERDICT_DNSTAP_LOSS);
	assert_int_equal(f->result.horizon.windows, 1);
}

/* The largest state that a configuration can ask for: a day of seconds. */
static void a_day_of_seconds_is_summed(void **state UNUSED)
{
	struct verdicts *verdicts;
	const struct verdict_window window = {
	    .sums = {.windows = 1, .wire_queries = 10, .dnstap_queries = 10}, .counted = true};
	const struct verdict_now now = {.wire = true, .connected = true, .compared = 1};

	assert_int_equal(verdicts_new(&verdicts, NS_PER_S, 86400ull * NS_PER_S), 0);
	for (int i = 0; i < 200000; i++)
		assert_int_equal(verdicts_add(verdicts, &window, &now), VERDICT_OK);
	assert_int_equal(verdicts_horizon(verdicts)->windows, 86400);
	assert_int_equal(verdicts_horizon(verdicts)->wire_queries, 864000);
	verdicts_free(verdicts);
	verdicts_free(NULL);
}

static void names_are_those_of_the_contract(void **state UNUSED)
{
	static const char *const names[] = {"wire-blind", "dnstap-blind", "partial", "stack-loss",
	    "socket-loss", "rate-limited", "server-silent", "dnstap-loss", "ok"};

	assert_int_equal(VERDICT_COUNT, 9);
	for (unsigned i = 0; i < VERDICT_COUNT; i++)
		assert_string_equal(verdict_name((enum verdict)i), names[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(all_is_well),
	    TEST(a_figure_needs_more_than_twenty_messages),
	    TEST(a_figure_needs_more_than_a_thousandth),
	    TEST(a_condition_holds_twice_running),
	    TEST(the_horizon_is_summed),
	    TEST(the_horizon_has_two_windows_at_least),
	    TEST(what_is_next_door_is_no_loss),
	    TEST(a_balance_that_is_back_is_no_loss),
	    TEST(an_old_balance_says_nothing),
	    TEST(a_surplus_is_no_loss),
	    TEST(nobody_at_the_wire),
	    TEST(no_wire_at_all),
	    TEST(dnstap_says_nothing),
	    TEST(drops_make_dnstap_not_blind),
	    TEST(only_zones),
	    TEST(drops_of_stack_and_sockets),
	    TEST(silence),
	    TEST(tcp_changes_no_verdict),
	    TEST(windows_that_add_nothing_judge_nothing),
	    TEST(a_clock_that_is_set_blames_nobody),
	    TEST(a_reconnect_does_count),
	    TEST(half_a_window_of_wire_is_no_loss),
	    TEST(a_replay_is_judged_at_once),
	    TEST(verdict_survives_another_horizon),
	    cmocka_unit_test(a_day_of_seconds_is_summed),
	    cmocka_unit_test(names_are_those_of_the_contract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
