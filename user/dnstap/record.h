/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One dnstap frame, read: what every later stage works on. Pointers go into the frame and are valid
 * as long as it is.
 */
#ifndef CROSSTAP_DNSTAP_RECORD_H
#define CROSSTAP_DNSTAP_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define RECORD_BATCH          32
#define RECORD_IDENTITY_BYTES 63

/* A SocketProtocol that is newer than dnstap.proto here: whatever it is, it is not UDP. */
#define RECORD_PROTOCOL_OTHER 8

/* Present fields, where 0 is a value too. */
enum record_has {
	RECORD_QUERY_TIME = 1 << 0,
	RECORD_RESPONSE_TIME = 1 << 1,
	RECORD_QUERY_MESSAGE = 1 << 2,
	RECORD_RESPONSE_MESSAGE = 1 << 3,
	RECORD_QUERY_PORT = 1 << 4,
	RECORD_RESPONSE_PORT = 1 << 5,
};

struct record {
	const uint8_t *query_message, *response_message;
	uint32_t query_length, response_length;
	int64_t query_time_ns,
	    response_time_ns; /* since 1970; INT64_MAX where that is too little */
	const uint8_t *query_address, *response_address, *identity; /* Dnstap.identity */
	uint8_t query_address_length,
	    response_address_length; /* 0, 4 or 16: others are not taken. An IPv4 client of an IPv6
				      * socket (::ffff:a.b.c.d) has 4: no such address is ever
				      * on the wire (RFC 4291 section 2.5.5.2) */
	uint16_t has;                /* enum record_has */
	uint16_t query_port, response_port;
	uint8_t type;     /* Message.Type: 1 to 14 */
	uint8_t family;   /* SocketFamily: that of the address; without one as told, 0: not */
	uint8_t protocol; /* SocketProtocol, 0 where absent, or RECORD_PROTOCOL_OTHER */
	uint8_t identity_length; /* 0: none; what is longer is cut at RECORD_IDENTITY_BYTES */
	void *owner;             /* what the authority decoded, see dnstap_decode.h */
};

/* Message.Type: queries are odd. */
enum record_type {
	RECORD_AUTH_QUERY = 1,
	RECORD_AUTH_RESPONSE,
	RECORD_RESOLVER_QUERY,
	RECORD_RESOLVER_RESPONSE,
	RECORD_CLIENT_QUERY,
	RECORD_CLIENT_RESPONSE,
	RECORD_FORWARDER_QUERY,
	RECORD_FORWARDER_RESPONSE,
	RECORD_STUB_QUERY,
	RECORD_STUB_RESPONSE,
	RECORD_TOOL_QUERY,
	RECORD_TOOL_RESPONSE,
	RECORD_UPDATE_QUERY,
	RECORD_UPDATE_RESPONSE,
};
#define RECORD_TYPE_MAX RECORD_UPDATE_RESPONSE

static inline int record_is_query(const struct record *record)
{
	return record->type & 1;
}

/* AUTH, CLIENT, UPDATE: the server's clients. The others are its own outgoing traffic. */
static inline int record_is_client_side(const struct record *record)
{
	return (1u << record->type &
		   (1u << RECORD_AUTH_QUERY | 1u << RECORD_AUTH_RESPONSE |
		       1u << RECORD_CLIENT_QUERY | 1u << RECORD_CLIENT_RESPONSE |
		       1u << RECORD_UPDATE_QUERY | 1u << RECORD_UPDATE_RESPONSE)) != 0;
}

#endif
