/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "measure/bounded.h"
#include "measure/margin_tag.h"
#include "measure/measurement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TYPES       100
#define UNASSIGNED  60000
#define NOERROR(n)  key_qtype_rcode((n), 0)
#define NXDOMAIN(n) key_qtype_rcode((n), 3)

static const uint16_t zone_number = 7;

static uint64_t key_of(enum margin margin, uint32_t value)
{
	return margin_key(zone_number, margin, 0, 0, 0, value);
}

static uint32_t value_after(const struct bounded *bounded, enum margin margin, uint32_t value)
{
	const uint64_t key = bounded_key(bounded, key_of(margin, value));

	assert_int_equal(margin_kind(key), margin);
	assert_int_equal(margin_zone(key), zone_number);
	return margin_value(key);
}

/* A zone in which type t has `responses(t)`, and others have as many as all of them. */
static void make(
    struct bounded *ret, uint64_t (*responses)(uint32_t), struct unassigned *unassigned)
{
	static struct cell cells[TYPES + 1];
	struct zone_view zone = {.zone = zone_number};
	const struct window_view view = {.zones = &zone, .n_zones = 1, .span = {.time_ms = 1}};

	for (uint32_t type = 0; type < TYPES; type++)
		cells[type] =
		    (struct cell){key_of(MARGIN_QTYPE_RESPONSES, type), responses(type), 0};
	cells[TYPES] = (struct cell){key_of(MARGIN_QTYPE_RESPONSES, KEY_OTHER), UINT32_MAX, 0};
	zone.margins[MARGIN_QTYPE_RESPONSES] = (struct margin_slice){cells, TYPES + 1};
	bounded_make(ret, &view, &zone, unassigned);
}

static uint64_t by_type(uint32_t type)
{
	return type * 37 % TYPES;
}

static uint64_t by_type_turned(uint32_t type)
{
	return TYPES - by_type(type);
}

static uint64_t equal(uint32_t type UNUSED)
{
	return 5;
}

/* Those above 79 of 0 to 99, whatever their order; an rcode keeps its own. */
static void the_busiest_types_keep_theirs(void **state UNUSED)
{
	struct bounded bounded;
	unsigned kept = 0;

	make(&bounded, by_type, NULL);
	for (uint32_t type = 0; type < TYPES; type++) {
		const bool busy = by_type(type) >= TYPES - BOUNDED_TYPES;

		assert_int_equal(value_after(&bounded, MARGIN_QTYPE_RCODE, NXDOMAIN(type)),
		    busy ? NXDOMAIN(type) : NXDOMAIN(KEY_OTHER));
		kept += busy;
		assert_int_equal(
		    value_after(&bounded, MARGIN_TRANSPORT_QTYPE, type), busy ? type : KEY_OTHER);
		/* By type alone all are there. */
		assert_int_equal(value_after(&bounded, MARGIN_QTYPE_RESPONSES, type), type);
	}
	assert_int_equal(kept, BOUNDED_TYPES);
	assert_int_equal(
	    value_after(&bounded, MARGIN_QTYPE_RCODE, NOERROR(KEY_OTHER)), NOERROR(KEY_OTHER));
	assert_int_equal(value_after(&bounded, MARGIN_QTYPE_RCODE, NOERROR(KEY_NO_QUESTION)),
	    NOERROR(KEY_OTHER));
}

static void of_equals_the_least_numbers_do(void **state UNUSED)
{
	struct bounded bounded;

	make(&bounded, equal, NULL);
	for (uint32_t type = 0; type < TYPES; type++)
		assert_int_equal(value_after(&bounded, MARGIN_QTYPE_RCODE, NOERROR(type)),
		    NOERROR(type < BOUNDED_TYPES ? type : KEY_OTHER));
}

/* A client that sends every number there is gets so many series, and no more. */
static void unassigned_values_are_bounded(void **state UNUSED)
{
	struct unassigned unassigned = {0};
	struct bounded bounded, all;
	unsigned types = 0, classes = 0, codes = 0, rcodes = 0, pairs = 0;

	make(&bounded, equal, &unassigned);
	make(&all, equal, NULL);
	for (uint32_t value = UNASSIGNED; value < UNASSIGNED + 1000; value++) {
		types += value_after(&bounded, MARGIN_QTYPE, value) != KEY_OTHER;
		types += value_after(&bounded, MARGIN_QTYPE_RESPONSES, value) != KEY_OTHER;
		assert_int_equal(value_after(&all, MARGIN_QTYPE, value), value);
		assert_int_equal(value_after(&all, MARGIN_CLASS, value), value);
		assert_int_equal(value_after(&all, MARGIN_EDE, value), value);
	}
	for (uint32_t value = 0; value <= UINT16_MAX; value++) {
		classes += value_after(&bounded, MARGIN_CLASS, value) != KEY_OTHER;
		codes += value_after(&bounded, MARGIN_EDE, value) != KEY_OTHER;
	}
	/* Type 0, one of the busiest, has a place too. */
	assert_int_equal(types, 2 * (UNASSIGNED_KEPT - 1));
	/* And the others. */
	assert_int_equal(classes + 1, measure_tags[TAG_CLASS].bound);
	assert_int_equal(codes + 1, measure_tags[TAG_EDE].bound);
	for (uint32_t value = 0; value < KEY_RCODE_OTHER; value++) {
		rcodes += value_after(&bounded, MARGIN_RCODE, value) != KEY_OTHER;
		pairs += value_after(&bounded, MARGIN_QTYPE_RCODE, key_qtype_rcode(1, value)) !=
		    key_qtype_rcode(1, KEY_RCODE_OTHER);
		assert_int_equal(value_after(&all, MARGIN_RCODE, value), value);
	}
	assert_int_equal(rcodes + 1, measure_tags[TAG_RCODE].bound);
	assert_int_equal(pairs, rcodes);
	assert_int_equal(value_after(&bounded, MARGIN_RCODE, KEY_OTHER), KEY_OTHER);
}

/* Twelve bits can be any number: none of them stands for the rest. */
static void the_last_rcode_is_not_the_rest(void **state UNUSED)
{
	const uint64_t keys[] = {key_of(MARGIN_QTYPE_RCODE, key_qtype_rcode(1, 4095)),
	    key_of(MARGIN_RCODE_SIZE, key_rcode_size(4095, 3)),
	    key_of(MARGIN_QTYPE_RCODE, key_qtype_rcode(1, KEY_RCODE_OTHER)),
	    key_of(MARGIN_RCODE_SIZE, key_rcode_size(KEY_RCODE_OTHER, 3))};
	char buffer[MNEMONIC_BYTES];

	for (int i = 0; i < 4; i++)
		assert_string_equal(margin_tag_text(TAG_RCODE, keys[i], NULL, buffer),
		    i < 2 ? "RCODE4095" : "other");
	assert_string_equal(margin_tag_text(TAG_BUSY_QTYPE, keys[0], NULL, buffer), "A");
}

/* Other types than those of the day's first windows get no series until the next day. */
static void a_day_has_no_more_types(void **state UNUSED)
{
	struct unassigned unassigned = {0};
	struct bounded bounded;
	unsigned kept = 0;

	make(&bounded, by_type, &unassigned);
	assert_int_equal(bounded.n_types, BOUNDED_TYPES);
	make(&bounded, by_type_turned, &unassigned);
	for (uint32_t type = 0; type < TYPES; type++)
		kept += value_after(&bounded, MARGIN_QTYPE_RCODE, NOERROR(type)) == NOERROR(type);
	assert_int_equal(kept, 0);
	make(&bounded, by_type, &unassigned);
	for (uint32_t type = 0; type < TYPES; type++)
		kept += value_after(&bounded, MARGIN_QTYPE_RCODE, NOERROR(type)) == NOERROR(type);
	assert_int_equal(kept, BOUNDED_TYPES);
	unassigned.day--; /* another one begins */
	make(&bounded, by_type_turned, &unassigned);
	assert_int_equal(bounded.n_types, BOUNDED_TYPES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_busiest_types_keep_theirs),
	    cmocka_unit_test(a_day_has_no_more_types),
	    cmocka_unit_test(of_equals_the_least_numbers_do),
	    cmocka_unit_test(unassigned_values_are_bounded),
	    cmocka_unit_test(the_last_rcode_is_not_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
