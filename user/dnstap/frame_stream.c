/* SPDX-License-Identifier: BSD-2-Clause */
#include "dnstap/frame_stream.h"

#include "dnstap/preface.h"

#include <string.h>

enum control { CONTROL_ACCEPT = 1, CONTROL_START, CONTROL_STOP, CONTROL_READY, CONTROL_FINISH };
#define FIELD_CONTENT_TYPE 1
#define ESCAPE_BYTES       4
#define LENGTH_BYTES       4

static uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint8_t *store_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
	return p + 4;
}

void frame_stream_init(struct frame_stream *stream, uint32_t max_frame)
{
	*stream = (struct frame_stream){.state = FRAME_STREAM_NEW, .max_frame = max_frame};
}

static size_t write_control(uint8_t *out, enum control type, bool content_type)
{
	const uint32_t name = sizeof(FRAME_STREAM_CONTENT_TYPE) - 1;
	uint8_t *p = store_be32(out, 0);

	p = store_be32(p, content_type ? 4 + 8 + name : 4);
	p = store_be32(p, type);
	if (content_type) {
		p = store_be32(p, FIELD_CONTENT_TYPE);
		p = store_be32(p, name);
		memcpy(p, FRAME_STREAM_CONTENT_TYPE, name);
		p += name;
	}
	return (size_t)(p - out);
}

size_t frame_stream_write_start(uint8_t *out)
{
	return write_control(out, CONTROL_START, true);
}

size_t frame_stream_write_stop(uint8_t *out)
{
	return write_control(out, CONTROL_STOP, false);
}

size_t frame_stream_write_ready(uint8_t *out)
{
	return write_control(out, CONTROL_READY, true);
}

/* A peer that names no content type takes any; one that names some must name ours. */
static bool content_type_fits(const uint8_t *fields, uint32_t length, const char **ret_error)
{
	bool named = false, ours = false;

	while (length >= 8) {
		uint32_t type = load_be32(fields), size = load_be32(fields + 4);

		if (size > length - 8) {
			*ret_error = "control field runs past its frame";
			return false;
		}
		if (type == FIELD_CONTENT_TYPE) {
			named = true;
			ours |= size == sizeof(FRAME_STREAM_CONTENT_TYPE) - 1 &&
			    memcmp(fields + 8, FRAME_STREAM_CONTENT_TYPE, size) == 0;
		}
		fields += 8 + size;
		length -= 8 + size;
	}
	if (length) {
		*ret_error = "control frame with trailing bytes";
		return false;
	}
	if (named && !ours)
		*ret_error = "content type is not " FRAME_STREAM_CONTENT_TYPE;
	return !named || ours;
}

static enum frame_stream_result take_control(struct frame_stream *stream, const uint8_t *control,
    uint32_t length, uint32_t *ret_length, uint8_t *reply, const char **ret_error)
{
	uint32_t type = load_be32(control);

	*ret_length = 0;
	switch (type) {
	case CONTROL_READY:
		if (stream->state != FRAME_STREAM_NEW)
			break;
		if (!content_type_fits(control + 4, length - 4, ret_error))
			return FRAME_STREAM_ERROR;
		stream->state = FRAME_STREAM_READY;
		stream->bidirectional = true;
		*ret_length = (uint32_t)write_control(reply, CONTROL_ACCEPT, true);
		return FRAME_STREAM_REPLY;
	case CONTROL_START:
		if (stream->state > FRAME_STREAM_READY && !stream->several)
			break;
		if (!content_type_fits(control + 4, length - 4, ret_error))
			return FRAME_STREAM_ERROR;
		stream->state = FRAME_STREAM_STARTED;
		return FRAME_STREAM_REPLY;
	case CONTROL_STOP:
		if (stream->state != FRAME_STREAM_STARTED)
			break;
		stream->state = FRAME_STREAM_STOPPED;
		if (stream->bidirectional)
			*ret_length = (uint32_t)write_control(reply, CONTROL_FINISH, false);
		return FRAME_STREAM_REPLY;
	default:
		*ret_error = "unknown control frame";
		return FRAME_STREAM_ERROR;
	}
	*ret_error = "control frame out of order";
	return FRAME_STREAM_ERROR;
}

static enum frame_stream_result next_control(struct frame_stream *stream, const uint8_t **at,
    const uint8_t *end, uint32_t *ret_length, uint8_t *reply, const char **ret_error)
{
	const uint8_t *p = *at + ESCAPE_BYTES;
	enum frame_stream_result result;
	uint32_t length;

	if (end - p < LENGTH_BYTES)
		return FRAME_STREAM_MORE;
	length = load_be32(p);
	if (length < 4 || length > FRAME_STREAM_MAX_CONTROL_BYTES) {
		*ret_error = "control frame of an impossible length";
		return FRAME_STREAM_ERROR;
	}
	p += LENGTH_BYTES;
	if ((size_t)(end - p) < length)
		return FRAME_STREAM_MORE;
	result = take_control(stream, p, length, ret_length, reply, ret_error);
	if (result != FRAME_STREAM_ERROR)
		*at = p + length;
	return result;
}

/* What no stream begins with: who it may be instead. By its length alone, however much more has
 * come. */
static const char *reason_of(const struct frame_stream *stream, const uint8_t *at)
{
	if (stream->state == FRAME_STREAM_NEW) {
		switch (preface_of(at, LENGTH_BYTES)) {
		case PREFACE_TLS:
			return "it speaks TLS: set `tls` on the input, or `dnstap-tls: no` there";
		case PREFACE_HTTP:
			return "it speaks HTTP";
		default:
			break;
		}
	}
	return "data outside START and STOP";
}

enum frame_stream_result frame_stream_next(struct frame_stream *stream, const uint8_t **at,
    const uint8_t *end, const uint8_t **ret_frame, uint32_t *ret_length, uint8_t *reply,
    const char **ret_error)
{
	const uint8_t *p = *at;
	uint32_t length;

	if (end - p < LENGTH_BYTES)
		return FRAME_STREAM_MORE;
	length = load_be32(p);
	if (length == 0) {
		*ret_frame = reply;
		return next_control(stream, at, end, ret_length, reply, ret_error);
	}
	if (stream->state != FRAME_STREAM_STARTED) {
		*ret_error = reason_of(stream, p);
		return FRAME_STREAM_ERROR;
	}
	if (length > stream->max_frame) {
		*ret_error = "frame over limits.frame";
		return FRAME_STREAM_ERROR;
	}
	p += LENGTH_BYTES;
	if ((size_t)(end - p) < length)
		return FRAME_STREAM_MORE;
	*ret_frame = p;
	*ret_length = length;
	*at = p + length;
	return FRAME_STREAM_DATA;
}

size_t frame_stream_want(const struct frame_stream *stream, const uint8_t *at, const uint8_t *end)
{
	size_t have = (size_t)(end - at);
	uint32_t length;

	if (have < LENGTH_BYTES)
		return LENGTH_BYTES;
	length = load_be32(at);
	if (length)
		return LENGTH_BYTES + (size_t)(length <= stream->max_frame ? length : 0);
	if (have < ESCAPE_BYTES + LENGTH_BYTES)
		return ESCAPE_BYTES + LENGTH_BYTES;
	length = load_be32(at + ESCAPE_BYTES);
	return ESCAPE_BYTES + LENGTH_BYTES +
	    (size_t)(length <= FRAME_STREAM_MAX_CONTROL_BYTES ? length : 0);
}
