/* SPDX-License-Identifier: BSD-2-Clause */
/* The funnel and its balance, sentence by sentence. */
#include "../crosscheck_fixture.h"

#define MS NS_PER_MS

/* explained = stack_drops + socket_drops + queued + malformed + not_logged. */
static void the_funnel_adds_up(void **state)
{
	struct fixture *f = *state;
	static const struct wire_drop drops[] = {{"NO_SOCKET", 30, false}, {"UDP_CSUM", 12, false}};
	static const enum producer knot = PRODUCER_KNOT_ZONES;
	const struct crosscheck_funnel *funnel = &f->result.funnel;

	f->wire.known = WIRE_KNOWS_NIC_DROPS | WIRE_KNOWS_STACK_DROPS | WIRE_KNOWS_SOCKETS |
	    WIRE_KNOWS_LISTEN | WIRE_KNOWS_TX_DROPS;
	f->wire.queued_bytes = 10 * 1280;
	fixture_window(f, 0, 0);
	assert_int_equal(funnel->queued, 0); /* there was no earlier one */
	f->wire.nic_drops = 500;
	f->wire.stack_drops = drops;
	f->wire.n_stack_drops = 2;
	f->wire.socket_drops = 7;
	f->wire.queued_bytes = 7 * 768;
	f->interface.counters[WIRE_OUT].classes[WIRE_CLASS_REFUSED] = 20;
	f->wire.listen_overflows = 2;
	f->wire.tx_drops = 4;
	f->inputs.producers = &knot;
	f->inputs.n_producers = 1;
	fixture_cell(f, WIRE_IN, WIRE_UDP, PACKET_IPV4)->malformed = 5;
	fixture_window(f, 1000, 900);
	assert_int_equal(funnel->nic_drops, 500);
	assert_int_equal(funnel->stack_drops, 42);
	assert_int_equal(funnel->socket_drops, 7);
	assert_int_equal(funnel->queued, -3);
	assert_int_equal(funnel->malformed, 5);
	assert_int_equal(funnel->not_logged, 20);
	assert_int_equal(funnel->listen_overflows, 2);
	assert_int_equal(funnel->tx_drops, 4);
	assert_int_equal(funnel->explained, 42 + 7 - 3 + 5 + 20);
	assert_int_equal(funnel->unexplained, 100 - 71);
	assert_int_equal(funnel->unanswered, 0);
	assert_int_equal(funnel->corrected, 900 + 29);
	assert_int_equal(funnel->corrected_low, 929 - (int64_t)funnel->boundary);
	assert_int_equal(funnel->corrected_high, 929 + (int64_t)funnel->boundary);
	assert_false(f->result.stack_bound);
}

/* The bytes say how many can wait, what is missing says how many do. */
static void the_queue_holds_what_is_missing(void **state)
{
	struct fixture *f = *state;
	const struct crosscheck_funnel *funnel = &f->result.funnel;

	f->wire.known = WIRE_KNOWS_SOCKETS;
	fixture_window(f, 100, 100);
	f->wire.queued_bytes = 100 * 2304;
	fixture_window(f, 1100, 1000);
	assert_int_equal(funnel->queued, 100);
	assert_int_equal(funnel->unexplained, 0);
	/* No more than are missing, and no more than there is room for. */
	fixture_window(f, 1000, 1000);
	assert_int_equal(funnel->queued, 0);
	fixture_window(f, 2000, 1000);
	assert_int_equal(funnel->queued, 200);
	assert_int_equal(funnel->unexplained, 800);
	/* Windows that know nothing of the sockets change nothing. */
	f->wire.known = 0;
	fixture_window(f, 1000, 1000);
	assert_int_equal(funnel->queued, 0);
	/* Nothing waits any more: so many came out as went in. */
	f->wire.known = WIRE_KNOWS_SOCKETS;
	f->wire.queued_bytes = 0;
	fixture_window(f, 1000, 1300);
	assert_int_equal(funnel->queued, -300);
	assert_int_equal(funnel->unexplained, 0);
	assert_int_equal(funnel->balance, 800);
}

/* Queries without their other fragments wait beside those in sockets, until they are drops. */
static void fragments_are_waited_for(void **state)
{
	static const struct wire_drop given_up = {"FRAG_REASM_TIMEOUT", 60, false};
	struct fixture *f = *state;
	const struct crosscheck_funnel *funnel = &f->result.funnel;

	f->wire.known = WIRE_KNOWS_SOCKETS | WIRE_KNOWS_STACK_DROPS;
	fixture_window(f, 100, 100);
	/* 90 are being reassembled, of which some are no queries. */
	f->wire.reassembling = 90;
	fixture_window(f, 160, 100);
	assert_int_equal(funnel->queued, 60);
	assert_int_equal(funnel->unexplained, 0);
	/* What is missing beyond them has another cause. */
	f->wire.queued_bytes = 768;
	fixture_window(f, 200, 100);
	assert_int_equal(funnel->queued, 31);
	assert_int_equal(funnel->unexplained, 69);
	f->wire.reassembling = f->wire.queued_bytes = 0;
	f->wire.stack_drops = &given_up;
	f->wire.n_stack_drops = 1;
	fixture_window(f, 100, 131);
	assert_int_equal(funnel->queued, -91);
	assert_int_equal(funnel->unexplained, 0);
	assert_int_equal(funnel->balance, 69);
}

static void malformed_is_signed(void **state)
{
	struct fixture *f = *state;

	f->dnstap.malformed[DIR_QUERY][TRANSPORT_UDP][FAMILY_IPV4] = 6;
	f->dnstap.malformed[DIR_QUERY][TRANSPORT_TCP][FAMILY_IPV4] = 50; /* no part of it */
	fixture_window(f, 100, 106);
	assert_int_equal(f->result.funnel.malformed, -6);
	assert_int_equal(f->result.funnel.unexplained, 0);
}

static void window_without_messages(struct fixture *f, uint64_t wire, uint64_t dnstap)
{
	f->dnstap.unknown[DIR_QUERY][TRANSPORT_UDP][FAMILY_IPV4] = dnstap;
	fixture_window(f, wire, dnstap);
}

/* Frames without the message do not say whether it was malformed: what is missing does. */
static void malformed_is_what_is_missing_where_messages_are_unknown(void **state)
{
	struct fixture *f = *state;
	const struct crosscheck_funnel *funnel = &f->result.funnel;
	uint64_t *malformed = &fixture_cell(f, WIRE_IN, WIRE_UDP, PACKET_IPV4)->malformed;

	window_without_messages(f, 100, 100);
	assert_int_equal(funnel->malformed, 0);
	assert_int_equal(f->result.n_qtypes, 0);
	/* Five that are malformed, of which none is missing; then of which all are. */
	*malformed = 5;
	window_without_messages(f, 100, 100);
	assert_int_equal(funnel->malformed, 0);
	window_without_messages(f, 100, 95);
	assert_int_equal(funnel->malformed, 5);
	assert_int_equal(funnel->unexplained, 0);
	/* Not more than there are. */
	window_without_messages(f, 100, 60);
	assert_int_equal(funnel->malformed, 10); /* and the five of before */
	assert_int_equal(funnel->balance, 30);
	/* What counts next door comes back: nothing is lost. */
	fixture_options(f, WINDOW_NS, 2 * WINDOW_NS, false);
	*malformed = 3;
	for (int i = 0; i < 10; i++) {
		window_without_messages(f, 100, i % 2 ? 108 : 92);
		assert_true(funnel->malformed >= -8 && funnel->malformed <= 8);
	}
	assert_int_equal(funnel->balance, 0);
	assert_int_equal(funnel->corrected, 108);
	/* Where all messages are there, what is malformed is known. */
	f->dnstap.unknown[DIR_QUERY][TRANSPORT_UDP][FAMILY_IPV4] = 0;
	fixture_window(f, 100, 97);
	assert_int_equal(funnel->malformed, 3);
	assert_int_equal(funnel->balance, 0);
}

static void a_surplus_corrects_nothing(void **state)
{
	struct fixture *f = *state;

	fixture_window(f, 100, 130);
	assert_int_equal(f->result.funnel.unexplained, -30);
	assert_int_equal(f->result.funnel.corrected, 130);
}

static void what_was_not_measured_explains_nothing(void **state)
{
	struct fixture *f = *state;
	static const struct wire_drop drop = {"NO_SOCKET", 30, false};

	f->wire.known = 0;
	f->wire.stack_drops = &drop;
	f->wire.n_stack_drops = 1;
	f->wire.socket_drops = 9;
	f->wire.queued_bytes = 5000;
	fixture_window(f, 100, 60);
	assert_int_equal(f->result.funnel.explained, 0);
	assert_int_equal(f->result.funnel.unexplained, 40);
	assert_int_equal(f->result.funnel.known, 0);
}

/* Counters that other packets move as well explain what is missing beyond the boundary (1 here),
 * and no more. */
static void an_upper_bound_explains_what_is_missing(void **state)
{
	struct fixture *f = *state;
	struct wire_drop drops[] = {{"NO_SOCKET", 5, false}, {"nft dropped", 100, true}};

	f->wire.stack_drops = drops;
	f->wire.n_stack_drops = 2;
	fixture_window(f, 1000, 965);
	assert_int_equal(f->result.funnel.boundary, 1);
	assert_int_equal(f->result.funnel.stack_drops, 34);
	assert_int_equal(f->result.funnel.unexplained, 1);
	assert_true(f->result.stack_bound);
	/* Nothing missing; the exact ones count nevertheless. */
	fixture_window(f, 1000, 1000);
	assert_int_equal(f->result.funnel.stack_drops, 5);
	assert_int_equal(f->result.funnel.unexplained, -5);
	/* What was left explains what the window after it misses, and then no more. */
	drops[0].messages = drops[1].messages = 0;
	fixture_window(f, 1000, 910);
	assert_int_equal(f->result.funnel.stack_drops, 89);
	fixture_window(f, 1000, 910);
	assert_int_equal(f->result.funnel.stack_drops, 0);
	assert_int_equal(f->result.funnel.unexplained, 90);
}

/* 400 were dropped; what the counters have beyond them explains nothing that is only next door. */
static void an_upper_bound_leaves_the_neighbours(void **state)
{
	static const struct {
		uint64_t wire, dnstap, bound;
	} windows[] = {
	    {9000, 9003, 0},    /* three of the next window's */
	    {9000, 8595, 1000}, /* 400 dropped, two of its own late */
	    {9000, 9002, 0},
	    {9000, 8996, 0},
	    {0, 4, 0},
	    {0, 0, 0},
	};
	struct fixture *f = *state;
	struct wire_drop drop = {"UdpNoPorts", 0, true};
	uint64_t sum = 0;

	f->wire.stack_drops = &drop;
	f->wire.n_stack_drops = 1;
	for (size_t i = 0; i < sizeof(windows) / sizeof(*windows); i++) {
		drop.messages = windows[i].bound;
		fixture_window(f, windows[i].wire, windows[i].dnstap);
		sum += f->result.funnel.stack_drops;
		assert_true(f->result.funnel.unexplained <= 10);
	}
	assert_int_equal(sum, 400);
	assert_int_equal(f->result.funnel.balance, 0);
}

static void balance_begins_with_the_first_whole_window(void **state)
{
	struct fixture *f = *state;

	f->inputs.started = true;
	fixture_window(f, 100, 50);
	assert_false(f->result.funnel.balanced);
	fixture_quiet(f);
	f->inputs.reconnected = true;
	fixture_window(f, 100, 60);
	assert_false(f->result.funnel.balanced);
	fixture_quiet(f);
	fixture_window(f, 100, 97);
	assert_true(f->result.funnel.balanced);
	assert_int_equal(f->result.funnel.balance, 3);
}

/* Late frames, late flips, reconnects, reloads, a clock that is set, and sockets that come and go:
 * it adds. */
static void balance_adds_windows_that_are_not_complete(void **state)
{
	struct fixture *f = *state;

	fixture_window(f, 100, 90);
	f->dnstap.displaced = 4;
	fixture_window(f, 100, 104);
	assert_int_equal(f->result.funnel.balance, 6);
	fixture_quiet(f);
	f->wire.flip_end_ns = 20 * MS;
	fixture_window(f, 100, 103);
	assert_int_equal(f->result.funnel.balance, 3);
	fixture_quiet(f);
	f->inputs.reconnected = true;
	f->inputs.unwatched = 1;
	fixture_window(f, 100, 102);
	assert_int_equal(f->result.funnel.balance, 1);
	fixture_quiet(f);
	f->inputs.clock_set = true;
	fixture_window(f, 100, 50);
	assert_int_equal(f->result.funnel.balance, 51);
	fixture_window(f, 100, 150);
	assert_int_equal(f->result.funnel.balance, 1);
	fixture_quiet(f);
	f->inputs.reloaded = true;
	f->wire.sockets_changed = true;
	fixture_window(f, 100, 101);
	assert_int_equal(f->result.funnel.balance, 0);
	assert_true(f->result.incomplete);
}

static void balance_adds_nothing_over_starts_stops_inputs_and_lost_wires(void **state)
{
	struct fixture *f = *state;

	fixture_window(f, 100, 99);
	for (int i = 0; i < 6; i++) {
		fixture_quiet(f);
		f->inputs.started = i == 0;
		f->inputs.stopped = i == 1;
		f->inputs.changed = i == 2;
		f->wire.watched = i != 3;
		f->wire.whole = i != 4;
		f->wire.missed = i == 5;
		fixture_window(f, 1000, 500);
		assert_int_equal(f->result.funnel.balance, 1);
		assert_true(f->result.funnel.balanced);
		assert_false(f->result.counted);
	}
	fixture_quiet(f);
	fixture_window(f, 100, 101);
	assert_int_equal(f->result.funnel.balance, 0);
}

static void balance_outlives_a_new_interval(void **state)
{
	struct fixture *f = *state;

	fixture_window(f, 100, 60);
	f->options.interval_ns = NS_PER_S;
	fixture_configure(f);
	fixture_window(f, 100, 100);
	assert_int_equal(f->result.funnel.balance, 40);
	assert_int_equal(f->result.horizon.windows, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_funnel_adds_up),
	    TEST(the_queue_holds_what_is_missing),
	    TEST(fragments_are_waited_for),
	    TEST(malformed_is_signed),
	    TEST(malformed_is_what_is_missing_where_messages_are_unknown),
	    TEST(a_surplus_corrects_nothing),
	    TEST(what_was_not_measured_explains_nothing),
	    TEST(an_upper_bound_explains_what_is_missing),
	    TEST(an_upper_bound_leaves_the_neighbours),
	    TEST(balance_begins_with_the_first_whole_window),
	    TEST(balance_adds_windows_that_are_not_complete),
	    TEST(balance_adds_nothing_over_starts_stops_inputs_and_lost_wires),
	    TEST(balance_outlives_a_new_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
