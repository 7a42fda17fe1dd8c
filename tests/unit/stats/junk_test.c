/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What kind a query is of; and that a collector, which mostly tells by what came before, says the
 * same in any order.
 */
#include "base/unused.h"
#include "counting.h"

#include "../random.h"

#include "measure/mnemonic.h"
#include "stats/junk.h"
#include "zones/zones.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define A    DNS_TYPE_A
#define PTR  DNS_TYPE_PTR
#define OK   JUNK_NONE
#define LONG "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

static const struct {
	const char *name; /* presentation form */
	uint16_t qtype, qclass, port;
	enum junk junk;
} cases[] = {
    {"www.example.nl", A, 1, 4711, OK},
    {"www.example.NL", A, 1, 4711, OK},
    {"nl", 2, 1, 4711, OK},
    {"x.amsterdam", A, 1, 4711, OK},
    {"x.amsterdan", A, 1, 4711, JUNK_NON_AUTH_TLD},
    {"x.amsterda", A, 1, 4711, JUNK_NON_AUTH_TLD},
    {"n", A, 1, 4711, JUNK_NON_AUTH_TLD},
    {"www.example.nex", A, 1, 4711, JUNK_NON_AUTH_TLD}, /* net but for its last letter */
    {"x.museum", A, 1, 4711, OK},
    {"x.museun", A, 1, 4711, JUNK_NON_AUTH_TLD},
    {"x.museum.museun", A, 1, 4711, JUNK_NON_AUTH_TLD},
    {"a." LONG, A, 1, 4711, JUNK_NON_AUTH_TLD},
    {"x\\002nl", A, 1, 4711, JUNK_NON_AUTH_TLD},
    {"\\002nl", A, 1, 4711, JUNK_NON_AUTH_TLD},
    {"www.example.nl", 43, 1, 4711, OK},
    {"www.example.nl", 65, 1, 4711, OK},
    {"www.example.nl", 257, 1, 4711, OK},
    {"www.example.nl", 0, 1, 4711, JUNK_FUNNY_QTYPE},
    {"www.example.nl", 54, 1, 4711, JUNK_FUNNY_QTYPE},
    {"www.example.nl", 65280, 1, 4711, JUNK_FUNNY_QTYPE},
    {"version.bind", 16, 3, 4711, JUNK_NON_AUTH_TLD},
    {"www.example.nl", A, 3, 4711, OK},
    {"www.example.nl", A, 2, 4711, JUNK_FUNNY_CLASS},
    {"192.0.2.1", 65280, 0, 4711, JUNK_FUNNY_CLASS},
    {"www.example.nl", A, 1, 0, JUNK_SRC_PORT_ZERO},
    {"localhost", 65280, 0, 0, JUNK_SRC_PORT_ZERO},
    {".", A, 1, 4711, JUNK_A_FOR_ROOT},
    {".", 2, 1, 4711, OK},
    {".", 65280, 1, 4711, JUNK_FUNNY_QTYPE},
    {"192.0.2.1", A, 1, 4711, JUNK_A_FOR_A},
    {"192.0.513", A, 1, 4711, JUNK_A_FOR_A},
    {"0xC0.0x200", A, 1, 4711, JUNK_A_FOR_A},
    {"7", A, 1, 4711, JUNK_A_FOR_A},
    {"192.0.2.256", A, 1, 4711, JUNK_NON_AUTH_TLD},
    {"192.0.2.1.5", A, 1, 4711, JUNK_NON_AUTH_TLD},
    {"192.0\\.2.1", A, 1, 4711, JUNK_NON_AUTH_TLD},
    {"192.0.2.1\\000", A, 1, 4711, JUNK_NON_AUTH_TLD},
    {"192.0.2.1", 28, 1, 4711, JUNK_NON_AUTH_TLD},
    {"localhost", 28, 1, 4711, JUNK_LOCALHOST},
    {"www.LOCALHOST", A, 1, 4711, JUNK_LOCALHOST},
    {"mylocalhost", A, 1, 4711, JUNK_NON_AUTH_TLD},
    {"localhost.nl", A, 1, 4711, OK},
    {"root-servers.net", 2, 1, 4711, JUNK_ROOT_SERVERS_NET},
    {"k.Root-Servers.NET", A, 1, 4711, JUNK_ROOT_SERVERS_NET},
    {"aroot-servers.net", A, 1, 4711, OK},
    {"www.example.net", A, 1, 4711, OK},
    {"root-servers.net.nl", A, 1, 4711, OK},
    {"10.in-addr.arpa", PTR, 1, 4711, JUNK_RFC1918_PTR},
    {"010.in-addr.arpa", PTR, 1, 4711, JUNK_RFC1918_PTR},
    {"110.in-addr.arpa", PTR, 1, 4711, OK},
    {"112.in-addr.arpa", PTR, 1, 4711, OK},
    {"1.7.in-addr.arpa", PTR, 1, 4711, OK},
    {"x.example.net", PTR, 1, 4711, OK},
    {"long-name-here.net", A, 1, 4711, OK},
    {"1.2.3.10.IN-ADDR.arpa", PTR, 1, 4711, JUNK_RFC1918_PTR},
    {"x.10.in-addr.arpa", PTR, 1, 4711, JUNK_RFC1918_PTR},
    {"10.in-addr.arpa", A, 1, 4711, OK},
    {"110.in-addr.arpa", PTR, 1, 4711, OK},
    {"1000.in-addr.arpa", PTR, 1, 4711, OK},
    {"15.172.in-addr.arpa", PTR, 1, 4711, OK},
    {"16.172.in-addr.arpa", PTR, 1, 4711, JUNK_RFC1918_PTR},
    {"1.31.172.in-addr.arpa", PTR, 1, 4711, JUNK_RFC1918_PTR},
    {"32.172.in-addr.arpa", PTR, 1, 4711, OK},
    {"172.in-addr.arpa", PTR, 1, 4711, OK},
    {"168.192.in-addr.arpa", PTR, 1, 4711, JUNK_RFC1918_PTR},
    {"168.193.in-addr.arpa", PTR, 1, 4711, OK},
    {"10.ip6.arpa", PTR, 1, 4711, OK},
    {"10.in-addr.arpa.nl", PTR, 1, 4711, OK},
};
#define N_CASES (sizeof(cases) / sizeof(cases[0]))

static struct tlds *tlds;
static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t below(uint32_t n)
{
	return random_below(&random_state, n);
}

static void put_case(struct sample *s, size_t i, enum record_type type)
{
	uint8_t wire[ZONE_WIRE_BYTES], *p;
	unsigned labels;
	const int length = zone_name_to_wire(cases[i].name, wire, &labels);

	assert_true(length > 0);
	sample_init(s, type, below(50), (uint16_t)below(65536), T0_NS);
	s->message[5] = 1;
	memcpy(s->message + 12, wire, (size_t)length);
	p = s->message + 12 + length;
	p[0] = (uint8_t)(cases[i].qtype >> 8);
	p[1] = (uint8_t)cases[i].qtype;
	p[2] = (uint8_t)(cases[i].qclass >> 8);
	p[3] = (uint8_t)cases[i].qclass;
	s->record.query_port = cases[i].port;
	if (type & 1)
		s->record.query_length = 16 + (uint32_t)length;
	else
		s->record.response_length = 16 + (uint32_t)length;
}

static void each_case(void **state UNUSED)
{
	const struct junk_rules rules = {tlds, mnemonic_qtype_assigned}, without = {NULL, NULL};

	for (size_t i = 0; i < N_CASES; i++) {
		struct sample s;
		struct dns_facts facts;
		enum junk junk;

		put_case(&s, i, RECORD_AUTH_QUERY);
		dns_parse(s.message, s.record.query_length, &facts);
		junk = junk_find(&rules, s.message, &facts, cases[i].port == 0);
		if (junk != cases[i].junk)
			fail_msg("%s type %u: %s, expected %s", cases[i].name, cases[i].qtype,
			    mnemonic_junk(junk), mnemonic_junk(cases[i].junk));
		/* Who knows neither TLDs nor types finds the others. */
		junk = junk_find(&without, s.message, &facts, false);
		assert_true(junk != JUNK_NON_AUTH_TLD && junk != JUNK_FUNNY_QTYPE);
	}
}

/* Each follows each, with domains and without. */
static void any_order(unsigned zone_labels, uint8_t facts)
{
	struct collector_config config = test_config();
	struct collector *collector;
	uint64_t expected[JUNK_COUNT] = {0}, n = 0, ports = 0;
	struct shard *total;

	config.traits.facts = facts;
	config.traits.tlds = tlds;
	config.traits.qtype_assigned = mnemonic_qtype_assigned;
	config.traits.domains =
	    (struct domain_rules){.labels = 1, .zone_labels = (uint8_t)zone_labels};
	config.limits.facts_cells = 1 << 12;
	config.limits.domain_slots = 64;
	config.limits.domain_sketch_bytes = 1 << 16;
	config.limits.unassigned = 32;
	assert_int_equal(collector_new(&collector, &config), 0);
	for (int i = 0; i < 40000; i++) {
		const size_t which = below(N_CASES);
		const bool query = below(8) != 0;
		struct sample s;

		put_case(&s, which, query ? RECORD_AUTH_QUERY : RECORD_AUTH_RESPONSE);
		take_one(collector, &s, T0_NS);
		if (query && cases[which].junk != JUNK_NONE) {
			expected[cases[which].junk]++;
			n++;
		}
		ports += query && cases[which].port == 4711;
	}
	total = collect(collector);
	for (unsigned junk = 0; junk < JUNK_COUNT; junk++)
		assert_int_equal(margin_count(total, 0, MARGIN_JUNK, 0, 0, 0, junk),
		    facts & FACTS_QNAME ? expected[junk] : 0);
	assert_int_equal(
	    margin_count(total, 0, MARGIN_PORTS, 0, 0, 0, 4), facts & FACTS_PORTS ? ports : 0);
	assert_true(n > 10000);
	shard_free(total);
	collector_free(collector);
}

static void a_collector_says_the_same(void **state UNUSED)
{
	any_order(0, FACTS_QNAME);
	any_order(0, FACTS_QNAME | FACTS_DOMAINS);
	any_order(1, FACTS_QNAME | FACTS_DOMAINS | FACTS_PORTS);
	any_order(2, FACTS_ALL | FACTS_DOMAINS);
	any_order(1, FACTS_PORTS);
	any_order(1, FACTS_TYPES);
}

/* Over TCP, or where the producer does not tell it, a port of 0 says nothing. */
static void port_zero_is_of_udp(void **state UNUSED)
{
	struct collector_config config = test_config();
	struct collector *collector;
	struct shard *total;

	config.traits.facts = FACTS_QNAME | FACTS_PORTS;
	config.limits.facts_cells = 1 << 12;
	assert_int_equal(collector_new(&collector, &config), 0);
	for (unsigned i = 0; i < 6; i++) {
		struct sample s;

		put_case(&s, 0, RECORD_AUTH_QUERY);
		s.record.query_port = 0;
		s.record.protocol = i % 2 ? 2 : 1;
		if (i >= 4)
			s.record.has &= (uint16_t)~RECORD_QUERY_PORT;
		take_one(collector, &s, T0_NS);
	}
	total = collect(collector);
	assert_int_equal(margin_count(total, 0, MARGIN_JUNK, 0, 0, 0, JUNK_SRC_PORT_ZERO), 2);
	assert_int_equal(margin_count(total, 0, MARGIN_PORTS, 0, 0, 0, 0), 4);
	shard_free(total);
	collector_free(collector);
}

/* What was usual by one list need not be by another, whoever remembers it. */
static void another_list(uint8_t facts)
{
	static const char *const names[] = {"de"};
	struct collector_config config = test_config();
	struct collector *collector;
	struct tlds *other;
	struct shard *total;
	struct sample s;

	config.traits.facts = facts;
	config.traits.domains.labels = 1;
	config.limits.facts_cells = 1 << 12;
	config.limits.domain_slots = 64;
	config.traits.tlds = tlds;
	assert_int_equal(tlds_new(&other, names, 1, &test_seed), 0);
	assert_int_equal(collector_new(&collector, &config), 0);
	put_case(&s, 0, RECORD_AUTH_QUERY);
	take_one(collector, &s, T0_NS);
	config.traits.tlds = other;
	collector_set_traits(collector, &config.traits);
	take_one(collector, &s, T0_NS);
	total = collect(collector);
	assert_int_equal(margin_count(total, 0, MARGIN_JUNK, 0, 0, 0, JUNK_NON_AUTH_TLD), 1);
	shard_free(total);
	collector_free(collector);
	tlds_free(other);
}

static void another_list_of_tlds(void **state UNUSED)
{
	another_list(FACTS_QNAME);
	another_list(FACTS_QNAME | FACTS_DOMAINS);
}

/* Queries for the root's NS records and what is answered; not those of other types, classes,
 * opcodes and names. */
static void priming(void **state UNUSED)
{
	struct collector_config config = test_config();
	struct collector *collector;
	struct shard *total;
	uint64_t bytes = 0;

	config.traits.facts = FACTS_QNAME;
	config.limits.facts_cells = 1 << 12;
	assert_int_equal(collector_new(&collector, &config), 0);
	for (unsigned i = 0; i < 64; i++) {
		const bool query = i % 2, tcp = i & 2, edns = i & 4, root = i & 8, ns = i & 16;
		struct sample s;
		uint32_t *length;

		sample_init(
		    &s, query ? RECORD_AUTH_QUERY : RECORD_AUTH_RESPONSE, 1, (uint16_t)i, T0_NS);
		sample_question(&s, root ? "" : "\2nl", ns ? DNS_TYPE_NS : DNS_TYPE_A);
		length = query ? &s.record.query_length : &s.record.response_length;
		s.record.protocol = tcp ? 2 : 1;
		if (!query && edns)
			s.message[2] |= 2; /* TC */
		if (i & 32)
			s.message[2] |= 0x20; /* NOTIFY */
		if (edns) {
			static const uint8_t opt[] = {0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0};

			memcpy(s.message + *length, opt, sizeof(opt));
			*length += sizeof(opt);
			s.message[11] = 1;
		}
		take_one(collector, &s, T0_NS);
		bytes += !query && root && ns && !tcp && !(i & 32) ? *length : 0;
	}
	total = collect(collector);
	for (unsigned t = TRANSPORT_UDP; t <= TRANSPORT_TCP; t++) {
		const uint64_t key = margin_key(0, MARGIN_PRIMING, DIR_RESPONSE, t, 0, 0);

		for (unsigned d = 0; d < 2; d++)
			assert_int_equal(margin_count(total, 0, MARGIN_PRIMING, d, t, 0, 0), 2);
		assert_int_equal(margin_count(total, 0, MARGIN_PRIMING_DO, DIR_QUERY, t, 0, 0), 1);
		assert_int_equal(
		    margin_count(total, 0, MARGIN_PRIMING_TC, DIR_RESPONSE, t, 0, 0), 1);
		assert_int_equal(
		    margin_count(total, 0, MARGIN_PRIMING_SIZE, DIR_QUERY, t, 0, EDNS_SIZE_1232),
		    1);
		assert_int_equal(
		    margin_count(total, 0, MARGIN_PRIMING_SIZE, DIR_QUERY, t, 0, EDNS_SIZE_NONE),
		    1);
		assert_int_equal(cells_find(&total->margins, key)->amount, bytes);
	}
	shard_free(total);
	collector_free(collector);
}

static int setup(void **state UNUSED)
{
	return tlds_new(&tlds, iana_tlds, n_iana_tlds, &test_seed);
}

static int teardown(void **state UNUSED)
{
	tlds_free(tlds);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_case),
	    cmocka_unit_test(a_collector_says_the_same),
	    cmocka_unit_test(port_zero_is_of_udp),
	    cmocka_unit_test(another_list_of_tlds),
	    cmocka_unit_test(priming),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
