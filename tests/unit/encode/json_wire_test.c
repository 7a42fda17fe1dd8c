/* SPDX-License-Identifier: BSD-2-Clause */
/* The wire and the cross-check as documents. */
#include "../crosscheck_fixture.h"

#include "encode/documents.h"

/* Takes the reference. */
static void assert_json(json_t *object, const char *expected)
{
	json_t *wanted = json_loads(expected, 0, NULL);

	assert_non_null(wanted);
	assert_non_null(object);
	if (!json_equal(object, wanted)) {
		char *text = json_dumps(object, JSON_INDENT(1));

		print_message("%s\n", text);
		free(text);
	}
	assert_true(json_equal(object, wanted));
	json_decref(object);
	json_decref(wanted);
}

static void an_empty_capture(void **state)
{
	struct fixture *f = *state;
	json_t *document;

	assert_json(json_wire(&f->wire, f->arena),
	    "{\"query\":{},\"response\":{},\"qtype\":{},\"rcode\":{},\"opcode\":{}}");
	fixture_close(f);
	document = json_crosscheck(&f->result, NULL);
	assert_int_equal(json_object_del(document, "funnel"), 0);
	assert_json(document,
	    "{\"query\":{},\"response\":{},\"qtype\":{},\"sources\":[],\"complete\":true,"
	    "\"incomplete\":[],\"unexplained\":0,\"verdict\":\"ok\"}");
}

static void interfaces_are_summed(void **state)
{
	struct fixture *f = *state;
	struct wire_interface two[2];
	static const struct wire_rare qtypes[] = {{65280, 2, 0}};

	*fixture_cell(f, WIRE_IN, WIRE_UDP, PACKET_IPV4) = (struct wire_cell){
	    .packets = 3, .bytes = 210, .messages = 2, .malformed = 1, .fragments = 1};
	*fixture_cell(f, WIRE_IN, WIRE_TCP, PACKET_IPV6) = (struct wire_cell){.packets = 9,
	    .messages = 8,
	    .not_query = 7,
	    .not_query_aa = 4,
	    .tc = 6,
	    .connections = 5,
	    .resets = 4,
	    .resync = 3};
	*fixture_cell(f, WIRE_OUT, WIRE_DOT, PACKET_IPV6) =
	    (struct wire_cell){.packets = 4, .bytes = 400, .connections = 1};
	/* Later fragments are no packets. */
	*fixture_cell(f, WIRE_OUT, WIRE_TCP, PACKET_IPV4) = (struct wire_cell){.fragments = 1};
	f->interface.counters[WIRE_IN].qtypes[28] = 1;
	f->interface.counters[WIRE_IN].opcodes[0] = 1;
	f->interface.counters[WIRE_OUT].rcodes[0] = 5;
	f->interface.qtypes = (struct wire_rares){qtypes, 1};
	two[0] = two[1] = f->interface;
	f->wire.interfaces = two;
	f->wire.n_interfaces = 2;
	assert_json(json_wire(&f->wire, f->arena),
	    "{\"query\":{\"udp\":{\"ipv4\":{\"packets\":6,\"bytes\":420,\"messages\":4,"
	    "\"malformed\":2,\"fragments\":2,\"not_query\":0,\"not_query_aa\":0,\"tc\":0}},"
	    "\"tcp\":{\"ipv6\":{\"packets\":18,\"bytes\":0,\"messages\":16,"
	    "\"malformed\":0,\"fragments\":0,\"not_query\":14,\"not_query_aa\":8,\"tc\":12,"
	    "\"connections\":10,\"resets\":8,\"resync\":6}}},"
	    "\"response\":{\"tcp\":{\"ipv4\":{\"packets\":0,\"bytes\":0,\"messages\":0,"
	    "\"malformed\":0,\"fragments\":2,\"not_query\":0,\"not_query_aa\":0,\"tc\":0,"
	    "\"connections\":0,\"resets\":0,\"resync\":0}},"
	    "\"dot\":{\"ipv6\":{\"packets\":8,\"bytes\":800,\"fragments\":0,"
	    "\"connections\":2,\"resets\":0}}},"
	    "\"qtype\":{\"AAAA\":2,\"TYPE65280\":4},\"rcode\":{\"NOERROR\":10},"
	    "\"opcode\":{\"QUERY\":2}}");
}

/* As points do: all of the funnel, query types, and who misses most. */
static void a_whole_capture(void **state)
{
	struct fixture *f = *state;
	struct crosscheck_source source = {
	    .address = {192, 0, 2, 77}, .length = 4, .wire = 9, .dnstap = 2, .difference = 7};
	static const struct crosscheck_code code = {28, 970};
	struct config config = {.privacy.addresses = ADDRESSES_PREFIX};
	struct privacy *privacy;
	char reason[128];

	assert_int_equal(privacy_new(&privacy, &config, reason, sizeof(reason)), 0);
	fixture_options(f, WINDOW_NS, WINDOW_NS, true);
	f->wire.known = 0; /* of the host nothing is known */
	f->interface.counters[WIRE_IN].qtypes[28] = 1000;
	f->dnstap.qtypes = &code;
	f->dnstap.n_qtypes = 1;
	fixture_udp(f, 1000, 970, 970);
	f->dnstap.late[DIR_QUERY][TRANSPORT_UDP][FAMILY_IPV4] = 4;
	fixture_close(f);
	f->result.sources = &source;
	f->result.n_sources = 1;
	assert_json(json_crosscheck(&f->result, privacy),
	    "{\"query\":{\"udp\":{\"ipv4\":{\"wire\":1000,\"dnstap\":970,\"difference\":30,"
	    "\"left_out\":0,\"late\":4}}},"
	    "\"response\":{\"udp\":{\"ipv4\":{\"wire\":970,\"dnstap\":970,\"difference\":0,"
	    "\"left_out\":0}}},"
	    "\"qtype\":{\"AAAA\":{\"wire\":1000,\"dnstap\":970,\"difference\":30}},"
	    "\"sources\":[{\"address\":\"192.0.2.0/24\",\"wire\":9,\"dnstap\":2,"
	    "\"difference\":7}],"
	    "\"funnel\":{\"wire_queries\":1000,\"malformed\":0,\"not_logged\":0,"
	    "\"dnstap_queries\":970,\"explained\":0,\"unexplained\":30,\"boundary\":0,"
	    "\"balance\":30,\"dnstap_responses\":970,\"wire_responses\":970,"
	    "\"unanswered\":0,\"corrected\":1000,\"corrected_low\":1000,"
	    "\"corrected_high\":1000,\"verdict\":\"dnstap-loss\",\"complete\":1},"
	    "\"complete\":true,\"incomplete\":[],\"unexplained\":30,"
	    "\"verdict\":\"dnstap-loss\"}");
	privacy_free(privacy);
}

static void rows_that_hold_something(void **state)
{
	struct fixture *f = *state;
	json_t *document;

	fixture_options(f, WINDOW_NS, WINDOW_NS, true);
	fixture_udp(f, 1000, 970, 970);
	fixture_cell(f, WIRE_IN, WIRE_TCP, PACKET_IPV6)->messages = 3;
	fixture_cell(f, WIRE_IN, WIRE_TCP, PACKET_IPV6)->left_out = 3;
	fixture_close(f);
	document = json_crosscheck(&f->result, NULL);
	assert_json(json_incref(json_object_get(document, "query")),
	    "{\"udp\":{\"ipv4\":{\"wire\":1000,\"dnstap\":970,\"difference\":30,"
	    "\"left_out\":0}},\"tcp\":{\"ipv6\":{\"wire\":0,\"dnstap\":0,\"difference\":0,"
	    "\"left_out\":3}}}");
	json_decref(document);
	/* Nobody looked at what left the host. */
	f->interface.egress = false;
	fixture_close(f);
	document = json_crosscheck(&f->result, NULL);
	assert_json(json_incref(json_object_get(document, "response")), "{}");
	json_decref(document);
}

static void a_window_with_everything(void **state)
{
	struct fixture *f = *state;
	static const struct wire_rtt rtt;
	static const struct wire_drop drops[] = {
	    {"NO_SOCKET", 4, false}, {"nft/x", 9, true}, {"UDP_CSUM", 0, false}};
	static const struct crosscheck_code code = {1, 90};
	struct config config = {.privacy.addresses = ADDRESSES_FULL};
	struct crosscheck_source source = {
	    .address = {192, 0, 2, 77}, .length = 4, .wire = 9, .dnstap = 2, .difference = 7};
	struct privacy *privacy;
	char reason[128];
	json_t *document;

	assert_int_equal(privacy_new(&privacy, &config, reason, sizeof(reason)), 0);
	f->interface.counters[WIRE_IN].handshakes[PACKET_IPV6] = 3;
	f->interface.counters[WIRE_IN].retransmitted[PACKET_IPV6] = 2;
	f->wire.rtt = &rtt;
	f->wire.stack_drops = drops;
	f->wire.n_stack_drops = 3;
	f->inputs.reconnected = true;
	f->wire.flip_end_ns = 6 * NS_PER_MS;
	f->interface.counters[WIRE_IN].qtypes[1] = 100;
	f->dnstap.qtypes = &code;
	f->dnstap.n_qtypes = 1;
	fixture_window(f, 100, 90);
	f->result.sources = &source;
	f->result.n_sources = 1;
	document = json_crosscheck_window(&f->result, &f->wire, 1700000000000, privacy);
	assert_json(document,
	    "{\"time_ms\":1700000000000,\"modes\":{\"eth0\":\"native\"},"
	    "\"query\":{\"udp\":{\"ipv4\":{\"wire\":100,\"dnstap\":90,\"difference\":10,"
	    "\"left_out\":0,\"late\":0,\"boundary\":1}}},"
	    "\"response\":{\"udp\":{\"ipv4\":{\"wire\":90,\"dnstap\":90,\"difference\":0,"
	    "\"left_out\":0,\"late\":0,\"boundary\":1}}},"
	    "\"qtype\":{\"A\":{\"wire\":100,\"dnstap\":90,\"difference\":10}},"
	    "\"sources\":[{\"address\":\"192.0.2.77\",\"wire\":9,\"dnstap\":2,\"difference\":7}],"
	    "\"funnel\":{\"wire_queries\":100,\"stack_drops\":9,\"socket_drops\":0,\"queued\":0,"
	    "\"malformed\":0,\"not_logged\":0,\"explained\":9,\"unexplained\":1,\"boundary\":1,"
	    "\"wire_responses\":90,\"unanswered\":0,\"corrected\":91,\"corrected_low\":90,"
	    "\"corrected_high\":92,\"dnstap_queries\":90,\"dnstap_responses\":90,"
	    "\"verdict\":\"ok\",\"complete\":0},"
	    "\"stack_drops\":[{\"reason\":\"NO_SOCKET\",\"messages\":4,\"upper_bound\":false},"
	    "{\"reason\":\"nft/x\",\"messages\":9,\"upper_bound\":true}],"
	    "\"stack_drops_source\":\"counters\","
	    "\"tcp_rtt\":{\"ipv4\":{\"handshakes\":0,\"retransmitted\":0},"
	    "\"ipv6\":{\"handshakes\":3,\"retransmitted\":2}},"
	    "\"complete\":false,\"incomplete\":[\"reconnect\",\"late-flip\"],"
	    "\"horizon\":{\"windows\":1,\"wire_queries\":100,\"dnstap_queries\":90,"
	    "\"stack_drops\":9,\"socket_drops\":0,\"unexplained\":1},"
	    "\"unexplained\":1,\"verdict\":\"ok\"}");
	privacy_free(privacy);
}

static void no_wire_no_rows(void **state)
{
	struct fixture *f = *state;
	json_t *document;

	fixture_udp(f, 0, 5, 5);
	assert_int_equal(crosscheck_window(f->crosscheck, WINDOW_NS, NULL, &f->dnstap, &f->inputs,
			     f->arena, &f->result),
	    0);
	document = json_crosscheck_window(&f->result, NULL, 0, NULL);
	assert_json(json_incref(json_object_get(document, "query")), "{}");
	assert_json(json_incref(json_object_get(document, "incomplete")), "[\"wire\"]");
	assert_json(json_incref(json_object_get(document, "funnel")),
	    "{\"dnstap_queries\":5,\"dnstap_responses\":5,\"verdict\":\"ok\",\"complete\":0}");
	json_decref(document);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(an_empty_capture),
	    TEST(interfaces_are_summed),
	    TEST(rows_that_hold_something),
	    TEST(a_whole_capture),
	    TEST(a_window_with_everything),
	    TEST(no_wire_no_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
