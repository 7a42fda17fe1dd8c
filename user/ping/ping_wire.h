/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP echo as bytes: RFC 792 and RFC 1122 section 3.2.2 for IPv4, RFC 4443 for IPv6. A request is
 * the 8-byte header and a random cookie; nothing else. What comes back is hostile.
 */
#ifndef CROSSTAP_PING_PING_WIRE_H
#define CROSSTAP_PING_PING_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define PING_HEADER_BYTES  8
#define PING_COOKIE_BYTES  16
#define PING_REQUEST_BYTES (PING_HEADER_BYTES + PING_COOKIE_BYTES)

enum ping_message_kind {
	PING_REPLY,
	PING_QUOTE, /* an ICMP error with the beginning of a request */
};

/* How the other side objected. */
enum ping_error {
	PING_UNREACHABLE,
	PING_PROHIBITED, /* administratively */
	PING_TOO_BIG,
	PING_QUENCHED,
	PING_EXPIRED, /* hop limit */
};

struct ping_message {
	enum ping_message_kind kind;
	enum ping_error error; /* of a quote */
	uint16_t id, sequence;
	const uint8_t *cookie; /* into the data parsed */
	size_t cookie_length;  /* of a reply PING_COOKIE_BYTES; of a quote as much as was quoted */
	uint32_t destination;  /* of a quote within IPv4: whom the request was for, network order */
};

void ping_wire_request(uint8_t request[PING_REQUEST_BYTES], unsigned family, uint16_t id,
    uint16_t sequence, const uint8_t cookie[PING_COOKIE_BYTES]);

/* What a raw IPv4 socket gives: the IP header, options included, and the ICMP message, whose
 * checksum the kernel has not looked at. An echo reply, or a source quench. -EBADMSG for all else.
 */
int ping_wire_parse_ipv4(const uint8_t *data, size_t length, struct ping_message *ret);
/* What the other sockets give: an ICMP or ICMPv6 echo reply, its checksum verified by the kernel.
 */
int ping_wire_parse_reply(
    const uint8_t *data, size_t length, unsigned family, struct ping_message *ret);
/* A request as an ICMP error quotes it, from its ICMP header on. RFC 792 promises 8 bytes. */
int ping_wire_parse_quote(
    const uint8_t *data, size_t length, unsigned family, struct ping_message *ret);
/* 0, or -EINVAL if that ICMP type is no error. */
int ping_wire_classify(unsigned family, uint8_t type, uint8_t code, enum ping_error *ret);

/* RFC 1071. */
uint16_t ping_wire_checksum(const uint8_t *data, size_t length);

#endif
