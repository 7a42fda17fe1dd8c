/* SPDX-License-Identifier: BSD-2-Clause */
#include "../crosscheck_fixture.h"

#include "crosscheck/not_logged.h"

static enum producer recognise(const char *version, uint64_t wire, uint64_t dnstap)
{
	return producer_recognise(
	    version, strlen(version), &(struct producer_refused){wire, dnstap});
}

static void producers_are_known_by_their_versions(void **state)
{
	assert_int_equal(recognise("Knot DNS 3.2.6", 0, 0), PRODUCER_KNOT);
	assert_int_equal(recognise("NSD 4.6.1", 0, 0), PRODUCER_NSD);
	assert_int_equal(recognise("BIND 9.18.33-1~deb12u2-Debian", 0, 0), PRODUCER_BIND);
	assert_int_equal(recognise("unbound 1.17.1", 0, 0), PRODUCER_UNBOUND);
	assert_int_equal(recognise("dnsdist 1.7.3", 0, 0), PRODUCER_DNSDIST);
	assert_int_equal(recognise("pdns-recursor 4.8.8", 0, 0), PRODUCER_RECURSOR);
	assert_int_equal(recognise("9.18.33", 0, 0), PRODUCER_OTHER);
	assert_int_equal(recognise("", 0, 0), PRODUCER_OTHER);
	assert_int_equal(
	    producer_recognise(NULL, 0, &(struct producer_refused){0}), PRODUCER_OTHER);
	/* Not terminated: the length counts. */
	assert_int_equal(
	    producer_recognise("knot", 3, &(struct producer_refused){0}), PRODUCER_OTHER);
}

static void knot_at_zones_shows_by_what_it_refuses(void **state)
{
	assert_int_equal(recognise("Knot DNS 3.2.6", 1, 0), PRODUCER_KNOT_ZONES);
	assert_int_equal(recognise("Knot DNS 3.2.6", 5, 1), PRODUCER_KNOT);
	assert_int_equal(recognise("NSD 4.6.1", 1, 0), PRODUCER_NSD);
}

static void clocks_of_producers(void **state)
{
	for (int i = 0; i < PRODUCERS; i++)
		assert_int_equal(
		    producer_lag_ns((enum producer)i), (i == PRODUCER_BIND ? 10 : 5) * NS_PER_MS);
}

static void classes_count_if_no_producer_logs_them(void **state)
{
	struct wire_window wire = {.known = WIRE_KNOWS_CLASSES, .classes = {1, 10, 100, 1000}};
	static const enum producer all[] = {PRODUCER_KNOT_ZONES, PRODUCER_BIND, PRODUCER_NSD};

	assert_int_equal(not_logged(all, 0, &wire), 0);
	assert_int_equal(not_logged(all, 1, &wire), 1111);
	assert_int_equal(not_logged(all + 1, 1, &wire), 100);
	assert_int_equal(not_logged(all, 2, &wire), 100); /* Knot's CHAOS may be BIND's */
	assert_int_equal(not_logged(all, 3, &wire), 0);
	assert_int_equal(not_logged((const enum producer[]){PRODUCER_OTHER}, 1, &wire), 0);
	assert_int_equal(not_logged((const enum producer[]){PRODUCER_KNOT}, 1, &wire), 100);
	wire.known = 0;
	assert_int_equal(not_logged(all, 1, &wire), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(producers_are_known_by_their_versions),
	    cmocka_unit_test(knot_at_zones_shows_by_what_it_refuses),
	    cmocka_unit_test(clocks_of_producers),
	    cmocka_unit_test(classes_count_if_no_producer_logs_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
