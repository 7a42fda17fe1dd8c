/* SPDX-License-Identifier: BSD-2-Clause */
/* dnstap frames and streams of them, for tests. */
#ifndef CROSSTAP_TESTS_FRAMES_H
#define CROSSTAP_TESTS_FRAMES_H

#include "dnstap/frame_stream.h"

#include "proto/dnstap.pb-c.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES_SECOND 1700000000u

static inline size_t put_frame(uint8_t *out, const void *frame, size_t length)
{
	out[0] = (uint8_t)(length >> 24);
	out[1] = (uint8_t)(length >> 16);
	out[2] = (uint8_t)(length >> 8);
	out[3] = (uint8_t)length;
	memcpy(out + 4, frame, length);
	return 4 + length;
}

/* The query number `id`: its port is the id, its message has `bytes`. `out` has room for bytes +
 * 200. */
static inline size_t query_frame(uint8_t *out, uint16_t id, size_t bytes)
{
	static uint8_t message[1 << 20];
	uint8_t address[4] = {192, 0, 2, 1};
	Dnstap__Message m = DNSTAP__MESSAGE__INIT;
	Dnstap__Dnstap d = DNSTAP__DNSTAP__INIT;

	memset(message, (uint8_t)id, bytes);
	m.type = DNSTAP__MESSAGE__TYPE__AUTH_QUERY;
	m.has_query_address = m.has_query_port = m.has_query_time_sec = m.has_query_message = 1;
	m.query_address = (ProtobufCBinaryData){sizeof(address), address};
	m.query_port = id;
	m.query_time_sec = FRAMES_SECOND;
	m.query_message = (ProtobufCBinaryData){bytes, message};
	d.type = DNSTAP__DNSTAP__TYPE__MESSAGE;
	d.message = &m;
	d.has_identity = 1;
	d.identity = (ProtobufCBinaryData){3, (uint8_t *)"ns1"};
	return dnstap__dnstap__pack(&d, out);
}

#endif
