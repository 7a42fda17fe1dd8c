/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "stats/view.h"

#include "counting.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct zone_registry *registry;
static struct arena *arena;
static uint16_t zone_a, zone_b, zone_idle;

static const struct view_limits limits = {.resolvers = 5, .names = {3, 2}};

/* `queries` of each client 1 to `clients`, more for higher ones, in a zone; and their responses. */
static struct shard *traffic(uint16_t zone, uint32_t clients, size_t source_slots)
{
	struct collector_config config = test_config();
	struct collector *collector = NULL;
	struct shard *total;
	struct sample s;

	config.traits.zone = zone;
	config.limits.source_slots = source_slots;
	assert_int_equal(collector_new(&collector, &config), 0);
	for (uint32_t client = 1; client <= clients; client++) {
		char name[16];

		snprintf(name, sizeof(name), "%cn%u", client % 10 > 0 ? 2 : 3, client % 11);
		name[0] = (char)(strlen(name) - 1);
		for (uint32_t i = 0; i < client % 50 + 1; i++) {
			sample_init(&s, RECORD_AUTH_QUERY, client, (uint16_t)i, T0_NS);
			sample_question(&s, name, 1);
			take_one(collector, &s, T0_NS);
			sample_init(&s, RECORD_AUTH_RESPONSE, client, (uint16_t)i,
			    T0_NS + (int64_t)client * 1000);
			sample_question(&s, name, 1);
			s.message[3] = client % 2 ? 3 : 0;
			take_one(collector, &s, T0_NS);
		}
	}
	total = collect(collector);
	collector_free(collector);
	return total;
}

static void make(struct window_view *view, struct shard *total)
{
	const struct window_span span = {.index = 1, .time_ms = 10000};
	const uint16_t always[] = {zone_idle};

	arena_reset(arena);
	assert_int_equal(
	    view_make(view, total, &span, registry, &test_seed, always, 1, &limits, arena), 0);
	assert_int_equal(view->span.time_ms, 10000);
}

static void test_zones_are_apart(void **state UNUSED)
{
	struct shard *total = traffic(zone_a, 7, 1024), *other = traffic(zone_b, 100, 1024);
	struct window_view view;
	const struct zone_view *a, *b, *idle;

	assert_int_equal(shard_merge(total, other, &test_seed), 0);
	shard_free(other);
	make(&view, total);
	assert_int_equal(view.n_zones, 3);
	a = &view.zones[0];
	b = &view.zones[1];
	idle = &view.zones[2];
	assert_string_equal(a->label, "a");
	assert_string_equal(b->label, "b");
	assert_string_equal(idle->label, "idle");
	assert_int_equal(
	    margin_at(&a->margins[MARGIN_MESSAGES], zone_a, MARGIN_MESSAGES, 0, 0, 0, 0)->count,
	    2 + 3 + 4 + 5 + 6 + 7 + 8);
	assert_int_equal(a->sources[FAMILY_IPV4][TRANSPORT_UDP], 7);
	assert_int_equal(a->sources_all[FAMILY_IPV4], 7);
	assert_int_equal(a->sources_all[FAMILY_IPV6], 0);
	assert_int_equal(b->sources_all[FAMILY_IPV4], 100);
	assert_int_equal(idle->n_resolvers + idle->n_names[0] + idle->sources_all[0], 0);
	assert_int_equal(
	    margin_at(&idle->margins[MARGIN_MESSAGES], zone_idle, MARGIN_MESSAGES, 0, 0, 0, 0)
		->count,
	    0);
	shard_free(total);
}

static void test_tops_are_ranked(void **state UNUSED)
{
	struct shard *total = traffic(zone_a, 100, 1024);
	struct window_view view;
	const struct zone_view *a;

	make(&view, total);
	a = &view.zones[0];
	/* Clients 49 and 99 asked 50 times, 48 and 98 49 times, 47 or 97 48 times. */
	assert_int_equal(a->n_resolvers, 5);
	for (size_t i = 0; i < 5; i++) {
		uint32_t client;

		memcpy(&client, a->resolvers[i].address, 4);
		assert_int_equal(a->resolvers[i].queries, 50 - i / 2);
		assert_int_equal(a->resolvers[i].queries, client % 50 + 1);
		assert_int_equal(a->resolvers[i].responses, a->resolvers[i].queries);
		assert_int_equal(
		    a->resolvers[i].nxdomain, client % 2 ? a->resolvers[i].queries : 0);
		assert_false(a->resolvers[i].estimated);
	}
	assert_int_equal(a->n_names[NAMES_QUERY], 3);
	assert_int_equal(a->n_names[NAMES_NXDOMAIN], 2);
	for (size_t i = 1; i < 3; i++)
		assert_true(a->names[NAMES_QUERY][i - 1].count >= a->names[NAMES_QUERY][i].count);
	shard_free(total);
}

static void test_slices(void **state UNUSED)
{
	struct shard *total = traffic(zone_a, 100, 1024);
	struct window_view view;
	const struct zone_view *a;
	struct margin_slice queries, udp;
	uint64_t sizes = 0, all;

	make(&view, total);
	a = &view.zones[0];
	all = margin_at(&a->margins[MARGIN_MESSAGES], zone_a, MARGIN_MESSAGES, 0, 0, 0, 0)->count;
	assert_true(all > 0);
	queries = margin_of(&a->margins[MARGIN_SIZE], DIR_QUERY);
	udp = margin_of_transport(&a->margins[MARGIN_SIZE], DIR_QUERY, TRANSPORT_UDP);
	assert_int_equal(queries.n, udp.n);
	for (size_t i = 0; i < udp.n; i++) {
		assert_int_equal(margin_direction(udp.cells[i].key), DIR_QUERY);
		if (i)
			assert_true(udp.cells[i - 1].key < udp.cells[i].key);
		sizes += udp.cells[i].count;
	}
	assert_int_equal(sizes, all);
	assert_int_equal(
	    margin_of_transport(&a->margins[MARGIN_SIZE], DIR_QUERY, TRANSPORT_TCP).n, 0);
	assert_int_equal(view.compared[MARGIN_COMPARED].n, 0);
	shard_free(total);
}

static void test_latency(void **state UNUSED)
{
	struct shard *total = traffic(zone_a, 49, 1024);
	struct window_view view;
	struct view_latency latency;
	uint64_t n = 0, seen = 0;
	double median = 0;

	make(&view, total);
	assert_int_equal(view_latency(&view.zones[0].margins[MARGIN_LATENCY], &latency), 0);
	for (uint32_t client = 1; client <= 49; client++)
		n += client + 1;
	for (uint32_t client = 1; client <= 49 && seen < (n + 1) / 2; client++) {
		seen += client + 1;
		median = client * 1000.0;
	}
	assert_int_equal(latency.count, n);
	assert_true(fabs(latency.p50_ns - median) <= median * 0.01);
	assert_true(latency.max_ns == 49000);
	assert_true(latency.p50_ns <= latency.p90_ns && latency.p90_ns <= latency.p99_ns);
	shard_free(total);
}

/* Past the table: distinct sources all the same, nobody listed twice. */
static void test_overflow(void **state UNUSED)
{
	struct shard *total = traffic(zone_a, 3000, 1024), *other = traffic(zone_a, 3500, 1024);
	struct window_view view;
	const struct zone_view *a;

	assert_int_equal(shard_merge(total, other, &test_seed), 0);
	shard_free(other);
	make(&view, total);
	a = &view.zones[0];
	assert_int_equal(a->sources_all[FAMILY_IPV4], 3500);
	assert_int_equal(a->sources[FAMILY_IPV4][TRANSPORT_UDP], 3500);
	for (size_t i = 0; i < a->n_resolvers; i++) {
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(
			    a->resolvers[i].address, a->resolvers[k].address, 16);
	}
	shard_free(total);
}

/* In the table of one thread, but not of the other, which had met too many before. */
static void test_one_entry_for_a_source_of_two_threads(void **state UNUSED)
{
	const uint32_t client = 4000000;
	struct collector_config config = test_config();
	struct shard *parts[2], *total = empty_shard();
	struct window_view view;
	size_t found = 0;
	struct sample s;

	config.limits.source_slots = 1024;
	for (int part = 0; part < 2; part++) {
		struct collector *collector = NULL;

		assert_int_equal(collector_new(&collector, &config), 0);
		for (uint32_t i = 0; i < (part ? 2000 : 0); i++) {
			sample_init(&s, RECORD_AUTH_QUERY, i + 1, 1, T0_NS);
			take_one(collector, &s, T0_NS);
		}
		for (int i = 0; i < 500; i++) {
			sample_init(&s, RECORD_AUTH_QUERY, client, 1, T0_NS);
			take_one(collector, &s, T0_NS);
			s.record.type = RECORD_AUTH_RESPONSE;
			s.record.has = RECORD_RESPONSE_TIME | RECORD_RESPONSE_MESSAGE;
			s.record.response_message = s.message;
			s.record.response_length = 12;
			s.record.response_time_ns = T0_NS;
			take_one(collector, &s, T0_NS);
		}
		parts[part] = collect(collector);
		collector_free(collector);
	}
	for (int part = 0; part < 2; part++) {
		assert_int_equal(shard_merge(total, parts[part], &test_seed), 0);
		shard_free(parts[part]);
	}
	make(&view, total);
	for (size_t i = 0; i < view.zones[0].n_resolvers; i++) {
		const struct view_source *resolver = &view.zones[0].resolvers[i];

		if (memcmp(resolver->address, &client, 4) != 0)
			continue;
		found++;
		assert_true(resolver->estimated);
		assert_in_range(resolver->queries, 1000, 1010);
	}
	assert_int_equal(found, 1);
	assert_int_equal(view.zones[0].sources_all[FAMILY_IPV4], 2001);
	shard_free(total);
}

static void test_nothing_at_all(void **state UNUSED)
{
	struct shard *total = empty_shard();
	struct window_view view;

	make(&view, total);
	assert_int_equal(view.n_zones, 1);
	assert_string_equal(view.zones[0].label, "idle");
	shard_free(total);
}

static int setup(void **state UNUSED)
{
	if (zone_registry_new(&registry) < 0 || arena_new(&arena) < 0)
		return -1;
	zone_a = (uint16_t)zone_registry_ref(registry, "a");
	zone_b = (uint16_t)zone_registry_ref(registry, "b");
	zone_idle = (uint16_t)zone_registry_ref(registry, "idle");
	return 0;
}

static int teardown(void **state UNUSED)
{
	zone_registry_free(registry);
	arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_zones_are_apart),
	    cmocka_unit_test(test_tops_are_ranked),
	    cmocka_unit_test(test_slices),
	    cmocka_unit_test(test_latency),
	    cmocka_unit_test(test_overflow),
	    cmocka_unit_test(test_one_entry_for_a_source_of_two_threads),
	    cmocka_unit_test(test_nothing_at_all),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
