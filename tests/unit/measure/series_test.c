/* SPDX-License-Identifier: BSD-2-Clause */
#include "../config/parse.h"
#include "base/unused.h"

#include "measure/series.h"

#include <stdint.h>

static struct config_series bound(const char *text)
{
	struct config *config = parse_good(text);
	struct config_series series;

	assert_int_equal(config_series_bound(config, &series), 0);
	config_unref(config);
	return series;
}

static const struct config_series_row *row(
    const struct config_series *series, const char *measurement)
{
	for (size_t i = 0; i < series->n; i++) {
		if (strcmp(series->rows[i].measurement, measurement) == 0)
			return &series->rows[i];
	}
	return NULL;
}

static void assert_bound(
    const struct config_series *series, const char *measurement, uint64_t expected)
{
	assert_non_null(row(series, measurement));
	assert_int_equal(row(series, measurement)->bound, expected);
}

#define WIRE_OFF_TEXT "wire: {mode: off}\n"

static void zones_multiply(void **state UNUSED)
{
	struct config_series one = bound(WIRE_OFF_TEXT);
	struct config_series many =
	    bound(WIRE_OFF_TEXT "geo: {country: /c, asn: /a}\nlimits: {asns: 100}\ninputs:\n"
				"  - {unix: /a, zones: [nl, de]}\n" /* nl, de, other */
				"  - {unix: /b, zone: nl}\n"
				"  - {unix: /c, zone: org, scope: zone}\n"
				"  - {unix: /d, zone: unseen, scope: witness}\n");
	uint64_t total = 0;

	assert_bound(&one, "dns", 16);
	assert_bound(&one, "dns_resolver", 51);
	assert_bound(&one, "dns_name", 40);
	assert_null(row(&one, "dns_country"));
	assert_null(row(&one, "wire"));
	assert_null(row(&one, "crosscheck"));
	assert_bound(&many, "dns", 4 * 16);
	assert_bound(&many, "dns_country", 4 * 251);
	assert_bound(&many, "dns_asn", 4 * 102);
	assert_bound(&many, "crosstap_input", 4);
	for (size_t i = 0; i < many.n; i++)
		total += many.rows[i].bound;
	assert_int_equal(many.total, total);
	assert_false(many.unbounded);
}

static void interfaces_multiply(void **state UNUSED)
{
	struct config_series series = bound("inputs: []\nwire: {interfaces: [a, b, c], rtt: no}\n");

	assert_bound(&series, "wire", 3 * 20);
	assert_null(row(&series, "wire_tcp_rtt"));
	assert_null(row(&series, "dns"));
	/* Whatever of dnstap there is to be held against it. */
	assert_bound(&series, "crosscheck", 8);
	assert_bound(&series, "funnel", 1);
	series = bound("wire: {interfaces: [a]}\ninputs: [{unix: /a, scope: zone}]\n");
	assert_bound(&series, "crosscheck", 8);
	assert_bound(&series, "crosscheck_source", 50);
	series = bound("wire: {interfaces: [a]}\n");
	assert_bound(&series, "wire_tcp_rtt", 2);
	assert_bound(&series, "crosscheck", 8);
	assert_bound(&series, "crosscheck_source", 50);
}

static void values_as_keys_have_no_bound(void **state UNUSED)
{
	struct config_series series = bound("top: {key: value}\ndatasets: [core, domains]\n");

	assert_true(series.unbounded);
	assert_true(row(&series, "dns_resolver")->unbounded);
	assert_true(row(&series, "dns_name")->unbounded);
	assert_true(row(&series, "dns_domain")->unbounded);
	assert_false(row(&series, "dns_qtype")->unbounded);
}

static void datasets_have_series(void **state UNUSED)
{
	struct config_series usual = bound(WIRE_OFF_TEXT);
	struct config_series all =
	    bound(WIRE_OFF_TEXT "datasets: [core, edns, names, domains, clients, attacks, "
				"ports]\n");
	struct config_series edns = bound(WIRE_OFF_TEXT "datasets: [edns]\n");
	struct config_series none = bound(WIRE_OFF_TEXT "datasets: []\n");

	assert_bound(&all, "dns_qtype_rcode", 21 * 24);
	assert_bound(&all, "dns_class", 6);
	assert_bound(&all, "dns_transport_qtype", 21 * 8);
	assert_bound(&all, "dns_rcode_size", 24);
	assert_bound(&all, "dns_junk", 9);
	assert_bound(&all, "dns_priming", 8);
	assert_bound(&all, "dns_sport_range", 64);
	assert_bound(&usual, "dns_junk", 9);
	assert_null(row(&usual, "dns_sport_range"));
	assert_bound(&all, "dns_qname", 1);
	assert_bound(&all, "dns_domain", 3 * 20 + 3);
	assert_bound(&all, "dns_clients", 12);
	assert_bound(&all, "dns_attack", 3 * 8);
	assert_bound(&usual, "dns_clients", 12);
	assert_null(row(&usual, "dns_domain"));
	assert_bound(&edns, "dns_edns", 3);
	assert_bound(&edns, "dns_edns_size", 1);
	assert_bound(&edns, "dns_ede", 32);
	assert_bound(&edns, "dns_ecs", 3 * 130);
	assert_null(row(&edns, "dns_class"));
	assert_null(row(&edns, "dns_rcode_size"));
	assert_null(row(&edns, "dns_junk"));
	assert_null(row(&edns, "dns_qname"));
	assert_null(row(&none, "dns_edns"));
	assert_bound(&none, "dns_qtype", 161);
	/* What is for /metrics alone makes no points. */
	assert_null(row(&all, "dns_edns_sizes"));
}

static void certificates_have_series(void **state UNUSED)
{
	struct config_series series =
	    bound(WIRE_OFF_TEXT "http: {tls: {cert: /c, key: /k}}\ninputs:\n"
				"  - {tcp: \"127.0.0.1:6000\", tls: {cert: /c, key: /k}}\n"
				"  - {tcp: \"127.0.0.1:6001\", tls: {cert: /c, key: /k}}\n"
				"  - {tcp: \"127.0.0.1:6002\"}\n");

	assert_bound(&series, "crosstap_certificate", 3);
	series =
	    bound(WIRE_OFF_TEXT "inputs: [{tcp: \"127.0.0.1:6000\", tls: {cert: /c, key: /k}}]\n");
	assert_bound(&series, "crosstap_certificate", 1);
	series = bound(WIRE_OFF_TEXT);
	assert_null(row(&series, "crosstap_certificate"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(zones_multiply),
	    cmocka_unit_test(interfaces_multiply),
	    cmocka_unit_test(values_as_keys_have_no_bound),
	    cmocka_unit_test(datasets_have_series),
	    cmocka_unit_test(certificates_have_series),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
