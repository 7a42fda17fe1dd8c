/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes frames from what a test says of them; what it leaves out gets a plain value. */
#ifndef CROSSTAP_TESTS_FRAMES_H
#define CROSSTAP_TESTS_FRAMES_H

#include <string.h>

#include "crosstap/wire_abi.h"

#define FRAME_BYTES 4096
#define FRAMES_MAX  512

/* Clients 198.51.100.N and 2001:db8:c::N, the server 192.0.2.1 and 2001:db8:5::1. */
#define FRAME_OWN_CLIENT 250 /* 192.0.2.2, 2001:db8:5::2: a second address of the server's host */
#define FRAME_NOT_OURS   251 /* as `server`: 192.0.2.99, 2001:db8:5::63 */

struct frame_spec {
	u8 direction; /* enum wire_direction */
	u8 ipv6, tcp, raw;
	u8 tags;              /* VLAN tags */
	u8 ip_options;        /* bytes, a multiple of 4 */
	u16 client;           /* number of the address; 0: 1 */
	u16 server;           /* 0: 1 */
	u16 server_port;      /* 0: 53 */
	u16 client_port;      /* 0: 40000 */
	const u8 *extensions; /* IPv6: bytes of all extension headers, the last one's next header
				 patched */
	u32 extension_bytes, last_extension; /* offset of the last extension header */
	u8 first_extension;
	u16 fragment;   /* IPv4: the flags and offset word */
	u16 udp_length; /* 0: what it is */
	u8 jumbo;       /* the UDP header's length is 0 */
	u8 unsized;     /* the IPv6 header's is */
	u32 sequence, acknowledged;
	u8 flags; /* of TCP; 0: ACK */
	u8 tcp_options;
	const u8 *payload;
	u32 length;
	u32 padding;  /* behind the IP packet */
	u32 cut;      /* bytes cut off the end of the frame */
	u16 segments; /* 0: 1 */
	u32 time_us;
};

struct frame {
	u8 bytes[FRAME_BYTES];
	u32 length, segments, time_us;
	u8 direction, raw;
};

struct frames {
	u32 n;
	struct frame frames[FRAMES_MAX];
};

static inline void frame_put(struct frame *frame, const void *bytes, u32 n)
{
	if (n && frame->length + n <= sizeof(frame->bytes)) {
		memcpy(frame->bytes + frame->length, bytes, n);
		frame->length += n;
	}
}

static inline void frame_put_be(struct frame *frame, u64 value, u32 n)
{
	u8 bytes[8];

	for (u32 i = 0; i < n; i++)
		bytes[i] = (u8)(value >> 8 * (n - 1 - i));
	frame_put(frame, bytes, n);
}

static inline void frame_fill(struct frame *frame, u8 byte, u32 n)
{
	while (n--)
		frame_put(frame, &byte, 1);
}

static inline void frame_link(struct frame *frame, const struct frame_spec *spec)
{
	if (spec->raw)
		return;
	frame_put(frame, "\x02\0\0\0\0\1\x02\0\0\0\0\2", 12);
	if (spec->tags == 2)
		frame_put(frame, "\x88\xa8\0\7", 4);
	if (spec->tags)
		frame_put(frame, "\x81\0\0\5", 4);
	frame_put_be(frame, spec->ipv6 ? PACKET_ETH_IPV6 : PACKET_ETH_IPV4, 2);
}

static inline void frame_address(struct frame *frame, const struct frame_spec *spec, bool server)
{
	u32 number = server ? spec->server : spec->client;
	bool ours = server;

	if (!number)
		number = 1;
	if (number == FRAME_OWN_CLIENT) {
		ours = true;
		number = 2;
	} else if (number == FRAME_NOT_OURS) {
		number = 99;
	}
	if (!spec->ipv6) {
		frame_put_be(frame, (ours ? 0xc0000200 : 0xc6336400) + number, 4);
		return;
	}
	frame_put_be(frame, ours ? 0x20010db800050000 : 0x20010db8000c0000, 8);
	frame_put_be(frame, number, 8);
}

static inline void frame_ip(struct frame *frame, const struct frame_spec *spec, u32 transport_bytes)
{
	const u8 protocol = spec->tcp ? PACKET_TCP : PACKET_UDP;
	const bool out = spec->direction == WIRE_OUT;

	if (spec->ipv6) {
		frame_put_be(frame, 0x60000000, 4);
		frame_put_be(frame, spec->unsized ? 0 : spec->extension_bytes + transport_bytes, 2);
		frame_put_be(frame, spec->extension_bytes ? spec->first_extension : protocol, 1);
		frame_put_be(frame, 64, 1);
	} else {
		frame_put_be(frame, 0x45 + spec->ip_options / 4, 1);
		frame_put_be(frame, 0, 1);
		frame_put_be(frame, 20u + spec->ip_options + transport_bytes, 2);
		frame_put_be(frame, 0x1234, 2);
		frame_put_be(frame, spec->fragment, 2);
		frame_put_be(frame, (u64)64 << 24 | (u64)protocol << 16, 4);
	}
	frame_address(frame, spec, out);
	frame_address(frame, spec, !out);
	frame_fill(frame, 1, spec->ip_options);
	if (spec->extension_bytes) {
		const u32 at = frame->length + spec->last_extension;

		frame_put(frame, spec->extensions, spec->extension_bytes);
		frame->bytes[at] = protocol;
	}
}

static inline void frame_transport(struct frame *frame, const struct frame_spec *spec)
{
	const u16 client = spec->client_port ? spec->client_port : 40000;
	const u16 server = spec->server_port ? spec->server_port : 53;
	const bool out = spec->direction == WIRE_OUT;

	if ((spec->fragment & 0x1fff) != 0) /* later fragments have none */
		return;
	frame_put_be(frame, out ? server : client, 2);
	frame_put_be(frame, out ? client : server, 2);
	if (!spec->tcp) {
		frame_put_be(frame,
		    spec->jumbo            ? 0
			: spec->udp_length ? spec->udp_length
					   : 8 + spec->length,
		    2);
		frame_put_be(frame, 0, 2);
		return;
	}
	frame_put_be(frame, spec->sequence, 4);
	frame_put_be(frame, spec->acknowledged, 4);
	frame_put_be(frame, (5u + spec->tcp_options / 4) << 4, 1);
	frame_put_be(frame, spec->flags ? spec->flags : PACKET_ACK, 1);
	frame_put_be(frame, 0x1000, 2);
	frame_put_be(frame, 0, 4);
	frame_fill(frame, 1, spec->tcp_options);
}

static inline void frames_add(struct frames *frames, struct frame_spec spec)
{
	struct frame *frame = &frames->frames[frames->n];
	u32 header = spec.tcp ? 20u + spec.tcp_options : 8;

	if (frames->n == FRAMES_MAX)
		return;
	frames->n++;
	if (spec.fragment & 0x1fff)
		header = 0;
	frame->length = 0;
	frame_link(frame, &spec);
	frame_ip(frame, &spec, header + spec.length);
	frame_transport(frame, &spec);
	frame_put(frame, spec.payload, spec.length);
	frame_fill(frame, 0, spec.padding);
	frame->length -= spec.cut < frame->length ? spec.cut : frame->length;
	frame->direction = spec.direction;
	frame->raw = spec.raw;
	frame->segments = spec.segments ? spec.segments : 1;
	frame->time_us = spec.time_us;
}

#endif
