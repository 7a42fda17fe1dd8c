/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake_report.h"

#include "base/hist.h"
#include "http/prometheus.h"
#include "measure/unassigned.h"
#include "stats/facts.h"
#include "stats/junk.h"

#define RT "crosstap_dns_response_time_seconds"

struct fixture {
	struct report *report;
	char *text;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->report = fake_report();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fake_report_free(f->report);
	free(f->text);
	free(f);
	return 0;
}

static const char *scrape(struct fixture *f)
{
	size_t length = 0;

	free(f->text);
	f->text = NULL;
	assert_int_equal(prometheus_text(f->report, false, &f->text, &length), 0);
	assert_int_equal(strlen(f->text), length);
	return f->text;
}

/* The value of the series, which must be there once; -1: it is not there. */
static double value_of(const char *text, const char *series)
{
	size_t length = strlen(series);
	double value = -1;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, series, length) == 0 && line[length] == ' ') {
			assert_true(value < 0);
			value = strtod(line + length, NULL);
		}
	}
	return value;
}

static struct cell cell(uint16_t zone, enum margin margin, unsigned direction, unsigned transport,
    unsigned family, unsigned value, uint64_t count, uint64_t amount)
{
	return (struct cell){
	    margin_key(zone, margin, direction, transport, family, value), count, amount};
}

static void test_dns(void **state)
{
	struct fixture *f = *state;
	const uint16_t nl = fake_zone(f->report, "nl");
	const struct cell cells[] = {
	    cell(nl, MARGIN_MESSAGES, DIR_QUERY, TRANSPORT_UDP, FAMILY_IPV4, 0, 70, 2100),
	    cell(nl, MARGIN_MESSAGES, DIR_QUERY, TRANSPORT_DNSCRYPT_TCP, FAMILY_IPV6, 0, 3, 90),
	    cell(nl, MARGIN_MESSAGES, DIR_RESPONSE, TRANSPORT_UDP, FAMILY_IPV4, 0, 69, 8000),
	    cell(nl, MARGIN_MALFORMED, DIR_QUERY, TRANSPORT_UDP, FAMILY_IPV4, 0, 2, 0),
	    cell(nl, MARGIN_QTYPE, 0, 0, 0, 28, 40, 0),
	    cell(nl, MARGIN_QTYPE, 0, 0, 0, 65534, 1, 0),
	    cell(nl, MARGIN_QTYPE, 0, 0, 0, KEY_OTHER, 5, 0),
	    cell(nl, MARGIN_RCODE, 0, 0, 0, 3, 7, 0),
	    cell(nl, MARGIN_RCODE, 0, 0, 0, 16, 1, 0),
	    cell(nl, MARGIN_OPCODE, 0, 0, 0, 4, 9, 0),
	    cell(nl, MARGIN_OUTGOING, DIR_QUERY, 0, 0, 0, 11, 0),
	    cell(nl, MARGIN_OUTGOING, DIR_RESPONSE, 0, 0, 0, 10, 0),
	};
	static const struct {
		const char *series;
		double value;
	} expected[] = {
	    {"crosstap_dns_queries_total{zone=\"nl\",transport=\"udp\",family=\"ipv4\"}", 140},
	    {"crosstap_dns_queries_total{zone=\"nl\",transport=\"dnscrypt-tcp\",family=\"ipv6\"}",
		6},
	    {"crosstap_dns_responses_total{zone=\"nl\",transport=\"udp\",family=\"ipv4\"}", 138},
	    {"crosstap_dns_query_bytes_total{zone=\"nl\",transport=\"udp\",family=\"ipv4\"}", 4200},
	    {"crosstap_dns_response_bytes_total{zone=\"nl\",transport=\"udp\",family=\"ipv4\"}",
		16000},
	    {"crosstap_dns_malformed_total{zone=\"nl\",direction=\"query\",transport=\"udp\","
	     "family=\"ipv4\"}",
		4},
	    {"crosstap_dns_queries_by_qtype_total{zone=\"nl\",qtype=\"AAAA\"}", 80},
	    {"crosstap_dns_queries_by_qtype_total{zone=\"nl\",qtype=\"TYPE65534\"}", 2},
	    {"crosstap_dns_queries_by_qtype_total{zone=\"nl\",qtype=\"other\"}", 10},
	    {"crosstap_dns_responses_by_rcode_total{zone=\"nl\",rcode=\"NXDOMAIN\"}", 14},
	    {"crosstap_dns_responses_by_rcode_total{zone=\"nl\",rcode=\"BADVERS\"}", 2},
	    {"crosstap_dns_queries_by_opcode_total{zone=\"nl\",opcode=\"NOTIFY\"}", 18},
	    {"crosstap_dns_outgoing_queries_total{zone=\"nl\"}", 22},
	    {"crosstap_dns_outgoing_responses_total{zone=\"nl\"}", 20},
	};
	const char *text;

	fake_window(f->report, nl, cells, sizeof(cells) / sizeof(cells[0]));
	fake_window(f->report, nl, cells, sizeof(cells) / sizeof(cells[0]));
	text = scrape(f);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		if (value_of(text, expected[i].series) != expected[i].value)
			fail_msg("%s is %g, not %g", expected[i].series,
			    value_of(text, expected[i].series), expected[i].value);
	}
}

/* What `datasets` counts, each by a tag; of one that is left out what is in the margins says
 * nothing. */
static void test_datasets(void **state)
{
	struct fixture *f = *state;
	const uint16_t nl = fake_zone(f->report, "nl");
	/* In the order of their keys. */
	const struct cell cells[] = {
	    cell(nl, MARGIN_CLASS, 0, 0, 0, 1, 40, 0),
	    cell(nl, MARGIN_CLASS, 0, 0, 0, 700, 2, 0),
	    cell(nl, MARGIN_CLASS, 0, 0, 0, KEY_OTHER, 3, 0),
	    cell(nl, MARGIN_EDNS, 0, 0, 0, EDNS_VERSION_NONE, 4, 0),
	    cell(nl, MARGIN_EDNS_SIZE, 0, 0, 0, EDNS_SIZE_1232, 5, 0),
	    cell(nl, MARGIN_ECS, 0, 0, FAMILY_IPV4, 24, 6, 0),
	    cell(nl, MARGIN_ECS, 0, 0, FAMILY_IPV4, KEY_OTHER, 8, 0),
	    cell(nl, MARGIN_ECS, 0, 0, FAMILY_IPV6, 56, 7, 0),
	    cell(nl, MARGIN_EDE, 0, 0, 0, 18, 9, 0),
	    cell(nl, MARGIN_EDE, 0, 0, 0, 49152, 10, 0),
	    cell(nl, MARGIN_QNAME_LENGTH, 0, 0, 0, 15, 11, 0),
	    cell(nl, MARGIN_QNAME_LABELS, 0, 0, 0, 10, 12, 0),
	    cell(nl, MARGIN_QNAME_TRAIT, 0, 0, 0, QNAME_MIXED_CASE, 13, 0),
	    cell(nl, MARGIN_QTYPE_RESPONSES, 0, 0, 0, 28, 14, 1400),
	    cell(nl, MARGIN_QTYPE_RCODE, 0, 0, 0, key_qtype_rcode(28, 3), 14, 1400),
	    cell(nl, MARGIN_QTYPE_RCODE, 0, 0, 0, key_qtype_rcode(KEY_OTHER, 3), 1, 0),
	    cell(nl, MARGIN_QTYPE_RCODE, 0, 0, 0, key_qtype_rcode(KEY_NO_QUESTION, 3), 1, 0),
	    cell(nl, MARGIN_TRANSPORT_QTYPE, 0, TRANSPORT_UDP, 0, 28, 15, 0),
	    cell(nl, MARGIN_TRANSPORT_QTYPE, 0, TRANSPORT_TCP, 0, 28, 16, 0),
	    cell(nl, MARGIN_TRANSPORT_QTYPE, 0, TRANSPORT_TCP, 0, 65280, 17, 0),
	    cell(nl, MARGIN_JUNK, 0, 0, 0, JUNK_NON_AUTH_TLD, 18, 0),
	    cell(nl, MARGIN_PORTS, 0, 0, 0, 63, 19, 0),
	    cell(nl, MARGIN_PRIMING, DIR_QUERY, TRANSPORT_UDP, 0, 0, 20, 340),
	    cell(nl, MARGIN_PRIMING, DIR_RESPONSE, TRANSPORT_UDP, 0, 0, 21, 5000),
	    cell(nl, MARGIN_PRIMING_DO, DIR_QUERY, TRANSPORT_UDP, 0, 0, 22, 0),
	    cell(nl, MARGIN_PRIMING_TC, DIR_RESPONSE, TRANSPORT_UDP, 0, 0, 23, 0),
	    cell(nl, MARGIN_PRIMING_SIZE, DIR_QUERY, TRANSPORT_UDP, 0, EDNS_SIZE_1232, 24, 0),
	};
	static const struct {
		const char *series;
		double value;
	} expected[] = {
	    {"queries_by_class_total{zone=\"nl\",class=\"IN\"}", 40},
	    {"queries_by_class_total{zone=\"nl\",class=\"other\"}", 5},
	    {"queries_by_edns_version_total{zone=\"nl\",version=\"none\"}", 4},
	    {"queries_by_edns_size_total{zone=\"nl\",size=\"b1232\"}", 5},
	    {"queries_by_ecs_total{zone=\"nl\",family=\"ipv4\",prefix=\"24\"}", 6},
	    {"queries_by_ecs_total{zone=\"nl\",family=\"ipv6\",prefix=\"56\"}", 7},
	    {"queries_by_ecs_total{zone=\"nl\",family=\"other\",prefix=\"other\"}", 8},
	    {"responses_by_ede_total{zone=\"nl\",code=\"18\"}", 9},
	    {"responses_by_ede_total{zone=\"nl\",code=\"other\"}", 10},
	    {"queries_by_qname_length_total{zone=\"nl\",length=\"b240\"}", 11},
	    {"queries_by_qname_labels_total{zone=\"nl\",labels=\"10\"}", 12},
	    {"queries_by_qname_trait_total{zone=\"nl\",trait=\"mixed_case\"}", 13},
	    {"responses_by_qtype_total{zone=\"nl\",qtype=\"AAAA\"}", 14},
	    {"queries_by_transport_and_qtype_total{zone=\"nl\",qtype=\"AAAA\",transport=\"tcp\"}",
		16},
	    {"queries_by_transport_and_qtype_total{zone=\"nl\",qtype=\"other\",transport=\"tcp\"}",
		17},
	    {"junk_queries_total{zone=\"nl\",kind=\"non-auth-tld\"}", 18},
	    {"priming_queries_total{zone=\"nl\",transport=\"udp\"}", 20},
	    {"priming_responses_total{zone=\"nl\",transport=\"udp\"}", 21},
	    {"priming_response_bytes_total{zone=\"nl\",transport=\"udp\"}", 5000},
	    {"priming_queries_do_total{zone=\"nl\",transport=\"udp\"}", 22},
	    {"priming_responses_tc_total{zone=\"nl\",transport=\"udp\"}", 23},
	    {"priming_queries_by_edns_size_total{zone=\"nl\",size=\"b1232\",transport=\"udp\"}",
		24},
	    {"response_bytes_by_qtype_total{zone=\"nl\",qtype=\"AAAA\"}", 1400},
	    {"responses_by_qtype_and_rcode_total{zone=\"nl\",qtype=\"AAAA\",rcode=\"NXDOMAIN\"}",
		14},
	    {"responses_by_qtype_and_rcode_total{zone=\"nl\",qtype=\"other\",rcode=\"NXDOMAIN\"}",
		2},
	};

	fake_window(f->report, nl, cells, sizeof(cells) / sizeof(cells[0]));
	assert_null(strstr(scrape(f), "zone=\"nl\""));
	f->report->facts = FACTS_ALL;
	fake_window(f->report, nl, cells, sizeof(cells) / sizeof(cells[0]));
	scrape(f);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		char series[160];

		snprintf(series, sizeof(series), "crosstap_dns_%s", expected[i].series);
		if (value_of(f->text, series) != expected[i].value)
			fail_msg("%s is %g, not %g", series, value_of(f->text, series),
			    expected[i].value);
	}
}

static struct cell latency(uint16_t zone, unsigned transport, uint64_t ns, uint64_t count)
{
	return cell(zone, MARGIN_LATENCY, 0, transport, 0, hist_bucket(ns), count, ns);
}

static double bucket_of(const char *text, const char *transport, const char *le)
{
	char series[256];

	snprintf(series, sizeof(series), RT "_bucket{zone=\"nl\",transport=\"%s\",le=\"%s\"}",
	    transport, le);
	return value_of(text, series);
}

static void test_histogram(void **state)
{
	struct fixture *f = *state;
	const uint16_t nl = fake_zone(f->report, "nl");
	const struct cell cells[] = {
	    latency(nl, TRANSPORT_UDP, 0, 1),
	    latency(nl, TRANSPORT_UDP, 40 * NS_PER_US, 5),
	    latency(nl, TRANSPORT_UDP, 60 * NS_PER_US, 10),
	    latency(nl, TRANSPORT_UDP, 7 * NS_PER_MS, 100),
	    latency(nl, TRANSPORT_UDP, 10 * NS_PER_S + NS_PER_S, 2),
	    latency(nl, TRANSPORT_TCP, 3 * NS_PER_S, 4),
	};
	const double sum = 5 * 40e-6 + 10 * 60e-6 + 100 * 7e-3 + 2 * 11;
	const char *text;

	fake_window(f->report, nl, cells, sizeof(cells) / sizeof(cells[0]));
	text = scrape(f);
	assert_true(bucket_of(text, "udp", "5e-05") == 6);
	assert_true(bucket_of(text, "udp", "0.0001") == 16);
	assert_true(bucket_of(text, "udp", "0.005") == 16);
	assert_true(bucket_of(text, "udp", "0.01") == 116);
	assert_true(bucket_of(text, "udp", "10") == 116);
	assert_true(bucket_of(text, "udp", "+Inf") == 118);
	assert_true(value_of(text, RT "_count{zone=\"nl\",transport=\"udp\"}") == 118);
	assert_float_equal(
	    value_of(text, RT "_sum{zone=\"nl\",transport=\"udp\"}"), sum, sum / 100);
	assert_true(bucket_of(text, "tcp", "2.5") == 0);
	assert_true(bucket_of(text, "tcp", "5") == 4);
	assert_true(value_of(text, RT "_count{zone=\"nl\",transport=\"tcp\"}") == 4);
}

/* Every value from 1 ns to 20 s, with the count of its neighbourhood: cumulative everywhere. */
static void test_histogram_cumulative(void **state)
{
	struct fixture *f = *state;
	const uint16_t nl = fake_zone(f->report, "nl");
	static struct cell cells[HIST_BUCKETS];
	uint64_t total = 0;
	size_t n = 0;
	double last = 0;
	const char *text, *at;

	for (uint32_t bucket = 0; hist_lower(bucket) < 20ull * NS_PER_S; bucket++) {
		cells[n++] = cell(nl, MARGIN_LATENCY, 0, 0, 0, bucket, bucket + 1, 0);
		total += bucket + 1;
	}
	fake_window(f->report, nl, cells, n);
	text = scrape(f);
	for (at = text; (at = strstr(at, RT "_bucket{")); at++) {
		double value = strtod(strstr(at, "} ") + 2, NULL);

		assert_true(value > last);
		last = value;
	}
	assert_true(last == (double)total);
	assert_true(value_of(text, RT "_count{zone=\"nl\",transport=\"udp\"}") == (double)total);
}

static void test_agent(void **state)
{
	struct fixture *f = *state;
	struct report_status *status = &f->report->status;
	const char *text;

	status->figures.cpu_us = 1500000;
	status->figures.rss_bytes = 16 << 20;
	status->figures.late = 3;
	status->figures.wire_stepped_down = 2;
	status->certificates[status->n_certificates++] =
	    (struct report_certificate){.name = "http", .end_s = 2000000000};
	status->figures.frames = 1ull << 52;
	text = scrape(f);
	assert_true(value_of(text, "crosstap_cpu_seconds_total") == 1.5);
	assert_true(value_of(text, "crosstap_resident_memory_bytes") == 16 << 20);
	assert_true(value_of(text, "crosstap_frames_late_total") == 3);
	assert_true(value_of(text, "crosstap_wire_stepped_down") == 2);
	assert_true(
	    value_of(text, "crosstap_certificate_not_after_time_seconds{certificate=\"http\"}") ==
	    2000000000);
	assert_non_null(strstr(text, "\ncrosstap_frames_total 4503599627370496\n"));
	assert_true(value_of(text, "crosstap_start_time_seconds") == 1000);
	assert_true(
	    value_of(text,
		"crosstap_build_info{version=\"" CROSSTAP_VERSION "\",server=\"ns1.test\"}") == 1);
}

static void test_hostile_labels(void **state)
{
	struct fixture *f = *state;
	struct report_input *inputs = fake_inputs(f->report, 4);
	const uint16_t zone = fake_zone(f->report, "a\"} 1\nevil 2\\");
	const struct cell cells[] = {cell(zone, MARGIN_RCODE, 0, 0, 0, 0, 1, 0)};
	const char *text;

	strcpy(inputs[0].address, "/run/\xff.sock");
	strcpy(inputs[1].address, "/run/\x1b[2J.sock");
	strcpy(inputs[2].address, "/run/twice.sock");
	strcpy(inputs[3].address, "/run/twice.sock");
	inputs[3].stats.frames = 8;
	fake_window(f->report, zone, cells, 1);
	text = scrape(f);
	assert_null(strstr(text, "\nevil"));
	assert_null(strchr(text, '\x1b'));
	assert_true(value_of(text,
			"crosstap_dns_responses_by_rcode_total{zone=\"a\\\"} 1\\\\x0aevil "
			"2\\\\\",rcode=\"NOERROR\"}") == 1);
	assert_true(
	    value_of(text, "crosstap_input_frames_total{input=\"/run/\\\\xff.sock\"}") == 0);
	assert_true(value_of(text, "crosstap_input_frames_total{input=\"/run/twice.sock\"}") == 0);
	assert_true(
	    value_of(text, "crosstap_input_frames_total{input=\"/run/twice.sock #2\"}") == 8);
}

static void test_sinks(void **state)
{
	struct fixture *f = *state;
	const char *text;

	fake_sinks(f->report, 2);
	strcpy(f->report->status.sinks[0].name, "influxdb http://127.0.0.1:8086 bucket=dns");
	strcpy(f->report->status.sinks[1].name, "file /tmp/points");
	f->report->status.sinks[0].stats = (struct sink_stats){.points = 4,
	    .points_dropped = 5,
	    .errors = 6,
	    .failing = true,
	    .spool_bytes = 7,
	    .spool_limit_bytes = 14,
	    .last_push_ns = 3 * (int64_t)NS_PER_S};
	text = scrape(f);
#define INFLUX "{output=\"influxdb http://127.0.0.1:8086 bucket=dns\"}"
	assert_true(value_of(text, "crosstap_points_total" INFLUX) == 4);
	assert_true(value_of(text, "crosstap_points_dropped_total" INFLUX) == 5);
	assert_true(value_of(text, "crosstap_output_errors_total" INFLUX) == 6);
	assert_true(value_of(text, "crosstap_output_failing" INFLUX) == 1);
	assert_true(value_of(text, "crosstap_output_spool_bytes" INFLUX) == 7);
	assert_true(value_of(text, "crosstap_output_spool_limit_bytes" INFLUX) == 14);
	assert_true(value_of(text, "crosstap_output_last_push_time_seconds" INFLUX) == 3);
	assert_true(value_of(text, "crosstap_output_failing{output=\"file /tmp/points\"}") == 0);
}

static void test_tops(void **state)
{
	static const struct top_row rows[] = {
	    {TOP_COUNTRY, 1, "nl", "NL", "", NULL, 70, 0, 0, 20, NAN, {0}},
	    {TOP_ASN, 1, "nl", "64496", "Example \"B.V.\"", NULL, 60, 0, 0, NAN, 5, {0}},
	    {TOP_RESOLVER, 2, "nl", "192.0.2.1", "NL", NULL, 50, 0, 0, NAN, NAN, {0}},
	    {TOP_SUBNET, 1, "nl", "192.0.2.0/24", "", NULL, 40, 9000, 3, NAN, NAN, {0}},
	    {TOP_TALKER, 1, "nl", "192.0.2.7", "", "refused", 30, 0, 0, NAN, NAN, {0}},
	    {TOP_DOMAIN, 1, "nl", "example.nl", "", "nxdomain", 0, 0, 0, NAN, NAN,
		{NULL, 9, 8, 7, 6, 5.5}},
	    {TOP_DOMAIN, 1, "nl", "example.nl", "", "sources", 0, 0, 0, NAN, NAN,
		{NULL, 9, 8, 7, 6, NAN}},
	    {TOP_TRAIT, 1, "nl", "", "", "validating", 0, 0, 0, NAN, NAN,
		{NULL, 12, 0, 11, 0, NAN}},
	};
	struct fixture *f = *state;
	const char *text;

	f->report->tops = calloc(1, sizeof(struct tops) + sizeof(rows));
	f->report->tops->refs = 1;
	f->report->tops->n = sizeof(rows) / sizeof(rows[0]);
	memcpy(f->report->tops->rows, rows, sizeof(rows));
	text = scrape(f);
#define RANKED "{zone=\"nl\",rank=\"1\""
	assert_true(value_of(text, "crosstap_dns_top_country_queries" RANKED "}") == 70);
	assert_true(value_of(text, "crosstap_dns_top_country_icmp_rtt_seconds" RANKED "}") == 0.02);
	assert_true(value_of(text, "crosstap_dns_top_country_tcp_rtt_seconds" RANKED "}") == -1);
	assert_true(value_of(text, "crosstap_dns_top_country_info" RANKED ",country=\"NL\"}") == 1);
	assert_true(value_of(text, "crosstap_dns_top_asn_tcp_rtt_seconds" RANKED "}") == 0.005);
	assert_true(value_of(text,
			"crosstap_dns_top_asn_info" RANKED
			",asn=\"64496\",as_org=\"Example \\\"B.V.\\\"\"}") == 1);
	assert_true(
	    value_of(text, "crosstap_dns_top_resolver_queries{zone=\"nl\",rank=\"2\"}") == 50);
	assert_true(value_of(text,
			"crosstap_dns_top_resolver_info{zone=\"nl\",rank=\"2\",address="
			"\"192.0.2.1\",country=\"NL\"}") == 1);
	assert_true(
	    value_of(text, "crosstap_dns_clients_queries{zone=\"nl\",trait=\"validating\"}") == 12);
	assert_true(
	    value_of(text, "crosstap_dns_clients_sources{zone=\"nl\",trait=\"validating\"}") == 11);
#define DOMAIN_BY(by) "{zone=\"nl\",by=\"" by "\",rank=\"1\""
	assert_true(
	    value_of(text, "crosstap_dns_top_domain_nxdomain" DOMAIN_BY("nxdomain") "}") == 8);
	assert_true(value_of(text, "crosstap_dns_top_domain_names" DOMAIN_BY("sources") "}") == 6);
	assert_true(
	    value_of(text, "crosstap_dns_top_domain_magnitude" DOMAIN_BY("nxdomain") "}") == 5.5);
	assert_true(
	    value_of(text, "crosstap_dns_top_domain_magnitude" DOMAIN_BY("sources") "}") == -1);
	assert_true(value_of(text,
			"crosstap_dns_top_domain_info" DOMAIN_BY(
			    "nxdomain") ",domain=\"example.nl\"}") == 1);
	assert_true(value_of(text, "crosstap_dns_top_subnet_response_bytes" RANKED "}") == 9000);
	assert_true(
	    value_of(text, "crosstap_dns_top_subnet_info" RANKED ",subnet=\"192.0.2.0/24\"}") == 1);
	assert_true(
	    value_of(text,
		"crosstap_dns_top_talker_amount{zone=\"nl\",by=\"refused\",rank=\"1\"}") == 30);
}

/* Each family is described once, before its samples, and no series is there twice. */
static void test_format(void **state)
{
	struct fixture *f = *state;
	const uint16_t nl = fake_zone(f->report, "nl"), org = fake_zone(f->report, "org");
	const struct cell cells[] = {
	    cell(nl, MARGIN_MESSAGES, DIR_QUERY, TRANSPORT_UDP, FAMILY_IPV4, 0, 70, 2100),
	    latency(nl, TRANSPORT_UDP, 40 * NS_PER_US, 5),
	};
	const struct cell other[] = {
	    cell(org, MARGIN_MESSAGES, DIR_QUERY, TRANSPORT_UDP, FAMILY_IPV4, 0, 1, 30),
	    latency(org, TRANSPORT_UDP, 40 * NS_PER_US, 5),
	};
	char family[128] = "", name[128], *copy, *save = NULL;

	fake_inputs(f->report, 2);
	strcpy(f->report->status.inputs[0].address, "/run/a.sock");
	strcpy(f->report->status.inputs[1].address, "/run/b.sock");
	fake_window(f->report, nl, cells, 2);
	fake_window(f->report, org, other, 2);
	copy = strdup(scrape(f));
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "# HELP %127s", name) == 1) {
			char again[160];
			const char *first;

			snprintf(again, sizeof(again), "# HELP %s ", name);
			first = strstr(f->text, again);
			assert_null(strstr(first + 1, again));
			strcpy(family, name);
		} else if (sscanf(line, "# TYPE %127s", name) == 1) {
			assert_string_equal(name, family);
		} else {
			assert_int_equal(strncmp(line, family, strlen(family)), 0);
			*strrchr(line, ' ') = '\0';
			assert_true(value_of(f->text, line) >= 0);
		}
	}
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_datasets, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_dns, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_histogram, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_histogram_cumulative, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_agent, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hostile_labels, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_sinks, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_tops, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_format, setup, teardown),
	};

	return cmocka_run_group_tests_name("http/prometheus", tests, NULL, NULL);
}
