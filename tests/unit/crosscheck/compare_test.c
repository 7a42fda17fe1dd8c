/* SPDX-License-Identifier: BSD-2-Clause */
/* Query types and clients, side by side. */
#include "../crosscheck_fixture.h"

#include "stats/sources.h"

static void qtypes_are_those_compared(void **state)
{
	struct fixture *f = *state;
	struct wire_counters *in = &f->interface.counters[WIRE_IN];
	static const struct crosscheck_code codes[] = {{1, 9}, {15, 2}, {65280, 4}, {65282, 1}};
	static const struct wire_rare rares[] = {{65280, 5, 1}, {65281, 3, 0}, {65283, 2, 2}};
	static const struct {
		uint16_t qtype;
		uint64_t wire, dnstap;
	} expected[] = {
	    {1, 10, 9}, {15, 0, 2}, {28, 7, 0}, {65280, 4, 4}, {65281, 3, 0}, {65282, 0, 1}};

	in->qtypes[1] = 12;
	in->qtypes_left_out[1] = 2;
	in->qtypes[28] = 7;
	in->qtypes[252] = in->qtypes_left_out[252] = 6; /* AXFR: left out on both sides */
	f->interface.qtypes = (struct wire_rares){rares, 3};
	f->dnstap.qtypes = codes;
	f->dnstap.n_qtypes = 4;
	fixture_close(f);
	assert_int_equal(f->result.n_qtypes, 6);
	for (size_t i = 0; i < 6; i++) {
		const struct crosscheck_qtype *row = &f->result.qtypes[i];

		assert_int_equal(row->qtype, expected[i].qtype);
		assert_int_equal(row->wire, expected[i].wire);
		assert_int_equal(row->dnstap, expected[i].dnstap);
		assert_int_equal(row->difference, (int64_t)(expected[i].wire - expected[i].dnstap));
	}
}

static void log_queries(struct fixture *f, struct sources *sources, uint32_t host,
    const uint8_t *ipv6, uint16_t zone, uint32_t queries)
{
	uint64_t address[2] = {0, 0};
	uint16_t zone_family = ipv6 ? zone : (uint16_t)(zone | SOURCE_IPV4);
	struct source *source;

	if (ipv6)
		memcpy(address, ipv6, 16);
	else
		memcpy(address, &(uint32_t){htonl(host)}, 4);
	source = sources_at(
	    sources, source_hash(&f->options.seed, address, zone_family), address, zone_family);
	source->transports = 1;
	source->queries = queries;
}

/* By missing queries; who misses nothing is not listed. Zones of a client are added up. */
static void sources_are_those_that_miss_most(void **state)
{
	struct fixture *f = *state;
	static const uint8_t ipv6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
	struct wire_client clients[6];
	struct sources sources;

	assert_int_equal(sources_init(&sources, 64), 0);
	for (uint32_t i = 0; i < 5; i++) {
		fixture_ipv4(&clients[i].address, 0xc0000200 + i);
		clients[i].messages = 100;
	}
	memcpy(&clients[5].address, ipv6, 16);
	clients[5].messages = 500;
	log_queries(f, &sources, 0xc0000200, NULL, 0, 100); /* nothing missing */
	log_queries(f, &sources, 0xc0000201, NULL, 0, 50);
	log_queries(f, &sources, 0xc0000201, NULL, 1, 40);  /* 10 missing */
	log_queries(f, &sources, 0xc0000202, NULL, 0, 120); /* more than the wire saw */
	log_queries(f, &sources, 0xc0000203, NULL, 0, 70);  /* 30 missing */
	log_queries(f, &sources, 0xc0000299, NULL, 0, 70);  /* not on the wire */
	log_queries(f, &sources, 0, ipv6, 0, 480);          /* 20 missing; 192.0.2.4: all 100 */
	f->wire.known |= WIRE_KNOWS_SOURCES;
	f->wire.clients = clients;
	f->wire.n_clients = 6;
	f->dnstap.sources = &sources;
	fixture_close(f);
	assert_int_equal(f->result.n_sources, 3); /* options.top_sources */
	assert_int_equal(f->result.sources[0].difference, 100);
	assert_int_equal(f->result.sources[0].length, 4);
	assert_memory_equal(f->result.sources[0].address, "\xc0\x00\x02\x04", 4);
	assert_int_equal(f->result.sources[1].difference, 30);
	assert_int_equal(f->result.sources[2].difference, 20);
	assert_int_equal(f->result.sources[2].wire, 500);
	assert_int_equal(f->result.sources[2].dnstap, 480);
	assert_int_equal(f->result.sources[2].length, 16);
	assert_memory_equal(f->result.sources[2].address, ipv6, 16);
	f->wire.known &= ~(uint32_t)WIRE_KNOWS_SOURCES;
	fixture_close(f);
	assert_int_equal(f->result.n_sources, 0);
	sources_done(&sources);
}

/* Tables give clients in any order. */
static void equal_sources_have_one_order(void **state)
{
	struct fixture *f = *state;
	static const uint8_t ipv6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
	struct wire_client clients[5];
	struct sources sources;

	assert_int_equal(sources_init(&sources, 64), 0);
	f->wire.known |= WIRE_KNOWS_SOURCES;
	f->wire.clients = clients;
	f->wire.n_clients = 5;
	f->dnstap.sources = &sources;
	for (uint32_t first = 0; first < 5; first++) {
		for (uint32_t i = 0; i < 5; i++) {
			struct wire_client *client = &clients[(first + i) % 5];

			fixture_ipv4(&client->address, 0xc0000200 + i);
			client->messages = 7;
			if (i == 0)
				memcpy(&client->address, ipv6, 16);
		}
		fixture_close(f);
		assert_int_equal(f->result.n_sources, 3); /* options.top_sources */
		for (uint32_t i = 0; i < 3; i++)
			assert_memory_equal(
			    f->result.sources[i].address, &(uint32_t){htonl(0xc0000201 + i)}, 4);
	}
	sources_done(&sources);
}

/* A million clients on one side, every client of the wire's table on the other. */
static void sources_stay_bounded(void **state)
{
	struct fixture *f = *state;
	struct wire_client *clients = calloc(WIRE_MAX_SOURCES, sizeof(*clients));
	struct sources sources;

	assert_non_null(clients);
	assert_int_equal(sources_init(&sources, 4 * WIRE_MAX_SOURCES), 0);
	for (uint32_t i = 0; i < WIRE_MAX_SOURCES; i++) {
		fixture_ipv4(&clients[i].address, i);
		clients[i].messages = 2 + (i == 4711) + 2 * (i == 815);
		log_queries(f, &sources, i, NULL, 0, 2);
		log_queries(f, &sources, i + WIRE_MAX_SOURCES, NULL, 0, 9);
	}
	f->wire.known |= WIRE_KNOWS_SOURCES;
	f->wire.clients = clients;
	f->wire.n_clients = WIRE_MAX_SOURCES;
	f->dnstap.sources = &sources;
	fixture_close(f);
	assert_int_equal(f->result.n_sources, 2);
	assert_int_equal(f->result.sources[0].difference, 2);
	assert_memory_equal(f->result.sources[0].address, &(uint32_t){htonl(815)}, 4);
	assert_int_equal(f->result.sources[1].difference, 1);
	sources_done(&sources);
	free(clients);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(qtypes_are_those_compared),
	    TEST(sources_are_those_that_miss_most),
	    TEST(equal_sources_have_one_order),
	    TEST(sources_stay_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
