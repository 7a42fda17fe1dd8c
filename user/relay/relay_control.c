/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/relay_control.h"

#include "dnstap/frame_stream.h"

#include <stdbool.h>
#include <string.h>

#define ACCEPT             1
#define FINISH             5
#define FIELD_CONTENT_TYPE 1
#define HEAD_BYTES         8 /* escape, length */
#define TYPE_BYTES         4
#define FIELD_BYTES        8 /* type, length */

static uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Without a content type anything is taken. */
static enum relay_control read_accept(const uint8_t *at, const uint8_t *end)
{
	static const char ours[] = FRAME_STREAM_CONTENT_TYPE;
	bool taken = false, others = false;

	while (at < end) {
		uint32_t length;

		if (end - at < FIELD_BYTES || load_be32(at) != FIELD_CONTENT_TYPE)
			return RELAY_CONTROL_ERROR;
		length = load_be32(at + 4);
		at += FIELD_BYTES;
		if (length > (size_t)(end - at))
			return RELAY_CONTROL_ERROR;
		if (length == sizeof(ours) - 1 && memcmp(at, ours, length) == 0)
			taken = true;
		else
			others = true;
		at += length;
	}
	return taken || !others ? RELAY_CONTROL_ACCEPT : RELAY_CONTROL_REFUSED;
}

enum relay_control relay_control_read(const uint8_t *data, size_t length, size_t *ret_used)
{
	enum relay_control control;
	uint32_t bytes;

	if (length >= 4 && load_be32(data) != 0)
		return RELAY_CONTROL_ERROR;
	if (length < HEAD_BYTES)
		return RELAY_CONTROL_MORE;
	bytes = load_be32(data + 4);
	if (bytes < TYPE_BYTES || bytes > FRAME_STREAM_MAX_CONTROL_BYTES)
		return RELAY_CONTROL_ERROR;
	if (length - HEAD_BYTES < bytes)
		return RELAY_CONTROL_MORE;
	data += HEAD_BYTES;
	switch (load_be32(data)) {
	case ACCEPT:
		control = read_accept(data + TYPE_BYTES, data + bytes);
		break;
	case FINISH:
		control = bytes == TYPE_BYTES ? RELAY_CONTROL_FINISH : RELAY_CONTROL_ERROR;
		break;
	default:
		control = RELAY_CONTROL_ERROR;
	}
	if (control == RELAY_CONTROL_ACCEPT || control == RELAY_CONTROL_FINISH)
		*ret_used = HEAD_BYTES + bytes;
	return control;
}
