/* SPDX-License-Identifier: BSD-2-Clause */
/* The packet fixtures through the headers in user space, and what the kernel cannot be asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../bpf/host.h"
#include "../../bpf/table.h"
#include "base/unused.h"

static struct frames frames;
static struct totals_text text;

/* Ends where the analyser sees it end. */
static void new_host(struct wire_state *state, u32 options, u32 buckets)
{
	if (host_new(state, options, buckets))
		abort();
}

static void assert_fixture(const struct fixture *fixture)
{
	struct totals totals;
	struct wire_state state;

	frames.n = 0;
	fixture->make(&frames);
	new_host(&state, FIXTURE_OPTIONS | fixture->options, FIXTURE_BUCKETS);
	for (u32 i = 0; i < frames.n; i++) {
		/* In memory of its own size: a sanitizer sees a read past the end. */
		struct frame exact = frames.frames[i];
		u8 *bytes = malloc(exact.length ? exact.length : 1);
		struct wire_input input = {.frame_bytes = exact.length,
		    .length = exact.length,
		    .time_ns = 1000000000ull + exact.time_us * 1000ull,
		    .segments = exact.segments,
		    .direction = exact.direction,
		    .raw = exact.raw};

		assert_non_null(bytes);
		memcpy(bytes, exact.bytes, exact.length);
		input.data = bytes;
		wire_packet(&state, &input);
		free(bytes);
	}
	assert_int_equal(host_totals(&state, &totals), 0);
	totals_print(&totals, &text);
	if (strcmp(text.text, fixture->expected) != 0)
		fail_msg(
		    "%s:\ncounted  %s\nexpected %s", fixture->name, text.text, fixture->expected);
	totals_free(&totals);
	host_free(&state);
}

static void test_fixtures(void **state UNUSED)
{
	for (size_t i = 0; i < FIXTURES; i++)
		assert_fixture(&fixtures[i]);
}

/* Counters are never cleared: what is counted goes to the open slot and nowhere else. */
static void test_slots(void **unused UNUSED)
{
	const struct wire_counters *in;
	struct wire_state state;

	frames.n = 0;
	make_udp_query(&frames);
	new_host(&state, FIXTURE_OPTIONS, 8);
	for (u32 window = 0; window < 5; window++) {
		state.config->slot = window & 1;
		for (u32 i = 0; i <= window % 2; i++)
			host_run(&state, &frames.frames[0]);
	}
	in = &state.counters[wire_counters_index(0, WIRE_IN, 0)];
	assert_int_equal(in[0].cells[WIRE_UDP][0].messages, 3);
	assert_int_equal(in[1].cells[WIRE_UDP][0].messages, 4);
	host_free(&state);
}

static void test_handshake_time(void **unused UNUSED)
{
	const u32 bin = wire_rtt_bin(20000);
	struct wire_state state;

	frames.n = 0;
	make_tcp_connection(&frames);
	new_host(&state, FIXTURE_OPTIONS, 8);
	for (u32 i = 0; i < frames.n; i++)
		host_run(&state, &frames.frames[i]);
	assert_int_equal(state.rtt[0].bins[PACKET_IPV4][bin], 1);
	assert_int_equal(state.n_rtts, 1);
	for (u32 i = 0; i < 2 * FIXTURE_MAX_RTTS; i++) {
		if (!state.rtts[i].rtt.count[0])
			continue;
		assert_int_equal(state.rtts[i].rtt.count[0], 1);
		assert_in_range(state.rtts[i].rtt.min_us, 19999, 20001);
	}
	host_free(&state);
}

/* Every bin begins where the one before it ends, and no width is above 1.6 % of its value. */
static void test_rtt_bins(void **state UNUSED)
{
	for (u32 bin = 0; bin < WIRE_RTT_BINS; bin++) {
		const u64 least = wire_rtt_bin_us(bin);

		assert_int_equal(wire_rtt_bin(least), bin);
		if (bin)
			assert_int_equal(wire_rtt_bin(least - 1), bin - 1);
		if (bin >= WIRE_RTT_LINEAR && bin + 1 < WIRE_RTT_BINS)
			assert_true((wire_rtt_bin_us(bin + 1) - least) * 64 <= least);
	}
	assert_int_equal(wire_rtt_bin(UINT64_MAX), WIRE_RTT_BINS - 1);
}

/* A flood of SYNs passes over the hints of handshakes under way; counts stay exact. */
static void test_syn_flood(void **unused UNUSED)
{
	const struct wire_counters *in;
	struct wire_state state;

	new_host(&state, FIXTURE_OPTIONS | WIRE_RTT_SYN, 8);
	for (u32 i = 0; i < 4 * WIRE_HINTS; i++) {
		frames.n = 0;
		frames_add(&frames,
		    (struct frame_spec){.tcp = 1,
			.client = (u16)(1 + i % 200),
			.client_port = (u16)(1024 + i / 200 % 60000),
			.sequence = i * 2654435761u,
			.flags = PACKET_SYN});
		host_run(&state, &frames.frames[0]);
	}
	in = &state.counters[wire_counters_index(0, WIRE_IN, 0)];
	assert_int_equal(in->cells[WIRE_TCP][0].connections, 4 * WIRE_HINTS);
	assert_int_equal(in->cells[WIRE_TCP][0].packets, 4 * WIRE_HINTS);
	assert_int_equal(in->handshakes[0] + in->flows_new + in->sources_other, 0);
	host_free(&state);
}

static void test_addresses(void **unused UNUSED)
{
	static struct wire_local locals[260];
	struct wire_config *config = calloc(1, sizeof(*config));
	struct packet_address other = {{0, 0, CT_BE32(0xffff), htonl(0xcb007101)}};

	assert_non_null(config);
	for (u32 i = 0; i < 256; i++)
		locals[i] =
		    (struct wire_local){{{0, 0, CT_BE32(0xffff), htonl(0x0a000000 + i * 7)}},
			PACKET_IPV4, WIRE_ADDRESS_HOST};
	locals[256] = locals[5];
	locals[256].flags = WIRE_ADDRESS_SERVER;
	locals[257] = (struct wire_local){{{1, 2, 3, 4}}, PACKET_IPV6, WIRE_ADDRESS_SERVER};
	assert_true(wire_config_addresses(config, locals, 258));
	assert_int_equal(config->active, 1);
	for (u32 i = 0; i < 256; i++)
		assert_int_equal(
		    wire_address_flags(config, PACKET_IPV4, &locals[i].address), i == 5 ? 3 : 2);
	assert_int_equal(wire_address_flags(config, PACKET_IPV4, &other), 0);
	assert_int_equal(wire_address_flags(config, PACKET_IPV6, &locals[257].address), 1);
	assert_int_equal(wire_address_flags(config, PACKET_IPV6, &other), 0);
	free(config);
}

/* More than the table can hold is refused and leaves the table in force alone. */
static void test_too_many_addresses(void **unused UNUSED)
{
	static struct wire_local locals[1100];
	struct wire_config *config = calloc(1, sizeof(*config));

	assert_non_null(config);
	for (u32 i = 0; i < 1100; i++)
		locals[i] = (struct wire_local){{{0, 0, CT_BE32(0xffff), htonl(0x0a000000 + i)}},
		    PACKET_IPV4, WIRE_ADDRESS_HOST};
	assert_false(wire_config_addresses(config, locals, 1100));
	assert_int_equal(config->active, 0);
	free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fixtures),
	    cmocka_unit_test(test_slots),
	    cmocka_unit_test(test_handshake_time),
	    cmocka_unit_test(test_rtt_bins),
	    cmocka_unit_test(test_syn_flood),
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_too_many_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
