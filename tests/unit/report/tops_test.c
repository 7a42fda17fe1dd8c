/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "config/config.h"
#include "encode/addresses.h"
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

/* What the enriched zone has of its own, and attacks, which have no zone. */
static struct tops *make_all(enum privacy_addresses addresses)
{
	const uint8_t address[16] = {192, 0, 2, 7};
	const struct enrich_view enriched = {0};
	const struct attack attacks[] = {{.kind = ATTACK_REFLECTION, .queries = 5},
	    {.kind = ATTACK_FLOOD, .queries = 6}, {.kind = ATTACK_FLOOD, .queries = 7}};
	struct view_subnet subnet = {
	    .family = FAMILY_IPV4, .queries = 9, .response_bytes = 90, .nxdomain = 1};
	struct ranked talker = {.family = FAMILY_IPV4, .count = 8};
	struct clients clients = {{0}, {0}};
	struct zone_view zone = {
	    .label = "nl", .subnets = &subnet, .n_subnets = 1, .clients = &clients};
	const struct window_view view = {.zones = &zone, .n_zones = 1};
	struct config config = {.privacy.addresses = addresses};
	struct privacy *privacy;
	struct tops *tops;
	char reason[128];

	memcpy(subnet.address, address, sizeof(address));
	memcpy(talker.address, address, sizeof(address));
	clients.sources[0] = 3;
	clients.queries[0] = 4;
	for (int by = 0; by < TALKER_COUNT; by++) {
		zone.talkers[by] = &talker;
		zone.n_talkers[by] = 1;
	}
	assert_int_equal(privacy_new(&privacy, &config, reason, sizeof(reason)), 0);
	tops = tops_make(
	    &view, NULL, &enriched, &(struct attacks_now){.list = attacks, .n = 3}, privacy);
	privacy_free(privacy);
	return tops;
}

/* The n-th of its kind; NULL: there are fewer. */
static const struct top_row *row_of(const struct tops *tops, enum top_kind kind, size_t n)
{
	for (size_t i = 0; i < tops->n; i++) {
		if (tops->rows[i].kind == kind && n-- == 0)
			return &tops->rows[i];
	}
	return NULL;
}

static void every_kind(void **state UNUSED)
{
	struct tops *tops = make_all(ADDRESSES_FULL);
	const struct top_row *row;

	row = row_of(tops, TOP_SUBNET, 0);
	assert_non_null(row);
	assert_string_equal(row->zone, "nl");
	assert_string_equal(row->value, "192.0.2.0/24");
	assert_int_equal(row->queries, 9);
	assert_int_equal(row->response_bytes, 90);
	assert_int_equal(row->nxdomain, 1);
	for (size_t by = 0; by < TALKER_COUNT; by++) {
		row = row_of(tops, TOP_TALKER, by);
		assert_non_null(row);
		assert_string_equal(row->value, "192.0.2.7");
		assert_string_equal(row->by, talker_name((enum talker)by));
		assert_int_equal(row->queries, 8);
	}
	row = row_of(tops, TOP_TRAIT, 0);
	assert_non_null(row);
	assert_string_equal(row->by, client_trait_name((enum client_trait)0));
	assert_int_equal(row->domain.sources, 3);
	assert_int_equal(row->domain.queries, 4);
	assert_non_null(row_of(tops, TOP_TRAIT, CLIENT_TRAIT_COUNT - 1));
	for (size_t i = 0; i < 3; i++) {
		row = row_of(tops, TOP_ATTACK, i);
		assert_non_null(row);
		assert_string_equal(row->zone, "");
		assert_int_equal(row->rank, i ? i : 1);
		assert_string_equal(row->by, i ? "flood" : "reflection");
		assert_int_equal(row->domain.queries, 5 + i);
	}
	tops_unref(tops);
}

static void whom_privacy_hides_has_no_row(void **state UNUSED)
{
	struct tops *tops = make_all(ADDRESSES_NONE);

	assert_null(row_of(tops, TOP_SUBNET, 0));
	assert_null(row_of(tops, TOP_TALKER, 0));
	assert_non_null(row_of(tops, TOP_ATTACK, 2));
	tops_unref(tops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ranks),
	    cmocka_unit_test(rows_are_bounded),
	    cmocka_unit_test(addresses_are_private),
	    cmocka_unit_test(every_kind),
	    cmocka_unit_test(whom_privacy_hides_has_no_row),
	};

	return cmocka_run_group_tests_name("report/tops", tests, NULL, NULL);
}
