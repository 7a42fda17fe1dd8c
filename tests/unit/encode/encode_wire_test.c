/* SPDX-License-Identifier: BSD-2-Clause */
/* Points of the wire and of the cross-check: measurements, tags, fields, and what is absent. */
#include "../crosscheck_fixture.h"
#include "base/unused.h"

#include "base/hist.h"
#include "encode/encode.h"

#include "points_text.h"

#define TIME_MS 1700000000000

static struct points *new_points(void)
{
	struct points *points;

	assert_int_equal(points_new(&points, POINTS_LINE, 1 << 20), 0);
	return points;
}

static const char *wire_text(
    struct fixture *f, struct points *points, struct unassigned *unassigned)
{
	points_reset(points);
	assert_int_equal(encode_wire(points, TIME_MS, &f->wire, unassigned, f->arena), 0);
	return points_text(points);
}

static void cells_of_every_transport(void **state)
{
	struct fixture *f = *state;
	struct points *points = new_points();
	const char *text;

	*fixture_cell(f, WIRE_IN, WIRE_UDP, PACKET_IPV4) = (struct wire_cell){.packets = 1,
	    .bytes = 2,
	    .fragments = 3,
	    .messages = 4,
	    .malformed = 5,
	    .not_query = 6,
	    .not_query_aa = 5,
	    .tc = 7,
	    .connections = 8,
	    .resync = 9};
	*fixture_cell(f, WIRE_OUT, WIRE_TCP, PACKET_IPV6) = (struct wire_cell){
	    .packets = 1, .messages = 2, .connections = 3, .resets = 4, .resync = 5};
	*fixture_cell(f, WIRE_IN, WIRE_DOQ, PACKET_IPV6) =
	    (struct wire_cell){.packets = 9, .bytes = 900, .connections = 2, .messages = 77};
	text = wire_text(f, points, NULL);
	assert_line(text,
	    "wire,direction=query,family=ipv4,interface=eth0,transport=udp packets=1i,bytes=2i,"
	    "fragments=3i,messages=4i,malformed=5i,not_query=6i,not_query_aa=5i,tc=7i");
	assert_line(text,
	    "wire,direction=response,family=ipv6,interface=eth0,transport=tcp packets=1i,bytes=0i,"
	    "fragments=0i,messages=2i,malformed=0i,not_query=0i,not_query_aa=0i,tc=0i,connections="
	    "3i,resets=4i,"
	    "resync=5i");
	/* The wire cannot look into it; a transport that nobody uses has no point. */
	assert_line(text,
	    "wire,direction=query,family=ipv6,interface=eth0,transport=doq packets=9i,bytes=900i,"
	    "fragments=0i,connections=2i,resets=0i");
	assert_int_equal(lines_of(text, "wire,"), 8 + 1);
	f->interface.egress = false;
	assert_int_equal(lines_of(wire_text(f, points, NULL), "wire,direction=response"), 0);
	f->interface.mode = "off";
	assert_string_equal(wire_text(f, points, NULL), "");
	f->interface.mode = "tc";
	f->wire.watched = false;
	assert_string_equal(wire_text(f, points, NULL), "");
	points_free(points);
}

static void codes_sizes_and_reasons(void **state)
{
	struct fixture *f = *state;
	struct wire_counters *in = &f->interface.counters[WIRE_IN];
	struct wire_counters *out = &f->interface.counters[WIRE_OUT];
	static const struct wire_rare qtypes[] = {{32769, 3, 1}, {65001, 2, 0}},
				      rcodes[] = {{3841, 1, 0}};
	struct points *points = new_points();
	const char *text;

	in->qtypes[1] = 10;
	in->opcodes[0] = 11;
	in->opcodes[7] = 1;
	out->rcodes[3] = 4;
	out->rcodes[16] = 2;
	f->interface.qtypes = (struct wire_rares){qtypes, 2};
	f->interface.rcodes = (struct wire_rares){rcodes, 1};
	in->sizes[WIRE_UDP][0] = 1;
	in->sizes[WIRE_UDP][31] = 2;
	in->sizes[WIRE_UDP][32] = 3; /* 512 to 639 */
	in->sizes[WIRE_UDP][39] = 4;
	in->sizes[WIRE_UDP][WIRE_SIZE_BINS - 1] = 5;
	in->malformed[DNS_MALFORMED_SHORT] = 6;
	out->malformed[DNS_MALFORMED_POINTER] = 7;
	text = wire_text(f, points, NULL);
	assert_line(text, "wire_qtype,interface=eth0,qtype=A messages=10i");
	assert_line(text, "wire_qtype,interface=eth0,qtype=DLV messages=3i");
	assert_line(text, "wire_qtype,interface=eth0,qtype=TYPE65001 messages=2i");
	assert_line(text, "wire_rcode,interface=eth0,rcode=NXDOMAIN messages=4i");
	assert_line(text, "wire_rcode,interface=eth0,rcode=BADVERS messages=2i");
	assert_line(text, "wire_rcode,interface=eth0,rcode=RCODE3841 messages=1i");
	assert_line(text, "wire_opcode,interface=eth0,opcode=QUERY messages=11i");
	assert_line(text, "wire_opcode,interface=eth0,opcode=OPCODE7 messages=1i");
	assert_line(text,
	    "wire_size,direction=query,interface=eth0,transport=udp "
	    "b0=1i,b496=2i,b512=7i,b4096=5i");
	assert_int_equal(lines_of(text, "wire_size,"), 1);
	assert_line(
	    text, "wire_malformed,direction=query,interface=eth0,reason=short_header messages=6i");
	assert_line(text,
	    "wire_malformed,direction=response,interface=eth0,reason=qname_pointer messages=7i");
	points_free(points);
}

/* Unassigned types past the day's 32 are one point. */
static void series_of_types_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct wire_rare qtypes[UNASSIGNED_KEPT + 5];
	struct crosscheck_code codes[UNASSIGNED_KEPT + 5];
	struct unassigned unassigned = {0};
	const struct encode_context context = {.unassigned = &unassigned};
	struct points *points = new_points();
	const char *text;

	for (uint16_t i = 0; i < UNASSIGNED_KEPT + 5; i++) {
		qtypes[i] = (struct wire_rare){(uint16_t)(60000 + i), 10, 0};
		codes[i] = (struct crosscheck_code){(uint16_t)(60000 + i), 9};
	}
	f->interface.qtypes = (struct wire_rares){qtypes, UNASSIGNED_KEPT + 5};
	f->dnstap.qtypes = codes;
	f->dnstap.n_qtypes = UNASSIGNED_KEPT + 5;
	text = wire_text(f, points, &unassigned);
	assert_int_equal(lines_of(text, "wire_qtype,"), UNASSIGNED_KEPT + 1);
	assert_line(text, "wire_qtype,interface=eth0,qtype=other messages=50i");
	fixture_close(f);
	points_reset(points);
	encode_crosscheck(points, TIME_MS, &f->result, &context);
	text = points_text(points);
	assert_int_equal(lines_of(text, "crosscheck_qtype,"), UNASSIGNED_KEPT + 1);
	assert_line(text, "crosscheck_qtype,qtype=other wire=50i,dnstap=45i,difference=5i");
	assert_line(text, "crosscheck_qtype,qtype=TYPE60000 wire=10i,dnstap=9i,difference=1i");
	points_free(points);
}

static void handshakes_have_quantiles(void **state)
{
	struct fixture *f = *state;
	struct wire_rtt rtt = {0};
	struct points *points = new_points();
	const char *text;

	assert_int_equal(lines_of(wire_text(f, points, NULL), "wire_tcp_rtt"), 0);
	rtt.bins[PACKET_IPV4][10] = 98; /* 10 us */
	rtt.bins[PACKET_IPV4][20] = 1;
	rtt.bins[PACKET_IPV4][30] = 1;
	f->wire.rtt = &rtt;
	f->interface.counters[WIRE_IN].retransmitted[PACKET_IPV4] = 7;
	text = wire_text(f, points, NULL);
	assert_line(text,
	    "wire_tcp_rtt,family=ipv4 handshakes=100i,retransmitted=7i,p50_us=10.0,p90_us=10.0,"
	    "p99_us=20.0");
	assert_line(text, "wire_tcp_rtt,family=ipv6 handshakes=0i,retransmitted=0i");
	points_free(points);
}

/* The bins of the kernel side are those of base/hist.h. */
static void bins_are_buckets(void **state UNUSED)
{
	for (uint32_t bin = 0; bin < WIRE_RTT_BINS; bin++)
		assert_int_equal(wire_rtt_bin_us(bin), hist_lower(bin));
}

static void the_cross_check_in_points(void **state)
{
	struct fixture *f = *state;
	static const struct wire_drop drop = {"NO_SOCKET", 4, false};
	const struct encode_context context = {0};
	struct points *points = new_points();
	const char *text;

	f->wire.known |= WIRE_KNOWS_NIC_DROPS | WIRE_KNOWS_TX_DROPS | WIRE_KNOWS_LISTEN;
	f->wire.nic_drops = 1;
	f->wire.stack_drops = &drop;
	f->wire.n_stack_drops = 1;
	f->wire.socket_drops = 3;
	f->wire.queued_bytes = 1;
	f->wire.tx_drops = 5;
	f->wire.listen_overflows = 6;
	fixture_udp(f, 100, 90, 80);
	fixture_cell(f, WIRE_IN, WIRE_UDP, PACKET_IPV4)->malformed = 7;
	fixture_cell(f, WIRE_IN, WIRE_UDP, PACKET_IPV6)->left_out = 2;
	fixture_cell(f, WIRE_IN, WIRE_UDP, PACKET_IPV6)->messages = 2;
	fixture_close(f);
	encode_crosscheck(points, TIME_MS, &f->result, &context);
	text = points_text(points);
	assert_line(text,
	    "crosscheck,direction=query,family=ipv4,transport=udp wire=100i,dnstap=90i,"
	    "difference=10i,left_out=0i,late=0i,boundary=1i,complete=1i");
	assert_line(text,
	    "crosscheck,direction=query,family=ipv6,transport=udp wire=0i,dnstap=0i,"
	    "difference=0i,left_out=2i,late=0i,boundary=0i,complete=1i");
	assert_int_equal(lines_of(text, "crosscheck,"), 8);
	assert_line(text,
	    "funnel nic_drops=1i,wire_queries=100i,stack_drops=4i,socket_drops=3i,queued=0i,"
	    "malformed=7i,not_logged=0i,dnstap_queries=90i,explained=14i,unexplained=-4i,"
	    "boundary=1i,balance=-4i,dnstap_responses=80i,wire_responses=80i,tx_drops=5i,"
	    "unanswered=10i,listen_overflows=6i,corrected=90i,corrected_low=89i,"
	    "corrected_high=91i,verdict=\"ok\",complete=1i");
	points_free(points);
}

/* What was not measured is absent, never 0. */
static void what_was_not_measured_is_absent(void **state)
{
	struct fixture *f = *state;
	const struct encode_context context = {0};
	struct points *points = new_points();
	const char *text;

	f->wire.known = 0;
	f->interface.egress = false;
	f->inputs.reconnected = true; /* so that there is no balance yet */
	fixture_udp(f, 100, 100, 100);
	fixture_close(f);
	encode_crosscheck(points, TIME_MS, &f->result, &context);
	text = points_text(points);
	assert_int_equal(lines_of(text, "crosscheck,direction=response"), 0);
	assert_line(text,
	    "funnel wire_queries=100i,malformed=0i,not_logged=0i,dnstap_queries=100i,"
	    "explained=0i,unexplained=0i,boundary=1i,dnstap_responses=100i,corrected=100i,"
	    "corrected_low=99i,corrected_high=101i,verdict=\"ok\",complete=0i");
	f->wire.watched = false;
	fixture_close(f);
	points_reset(points);
	encode_crosscheck(points, TIME_MS, &f->result, &context);
	text = points_text(points);
	assert_line(
	    text, "funnel dnstap_queries=100i,dnstap_responses=100i,verdict=\"ok\",complete=0i");
	assert_int_equal(lines_of(text, ""), 2); /* and the end */
	points_free(points);
}

static void clients_pass_the_door_of_privacy(void **state)
{
	struct fixture *f = *state;
	struct config config = {.privacy.addresses = ADDRESSES_PREFIX};
	struct crosscheck_source rows[3] = {
	    {.address = {192, 0, 2, 77}, .length = 4, .wire = 9, .dnstap = 2, .difference = 7},
	    {.address = {0x20, 1, 0xd, 0xb8, 1, 2, 3, 4},
		.length = 16,
		.wire = 3,
		.dnstap = 1,
		.difference = 2},
	    {.address = {192, 0, 2, 78}, .length = 4, .wire = 5, .dnstap = 4, .difference = 1},
	};
	struct encode_context context = {0};
	struct points *points = new_points();
	char reason[128];

	assert_int_equal(privacy_new(&context.privacy, &config, reason, sizeof(reason)), 0);
	fixture_close(f);
	f->result.sources = rows;
	f->result.n_sources = 3;
	encode_crosscheck(points, TIME_MS, &f->result, &context);
	assert_line(points_text(points),
	    "crosscheck_source,rank=1 address=\"192.0.2.0/24\",wire=9i,dnstap=2i,difference=7i");
	assert_line(points_text(points),
	    "crosscheck_source,rank=2 address=\"2001:db8:102::/48\",wire=3i,dnstap=1i,"
	    "difference=2i");
	assert_int_equal(lines_of(points_text(points), "crosscheck_source,"), 3);
	/* Under one tag there is one point. */
	context.top_key = TOP_KEY_VALUE;
	points_reset(points);
	encode_crosscheck(points, TIME_MS, &f->result, &context);
	assert_line(points_text(points),
	    "crosscheck_source,rank=192.0.2.0/24 address=\"192.0.2.0/24\",wire=14i,dnstap=6i,"
	    "difference=8i");
	assert_int_equal(lines_of(points_text(points), "crosscheck_source,"), 2);
	privacy_free(context.privacy);
	points_free(points);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(cells_of_every_transport),
	    TEST(codes_sizes_and_reasons),
	    TEST(series_of_types_are_bounded),
	    TEST(handshakes_have_quantiles),
	    cmocka_unit_test(bins_are_buckets),
	    TEST(the_cross_check_in_points),
	    TEST(what_was_not_measured_is_absent),
	    TEST(clients_pass_the_door_of_privacy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
