/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "config/config.h"
#include "report/tops.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MAX_ZONES 3000

/* Zones with two resolvers each. */
static struct tops *make(size_t zones, enum privacy_addresses addresses)
{
	static struct view_source sources[2];
	const struct enrich_view enriched = {0};
	struct config config = {.privacy.addresses = addresses};
	struct zone_view *views = calloc(zones + 1, sizeof(*views));
	struct window_view view = {.zones = views, .n_zones = zones};
	struct privacy *privacy;
	struct tops *tops;
	char reason[128];

	for (size_t i = 0; i < 2; i++) {
		const uint8_t address[16] = {192, 0, 2, (uint8_t)(i + 1)};

		memcpy(sources[i].address, address, sizeof(address));
		sources[i].family = FAMILY_IPV4;
		sources[i].queries = 20 - i;
	}
	for (size_t i = 0; i < zones; i++)
		views[i] =
		    (struct zone_view){.label = "nl", .resolvers = sources, .n_resolvers = 2};
	assert_int_equal(privacy_new(&privacy, &config, reason, sizeof(reason)), 0);
	tops = tops_make(&view, NULL, &enriched, &(struct attacks_now){0}, privacy);
	privacy_free(privacy);
	free(views);
	return tops;
}

static void ranks(void **state UNUSED)
{
	struct tops *tops = make(1, ADDRESSES_FULL);

	assert_int_equal(tops->n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(tops->rows[i].kind, TOP_RESOLVER);
		assert_int_equal(tops->rows[i].rank, i + 1);
		assert_int_equal(tops->rows[i].queries, 20 - i);
		assert_string_equal(tops->rows[i].zone, "nl");
	}
	assert_string_equal(tops->rows[1].value, "192.0.2.2");
	tops_unref(tops);
}

/* However many zones there are, and each as long as there is room. */
static void rows_are_bounded(void **state UNUSED)
{
	struct tops *tops = make(TOPS_ROWS / 2, ADDRESSES_FULL);

	assert_int_equal(tops->n, TOPS_ROWS);
	tops_unref(tops);
	tops = make(TOPS_ROWS - 1, ADDRESSES_FULL);
	assert_int_equal(tops->n, TOPS_ROWS - 1);
	tops_unref(tops);
	tops = make(MAX_ZONES, ADDRESSES_FULL);
	assert_int_equal(tops->n, TOPS_ROWS);
	tops_unref(tops);
	assert_null(make(0, ADDRESSES_FULL));
}

static void addresses_are_private(void **state UNUSED)
{
	struct tops *tops = make(1, ADDRESSES_PREFIX);

	assert_string_equal(tops->rows[1].value, "192.0.2.0/24");
	tops_unref(tops);
	tops = make(1, ADDRESSES_NONE);
	assert_int_equal(tops->n, 0);
	tops_unref(tops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ranks),
	    cmocka_unit_test(rows_are_bounded),
	    cmocka_unit_test(addresses_are_private),
	};

	return cmocka_run_group_tests_name("report/tops", tests, NULL, NULL);
}
