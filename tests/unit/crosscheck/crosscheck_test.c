/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows, funnel, balance and completeness, sentence by sentence. */
#include "../crosscheck_fixture.h"

#define MS NS_PER_MS

static void compared_is_less_what_is_left_out(void **state)
{
	struct fixture *f = *state;
	struct wire_cell *cell = fixture_cell(f, WIRE_IN, WIRE_UDP, PACKET_IPV6);
	struct crosscheck_row *row = fixture_row(f, DIR_QUERY, TRANSPORT_UDP, FAMILY_IPV6);

	*cell = (struct wire_cell){.messages = 100, .not_query = 7, .left_out = 13, .malformed = 9};
	cell->malformed_uncompared = 4;
	f->dnstap.messages[DIR_QUERY][TRANSPORT_UDP][FAMILY_IPV6] = 85;
	f->dnstap.malformed[DIR_QUERY][TRANSPORT_UDP][FAMILY_IPV6] = 1;
	fixture_close(f);
	assert_int_equal(row->wire, 80);
	assert_int_equal(row->dnstap, 85);
	assert_int_equal(row->difference, -5); /* signed, never clipped */
	assert_int_equal(row->left_out, 13);
	assert_int_equal(f->result.funnel.wire_queries, 80);
	assert_int_equal(f->result.funnel.malformed, 4);
}

static void every_row_has_its_place(void **state)
{
	struct fixture *f = *state;
	uint64_t n = 1;

	for (unsigned d = 0; d < 2; d++)
		for (unsigned t = 0; t < 2; t++)
			for (unsigned a = 0; a < 2; a++, n++) {
				fixture_cell(f, d, t, a)->messages = 1000 * n;
				f->dnstap.messages[d][t][a] = n;
				f->dnstap.late[d][t][a] = n + 100;
			}
	fixture_close(f);
	n = 1;
	for (unsigned d = 0; d < 2; d++)
		for (unsigned t = 0; t < 2; t++)
			for (unsigned a = 0; a < 2; a++, n++) {
				assert_int_equal(fixture_row(f, d, t, a)->wire, 1000 * n);
				assert_int_equal(fixture_row(f, d, t, a)->difference, 999 * n);
				assert_int_equal(fixture_row(f, d, t, a)->late, n + 100);
			}
	/* The funnel is UDP, both families. */
	assert_int_equal(f->result.funnel.wire_queries, 1000 + 2000);
	assert_int_equal(f->result.funnel.dnstap_queries, 1 + 2);
	assert_int_equal(f->result.funnel.wire_responses, 5000 + 6000);
	assert_int_equal(f->result.funnel.dnstap_responses, 5 + 6);
	assert_int_equal(f->result.funnel.unanswered, 3 - 11000);
	assert_int_equal(f->result.funnel.boundary,
	    fixture_row(f, 0, 0, 0)->boundary + fixture_row(f, 0, 0, 1)->boundary);
}

static void encrypted_transports_are_in_no_row(void **state)
{
	struct fixture *f = *state;

	for (unsigned t = WIRE_DOT; t < WIRE_TRANSPORTS; t++)
		fixture_cell(f, WIRE_IN, t, PACKET_IPV4)->messages = 50;
	fixture_close(f);
	for (unsigned t = 0; t < 2; t++)
		assert_int_equal(fixture_row(f, DIR_QUERY, t, FAMILY_IPV4)->wire, 0);
}

static uint64_t boundary_of(struct fixture *f, uint64_t wire, uint64_t dnstap)
{
	fixture_window(f, wire, dnstap);
	return fixture_row(f, DIR_QUERY, TRANSPORT_UDP, FAMILY_IPV4)->boundary;
}

/* Messages per second of the busier witness x 2 x (flip + lag), rounded up. */
static void boundary_follows_rate_flip_and_producer(void **state)
{
	struct fixture *f = *state;
	static const enum producer nsd = PRODUCER_NSD, both[] = {PRODUCER_BIND, PRODUCER_NSD};

	assert_int_equal(boundary_of(f, 0, 0), 0);
	assert_int_equal(boundary_of(f, 10000, 10000), 10); /* 1000/s x 2 x 5 ms */
	assert_int_equal(boundary_of(f, 10001, 0), 11);
	assert_int_equal(boundary_of(f, 0, 20000), 20);
	assert_int_equal(boundary_of(f, 1, 1), 1);
	f->inputs.producers = &nsd;
	f->inputs.n_producers = 1;
	assert_int_equal(boundary_of(f, 10000, 10000), 10);
	f->inputs.producers = both;
	f->inputs.n_producers = 2;
	assert_int_equal(boundary_of(f, 10000, 10000), 20); /* BIND: 10 ms */
	f->wire.flip_start_ns = 3 * MS;
	f->wire.flip_end_ns = 1 * MS;
	assert_int_equal(boundary_of(f, 10000, 10000), 26);
	f->wire.flip_end_ns = 4 * MS;
	assert_int_equal(boundary_of(f, 10000, 10000), 28);
}

/* A burst makes the window that it is in, and the one after its edge, as uncertain as the window
 * were that is all burst. */
static void boundary_follows_the_busiest_slice(void **state)
{
	struct fixture *f = *state;
	const uint32_t row = pace_row(DIR_QUERY, TRANSPORT_UDP, FAMILY_IPV4);
	const uint32_t shift = pace_shift(WINDOW_NS);
	struct pace pace = {{{0}}};

	f->dnstap.pace = &pace;
	assert_int_equal(boundary_of(f, 10000, 10000), 10); /* evenly: nothing is known */
	for (int i = 0; i < 2685; i++)                      /* in 268 ms: 10,002/s */
		pace_add(&pace, row, WINDOW_NS / 2, shift);
	assert_int_equal(boundary_of(f, 10000, 10000), 101);
	memset(&pace, 0, sizeof(pace));
	assert_int_equal(boundary_of(f, 100, 100), 1); /* it was not at the edge */
	for (int i = 0; i < 2685; i++)
		pace_add(&pace, row, WINDOW_NS - 1, shift);
	assert_int_equal(boundary_of(f, 2685, 2685), 101);
	memset(&pace, 0, sizeof(pace));
	assert_int_equal(boundary_of(f, 0, 0), 101);
	assert_int_equal(boundary_of(f, 0, 0), 0);
	assert_int_equal(fixture_row(f, DIR_QUERY, TRANSPORT_TCP, FAMILY_IPV4)->boundary, 0);
}

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
	assert_int_equal(crosscheck_configure(f->crosscheck, &f->options), 0);
	fixture_window(f, 100, 100);
	assert_int_equal(f->result.funnel.balance, 40);
	assert_int_equal(f->result.horizon.windows, 1);
}

static void complete_only_if(struct fixture *f, uint32_t incomplete)
{
	fixture_window(f, 100, 100);
	assert_int_equal(f->result.incomplete, incomplete);
	fixture_quiet(f);
}

#define REASON(id) (1u << CROSSCHECK_INCOMPLETE_##id)

static void complete_needs_both_witnesses_for_the_whole_window(void **state)
{
	struct fixture *f = *state;

	complete_only_if(f, 0);
	f->inputs.started = true;
	complete_only_if(f, REASON(START));
	f->inputs.stopped = true;
	complete_only_if(f, REASON(STOP));
	f->inputs.reconnected = true;
	complete_only_if(f, REASON(RECONNECT));
	f->inputs.reloaded = true;
	complete_only_if(f, REASON(RELOAD));
	f->inputs.clock_set = true;
	complete_only_if(f, REASON(CLOCK));
	f->wire.whole = false;
	complete_only_if(f, REASON(WIRE));
	f->wire.watched = false;
	complete_only_if(f, REASON(WIRE));
	f->wire.missed = 1;
	complete_only_if(f, REASON(WIRE));
	f->wire.flip_start_ns = 5 * MS;
	complete_only_if(f, 0);
	f->wire.flip_start_ns = 5 * MS + 1;
	complete_only_if(f, REASON(FLIP));
	f->wire.flip_end_ns = 5 * MS + 1;
	complete_only_if(f, REASON(FLIP));
	f->dnstap.displaced = 1;
	complete_only_if(f, REASON(FRAMES));
	f->wire.sockets_changed = true;
	complete_only_if(f, REASON(SOCKETS));
	f->inputs.compared = 0;
	complete_only_if(f, REASON(NO_INPUT));
	f->inputs.unwatched = 1;
	complete_only_if(f, REASON(NO_PRODUCER));
	f->inputs.from_responses = true;
	complete_only_if(f, REASON(RESPONSES));
	for (unsigned i = 0; i < CROSSCHECK_INCOMPLETE_COUNT; i++)
		assert_string_not_equal(crosscheck_incomplete_name(i), "");
}

static void without_a_wire_only_dnstap_speaks(void **state)
{
	struct fixture *f = *state;

	fixture_udp(f, 100, 90, 80);
	assert_int_equal(crosscheck_window(f->crosscheck, WINDOW_NS, NULL, &f->dnstap, &f->inputs,
			     f->arena, &f->result),
	    0);
	assert_false(f->result.wire);
	assert_false(f->result.responses);
	assert_int_equal(f->result.incomplete, REASON(WIRE));
	assert_int_equal(f->result.funnel.dnstap_queries, 90);
	assert_int_equal(f->result.funnel.dnstap_responses, 80);
	assert_int_equal(f->result.funnel.wire_queries, 0);
	assert_int_equal(f->result.funnel.unexplained, 0);
}

static void responses_need_egress_everywhere(void **state)
{
	struct fixture *f = *state;
	struct wire_interface two[2];

	fixture_window(f, 1, 1);
	assert_true(f->result.responses);
	f->interface.egress = false;
	fixture_window(f, 1, 1);
	assert_false(f->result.responses);
	two[0] = two[1] = f->interface;
	two[1].egress = true;
	f->wire.interfaces = two;
	f->wire.n_interfaces = 2;
	fixture_window(f, 1, 1);
	assert_false(f->result.responses);
	two[0].mode = "off"; /* sees nothing at all */
	fixture_window(f, 1, 1);
	assert_true(f->result.responses);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(compared_is_less_what_is_left_out),
	    TEST(every_row_has_its_place),
	    TEST(encrypted_transports_are_in_no_row),
	    TEST(boundary_follows_rate_flip_and_producer),
	    TEST(boundary_follows_the_busiest_slice),
	    TEST(the_funnel_adds_up),
	    TEST(the_queue_holds_what_is_missing),
	    TEST(fragments_are_waited_for),
	    TEST(malformed_is_signed),
	    TEST(a_surplus_corrects_nothing),
	    TEST(what_was_not_measured_explains_nothing),
	    TEST(an_upper_bound_explains_what_is_missing),
	    TEST(an_upper_bound_leaves_the_neighbours),
	    TEST(balance_begins_with_the_first_whole_window),
	    TEST(balance_adds_windows_that_are_not_complete),
	    TEST(balance_adds_nothing_over_starts_stops_inputs_and_lost_wires),
	    TEST(balance_outlives_a_new_interval),
	    TEST(complete_needs_both_witnesses_for_the_whole_window),
	    TEST(without_a_wire_only_dnstap_speaks),
	    TEST(responses_need_egress_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
