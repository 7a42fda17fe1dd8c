/* SPDX-License-Identifier: BSD-2-Clause */
/* What two ways of watching saw becomes one window. */
#include "base/unused.h"
#include "wire/window/join.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct packet_address address(uint32_t n)
{
	return (struct packet_address){.words = {0, 0, 0, n}};
}

static void test_each_address_once(void **state UNUSED)
{
	const struct wire_client ours[] = {{address(9), 5}, {address(1), 7}};
	const struct wire_client theirs[] = {{address(2), 11}, {address(9), 100}};
	const struct wire_client_rtt our_rtts[] = {{address(9), 2, 40, 15}};
	const struct wire_client_rtt their_rtts[] = {
	    {address(3), 1, 7, 7}, {address(9), 1, 10, 10}};
	struct wire_rtt our_bins = {0}, their_bins = {0};
	struct wire_window into = {.clients = ours,
	    .n_clients = 2,
	    .client_rtts = our_rtts,
	    .n_client_rtts = 1,
	    .rtt = &our_bins};
	const struct wire_window part = {.clients = theirs,
	    .n_clients = 2,
	    .client_rtts = their_rtts,
	    .n_client_rtts = 2,
	    .rtt = &their_bins};
	uint64_t messages = 0;
	struct arena *arena;

	our_bins.bins[0][5] = 2;
	their_bins.bins[0][5] = 3;
	their_bins.bins[1][WIRE_RTT_BINS - 1] = 1;
	assert_int_equal(arena_new(&arena), 0);
	assert_int_equal(wire_join_clients(&into, &part, arena), 0);
	assert_int_equal(into.n_clients, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct wire_client *client = &into.clients[i];

		messages += client->messages;
		assert_int_equal(client->messages,
		    client->address.words[3] == 9       ? 105
			: client->address.words[3] == 1 ? 7
							: 11);
	}
	assert_int_equal(messages, 123);
	assert_int_equal(into.n_client_rtts, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct wire_client_rtt *rtt = &into.client_rtts[i];
		const bool both = rtt->address.words[3] == 9;

		assert_int_equal(rtt->count, both ? 3 : 1);
		assert_int_equal(rtt->sum_us, both ? 50 : 7);
		assert_int_equal(rtt->min_us, both ? 10 : 7);
	}
	assert_int_equal(into.rtt->bins[0][5], 5);
	assert_int_equal(into.rtt->bins[1][WIRE_RTT_BINS - 1], 1);
	arena_free(arena);
}

static void test_nothing_to_add(void **state UNUSED)
{
	const struct wire_client ours[] = {{address(4), 1}};
	struct wire_rtt bins = {0};
	struct wire_window into = {.clients = ours, .n_clients = 1};
	const struct wire_window nothing = {.watched = true}, timed = {.rtt = &bins};
	struct arena *arena;

	assert_int_equal(arena_new(&arena), 0);
	assert_int_equal(wire_join_clients(&into, &nothing, arena), 0);
	assert_ptr_equal(into.clients, ours);
	assert_null(into.rtt);
	assert_int_equal(wire_join_clients(&into, &timed, arena), 0);
	assert_ptr_equal(into.rtt, &bins);
	arena_free(arena);
}

/* A device that went from one way to the other within a window is one row, and so are its codes. */
static void test_interfaces(void **state UNUSED)
{
	static struct wire_interface ours[2], theirs[2];
	const struct wire_rare a[] = {{300, 2, 1}, {500, 4, 0}};
	const struct wire_rare b[] = {{400, 8, 0}, {500, 16, 3}};
	struct wire_window into = {.watched = true,
	    .whole = true,
	    .interfaces = ours,
	    .n_interfaces = 2,
	    .flip_end_ns = 70,
	    .missed = 1};
	const struct wire_window part = {.watched = true,
	    .whole = true,
	    .interfaces = theirs,
	    .n_interfaces = 2,
	    .missed = 2,
	    .known = WIRE_KNOWS_SOURCES};
	struct arena *arena;

	ours[0] = (struct wire_interface){.name = "eth0", .mode = "off", .qtypes = {a, 2}};
	ours[1] = (struct wire_interface){.name = "eth1", .mode = "native", .egress = true};
	theirs[0] = (struct wire_interface){.name = "eth2", .mode = "packet"};
	theirs[1] = (struct wire_interface){
	    .name = "eth0", .mode = "packet", .egress = true, .qtypes = {b, 2}};
	ours[0].counters[WIRE_IN].cells[WIRE_UDP][0].messages = 40;
	theirs[1].counters[WIRE_IN].cells[WIRE_UDP][0].messages = 2;
	theirs[1].counters[WIRE_OUT].rcodes[3] = 9;
	assert_int_equal(arena_new(&arena), 0);
	assert_int_equal(wire_join(&into, &part, arena), 0);
	assert_int_equal(into.n_interfaces, 3);
	assert_string_equal(into.interfaces[0].name, "eth0");
	assert_string_equal(into.interfaces[0].mode, "packet");
	assert_true(into.interfaces[0].egress);
	assert_int_equal(into.interfaces[0].counters[WIRE_IN].cells[WIRE_UDP][0].messages, 42);
	assert_int_equal(into.interfaces[0].counters[WIRE_OUT].rcodes[3], 9);
	assert_int_equal(into.interfaces[0].qtypes.n, 3);
	assert_int_equal(into.interfaces[0].qtypes.items[1].code, 400);
	assert_int_equal(into.interfaces[0].qtypes.items[2].messages, 20);
	assert_int_equal(into.interfaces[0].qtypes.items[2].left_out, 3);
	assert_string_equal(into.interfaces[2].name, "eth2");
	assert_int_equal(ours[0].counters[WIRE_IN].cells[WIRE_UDP][0].messages, 40);
	assert_int_equal(into.missed, 3);
	assert_int_equal(into.flip_end_ns, 70);
	assert_int_equal(into.known, WIRE_KNOWS_SOURCES);
	assert_true(into.watched && into.whole);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_address_once),
	    cmocka_unit_test(test_nothing_to_add), cmocka_unit_test(test_interfaces)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
