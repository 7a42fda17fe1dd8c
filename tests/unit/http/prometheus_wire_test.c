/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters of wire and cross-check that only grow, and their exposition. */
#include "base/unused.h"
#include "../crosscheck_fixture.h"

#include "http/prometheus_wire.h"
#include "report/wire_totals.h"

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

/* -1: not there; the series must be there once. */
static double value(const char *text, const char *series)
{
	const size_t length = strlen(series);
	double found = -1;

	for (; text && *text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, series, length) == 0 && text[length] == ' ') {
			assert_true(found < 0);
			found = strtod(text + length, NULL);
		}
	}
	return found;
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

/* Responses have series where they are seen. */
static void no_egress_no_responses(void **state)
{
	struct fixture *f = *state;
	struct scrape s;

	scrape_open(&s);
	f->interface.egress = false;
	add(f, &s);
	assert_null(strstr(scrape(&s), "response"));
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
	    TEST(modes_change_and_interfaces_go),
	    TEST(round_trips_are_a_histogram_of_seconds),
	    TEST(no_egress_no_responses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
