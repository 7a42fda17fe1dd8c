/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/unused.h"
#include "ping/ping_probes.h"
#include "ping/ping_wire.h"

#define ID       0xbeef
#define SEQUENCE 0x1234

static const uint8_t cookie[PING_COOKIE_BYTES] = {
    9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 11, 12, 13, 14, 15, 255};

static void set_checksum(uint8_t *icmp, size_t length)
{
	uint16_t sum;

	icmp[2] = icmp[3] = 0;
	sum = ping_wire_checksum(icmp, length);
	icmp[2] = (uint8_t)(sum >> 8);
	icmp[3] = (uint8_t)sum;
}

/* An IPv4 header with `options` bytes of options before `length` bytes that are already there. */
static size_t add_ipv4(uint8_t *packet, size_t options, size_t length)
{
	static const uint8_t addresses[8] = {198, 51, 100, 2, 198, 51, 100, 1};
	size_t header = 20 + options, total = header + length;

	memset(packet, 0, header);
	packet[0] = (uint8_t)(0x40 | header / 4);
	packet[2] = (uint8_t)(total >> 8);
	packet[3] = (uint8_t)total;
	packet[8] = 64;
	packet[9] = 1;
	memcpy(packet + 12, addresses, sizeof(addresses));
	memset(packet + 20, 1, options); /* no operation */
	return total;
}

static size_t make_reply(uint8_t *packet, size_t options)
{
	uint8_t *icmp = packet + 20 + options;

	ping_wire_request(icmp, 4, ID, SEQUENCE, cookie);
	icmp[0] = 0;
	set_checksum(icmp, PING_REQUEST_BYTES);
	return add_ipv4(packet, options, PING_REQUEST_BYTES);
}

static void test_checksum_of_rfc1071(void **state UNUSED)
{
	static const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	assert_int_equal(ping_wire_checksum(data, 8), (uint16_t)~0xddf2);
	assert_int_equal(ping_wire_checksum(data, 7), (uint16_t)~0xdcfb);
	assert_int_equal(ping_wire_checksum(data, 0), 0xffff);
}

static void test_request(void **state UNUSED)
{
	uint8_t request[PING_REQUEST_BYTES];

	ping_wire_request(request, 4, ID, SEQUENCE, cookie);
	assert_memory_equal(request, "\x08\x00", 2);
	assert_memory_equal(request + 4, "\xbe\xef\x12\x34", 4);
	assert_memory_equal(request + 8, cookie, sizeof(cookie));
	assert_int_equal(ping_wire_checksum(request, sizeof(request)), 0);
	ping_wire_request(request, 6, ID, SEQUENCE, cookie);
	assert_memory_equal(request, "\x80\x00\x00\x00\xbe\xef\x12\x34", 8);
}

static void assert_ours(const struct ping_message *message)
{
	assert_int_equal(message->id, ID);
	assert_int_equal(message->sequence, SEQUENCE);
	assert_int_equal(message->cookie_length, PING_COOKIE_BYTES);
	assert_memory_equal(message->cookie, cookie, PING_COOKIE_BYTES);
}

static void test_reply_with_any_options(void **state UNUSED)
{
	for (size_t options = 0; options <= 40; options += 4) {
		uint8_t packet[128];
		struct ping_message message;
		size_t length = make_reply(packet, options);

		assert_int_equal(ping_wire_parse_ipv4(packet, length, &message), 0);
		assert_int_equal(message.kind, PING_REPLY);
		assert_ours(&message);
		/* What a link appended is not part of the packet. */
		memset(packet + length, 0xee, 2);
		assert_int_equal(ping_wire_parse_ipv4(packet, length + 2, &message), 0);
		assert_ours(&message);
	}
}

/* Exactly sized copies, so that a sanitizer sees a read past the end. */
static void test_truncated(void **state UNUSED)
{
	uint8_t packet[128];
	size_t length = make_reply(packet, 8);
	struct ping_message message;

	for (size_t n = 0; n < length; n++) {
		uint8_t *copy = malloc(n ? n : 1);

		assert_non_null(copy);
		memcpy(copy, packet, n);
		assert_int_equal(ping_wire_parse_ipv4(copy, n, &message), -EBADMSG);
		assert_int_equal(ping_wire_parse_reply(copy, n, 4, &message), -EBADMSG);
		assert_int_equal(ping_wire_parse_reply(copy, n, 6, &message), -EBADMSG);
		free(copy);
	}
}

/* The checksum covers all of the ICMP message, so no changed bit of it passes. */
static void test_changed_bits(void **state UNUSED)
{
	uint8_t packet[128];
	size_t length = make_reply(packet, 0);
	struct ping_message message;

	for (size_t bit = 20 * 8; bit < length * 8; bit++) {
		packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(ping_wire_parse_ipv4(packet, length, &message), -EBADMSG);
		packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(ping_wire_parse_ipv4(packet, length, &message), 0);
}

static void check_bad_byte(size_t offset, uint8_t value)
{
	uint8_t packet[128];
	size_t length = make_reply(packet, 0);
	struct ping_message message;

	packet[offset] = value;
	assert_int_equal(ping_wire_parse_ipv4(packet, length, &message), -EBADMSG);
}

static void test_bad_headers(void **state UNUSED)
{
	check_bad_byte(0, 0x65); /* version 6 */
	check_bad_byte(0, 0x44); /* header of 16 bytes */
	check_bad_byte(0, 0x4f); /* header longer than the packet */
	check_bad_byte(2, 0x40); /* total length longer than what is there */
	check_bad_byte(3, 20);   /* no ICMP message left */
	check_bad_byte(3, 19);   /* total length within the header */
	check_bad_byte(6, 0x20); /* more fragments */
	check_bad_byte(7, 1);    /* a later fragment */
	check_bad_byte(9, 17);   /* UDP */
}

static void test_request_is_no_reply(void **state UNUSED)
{
	uint8_t request[PING_REQUEST_BYTES];
	struct ping_message message;

	ping_wire_request(request, 4, ID, SEQUENCE, cookie);
	assert_int_equal(ping_wire_parse_reply(request, sizeof(request), 4, &message), -EBADMSG);
	ping_wire_request(request, 6, ID, SEQUENCE, cookie);
	assert_int_equal(ping_wire_parse_reply(request, sizeof(request), 6, &message), -EBADMSG);
	request[0] = 129;
	assert_int_equal(ping_wire_parse_reply(request, sizeof(request), 6, &message), 0);
	assert_ours(&message);
	request[1] = 1;
	assert_int_equal(ping_wire_parse_reply(request, sizeof(request), 6, &message), -EBADMSG);
}

static void test_source_quench(void **state UNUSED)
{
	uint8_t packet[256];
	uint8_t *icmp = packet + 20, *inner = icmp + 8;
	struct ping_message message;
	size_t quoted, length;

	/* With options in the quoted header, and 8 bytes of the request as RFC 792 promises. */
	ping_wire_request(inner + 24, 4, ID, SEQUENCE, cookie);
	add_ipv4(inner, 4, PING_REQUEST_BYTES);
	quoted = 24 + 8;
	memset(icmp, 0, 8);
	icmp[0] = 4;
	set_checksum(icmp, 8 + quoted);
	length = add_ipv4(packet, 0, 8 + quoted);
	assert_int_equal(ping_wire_parse_ipv4(packet, length, &message), 0);
	assert_int_equal(message.kind, PING_QUOTE);
	assert_int_equal(message.error, PING_QUENCHED);
	assert_int_equal(message.id, ID);
	assert_int_equal(message.sequence, SEQUENCE);
	assert_int_equal(message.cookie_length, 0);
	assert_memory_equal(&message.destination, "\xc6\x33\x64\x01", 4);
	/* Less than the header of the request names nobody. */
	set_checksum(icmp, 8 + quoted - 1);
	length = add_ipv4(packet, 0, 8 + quoted - 1);
	assert_int_equal(ping_wire_parse_ipv4(packet, length, &message), -EBADMSG);
}

static void test_quote(void **state UNUSED)
{
	uint8_t data[64] = {0};
	struct ping_message message;

	ping_wire_request(data, 6, ID, SEQUENCE, cookie);
	assert_int_equal(ping_wire_parse_quote(data, 7, 6, &message), -EBADMSG);
	assert_int_equal(ping_wire_parse_quote(data, 8, 6, &message), 0);
	assert_int_equal(message.cookie_length, 0);
	assert_int_equal(ping_wire_parse_quote(data, 20, 6, &message), 0);
	assert_int_equal(message.cookie_length, 12);
	assert_int_equal(ping_wire_parse_quote(data, 64, 6, &message), 0);
	assert_ours(&message);
	assert_int_equal(ping_wire_parse_quote(data, 64, 4, &message), -EBADMSG);
}

static void test_classes_of_errors(void **state UNUSED)
{
	static const struct {
		unsigned family;
		uint8_t type, code;
		enum ping_error error;
	} rows[] = {{4, 3, 0, PING_UNREACHABLE}, {4, 3, 1, PING_UNREACHABLE},
	    {4, 3, 3, PING_UNREACHABLE}, {4, 3, 4, PING_TOO_BIG}, {4, 3, 9, PING_PROHIBITED},
	    {4, 3, 10, PING_PROHIBITED}, {4, 3, 13, PING_PROHIBITED}, {4, 4, 0, PING_QUENCHED},
	    {4, 11, 0, PING_EXPIRED}, {6, 1, 0, PING_UNREACHABLE}, {6, 1, 1, PING_PROHIBITED},
	    {6, 1, 5, PING_PROHIBITED}, {6, 2, 0, PING_TOO_BIG}, {6, 3, 0, PING_EXPIRED},
	    {6, 4, 0, PING_UNREACHABLE}};
	enum ping_error error;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
		    ping_wire_classify(rows[i].family, rows[i].type, rows[i].code, &error), 0);
		assert_int_equal(error, rows[i].error);
	}
	assert_int_equal(ping_wire_classify(4, 5, 0, &error), -EINVAL);
	assert_int_equal(ping_wire_classify(6, 137, 0, &error), -EINVAL);
}

/* ---- what belongs to a probe ---- */

static const struct ping_address resolver = {.family = 4, .bytes = {198, 51, 100, 2}};

static void test_only_the_exact_answer_fits(void **state UNUSED)
{
	struct ping_address other = resolver, family = resolver;
	struct ping_probes *probes;
	struct probe *probe;

	assert_int_equal(ping_probes_new(&probes, 100), 0);
	assert_int_equal(ping_probes_begin(probes, &resolver, &probe), 0);
	other.bytes[3]++;
	family.family = 6;
	assert_ptr_equal(
	    ping_probes_find(probes, probe->sequence, &resolver, probe->cookie, 16), probe);
	assert_null(ping_probes_find(probes, probe->sequence, &other, probe->cookie, 16));
	assert_null(ping_probes_find(probes, probe->sequence, &family, probe->cookie, 16));
	assert_null(ping_probes_find(
	    probes, (uint16_t)(probe->sequence ^ 0x8000), &resolver, probe->cookie, 16));
	for (size_t bit = 0; bit < PING_COOKIE_BYTES * 8; bit++) {
		uint8_t wrong[PING_COOKIE_BYTES];

		memcpy(wrong, probe->cookie, sizeof(wrong));
		wrong[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_null(ping_probes_find(probes, probe->sequence, &resolver, wrong, 16));
	}
	assert_null(ping_probes_find(probes, probe->sequence, &resolver, probe->cookie, 17));
	ping_probes_free(probes);
}

static void test_cookies_and_sequences_are_random(void **state UNUSED)
{
	struct ping_probes *probes;
	struct probe *probe;
	uint16_t last_sequence = 0;
	uint8_t last[PING_COOKIE_BYTES] = {0};
	unsigned consecutive = 0, flipped = 0;

	assert_int_equal(ping_probes_new(&probes, 1000), 0);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(ping_probes_begin(probes, &resolver, &probe), 0);
		consecutive += probe->sequence == (uint16_t)(last_sequence + 1);
		last_sequence = probe->sequence;
		for (size_t k = 0; k < PING_COOKIE_BYTES; k++)
			flipped +=
			    (unsigned)__builtin_popcount((unsigned)(probe->cookie[k] ^ last[k]));
		memcpy(last, probe->cookie, sizeof(last));
	}
	/* 64,000 of 128,000 bits expected, standard deviation 179. */
	assert_in_range(flipped, 62000, 66000);
	assert_in_range(consecutive, 0, 10);
	ping_probes_free(probes);
}

static void test_life_of_a_probe(void **state UNUSED)
{
	struct ping_probes *probes;
	struct probe *first, *second, *third;

	assert_int_equal(ping_probes_new(&probes, 100), 0);
	assert_true(ping_probes_deadline_ns(probes) == UINT64_MAX);
	assert_int_equal(ping_probes_begin(probes, &resolver, &first), 0);
	first->sent_ns = 1000;
	assert_int_equal(ping_probes_begin(probes, &resolver, &second), 0);
	second->sent_ns = 2000;
	assert_int_equal(ping_probes_begin(probes, &resolver, &third), 0);
	ping_probes_abandon(probes, third);
	assert_int_equal(ping_probes_waiting(probes), 2);
	ping_probes_answered(probes, first);
	assert_true(ping_probes_deadline_ns(probes) == 2000 + PING_TIMEOUT_NS);
	assert_null(ping_probes_expire(probes, 1999 + PING_TIMEOUT_NS));
	assert_ptr_equal(ping_probes_expire(probes, 2000 + PING_TIMEOUT_NS), second);
	assert_null(ping_probes_expire(probes, UINT64_MAX));
	assert_int_equal(ping_probes_waiting(probes), 0);
	/* Both are still told from strangers. */
	assert_ptr_equal(ping_probes_find(probes, first->sequence, NULL, first->cookie, 16), first);
	assert_int_equal(first->state, PROBE_ANSWERED);
	assert_int_equal(second->state, PROBE_TIMED_OUT);
	ping_probes_free(probes);
}

/* Full: refused, and nothing of it leaks; then all time out, each once. */
static void test_full(void **state UNUSED)
{
	struct ping_probes *probes;
	struct probe *probe;
	size_t begun = 0, expired = 0;

	assert_int_equal(ping_probes_new(&probes, 1), 0);
	for (int i = 0; i < 100000; i++) {
		if (ping_probes_begin(probes, &resolver, &probe) == 0) {
			probe->sent_ns = 1;
			begun++;
		}
	}
	assert_int_equal(begun, 64);
	assert_int_equal(ping_probes_begin(probes, &resolver, &probe), -EAGAIN);
	while (ping_probes_expire(probes, UINT64_MAX))
		expired++;
	assert_int_equal(expired, begun);
	assert_int_equal(ping_probes_begin(probes, &resolver, &probe), 0);
	ping_probes_free(probes);
}

/* Random sends, answers and timeouts against the plain count of them. */
static void test_long_run(void **state UNUSED)
{
	struct ping_probes *probes;
	size_t begun = 0, answered = 0, expired = 0;
	uint64_t now_ns = 1;

	assert_int_equal(ping_probes_new(&probes, 200), 0);
	for (int i = 0; i < 200000; i++, now_ns += 5000000) {
		struct probe *probe;

		while (ping_probes_expire(probes, now_ns))
			expired++;
		assert_int_equal(ping_probes_begin(probes, &resolver, &probe), 0);
		probe->sent_ns = now_ns;
		begun++;
		if (probe->cookie[0] & 1) {
			ping_probes_answered(probes, probe);
			answered++;
		}
		assert_int_equal(ping_probes_waiting(probes), begun - answered - expired);
		assert_true(ping_probes_waiting(probes) <= 400);
	}
	ping_probes_free(probes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_checksum_of_rfc1071),
	    cmocka_unit_test(test_request),
	    cmocka_unit_test(test_reply_with_any_options),
	    cmocka_unit_test(test_truncated),
	    cmocka_unit_test(test_changed_bits),
	    cmocka_unit_test(test_bad_headers),
	    cmocka_unit_test(test_request_is_no_reply),
	    cmocka_unit_test(test_source_quench),
	    cmocka_unit_test(test_quote),
	    cmocka_unit_test(test_classes_of_errors),
	    cmocka_unit_test(test_only_the_exact_answer_fits),
	    cmocka_unit_test(test_cookies_and_sequences_are_random),
	    cmocka_unit_test(test_life_of_a_probe),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_long_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
