/* SPDX-License-Identifier: BSD-2-Clause */
/* The dataset `addresses`: servers, networks of clients, clients that stand out. */
#include "counting.h"

#include "base/unused.h"
#include "stats/subnets.h"
#include "stats/view.h"

#include "crosstap/dns.h"

#include <arpa/inet.h>
#include <endian.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define TYPE_A   1
#define RCODE_AT 3 /* byte of the message */

struct fixture {
	struct collector *collector;
	struct zone_registry *registry;
	struct place_names *names;
	struct arena *arena;
	struct shard *total;
	struct window_view view;
	uint64_t queries, responses, query_bytes, response_bytes; /* that were taken */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct collector_config config = test_config();

	if (!f)
		return -1;
	config.traits.facts = FACTS_ADDRESSES;
	config.limits.place_slots = 1024;
	*state = f;
	return collector_new(&f->collector, &config) | zone_registry_new(&f->registry) |
	    place_names_new(&f->names) | arena_new(&f->arena) |
	    (zone_registry_ref(f->registry, "zone") != 0);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	collector_free(f->collector);
	shard_free(f->total);
	arena_free(f->arena);
	place_names_free(f->names);
	zone_registry_free(f->registry);
	free(f);
	return 0;
}

static void take(struct fixture *f, struct sample *sample, const char *server, const char *identity)
{
	static uint8_t address[16];

	if (server && inet_pton(AF_INET, server, address) == 1)
		sample->record.response_address_length = 4;
	else if (server && inet_pton(AF_INET6, server, address) == 1)
		sample->record.response_address_length = 16;
	sample->record.response_address = address;
	sample->record.identity = (const uint8_t *)identity;
	sample->record.identity_length = identity ? (uint8_t)strlen(identity) : 0;
	take_one(f->collector, sample, T0_NS);
	f->queries += sample->record.type & 1;
	f->responses += !(sample->record.type & 1);
	f->query_bytes += sample->record.query_length;
	f->response_bytes += sample->record.response_length;
}

static void query(struct fixture *f, uint32_t client, const char *server, const char *identity)
{
	struct sample sample;

	sample_init(&sample, RECORD_AUTH_QUERY, client, 1, T0_NS);
	sample_question(&sample, "\3www", TYPE_A);
	take(f, &sample, server, identity);
}

static void response(
    struct fixture *f, uint32_t client, uint8_t rcode, const char *server, const char *identity)
{
	struct sample sample;

	sample_init(&sample, RECORD_AUTH_RESPONSE, client, 1, T0_NS);
	sample_question(&sample, "\3www", TYPE_A);
	sample.message[RCODE_AT] = rcode;
	take(f, &sample, server, identity);
}

static void arrange(struct fixture *f, size_t subnets, size_t talkers)
{
	const struct view_limits limits = {
	    .facts = FACTS_ADDRESSES, .subnets = subnets, .talkers = talkers, .places = f->names};
	const struct window_span span = {0};

	f->total = collect(f->collector);
	assert_int_equal(view_make(&f->view, f->total, &span, f->registry, &test_seed, NULL, 0,
			     &limits, f->arena),
	    0);
	assert_int_equal(f->view.n_zones, 1);
}

/* Of all cells of the margin that have this text. */
static struct cell sum(const struct fixture *f, enum margin margin, const char *text)
{
	const struct margin_slice *slice = &f->view.zones[0].margins[margin];
	struct cell sum = {0};

	for (size_t i = 0; i < slice->n; i++) {
		const uint32_t value = margin_value(slice->cells[i].key);
		const char *name = margin < MARGIN_IDENTITY ? place_names_address(f->names, value)
							    : place_names_identity(f->names, value);

		if (text && strcmp(name, text) != 0)
			continue;
		sum.count += slice->cells[i].count;
		sum.amount += slice->cells[i].amount;
	}
	return sum;
}

static void assert_whole(const struct fixture *f)
{
	for (enum margin m = MARGIN_ADDRESS; m <= MARGIN_IDENTITY_RESPONSES; m++) {
		const bool queries = m == MARGIN_ADDRESS || m == MARGIN_IDENTITY;

		assert_int_equal(sum(f, m, NULL).count, queries ? f->queries : f->responses);
		assert_int_equal(
		    sum(f, m, NULL).amount, queries ? f->query_bytes : f->response_bytes);
	}
}

static void servers_are_told_apart(void **state)
{
	struct fixture *f = *state;

	query(f, 1, "192.0.2.1", "ams");
	query(f, 1, "192.0.2.1", "fra");
	query(f, 1, "2001:db8::1", "ams");
	response(f, 1, 0, "2001:db8::1", "ams");
	query(f, 1, "c000:201::", NULL); /* the bytes of 192.0.2.1 */
	query(f, 1, NULL, "fra");
	query(f, 1, "192.0.2.1", "fr");
	arrange(f, 5, 5);
	assert_whole(f);
	assert_int_equal(sum(f, MARGIN_ADDRESS, "192.0.2.1").count, 3);
	assert_int_equal(sum(f, MARGIN_ADDRESS, "2001:db8::1").count, 1);
	assert_int_equal(sum(f, MARGIN_ADDRESS_RESPONSES, "2001:db8::1").count, 1);
	assert_int_equal(sum(f, MARGIN_ADDRESS, "c000:201::").count, 1);
	assert_int_equal(sum(f, MARGIN_ADDRESS, "unknown").count, 1);
	assert_int_equal(sum(f, MARGIN_IDENTITY, "ams").count, 2);
	assert_int_equal(sum(f, MARGIN_IDENTITY_RESPONSES, "ams").count, 1);
	assert_int_equal(sum(f, MARGIN_IDENTITY, "fra").count, 2);
	assert_int_equal(sum(f, MARGIN_IDENTITY, "fr").count, 1);
	assert_int_equal(sum(f, MARGIN_IDENTITY, "unknown").count, 1);
	assert_int_equal(sum(f, MARGIN_IDENTITY, "other").count, 0);
}

/* A zone's messages come from the places of the others' as well. */
static void zones_have_places_of_their_own(void **state)
{
	static const char *const names[] = {"a", "b"};
	struct fixture *f = *state;
	struct collector_config config = test_config();
	struct zone_set *zones;
	struct sample sample;

	assert_int_equal(zone_set_new(&zones, f->registry, names, 2, &test_seed), 0);
	config.traits.zones = zones;
	config.traits.zone = zone_set_other(zones);
	config.traits.facts = FACTS_ADDRESSES;
	config.limits.place_slots = 1024;
	collector_free(f->collector);
	assert_int_equal(collector_new(&f->collector, &config), 0);
	for (int i = 0; i < 12; i++) {
		sample_init(&sample, RECORD_AUTH_QUERY, 1, 1, T0_NS);
		sample_question(&sample, i % 3 ? "\1a" : "\1b", TYPE_A);
		take(f, &sample, i % 2 ? "192.0.2.1" : "2001:db8::1", "longer-than-eight");
	}
	f->total = collect(f->collector);
	assert_int_equal(f->total->places.used, 4);
	assert_int_equal(place_names_fold(f->names, &f->total->places, &f->total->margins), 0);
	for (uint32_t zone = 0; zone < zone_registry_bound(f->registry); zone++) {
		const char *name = zone_registry_label(f->registry, (uint16_t)zone);
		const uint64_t of_each = strcmp(name, "a") == 0 ? 4
		    : strcmp(name, "b") == 0                    ? 2
								: 0;

		assert_int_equal(margin_count(f->total, zone, MARGIN_ADDRESS, 0, 0, 0, 0), of_each);
		assert_int_equal(margin_count(f->total, zone, MARGIN_ADDRESS, 0, 0, 0, 1), of_each);
		assert_int_equal(
		    margin_count(f->total, zone, MARGIN_IDENTITY, 0, 0, 0, 0), 2 * of_each);
	}
	zone_set_free(zones);
}

/* One that a client chooses makes no series of its own without end, in a window or over many. */
static void addresses_and_identities_are_bounded(void **state)
{
	struct fixture *f = *state;
	char address[40], identity[16];

	for (unsigned i = 0; i < 3000; i++) {
		snprintf(address, sizeof(address), "2001:db8::%x:%x", i, i + 1);
		snprintf(identity, sizeof(identity), "id%u", i);
		query(f, 1, address, identity);
		query(f, 1, "192.0.2.1", "real");
	}
	arrange(f, 5, 5);
	assert_whole(f);
	assert_true(f->total->places.used <= 65536 && f->total->places.used > 256);
	assert_true(f->view.zones[0].margins[MARGIN_ADDRESS].n <= PLACE_NAMES_ADDRESSES + 1);
	assert_true(f->view.zones[0].margins[MARGIN_IDENTITY].n <= PLACE_NAMES_IDENTITIES + 1);
	assert_int_equal(sum(f, MARGIN_ADDRESS, "192.0.2.1").count, 3000);
	assert_int_equal(sum(f, MARGIN_IDENTITY, "real").count, 3000);
	assert_int_equal(sum(f, MARGIN_ADDRESS, "other").count, 3000 - 255);
	assert_int_equal(sum(f, MARGIN_IDENTITY, "other").count, 3000 - 63);
}

static void identities_are_made_fit(void **state)
{
	struct fixture *f = *state;

	query(f, 1, "192.0.2.1", "other");
	query(f, 1, "192.0.2.1", "unknown");
	query(f, 1, "192.0.2.1", "\xc3\xa4\n");
	arrange(f, 5, 5);
	assert_whole(f);
	assert_int_equal(sum(f, MARGIN_IDENTITY, "other").count, 1);
	assert_int_equal(sum(f, MARGIN_IDENTITY, "unknown").count, 1);
	assert_int_equal(sum(f, MARGIN_IDENTITY, "???").count, 1);
}

/* The same identity has another number in each thread. */
static void threads_are_merged(void **state)
{
	struct fixture *f = *state;
	struct shard *first, *second;

	query(f, 1, "192.0.2.1", "ams");
	query(f, 1, "192.0.2.1", "fra");
	first = collect(f->collector);
	query(f, 1, "192.0.2.1", "fra");
	response(f, 1, DNS_RCODE_REFUSED, "192.0.2.1", "fra");
	second = collect(f->collector);
	assert_int_equal(shard_merge(first, second, &test_seed), 0);
	assert_int_equal(place_names_fold(f->names, &first->places, &first->margins), 0);
	assert_int_equal(first->places.used, 2);
	assert_int_equal(
	    margin_count(first, 0, MARGIN_IDENTITY, 0, 0, 0, 0), 2); /* fra, the busiest */
	assert_string_equal(place_names_identity(f->names, 0), "fra");
	assert_int_equal(margin_count(first, 0, MARGIN_IDENTITY_RESPONSES, 0, 0, 0, 0), 1);
	assert_int_equal(margin_count(first, 0, MARGIN_IDENTITY, 0, 0, 0, 1), 1);
	assert_int_equal(first->rare.used, 1);
	shard_free(first);
	shard_free(second);
}

static uint32_t host(const char *text)
{
	uint32_t address;

	assert_int_equal(inet_pton(AF_INET, text, &address), 1);
	return address;
}

static void networks_are_ranked(void **state)
{
	struct fixture *f = *state;
	const struct view_subnet *subnets;
	uint32_t found;

	for (int i = 0; i < 3; i++)
		query(f, host("198.51.100.1"), NULL, NULL);
	query(f, host("198.51.100.255"), NULL, NULL);
	query(f, host("198.51.101.1"), NULL, NULL);
	for (int i = 0; i < 2; i++)
		query(f, host("192.0.2.9"), NULL, NULL);
	response(f, host("198.51.100.7"), DNS_RCODE_NXDOMAIN, NULL, NULL);
	arrange(f, 2, 5);
	subnets = f->view.zones[0].subnets;
	assert_int_equal(f->view.zones[0].n_subnets, 2);
	found = host("198.51.100.0");
	assert_memory_equal(subnets[0].address, &found, 4);
	assert_int_equal(subnets[0].queries, 4);
	assert_int_equal(subnets[0].nxdomain, 1);
	assert_int_equal(subnets[0].response_bytes, f->response_bytes);
	assert_int_equal(subnets[0].family, FAMILY_IPV4);
	assert_int_equal(subnets[1].queries, 2);
}

/* A flood of random clients: those who ask more than once keep their networks. */
static void a_flood_sweeps_out_no_network(void **state)
{
	struct fixture *f = *state;
	struct sources sources;
	struct subnets subnets;
	uint64_t address[2] = {0, 0}, busiest = 0;

	assert_int_equal(sources_init(&sources, 1u << 20), 0);
	for (uint64_t i = 0; i < 600000; i++) {
		address[0] = htobe64(0x2001000000000000 | i << 16);
		sources_at(&sources, source_hash(&test_seed, address, 0), address, 0)->transports =
		    1;
		sources_at(&sources, source_hash(&test_seed, address, 0), address, 0)->queries =
		    i == 599999 ? 2 : 1;
	}
	assert_int_equal(subnets_make(&subnets, &sources, &test_seed), 0);
	assert_true(subnets.mask + 1 <= SUBNETS_MAX_SLOTS);
	for (size_t i = 0; i <= subnets.mask; i++) {
		if (busiest < subnets.slots[i].queries)
			busiest = subnets.slots[i].queries;
	}
	assert_int_equal(busiest, 2);
	assert_true(subnets.used < 600000);
	subnets_done(&subnets);
	sources_done(&sources);
	query(f, 1, NULL, NULL);
	arrange(f, 1, 1);
}

static void clients_stand_out(void **state)
{
	struct fixture *f = *state;
	const struct zone_view *zone;
	struct sample sample;
	uint32_t found = host("192.0.2.2");

	for (int i = 0; i < 3; i++)
		response(f, host("192.0.2.1"), DNS_RCODE_REFUSED, NULL, NULL);
	response(f, host("192.0.2.2"), DNS_RCODE_NXDOMAIN, NULL, NULL);
	sample_init(&sample, RECORD_AUTH_QUERY, host("192.0.2.2"), 1, T0_NS);
	sample.record.query_length = 5;
	take(f, &sample, NULL, NULL);
	sample_init(&sample, RECORD_AUTH_QUERY, host("192.0.2.2"), 1, T0_NS);
	sample.record.protocol = 2;
	take(f, &sample, NULL, NULL);
	arrange(f, 5, 1);
	zone = &f->view.zones[0];
	for (int by = 0; by < TALKER_COUNT; by++)
		assert_int_equal(zone->n_talkers[by], 1);
	assert_int_equal(zone->talkers[TALKER_REFUSED][0].count, 3);
	assert_int_equal(zone->talkers[TALKER_RESPONSE_BYTES][0].count, f->response_bytes / 4 * 3);
	for (int by = 0; by < TALKER_COUNT; by++) {
		if (by == TALKER_REFUSED || by == TALKER_RESPONSE_BYTES)
			continue;
		assert_int_equal(zone->talkers[by][0].count, 1);
		assert_memory_equal(zone->talkers[by][0].address, &found, 4);
	}
}

/* Whatever their order, the first of equals is the lowest address. */
static void ranks_have_an_order(void **state UNUSED)
{
	struct ranked heap[4];
	size_t n = 0;

	for (uint64_t i = 0; i < 100; i++) {
		const uint8_t last = (uint8_t)(i * 37 % 100);
		struct ranked item = {.count = last >= 90 ? 7 : last % 7, .at = last};

		((uint8_t *)item.address)[3] = last;
		ranked_offer(heap, &n, 4, &item);
	}
	ranked_sort(heap, n);
	assert_int_equal(n, 4);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(heap[i].count, 7);
		assert_int_equal(heap[i].at, 90 + i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(servers_are_told_apart, setup, teardown),
	    cmocka_unit_test_setup_teardown(zones_have_places_of_their_own, setup, teardown),
	    cmocka_unit_test_setup_teardown(addresses_and_identities_are_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(identities_are_made_fit, setup, teardown),
	    cmocka_unit_test_setup_teardown(threads_are_merged, setup, teardown),
	    cmocka_unit_test_setup_teardown(networks_are_ranked, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_flood_sweeps_out_no_network, setup, teardown),
	    cmocka_unit_test_setup_teardown(clients_stand_out, setup, teardown),
	    cmocka_unit_test(ranks_have_an_order),
	};

	return cmocka_run_group_tests_name("stats/addresses", tests, NULL, NULL);
}
