/* SPDX-License-Identifier: BSD-2-Clause */
/* Documents without memory: wherever an allocation fails, the result is NULL or whole, nothing
 * leaks and nothing is used after it was freed (the sanitizers look). */
#include "../crosscheck_fixture.h"
#include "base/unused.h"

#include "encode/documents.h"
#include "text/json_build.h"

#include <math.h>

/* -- an allocator that fails once */

static long fail_at = -1; /* counts down; below 0: never */

static void *scarce_malloc(size_t size)
{
	return fail_at-- == 0 ? NULL : malloc(size);
}

/* Calls `make` with each of its allocations failing, one at a time. */
static void each_allocation(json_t *(*make)(void *), void *context)
{
	json_t *whole = make(context), *made;
	long n = 0, failed = 0;

	assert_non_null(whole);
	json_set_alloc_funcs(scarce_malloc, free);
	do {
		fail_at = n++;
		made = make(context);
		assert_true(n < 100000);
		if (fail_at < 0)
			failed += !made;
		if (made && fail_at < 0)
			assert_true(json_equal(made, whole));
		json_decref(made);
	} while (fail_at < 0);
	fail_at = -1;
	json_set_alloc_funcs(malloc, free);
	assert_true(failed > 10);
	json_decref(whole);
}

static json_t *make_parts(void *context UNUSED)
{
	struct json_build build = {0};
	json_t *root = json_build_object(&build), *list;

	json_put_count(
	    &build, json_put_child(&build, json_put_child(&build, root, "a"), "b"), "c", 1);
	json_put_int(
	    &build, json_put_child(&build, json_put_child(&build, root, "a"), "b"), "d", -1);
	list = json_put_array(&build, root, "list");
	for (int i = 0; i < 20; i++)
		json_put_text(&build, json_add_object(&build, list), "text", "x");
	json_put_real(&build, root, "real", 0.5);
	json_put_bool(&build, root, "yes", true);
	return json_build_finish(&build, root);
}

static void every_part_may_fail(void **state UNUSED)
{
	each_allocation(make_parts, NULL);
}

static json_t *make_wire(void *context)
{
	struct fixture *f = context;

	return json_wire(&f->wire, f->arena);
}

static json_t *make_crosscheck(void *context)
{
	struct fixture *f = context;

	return json_crosscheck_window(&f->result, &f->wire, 1, NULL);
}

static json_t *make_zones(void *context)
{
	const struct window_view *view = context;

	return json_zones(view, 0, view->n_zones, NULL);
}

static void the_wire_may_fail(void **state)
{
	struct fixture *f = *state;

	f->interface.counters[WIRE_IN].qtypes[28] = 1;
	fixture_cell(f, WIRE_IN, WIRE_UDP, PACKET_IPV4)->packets = 1;
	fixture_cell(f, WIRE_OUT, WIRE_TCP, PACKET_IPV6)->packets = 1;
	each_allocation(make_wire, f);
}

static void the_crosscheck_may_fail(void **state)
{
	struct fixture *f = *state;

	fixture_udp(f, 1000, 970, 970);
	fixture_close(f);
	each_allocation(make_crosscheck, f);
}

static void zones_may_fail(void **state UNUSED)
{
	const struct cell cells[] = {
	    {margin_key(0, MARGIN_MESSAGES, DIR_QUERY, TRANSPORT_UDP, FAMILY_IPV4, 0), 7, 700},
	    {margin_key(0, MARGIN_MESSAGES, DIR_QUERY, TRANSPORT_TCP, FAMILY_IPV6, 0), 3, 300},
	};
	struct zone_view zones[2] = {
	    {.label = "nl", .margins[MARGIN_MESSAGES] = {cells, 2}},
	    {.label = "org", .margins[MARGIN_MESSAGES] = {cells, 2}},
	};
	struct window_view view = {.zones = zones, .n_zones = 2};

	each_allocation(make_zones, &view);
}

/* -- values */

static void hostile_keys_and_texts(void **state UNUSED)
{
	struct json_build build = {0};
	json_t *root = json_build_object(&build);

	json_put_text(&build, root, "eth\xff", "a\x1b[2J\xc3\xa9");
	json_put_count(&build, root, "most", UINT64_MAX);
	json_put_real(&build, root, "nan", NAN);
	json_put_real(&build, root, "inf", INFINITY);
	root = json_build_finish(&build, root);
	assert_non_null(root);
	assert_int_equal(json_object_size(root), 2);
	assert_string_equal(
	    json_string_value(json_object_get(root, "eth\\xff")), "a\\x1b[2J\xc3\xa9");
	assert_true(json_integer_value(json_object_get(root, "most")) == INT64_MAX);
	json_decref(root);
}

static void nothing_is_put_into_nothing(void **state UNUSED)
{
	struct json_build build = {0};

	assert_null(json_put_object(&build, NULL, "a"));
	assert_true(build.failed);
	build.failed = false;
	assert_null(json_add_object(&build, NULL));
	assert_true(build.failed);
	assert_null(json_build_finish(&build, json_object()));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_part_may_fail),
	    TEST(the_wire_may_fail),
	    TEST(the_crosscheck_may_fail),
	    cmocka_unit_test(zones_may_fail),
	    cmocka_unit_test(hostile_keys_and_texts),
	    cmocka_unit_test(nothing_is_put_into_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
