/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters of the host and dropped packets that say the same in part: each message is in one stage,
 * once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/host/stages_join.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
	struct wire_stages_state state;
	struct host_counters host;
	struct stack_drops_window drops;
	struct wire_window window;
	struct arena *arena;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || arena_new(&f->arena) < 0) {
		free(f);
		return -1;
	}
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	arena_free(f->arena);
	free(f);
	return 0;
}

/* The next window begins with nothing. */
static void begin(struct fixture *f)
{
	f->host = (struct host_counters){.known = WIRE_KNOWS_SOCKETS | WIRE_KNOWS_STACK_DROPS};
	f->drops = (struct stack_drops_window){.whole = true};
	f->window = (struct wire_window){.known = WIRE_KNOWS_SOURCES};
}

static uint64_t socket_drops(struct fixture *f)
{
	wire_stages_join(&f->state, &f->host, &f->drops, &f->window, f->arena);
	return f->window.socket_drops;
}

/* All of the host's, where nothing is told of packets. */
static void counters_alone(void **state)
{
	struct fixture *f = *state;

	begin(f);
	f->host.known |= WIRE_KNOWS_NIC_DROPS | WIRE_KNOWS_LISTEN | WIRE_KNOWS_TX_DROPS;
	f->host.nic_drops = 1;
	f->host.socket_drops = 2;
	f->host.listen_overflows = 3;
	f->host.tx_drops = 4;
	f->host.queued_bytes = 5;
	f->host.reassembling = 6;
	f->host.sockets_changed = true;
	f->host.stack_drops[0] = (struct wire_drop){"UdpNoPorts", 7, true};
	f->host.n_stack_drops = 1;
	wire_stages_join(&f->state, &f->host, NULL, &f->window, f->arena);
	assert_int_equal(f->window.known, f->host.known | WIRE_KNOWS_SOURCES);
	assert_int_equal(f->window.nic_drops, 1);
	assert_int_equal(f->window.socket_drops, 2);
	assert_int_equal(f->window.listen_overflows, 3);
	assert_int_equal(f->window.tx_drops, 4);
	assert_int_equal(f->window.queued_bytes, 5);
	assert_int_equal(f->window.reassembling, 6);
	assert_true(f->window.sockets_changed);
	assert_false(f->window.drops_by_packet);
	assert_int_equal(f->window.n_stack_drops, 1);
	assert_string_equal(f->window.stack_drops[0].reason, "UdpNoPorts");
}

/* The packets' reasons stand in for the host's, which say the same once more, even where /proc
 * cannot be read. */
static void packets_take_over(void **state)
{
	char names[2][12] = {"NO_SOCKET", "OTHER"};
	const struct wire_drop told[] = {{names[0], 10, false}, {names[1], 3, true}};
	const struct wire_drop *drops;
	struct fixture *f = *state;

	begin(f);
	f->host.known = 0;
	f->host.stack_drops[0] = (struct wire_drop){"UdpNoPorts", 700, true};
	f->host.n_stack_drops = 1;
	f->drops.drops = told;
	f->drops.n_drops = 2;
	f->drops.from_sockets = 5;
	assert_int_equal(socket_drops(f), 0); /* sockets are unknown */
	assert_int_equal(f->window.known, WIRE_KNOWS_STACK_DROPS | WIRE_KNOWS_SOURCES);
	assert_true(f->window.drops_by_packet);
	assert_int_equal(f->window.n_stack_drops, 2);
	/* The reader may go before its windows do. */
	memset(names, '-', sizeof(names));
	drops = f->window.stack_drops;
	assert_string_equal(drops[0].reason, "NO_SOCKET");
	assert_int_equal(drops[0].messages, 10);
	assert_false(drops[0].upper_bound);
	assert_string_equal(drops[1].reason, "OTHER");
	assert_int_equal(drops[1].messages, 3);
	assert_true(drops[1].upper_bound);
}

/* Of these no packet is told. */
static void overlapping_fragments(void **state)
{
	const struct wire_drop told[] = {{"NO_SOCKET", 10, false}};
	struct fixture *f = *state;

	begin(f);
	f->drops.drops = told;
	f->drops.n_drops = 1;
	f->host.overlapped = 4;
	wire_stages_join(&f->state, &f->host, &f->drops, &f->window, f->arena);
	assert_int_equal(f->window.n_stack_drops, 2);
	assert_string_equal(f->window.stack_drops[1].reason, "ReasmOverlaps");
	assert_int_equal(f->window.stack_drops[1].messages, 4);
	assert_true(f->window.stack_drops[1].upper_bound);
}

/* 100 in the sockets' counters: 30 wrong checksums, which host.c has put aside, and 25 that are not
 * compared. */
static void others_are_no_queries(void **state)
{
	struct fixture *f = *state;

	begin(f);
	f->host.socket_drops = 70;
	f->host.checksums = f->host.socket_checksums = 30;
	f->drops.twice.named = 30 + 25;
	f->drops.checksums_named = true;
	assert_int_equal(socket_drops(f), 45);
	assert_int_equal(f->window.n_stack_drops, 0);
}

/* Readers that do not say it (before 6.15): where checksums were counted, in this window or the one
 * before, it was one. */
static void unnamed_checksums(void **state)
{
	struct fixture *f = *state;

	begin(f);
	f->host.socket_drops = 40;
	f->host.checksums = f->host.socket_checksums = 12;
	f->drops.from_sockets = 8;
	f->drops.twice.unnamed = 9; /* one more since the flip: the next window's */
	assert_int_equal(socket_drops(f), 40 + 12 - 9);
	assert_int_equal(f->window.n_stack_drops, 1);
	assert_string_equal(f->window.stack_drops[0].reason, "NOT_SPECIFIED");
	assert_int_equal(f->window.stack_drops[0].messages, 8);
	assert_false(f->window.stack_drops[0].upper_bound);
	begin(f);
	f->drops.from_sockets = 1;
	assert_int_equal(socket_drops(f), 0);
	assert_int_equal(f->window.stack_drops[0].messages, 1);
	begin(f);
	f->drops.from_sockets = 6; /* long after: these went with a socket */
	assert_int_equal(socket_drops(f), 6);
	assert_int_equal(f->window.n_stack_drops, 0);
}

/* Where readers say it, what has no name went with a socket, whatever checksums there were. */
static void named_checksums(void **state)
{
	struct fixture *f = *state;

	begin(f);
	f->host.checksums = 12;
	f->drops.checksums_named = true;
	f->drops.from_sockets = f->drops.twice.unnamed = 8;
	assert_int_equal(socket_drops(f), 8);
	assert_int_equal(f->window.n_stack_drops, 0);
}

/* Freed of a closed socket, nobody knows whose: ours if one of ours went, at most a window before.
 */
static void closed_sockets(void **state)
{
	struct fixture *f = *state;

	begin(f);
	f->drops.from_closed = 50;
	assert_int_equal(socket_drops(f), 0);
	begin(f);
	f->host.sockets_changed = true;
	f->drops.from_closed = 60;
	assert_int_equal(socket_drops(f), 60);
	begin(f);
	f->drops.from_closed = 7;
	assert_int_equal(socket_drops(f), 7);
	begin(f);
	f->drops.from_closed = 8;
	assert_int_equal(socket_drops(f), 0);
}

/* One of two sockets goes with a counter of 90 refused queries and 20 others; the other one has 10
 * and 5. */
static void counters_go_with_their_socket(void **state)
{
	struct fixture *f = *state;

	begin(f);
	f->host.sockets_changed = true;
	f->host.socket_drops = 10 + 5;
	f->drops.refused = 90 + 10;
	f->drops.twice.named = 20 + 5;
	assert_int_equal(socket_drops(f), 100);
	/* Nothing is left to be taken off later. */
	begin(f);
	f->host.socket_drops = 4;
	f->drops.refused = 4;
	assert_int_equal(socket_drops(f), 4);
}

/* The packets know of drops that the sockets' counters show a window later. */
static void owed_from_window_to_window(void **state)
{
	struct fixture *f = *state;

	begin(f);
	f->host.socket_drops = 10;
	f->drops.twice.named = 25;
	assert_int_equal(socket_drops(f), 0);
	begin(f);
	f->host.socket_drops = 40;
	f->drops.twice.named = 5;
	assert_int_equal(socket_drops(f), 40 - 5 - 15);
	begin(f);
	f->host.socket_drops = 3;
	assert_int_equal(socket_drops(f), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(counters_alone, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(packets_take_over, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(overlapping_fragments, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(others_are_no_queries, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(unnamed_checksums, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(named_checksums, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(closed_sockets, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(counters_go_with_their_socket, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(owed_from_window_to_window, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
