/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "report/events/changes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void test_only_what_differs(void **state UNUSED)
{
	struct changes *changes;

	assert_int_equal(changes_new(&changes), 0);
	changes_begin(changes);
	assert_true(changes_note(changes, "wire_mode", "eth0", "native", ""));
	assert_false(changes_note(changes, "sink", "file", "works", "works"));
	changes_begin(changes);
	assert_false(changes_note(changes, "wire_mode", "eth0", "native", ""));
	assert_true(changes_note(changes, "sink", "file", "fails", "works"));
	changes_begin(changes);
	assert_true(changes_note(changes, "wire_mode", "eth0", "tc", ""));
	assert_true(changes_note(changes, "sink", "file", "works", "works"));
	/* The same name, another kind. */
	assert_true(changes_note(changes, "producer", "eth0", "tc", ""));
	changes_free(changes);
	changes_free(NULL);
}

static void test_what_goes_is_told_once(void **state UNUSED)
{
	struct changes *changes;

	assert_int_equal(changes_new(&changes), 0);
	changes_begin(changes);
	changes_note(changes, "wire_mode", "eth0", "native", "");
	changes_note(changes, "wire_mode", "eth1", "native", "");
	changes_note(changes, "sink", "file", "works", "works");
	assert_null(changes_gone(changes, "wire_mode"));
	changes_begin(changes);
	changes_note(changes, "wire_mode", "eth1", "native", "");
	assert_string_equal(changes_gone(changes, "wire_mode"), "eth0");
	assert_null(changes_gone(changes, "wire_mode"));
	changes_begin(changes);
	changes_note(changes, "wire_mode", "eth1", "native", "");
	assert_null(changes_gone(changes, "wire_mode"));
	/* Back: at first sight again. */
	assert_true(changes_note(changes, "wire_mode", "eth0", "native", ""));
	changes_free(changes);
}

static void test_bounds(void **state UNUSED)
{
	struct changes *changes;
	char name[300];

	assert_int_equal(changes_new(&changes), 0);
	changes_begin(changes);
	for (int i = 0; i < CHANGES_MAX; i++) {
		snprintf(name, sizeof(name), "input %d", i);
		assert_true(changes_note(changes, "producer", name, "1 connected", ""));
	}
	assert_false(changes_note(changes, "producer", "one more", "1 connected", ""));
	/* What is too long is cut, and found again. */
	changes_free(changes);
	assert_int_equal(changes_new(&changes), 0);
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_true(changes_note(changes, "sink", name, "fails", "works"));
	assert_false(changes_note(changes, "sink", name, "fails", "works"));
	changes_free(changes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_only_what_differs),
	    cmocka_unit_test(test_what_goes_is_told_once),
	    cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
