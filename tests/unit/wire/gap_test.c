/* SPDX-License-Identifier: BSD-2-Clause */
/* Windows at whose end the agent did not run. */
#include "base/unused.h"
#include "wire/window/gap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../scarce.h"

static struct arena *arena;

static struct wire_interface interfaces[] = {
    {.name = "eth0", .mode = "native", .egress = true}, {.name = "eth1", .mode = "tc"}};

static struct wire_window last_of(void)
{
	interfaces[0].counters[0].cells[0][0].messages = 7;
	return (struct wire_window){.watched = true,
	    .whole = true,
	    .flip_start_ns = 5,
	    .flip_end_ns = 9,
	    .interfaces = interfaces,
	    .n_interfaces = 2,
	    .known = WIRE_KNOWS_SOCKETS | WIRE_KNOWS_NIC_DROPS,
	    .nic_drops = 3};
}

static void it_is_watched_and_has_counted_nothing(void **state UNUSED)
{
	struct wire_window last = last_of(), gap = {0};

	wire_gap_make(&gap, &last, 3000, arena);
	assert_true(gap.watched && gap.whole);
	assert_int_equal(gap.flip_start_ns, 3000);
	assert_int_equal(gap.flip_end_ns, 3000);
	assert_int_equal(gap.known, WIRE_KNOWS_NIC_DROPS);
	assert_int_equal(gap.nic_drops, 0);
	assert_int_equal(gap.n_interfaces, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(gap.interfaces[i].name, interfaces[i].name);
		assert_string_equal(gap.interfaces[i].mode, interfaces[i].mode);
		assert_int_equal(gap.interfaces[i].egress, interfaces[i].egress);
		assert_int_equal(gap.interfaces[i].counters[0].cells[0][0].messages, 0);
	}
	assert_int_equal(last.interfaces[0].counters[0].cells[0][0].messages, 7);
	assert_int_equal(last.flip_end_ns, 3000);
}

static void the_last_was_later_still(void **state UNUSED)
{
	struct wire_window last = last_of(), gap = {0};

	wire_gap_make(&gap, &last, 8, arena);
	assert_int_equal(last.flip_end_ns, 9);
	assert_int_equal(gap.flip_end_ns, 8);
}

static void without_memory_it_has_no_wire(void **state UNUSED)
{
	struct wire_window last = last_of(), gap = {0};

	scarce_left = 0;
	wire_gap_make(&gap, &last, 3000, arena);
	scarce_left = -1;
	assert_false(gap.watched);
	assert_int_equal(last.flip_end_ns, 3000);
}

static int setup(void **state UNUSED)
{
	return arena_new(&arena);
}

static int teardown(void **state UNUSED)
{
	arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_is_watched_and_has_counted_nothing),
	    cmocka_unit_test(the_last_was_later_still),
	    cmocka_unit_test(without_memory_it_has_no_wire),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
