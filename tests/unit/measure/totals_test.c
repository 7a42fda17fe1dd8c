/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "measure/totals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct hash_seed seed = {0xd6e8feb86659fd93, 0xbf58476d1ce4e5b9};

/* A window in which each of these zones had `count` queries of as many types. */
static void add(struct totals *totals, uint16_t zone, const char *label, uint64_t count)
{
	static struct cell cells[200];
	struct zone_view view = {.zone = zone, .label = label};
	const struct window_view window = {.zones = &view, .n_zones = 1};

	for (uint16_t i = 0; i < 200; i++)
		cells[i] = (struct cell){margin_key(zone, MARGIN_RCODE, 0, 0, 0, i), count, 0};
	view.margins[MARGIN_RCODE] = (struct margin_slice){cells, 200};
	assert_int_equal(totals_add(totals, &window, NULL), 0);
}

static uint64_t count_of(const struct totals_data *data, const char *label)
{
	uint64_t count = 0;

	for (size_t i = 0; i < data->n; i++) {
		if (strcmp(totals_data_label(data, margin_zone(data->cells[i].key)), label) == 0)
			count += data->cells[i].count;
	}
	return count;
}

/* A number that another label has now: its figures begin anew, and a copy that was made before
 * keeps the old name. */
static void test_numbers_are_used_again(void **state UNUSED)
{
	struct totals_data *before, *after;
	struct zone_numbers gone = {0};
	struct totals *totals;
	char label[16];

	assert_int_equal(totals_new(&totals, &seed), 0);
	for (uint16_t zone = 0; zone < 300; zone++) {
		snprintf(label, sizeof(label), "old%u", zone);
		add(totals, zone, label, 1);
	}
	assert_int_equal(totals_copy(totals, &before), 0);
	for (uint16_t zone = 0; zone < 300; zone += 2)
		zone_numbers_add(&gone, zone);
	assert_int_equal(totals_forget(totals, &gone), 0);
	add(totals, 4, "new4", 5);
	add(totals, 5, "old5", 1);
	assert_int_equal(totals_copy(totals, &after), 0);
	assert_int_equal(before->n, 300 * 200);
	assert_int_equal(after->n, 151 * 200);
	assert_int_equal(count_of(before, "old4"), 200);
	assert_int_equal(count_of(before, "new4"), 0);
	assert_int_equal(count_of(after, "old4"), 0);
	assert_int_equal(count_of(after, "new4"), 1000);
	assert_int_equal(count_of(after, "old5"), 400);
	assert_int_equal(count_of(after, "old6"), 0);
	for (size_t i = 1; i < after->n; i++)
		assert_true(after->cells[i - 1].key < after->cells[i].key);
	totals_data_free(before);
	totals_data_free(after);
	totals_data_free(NULL);
	totals_free(totals);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers_are_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
