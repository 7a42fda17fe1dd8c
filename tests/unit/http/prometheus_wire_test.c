/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters of wire and cross-check that only grow, and their exposition. */
#include "../crosscheck_fixture.h"
#include "base/unused.h"

#include "http/prometheus_wire.h"
#include "measure/wire_totals.h"

#include <math.h>

struct scrape {
	struct wire_totals *totals;
	char *text;
};

static void scrape_open(struct scrape *s)
{
	s->text = NULL;
	assert_int_equal(wire_totals_new(&s->totals), 0);
}

static void scrape_close(struct scrape *s)
{
	wire_totals_free(s->totals);
	free(s->text);
}

static const char *scrape(struct scrape *s)
{
	struct wire_totals_data *data;
	struct exposition to = {0};
	size_t length;

	free(s->text);
	s->text = NULL;
	to.out = open_memstream(&s->text, &length);
	assert_non_null(to.out);
	assert_int_equal(wire_totals_copy(s->totals, &data), 0);
	prometheus_wire(&to, data);
	free(data);
	fclose(to.out);
	return s->text;
}

static void add(struct fixture *f, struct scrape *s)
{
	fixture_close(f);
	wire_totals_add(s->totals, &f->wire, &f->result);
}

/* NaN: not there; the series must be there once. */
static double number(const char *text, const char *series)
{
	const size_t length = strlen(series);
	double found = NAN;

	for (; text && *text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, series, length) == 0 && text[length] == ' ') {
			assert_true(isnan(found));
			found = strtod(text + length, NULL);
		}
	}
	return found;
}

/* Of a counter; -1: not there. */
static double value(const char *text, const char *series)
{
	const double found = number(text, series);

	return isnan(found) ? -1 : found;
}

#define KEY "direction=\"query\",transport=\"udp\",family=\"ipv4\"}"

static void nothing_before_the_first_window(void **state UNUSED)
{
	struct scrape s;

	scrape_open(&s);
	assert_string_equal(scrape(&s), "");
	scrape_close(&s);
}

static void counters_only_grow(void **state)
{
	struct fixture *f = *state;
	struct scrape s;
	const char *text;

	scrape_open(&s);
	fixture_udp(f, 100, 90, 90);
	add(f, &s);
	fixture_udp(f, 100, 107, 90);
	add(f, &s);
	text = scrape(&s);
	assert_float_equal(
	    value(text, "crosstap_wire_messages_total{interface=\"eth0\"," KEY), 200, 0);
	assert_float_equal(value(text, "crosstap_crosscheck_missing_total{" KEY), 10, 0);
	assert_float_equal(value(text, "crosstap_crosscheck_surplus_total{" KEY), 7, 0);
	assert_float_equal(
	    value(text, "crosstap_wire_mode{interface=\"eth0\",mode=\"native\"}"), 1, 0);
	assert_float_equal(value(text, "crosstap_verdict{verdict=\"ok\"}"), 1, 0);
	assert_float_equal(value(text, "crosstap_verdict{verdict=\"dnstap-loss\"}"), 0, 0);
	/* A window with a witness that came or went compares nothing. */
	f->inputs.stopped = true;
	fixture_udp(f, 100, 0, 0);
	add(f, &s);
	text = scrape(&s);
	assert_float_equal(
	    value(text, "crosstap_wire_messages_total{interface=\"eth0\"," KEY), 300, 0);
	assert_float_equal(value(text, "crosstap_crosscheck_missing_total{" KEY), 10, 0);
	scrape_close(&s);
}

static unsigned down(struct fixture *f, struct scrape *s, const char *mode, enum wire_mode wanted)
{
	f->interface.mode = mode;
	add(f, s);
	return wire_totals_stepped_down(s->totals, wanted);
}

static void modes_step_down(void **state)
{
	struct fixture *f = *state;
	struct scrape s;

	scrape_open(&s);
	assert_int_equal(wire_totals_stepped_down(s.totals, WIRE_AUTO), 0);
	assert_int_equal(down(f, &s, "tc", WIRE_AUTO), 0);
	assert_int_equal(down(f, &s, "packet", WIRE_AUTO), 1);
	assert_int_equal(down(f, &s, "generic", WIRE_AUTO), 0);
	assert_int_equal(down(f, &s, "tc", WIRE_AUTO), 1);
	assert_int_equal(down(f, &s, "off", WIRE_AUTO), 1);
	/* As it was asked for. */
	assert_int_equal(down(f, &s, "packet", WIRE_PACKET), 0);
	assert_int_equal(down(f, &s, "off", WIRE_PACKET), 1);
	assert_int_equal(down(f, &s, "generic", WIRE_NATIVE), 1);
	assert_int_equal(down(f, &s, "native", WIRE_NATIVE), 0);
	/* What another configuration had does not count any more. */
	assert_int_equal(down(f, &s, "tc", WIRE_TC), 0);
	assert_int_equal(down(f, &s, "tc", WIRE_AUTO), 0);
	scrape_close(&s);
}

/* Types that clients make up do not make series without end, and nothing is lost. */
static void details_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct wire_counters *in = &f->interface.counters[WIRE_IN];
	struct wire_rare rares[100];
	unsigned series = 0;
	struct scrape s;
	const char *text;

	for (unsigned i = 0; i < 100; i++)
		rares[i] = (struct wire_rare){.code = (uint16_t)(60000 + i), .messages = 2};
	scrape_open(&s);
	in->qtypes[1] = 7;
	in->opcodes[4] = 3;
	in->malformed[DNS_MALFORMED_NONE + 1] = 5;
	in->sizes[0][2] = 10;
	in->sizes[0][76] = 4;
	in->sizes[0][77] = 2;
	in->sizes[0][WIRE_SIZE_BINS - 1] = 1;
	f->interface.counters[WIRE_OUT].rcodes[3] = 6;
	f->interface.qtypes = (struct wire_rares){rares, 100};
	add(f, &s);
	add(f, &s);
	text = scrape(&s);
#define ON "{interface=\"eth0\","
	assert_float_equal(
	    value(text, "crosstap_wire_qtype_messages_total" ON "qtype=\"A\"}"), 14, 0);
	for (const char *at = text; (at = strstr(at, "qtype=\"TYPE")); at++)
		series++;
	assert_int_equal(series, WIRE_TOTALS_OWN);
	assert_float_equal(value(text, "crosstap_wire_qtype_messages_total" ON "qtype=\"other\"}"),
	    4 * (100 - WIRE_TOTALS_OWN), 0);
	assert_float_equal(
	    value(text, "crosstap_wire_rcode_messages_total" ON "rcode=\"NXDOMAIN\"}"), 12, 0);
	assert_float_equal(
	    value(text, "crosstap_wire_opcode_messages_total" ON "opcode=\"NOTIFY\"}"), 6, 0);
	assert_float_equal(value(text,
			       "crosstap_wire_malformed_messages_total" ON
			       "direction=\"query\",reason=\"short_header\"}"),
	    10, 0);
#define SIZE      "crosstap_wire_size_bytes"
#define QUERY_UDP ON "direction=\"query\",transport=\"udp\""
	assert_float_equal(value(text, SIZE "_bucket" QUERY_UDP ",le=\"31\"}"), 0, 0);
	assert_float_equal(value(text, SIZE "_bucket" QUERY_UDP ",le=\"47\"}"), 20, 0);
	assert_float_equal(value(text, SIZE "_bucket" QUERY_UDP ",le=\"1231\"}"), 28, 0);
	assert_float_equal(value(text, SIZE "_bucket" QUERY_UDP ",le=\"1407\"}"), 32, 0);
	assert_float_equal(value(text, SIZE "_bucket" QUERY_UDP ",le=\"4095\"}"), 32, 0);
	assert_float_equal(value(text, SIZE "_count" QUERY_UDP "}"), 34, 0);
	assert_float_equal(value(text, SIZE "_sum" QUERY_UDP "}"),
	    20 * 39.5 + 8 * 1223.5 + 4 * 1239.5 + 2 * 4103.5, 1);
	f->interface.qtypes.n = 0;
	scrape_close(&s);
}

static void modes_change_and_interfaces_go(void **state)
{
	struct fixture *f = *state;
	struct scrape s;
	const char *text;

	scrape_open(&s);
	fixture_udp(f, 100, 100, 100);
	add(f, &s);
	f->interface.mode = "off";
	f->wire.watched = false;
	add(f, &s);
	text = scrape(&s);
	assert_float_equal(
	    value(text, "crosstap_wire_mode{interface=\"eth0\",mode=\"off\"}"), 1, 0);
	assert_float_equal(
	    value(text, "crosstap_wire_mode{interface=\"eth0\",mode=\"native\"}"), -1, 0);
	/* More interfaces than there is room for, one after the other. */
	for (int i = 0; i < 3 * WIRE_TOTALS_INTERFACES; i++) {
		fixture_quiet(f);
		snprintf(f->interface.name, sizeof(f->interface.name), "veth%d", i);
		fixture_udp(f, 1, 1, 1);
		add(f, &s);
	}
	text = scrape(&s);
	assert_float_equal(
	    value(text, "crosstap_wire_messages_total{interface=\"veth191\"," KEY), 1, 0);
	assert_float_equal(
	    value(text, "crosstap_wire_mode{interface=\"veth191\",mode=\"native\"}"), 1, 0);
	assert_float_equal(
	    value(text, "crosstap_wire_mode{interface=\"veth190\",mode=\"native\"}"), -1, 0);
	scrape_close(&s);
}

static void round_trips_are_a_histogram_of_seconds(void **state)
{
	struct fixture *f = *state;
	struct wire_rtt rtt = {0};
	struct scrape s;
	const char *text;
	uint32_t bin = 0;

	while (wire_rtt_bin_us(bin) < 20000)
		bin++;
	scrape_open(&s);
	add(f, &s);
	assert_null(strstr(scrape(&s), "rtt"));
	rtt.bins[PACKET_IPV6][bin] = 3;
	rtt.bins[PACKET_IPV6][1] = 2;
	f->interface.counters[WIRE_IN].retransmitted[PACKET_IPV6] = 4;
	f->wire.rtt = &rtt;
	add(f, &s);
	add(f, &s);
	text = scrape(&s);
#define RTT "crosstap_wire_tcp_rtt_seconds"
	assert_float_equal(value(text, RTT "_bucket{family=\"ipv6\",le=\"5e-05\"}"), 4, 0);
	assert_float_equal(value(text, RTT "_bucket{family=\"ipv6\",le=\"0.01\"}"), 4, 0);
	assert_float_equal(value(text, RTT "_bucket{family=\"ipv6\",le=\"0.025\"}"), 10, 0);
	assert_float_equal(value(text, RTT "_bucket{family=\"ipv6\",le=\"+Inf\"}"), 10, 0);
	assert_float_equal(value(text, RTT "_count{family=\"ipv6\"}"), 10, 0);
	assert_float_equal(value(text, RTT "_count{family=\"ipv4\"}"), 0, 0);
	assert_float_equal(value(text, RTT "_sum{family=\"ipv6\"}"), 0.120, 0.002);
#define RETRANSMITTED "crosstap_wire_tcp_rtt_retransmitted_total"
	assert_float_equal(value(text, RETRANSMITTED "{family=\"ipv6\"}"), 8, 0);
	assert_float_equal(value(text, RETRANSMITTED "{family=\"ipv4\"}"), 0, 0);
	scrape_close(&s);
}

/* Counters are summed, gauges are of the last window and signed, and what no window knew is absent.
 */
static void the_funnel(void **state)
{
	static const struct {
		const char *series;
		double sum;
	} expected[] = {
	    {"crosstap_funnel_wire_queries_total", 200},
	    {"crosstap_funnel_dnstap_queries_total", 197},
	    {"crosstap_funnel_dnstap_responses_total", 180},
	    {"crosstap_funnel_wire_responses_total", 180},
	    {"crosstap_funnel_stack_drops_total", 0},
	    {"crosstap_funnel_socket_drops_total", 6},
	    {"crosstap_funnel_corrected_total", 204},
	    {"crosstap_funnel_explained", 3},
	    {"crosstap_funnel_unexplained", -10},
	    {"crosstap_funnel_queued", 0},
	    {"crosstap_funnel_malformed", 0},
	    {"crosstap_funnel_not_logged", 0},
	    {"crosstap_funnel_unanswered", 17},
	    {"crosstap_funnel_complete", 1},
	};
	struct fixture *f = *state;
	struct scrape s;
	const char *text;

	scrape_open(&s);
	f->wire.socket_drops = 3;
	fixture_udp(f, 100, 90, 90);
	add(f, &s);
	fixture_udp(f, 100, 107, 90);
	add(f, &s);
	text = scrape(&s);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		if (number(text, expected[i].series) != expected[i].sum)
			fail_msg("%s is %g, not %g", expected[i].series,
			    number(text, expected[i].series), expected[i].sum);
	assert_non_null(
	    strstr(text, "\n# TYPE crosstap_funnel_balance gauge\ncrosstap_funnel_balance -3\n"));
	assert_non_null(strstr(text, "\n# TYPE crosstap_funnel_corrected_low gauge\n"));
	assert_true(isnan(number(text, "crosstap_funnel_nic_drops_total")));
	assert_true(isnan(number(text, "crosstap_funnel_tx_drops_total")));
	/* Sockets are no longer seen. */
	f->wire.known = WIRE_KNOWS_NIC_DROPS;
	f->wire.nic_drops = 5;
	fixture_udp(f, 100, 100, 90);
	add(f, &s);
	text = scrape(&s);
	assert_true(number(text, "crosstap_funnel_nic_drops_total") == 5);
	assert_true(number(text, "crosstap_funnel_socket_drops_total") == 6);
	assert_true(isnan(number(text, "crosstap_funnel_queued")));
	assert_true(number(text, "crosstap_funnel_unexplained") == 0);
	scrape_close(&s);
}

/* Of udp and tcp all there are, of the others what has a packet, and connections only there. */
static void every_field_of_the_wire(void **state)
{
#define OF(transport)                                                                              \
	"{interface=\"eth0\",direction=\"query\",transport=\"" transport "\",family=\"ipv4\"}"
	struct fixture *f = *state;
	struct scrape s;
	const char *text;

	scrape_open(&s);
	*fixture_cell(f, WIRE_IN, WIRE_UDP, PACKET_IPV4) = (struct wire_cell){.packets = 9,
	    .bytes = 900,
	    .messages = 8,
	    .malformed = 1,
	    .fragments = 2,
	    .not_query = 3,
	    .not_query_aa = 2,
	    .tc = 4,
	    .connections = 99};
	*fixture_cell(f, WIRE_IN, WIRE_TCP, PACKET_IPV4) =
	    (struct wire_cell){.packets = 7, .connections = 2, .resets = 1, .resync = 5};
	*fixture_cell(f, WIRE_IN, WIRE_DOT, PACKET_IPV4) =
	    (struct wire_cell){.packets = 6, .connections = 3, .messages = 99};
	add(f, &s);
	add(f, &s);
	text = scrape(&s);
	assert_true(number(text, "crosstap_wire_packets_total" OF("udp")) == 18);
	assert_true(number(text, "crosstap_wire_bytes_total" OF("udp")) == 1800);
	assert_true(number(text, "crosstap_wire_fragments_total" OF("udp")) == 4);
	assert_true(number(text, "crosstap_wire_messages_total" OF("udp")) == 16);
	assert_true(number(text, "crosstap_wire_malformed_total" OF("udp")) == 2);
	assert_true(number(text, "crosstap_wire_not_query_total" OF("udp")) == 6);
	assert_true(number(text, "crosstap_wire_not_query_aa_total" OF("udp")) == 4);
	assert_true(number(text, "crosstap_wire_tc_total" OF("udp")) == 8);
	assert_true(isnan(number(text, "crosstap_wire_connections_total" OF("udp"))));
	assert_true(number(text, "crosstap_wire_connections_total" OF("tcp")) == 4);
	assert_true(number(text, "crosstap_wire_resets_total" OF("tcp")) == 2);
	assert_true(number(text, "crosstap_wire_resync_total" OF("tcp")) == 10);
	assert_true(number(text, "crosstap_wire_packets_total" OF("dot")) == 12);
	assert_true(number(text, "crosstap_wire_connections_total" OF("dot")) == 6);
	assert_true(isnan(number(text, "crosstap_wire_messages_total" OF("dot"))));
	assert_true(isnan(number(text, "crosstap_wire_resync_total" OF("dot"))));
	assert_true(isnan(number(text, "crosstap_wire_packets_total" OF("doq"))));
	scrape_close(&s);
}

/* Responses have series where they are seen. */
static void no_egress_no_responses(void **state)
{
	struct fixture *f = *state;
	struct scrape s;

	scrape_open(&s);
	f->interface.egress = false;
	add(f, &s);
	assert_null(strstr(scrape(&s), "direction=\"response\""));
	assert_null(strstr(scrape(&s), "\ncrosstap_funnel_wire_responses_total "));
	f->interface.egress = true;
	add(f, &s);
	assert_non_null(strstr(scrape(&s), "missing_total{direction=\"response\""));
	assert_non_null(strstr(scrape(&s), "eth0\",direction=\"response\""));
	scrape_close(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_before_the_first_window),
	    TEST(counters_only_grow),
	    TEST(details_are_bounded),
	    TEST(modes_step_down),
	    TEST(modes_change_and_interfaces_go),
	    TEST(round_trips_are_a_histogram_of_seconds),
	    TEST(the_funnel),
	    TEST(every_field_of_the_wire),
	    TEST(no_egress_no_responses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
