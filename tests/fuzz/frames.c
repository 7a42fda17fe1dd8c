/* SPDX-License-Identifier: BSD-2-Clause */
#include "frames.h"

#include <string.h>

#define ETHERNET_BYTES 14
#define UDP            17
#define TCP            6
#define FIN            1
#define SYN            2

/* Where things are, from the frame's beginning. */
struct parts {
	size_t ip, transport;
	size_t ends, ends_length; /* addresses and ports, one behind the other */
	bool is_ipv6;
	uint8_t protocol;
};

static unsigned load16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static void store16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t load32(const uint8_t *at)
{
	return (uint32_t)load16(at) << 16 | load16(at + 2);
}

static void store32(uint8_t *at, uint32_t value)
{
	store16(at, value >> 16);
	store16(at + 2, value & 0xffff);
}

static bool read_parts(const uint8_t *frame, size_t length, struct parts *ret)
{
	const unsigned type = length < ETHERNET_BYTES + 28 ? 0 : load16(frame + 12);
	const size_t ip = ETHERNET_BYTES;

	if (type == 0x0800 && frame[ip] == 0x45)
		*ret = (struct parts){ip, ip + 20, ip + 12, 12, false, frame[ip + 9]};
	else if (type == 0x86dd && length >= ip + 48)
		*ret = (struct parts){ip, ip + 40, ip + 8, 36, true, frame[ip + 6]};
	else
		return false;
	return true;
}

/* Where the data of a TCP segment begins; 0: it is none. */
static size_t tcp_data(const uint8_t *frame, size_t length, struct parts *ret)
{
	size_t data;

	if (!read_parts(frame, length, ret) || ret->protocol != TCP || length < ret->transport + 20)
		return 0;
	data = ret->transport + (size_t)(frame[ret->transport + 12] >> 4) * 4;
	return data >= ret->transport + 20 && data <= length ? data : 0;
}

void frame_fit(uint8_t *frame, size_t length)
{
	struct parts parts;

	if (!read_parts(frame, length, &parts))
		return;
	if (parts.is_ipv6)
		store16(frame + parts.ip + 4, length - parts.transport);
	else
		store16(frame + parts.ip + 2, length - parts.ip);
	if (parts.protocol == UDP)
		store16(frame + parts.transport + 4, length - parts.transport);
}

void frame_follow(struct frame_streams *streams, uint8_t *frame, size_t length)
{
	struct parts parts;
	const size_t data = tcp_data(frame, length, &parts);
	size_t at = 0;
	uint8_t *sequence, flags;

	if (!data)
		return;
	sequence = frame + parts.transport + 4;
	flags = frame[parts.transport + 13];
	while (at < streams->n &&
	    (streams->list[at].ends_length != parts.ends_length ||
		memcmp(streams->list[at].ends, frame + parts.ends, parts.ends_length) != 0))
		at++;
	if (at == FRAME_STREAMS)
		return;
	if (at == streams->n) {
		streams->n++;
		streams->list[at].ends_length = parts.ends_length;
		memcpy(streams->list[at].ends, frame + parts.ends, parts.ends_length);
	} else if (!(flags & SYN)) {
		store32(sequence, streams->list[at].next);
	}
	streams->list[at].next =
	    load32(sequence) + (uint32_t)(length - data) + !!(flags & SYN) + !!(flags & FIN);
}

size_t frame_cut(
    uint8_t *frame, size_t length, size_t at, uint8_t *second, size_t *ret_second_length)
{
	struct parts parts;
	const size_t data = tcp_data(frame, length, &parts);
	size_t first;

	if (!data || length - data < 2)
		return 0;
	first = 1 + at % (length - data - 1);
	memcpy(second, frame, data);
	memcpy(second + data, frame + data + first, length - data - first);
	store32(
	    second + parts.transport + 4, load32(frame + parts.transport + 4) + (uint32_t)first);
	*ret_second_length = length - first;
	frame_fit(second, *ret_second_length);
	frame_fit(frame, data + first);
	return data + first;
}
