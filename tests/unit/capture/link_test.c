/* SPDX-License-Identifier: BSD-2-Clause */
/* Headers in one another, whole and cut, and what looks like one and is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/unused.h"
#include "capture/link.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_MAX 400

static const uint8_t ipv4[36] = {
    0x45, [3] = 36, [8] = 64, 17, [12] = 192, 0, 2, 1, 198, 51, 100, 1, 0, 53, 0x0f, 0xa0, 0, 16};
static const uint8_t ipv6[56] = {
    0x60, [5] = 16, 17, 64, [24] = 0x20, 1, [40] = 0, 53, 0x0f, 0xa0, 0, 16};
static const uint8_t ethernet[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t n;
};

static void put(struct frame *frame, const void *bytes, size_t n)
{
	assert_true(frame->n + n <= FRAME_MAX);
	memcpy(frame->bytes + frame->n, bytes, n);
	frame->n += n;
}

#define PUT(frame, literal) put(frame, literal, sizeof(literal) - 1)

/* Of a protocol, with a length that is enough for what follows. */
static void put_ipv4(struct frame *frame, uint8_t protocol, uint16_t fragment)
{
	const uint8_t header[20] = {0x45, 0, 0, 250, 0, 0, (uint8_t)(fragment >> 8),
	    (uint8_t)fragment, 64, protocol, [12] = 10, 0, 0, 1, 10, 0, 0, 2};

	put(frame, header, sizeof(header));
}

/* The frames here are of a little-endian host, but for one. */
#define SWAPPED (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

static struct pcap_packet unwrapped(const struct frame *frame, unsigned link)
{
	struct pcap_packet packet = {
	    .data = frame->bytes, .length = frame->n, .frame_bytes = frame->n};

	link_unwrap(&packet, link, SWAPPED);
	return packet;
}

/* It ends in one of the two packets; cut anywhere before, in none, and nothing is read past it. */
static void assert_unwraps(struct frame *frame, unsigned link, const uint8_t *inner, size_t n)
{
	const size_t headers = frame->n;
	struct pcap_packet packet;

	put(frame, inner, n);
	packet = unwrapped(frame, link);
	assert_int_equal(packet.kind, PACKET_KIND_IP);
	assert_true(packet.raw);
	assert_int_equal(packet.length, n);
	assert_int_equal(packet.frame_bytes, n);
	assert_ptr_equal(packet.data, frame->bytes + headers);
	for (size_t cut = 0; cut < headers; cut++) {
		uint8_t *exact = malloc(cut ? cut : 1); /* for the sanitizer */

		assert_non_null(exact);
		memcpy(exact, frame->bytes, cut);
		packet =
		    (struct pcap_packet){.data = exact, .length = cut, .frame_bytes = frame->n};
		link_unwrap(&packet, link, SWAPPED);
		assert_int_not_equal(packet.data - exact, headers);
		free(exact);
	}
}

static void test_ethernet(void **state UNUSED)
{
	struct frame frame = {.n = 0};
	struct pcap_packet packet;

	put(&frame, ethernet, 12);
	PUT(&frame, "\x08\0");
	put(&frame, ipv4, sizeof(ipv4));
	packet = unwrapped(&frame, LINK_ETHERNET);
	assert_false(packet.raw);
	assert_ptr_equal(packet.data, frame.bytes);
	assert_int_equal(packet.kind, PACKET_KIND_IP);
	/* Five tags of three kinds. */
	frame.n = 0;
	put(&frame, ethernet, 12);
	PUT(&frame, "\x88\xa8\0\1\x91\0\0\2\x81\0\0\3\x81\0\0\4\x81\0\0\5\x86\xdd");
	assert_unwraps(&frame, LINK_ETHERNET, ipv6, sizeof(ipv6));
}

static void test_pppoe(void **state UNUSED)
{
	struct frame frame = {.n = 0};
	struct pcap_packet packet;

	put(&frame, ethernet, 12);
	PUT(&frame, "\x88\x64\x11\0\0\1\0\x26\0\x21");
	assert_unwraps(&frame, LINK_ETHERNET, ipv4, sizeof(ipv4));
	frame.n = 0;
	PUT(&frame, "\x11\0\0\1\0\x3a\0\x57");
	assert_unwraps(&frame, LINK_PPP_ETHER, ipv6, sizeof(ipv6));
	/* LCP. */
	frame.n = 0;
	put(&frame, ethernet, 12);
	PUT(&frame, "\x88\x64\x11\0\0\1\0\x08\xc0\x21\1\1\0\4\0\0");
	packet = unwrapped(&frame, LINK_ETHERNET);
	assert_int_equal(packet.kind, PACKET_KIND_ETHERTYPE);
	assert_int_equal(packet.number, 0x8864);
}

static void test_mpls(void **state UNUSED)
{
	struct frame frame = {.n = 0};
	struct pcap_packet packet;

	put(&frame, ethernet, 12);
	PUT(&frame, "\x88\x47\0\1\0\x40\0\2\0\x40\0\3\1\x40");
	assert_unwraps(&frame, LINK_ETHERNET, ipv4, sizeof(ipv4));
	/* A pseudowire begins with a word of 0. */
	frame.n = 0;
	put(&frame, ethernet, 12);
	PUT(&frame, "\x88\x47\0\3\1\x40\0\0\0\0");
	packet = unwrapped(&frame, LINK_ETHERNET);
	assert_int_equal(packet.kind, PACKET_KIND_ETHERTYPE);
	assert_int_equal(packet.number, 0x8847);
}

static void test_gre(void **state UNUSED)
{
	static const struct {
		const char *bytes;
		size_t n;
	} headers[] = {
	    {"\0\0\x08\0", 4},
	    {"\xb0\0\x08\0abcdefghijkl", 16},     /* checksum, key, sequence number */
	    {"\x20\0\x88\x47keyy\0\3\1\x40", 12}, /* MPLS */
	};
	struct frame frame;
	struct pcap_packet packet;

	for (size_t i = 0; i < 3; i++) {
		frame.n = 0;
		put_ipv4(&frame, 47, 0);
		put(&frame, headers[i].bytes, headers[i].n);
		assert_unwraps(&frame, LINK_RAW, ipv4, sizeof(ipv4));
	}
	/* Ethernet; ERSPAN I, II, III, and III with its subheader. */
	for (size_t i = 0; i < 5; i++) {
		frame.n = 0;
		put_ipv4(&frame, 47, 0);
		switch (i) {
		case 0:
			PUT(&frame, "\0\0\x65\x58");
			break;
		case 1:
			PUT(&frame, "\0\0\x88\xbe");
			break;
		case 2:
			PUT(&frame, "\x10\0\x88\xbe\0\0\0\1\x10\0\0\0\0\0\0\0");
			break;
		case 3:
			PUT(&frame, "\x10\0\x22\xeb\0\0\0\1\x20\0\0\0\0\0\0\0\0\0\0\0");
			break;
		default:
			PUT(&frame,
			    "\x10\0\x22\xeb\0\0\0\1\x20\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0"
			    "\0");
			break;
		}
		put(&frame, ethernet, 12);
		PUT(&frame, "\x86\xdd");
		assert_unwraps(&frame, LINK_RAW, ipv6, sizeof(ipv6));
	}
	/* PPTP's version of it. */
	frame.n = 0;
	put_ipv4(&frame, 47, 0);
	PUT(&frame, "\x30\1\x88\x0b\0\0\0\0\0\0\0\0");
	packet = unwrapped(&frame, LINK_RAW);
	assert_int_equal(packet.kind, PACKET_KIND_PROTOCOL);
	assert_int_equal(packet.number, 47);
}

static void test_ip_in_ip(void **state UNUSED)
{
	struct frame frame = {.n = 0};
	struct pcap_packet packet;

	put_ipv4(&frame, 4, 0);
	put_ipv4(&frame, 41, 0);
	assert_unwraps(&frame, LINK_RAW, ipv6, sizeof(ipv6));
	/* In IPv6, behind the option that limits the encapsulation (RFC 2473). */
	frame.n = 0;
	PUT(&frame, "\x60\0\0\0\0\x2c\x3c\x40");
	put(&frame, ipv6 + 8, 32);
	PUT(&frame, "\4\0\4\1\4\1\1\0");
	assert_unwraps(&frame, LINK_RAW, ipv4, sizeof(ipv4));
	/* A fragment holds no whole packet. */
	frame.n = 0;
	put_ipv4(&frame, 4, 0x2000);
	put(&frame, ipv4, sizeof(ipv4));
	packet = unwrapped(&frame, LINK_RAW);
	assert_int_equal(packet.kind, PACKET_KIND_PROTOCOL);
	assert_int_equal(packet.number, 4);
	/* Not for ever. */
	frame.n = 0;
	for (int i = 0; i < LINK_LAYERS_MAX + 2; i++)
		put_ipv4(&frame, 4, 0);
	packet = unwrapped(&frame, LINK_RAW);
	assert_int_equal(packet.kind, PACKET_KIND_ETHERTYPE);
	assert_true(packet.length > 0);
}

static void test_vxlan(void **state UNUSED)
{
	struct frame frame = {.n = 0};
	struct pcap_packet packet;

	put_ipv4(&frame, 17, 0);
	PUT(&frame, "\x40\0\x12\xb5\0\x60\0\0\x08\0\0\0\0\0\7\0");
	put(&frame, ethernet, 12);
	PUT(&frame, "\x08\0");
	assert_unwraps(&frame, LINK_RAW, ipv4, sizeof(ipv4));
	/* A response to a client on that port, whose id is 0x0800. */
	frame.n = 0;
	put_ipv4(&frame, 17, 0);
	PUT(&frame, "\0\x35\x12\xb5\0\x60\0\0\x08\0\x80\0\0\0\0\0");
	put(&frame, ethernet, 12);
	PUT(&frame, "\x08\0");
	put(&frame, ipv4, sizeof(ipv4));
	packet = unwrapped(&frame, LINK_RAW);
	assert_ptr_equal(packet.data, frame.bytes);
	assert_int_equal(packet.kind, PACKET_KIND_IP);
}

static void test_nflog(void **state UNUSED)
{
	struct frame frame = {.n = 0};
	struct pcap_packet packet;

	/* Hook 3: on the way out; a prefix of 3 bytes, padded. */
	PUT(&frame, "\2\0\0\7\x08\0\1\0\x08\0\3\0\x07\0\x0a\0ab\0\0\x28\0\x09\0");
	assert_unwraps(&frame, LINK_NFLOG, ipv4, sizeof(ipv4));
	assert_true(unwrapped(&frame, LINK_NFLOG).outgoing);
	/* From a host of the other byte order, on the way in. */
	frame.n = 0;
	PUT(&frame, "\2\0\0\7\0\x08\0\1\x08\0\1\0\0\x28\0\x09");
	put(&frame, ipv4, sizeof(ipv4));
	packet =
	    (struct pcap_packet){.data = frame.bytes, .length = frame.n, .frame_bytes = frame.n};
	link_unwrap(&packet, LINK_NFLOG, !SWAPPED);
	assert_ptr_equal(packet.data, frame.bytes + 16);
	assert_false(packet.outgoing);
	/* An attribute without a length, and one without end. */
	frame.n = 0;
	PUT(&frame, "\2\0\0\7\0\0\1\0\0\0\0\0");
	assert_int_equal(unwrapped(&frame, LINK_NFLOG).kind, PACKET_KIND_SHORT);
	frame.n = 0;
	PUT(&frame, "\2\0\0\7\xff\xff\1\0\0\0\0\0");
	assert_int_equal(unwrapped(&frame, LINK_NFLOG).kind, PACKET_KIND_SHORT);
}

static void test_cooked(void **state UNUSED)
{
	struct frame frame = {.n = 0};

	PUT(&frame, "\0\4\0\1\0\6\2\0\0\0\0\1\0\0\x81\0\0\1\x08\0");
	assert_unwraps(&frame, LINK_SLL, ipv4, sizeof(ipv4));
	assert_true(unwrapped(&frame, LINK_SLL).outgoing);
	frame.n = 0;
	PUT(&frame, "\x86\xdd\0\0\0\0\0\2\0\1\4\6\2\0\0\0\0\1\0\0");
	assert_unwraps(&frame, LINK_SLL2, ipv6, sizeof(ipv6));
	assert_true(unwrapped(&frame, LINK_SLL2).outgoing);
	frame.n = 0;
	PUT(&frame, "\2\0\0\0");
	assert_unwraps(&frame, LINK_NULL, ipv4, sizeof(ipv4));
}

/* What is no UDP or TCP is named. */
static void test_others(void **state UNUSED)
{
	struct frame frame = {.n = 0};
	struct pcap_packet packet;

	put(&frame, ethernet, 12);
	PUT(&frame, "\x08\6....");
	packet = unwrapped(&frame, LINK_ETHERNET);
	assert_int_equal(packet.kind, PACKET_KIND_ETHERTYPE);
	assert_int_equal(packet.number, 0x0806);
	frame.n = 0;
	put_ipv4(&frame, 50, 0);
	packet = unwrapped(&frame, LINK_RAW);
	assert_int_equal(packet.kind, PACKET_KIND_PROTOCOL);
	assert_int_equal(packet.number, 50);
	packet = unwrapped(&frame, 147);
	assert_int_equal(packet.kind, PACKET_KIND_LINK);
	assert_int_equal(packet.number, 147);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ethernet),
	    cmocka_unit_test(test_pppoe),
	    cmocka_unit_test(test_mpls),
	    cmocka_unit_test(test_gre),
	    cmocka_unit_test(test_ip_in_ip),
	    cmocka_unit_test(test_vxlan),
	    cmocka_unit_test(test_nflog),
	    cmocka_unit_test(test_cooked),
	    cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
