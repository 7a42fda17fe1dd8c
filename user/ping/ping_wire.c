/* SPDX-License-Identifier: BSD-2-Clause */
#include "ping/ping_wire.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <string.h>

static uint16_t load16(const uint8_t *data)
{
	return (uint16_t)(data[0] << 8 | data[1]);
}

static void store16(uint8_t *data, uint16_t value)
{
	data[0] = (uint8_t)(value >> 8);
	data[1] = (uint8_t)value;
}

uint16_t ping_wire_checksum(const uint8_t *data, size_t length)
{
	uint32_t sum = 0;

	for (; length > 1; data += 2, length -= 2)
		sum += load16(data);
	if (length)
		sum += (uint32_t)data[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void ping_wire_request(uint8_t request[PING_REQUEST_BYTES], unsigned family, uint16_t id,
    uint16_t sequence, const uint8_t cookie[PING_COOKIE_BYTES])
{
	request[0] = family == 4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	request[1] = 0;
	store16(request + 2, 0);
	store16(request + 4, id);
	store16(request + 6, sequence);
	memcpy(request + PING_HEADER_BYTES, cookie, PING_COOKIE_BYTES);
	/* RFC 3542 section 3.1: the kernel computes ICMPv6 checksums, which cover the addresses. */
	if (family == 4)
		store16(request + 2, ping_wire_checksum(request, PING_REQUEST_BYTES));
}

static void parse_echo(const uint8_t *data, size_t length, struct ping_message *ret)
{
	ret->id = load16(data + 4);
	ret->sequence = load16(data + 6);
	ret->cookie = data + PING_HEADER_BYTES;
	ret->cookie_length = length - PING_HEADER_BYTES;
}

int ping_wire_parse_reply(
    const uint8_t *data, size_t length, unsigned family, struct ping_message *ret)
{
	struct ping_message message = {.kind = PING_REPLY};

	/* RFC 792: the data of the request, all of it and nothing more. */
	if (length != PING_REQUEST_BYTES)
		return -EBADMSG;
	if (data[0] != (family == 4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) || data[1] != 0)
		return -EBADMSG;
	parse_echo(data, length, &message);
	*ret = message;
	return 0;
}

int ping_wire_parse_quote(
    const uint8_t *data, size_t length, unsigned family, struct ping_message *ret)
{
	struct ping_message message = {.kind = PING_QUOTE};

	if (length < PING_HEADER_BYTES)
		return -EBADMSG;
	if (data[0] != (family == 4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST) || data[1] != 0)
		return -EBADMSG;
	/* What follows the request is the quoting router's own (RFC 4884 extensions). */
	if (length > PING_REQUEST_BYTES)
		length = PING_REQUEST_BYTES;
	parse_echo(data, length, &message);
	*ret = message;
	return 0;
}

/* Length of an IPv4 header in front of ICMP, or 0; *length becomes that of the packet. */
static size_t ipv4_header(const uint8_t *data, size_t *length, int whole)
{
	size_t header;

	if (*length < sizeof(struct iphdr) || data[0] >> 4 != 4)
		return 0;
	header = (size_t)(data[0] & 15) * 4;
	if (header < sizeof(struct iphdr) || header > *length || data[9] != IPPROTO_ICMP)
		return 0;
	if (load16(data + 6) & (IP_MF | IP_OFFMASK))
		return 0;
	if (load16(data + 2) < *length)
		*length = load16(data + 2);
	else if (whole && load16(data + 2) > *length)
		return 0;
	return header <= *length ? header : 0;
}

static int parse_quench(const uint8_t *icmp, size_t length, struct ping_message *ret)
{
	const uint8_t *inner = icmp + PING_HEADER_BYTES;
	size_t inner_length, header;
	int r;

	if (length < PING_HEADER_BYTES)
		return -EBADMSG;
	inner_length = length - PING_HEADER_BYTES;
	header = ipv4_header(inner, &inner_length, 0);
	if (!header)
		return -EBADMSG;
	r = ping_wire_parse_quote(inner + header, inner_length - header, 4, ret);
	if (r < 0)
		return r;
	ret->error = PING_QUENCHED;
	memcpy(&ret->destination, inner + 16, 4);
	return 0;
}

int ping_wire_parse_ipv4(const uint8_t *data, size_t length, struct ping_message *ret)
{
	size_t header = ipv4_header(data, &length, 1);
	const uint8_t *icmp = data + header;

	if (!header || length - header < PING_HEADER_BYTES)
		return -EBADMSG;
	length -= header;
	if (ping_wire_checksum(icmp, length) != 0)
		return -EBADMSG;
	if (icmp[0] == ICMP_SOURCE_QUENCH)
		return parse_quench(icmp, length, ret);
	return ping_wire_parse_reply(icmp, length, 4, ret);
}

static int classify_ipv4(uint8_t type, uint8_t code, enum ping_error *ret)
{
	switch (type) {
	case ICMP_DEST_UNREACH:
		if (code == ICMP_NET_ANO || code == ICMP_HOST_ANO || code == ICMP_PKT_FILTERED)
			*ret = PING_PROHIBITED;
		else
			*ret = code == ICMP_FRAG_NEEDED ? PING_TOO_BIG : PING_UNREACHABLE;
		return 0;
	case ICMP_SOURCE_QUENCH:
		*ret = PING_QUENCHED;
		return 0;
	case ICMP_TIME_EXCEEDED:
		*ret = PING_EXPIRED;
		return 0;
	case ICMP_PARAMETERPROB:
		*ret = PING_UNREACHABLE;
		return 0;
	default:
		return -EINVAL;
	}
}

int ping_wire_classify(unsigned family, uint8_t type, uint8_t code, enum ping_error *ret)
{
	if (family == 4)
		return classify_ipv4(type, code, ret);
	switch (type) {
	case ICMP6_DST_UNREACH:
		/* RFC 4443 section 3.1: 1 prohibited, 5 failed policy, 6 reject route. */
		*ret = code == 1 || code == 5 || code == 6 ? PING_PROHIBITED : PING_UNREACHABLE;
		return 0;
	case ICMP6_PACKET_TOO_BIG:
		*ret = PING_TOO_BIG;
		return 0;
	case ICMP6_TIME_EXCEEDED:
		*ret = PING_EXPIRED;
		return 0;
	case ICMP6_PARAM_PROB:
		*ret = PING_UNREACHABLE;
		return 0;
	default:
		return -EINVAL;
	}
}
