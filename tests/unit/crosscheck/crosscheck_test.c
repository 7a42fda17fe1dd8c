/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows, their boundary and completeness, sentence by sentence. */
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
	struct pace pace = {.slices = {{0}}};

	f->dnstap.pace = &pace;
	assert_int_equal(boundary_of(f, 10000, 10000), 10); /* evenly: nothing is known */
	for (int i = 0; i < 2685; i++)                      /* in 268 ms: 10,002/s */
		pace_add(&pace, row, WINDOW_NS / 2, WINDOW_NS, shift);
	assert_int_equal(boundary_of(f, 10000, 10000), 101);
	memset(&pace, 0, sizeof(pace));
	assert_int_equal(boundary_of(f, 100, 100), 1); /* it was not at the edge */
	for (int i = 0; i < 2685; i++)
		pace_add(&pace, row, WINDOW_NS - 1, WINDOW_NS, shift);
	assert_int_equal(boundary_of(f, 2685, 2685), 101);
	memset(&pace, 0, sizeof(pace));
	assert_int_equal(boundary_of(f, 0, 0), 101);
	assert_int_equal(boundary_of(f, 0, 0), 0);
	assert_int_equal(fixture_row(f, DIR_QUERY, TRANSPORT_TCP, FAMILY_IPV4)->boundary, 0);
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
	    TEST(complete_needs_both_witnesses_for_the_whole_window),
	    TEST(without_a_wire_only_dnstap_speaks),
	    TEST(responses_need_egress_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
