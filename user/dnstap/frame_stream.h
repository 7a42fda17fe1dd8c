/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frame Streams: the framing under dnstap, from bytes to frames. Pure: no sockets, no memory of its
 * own but its state. Both directions of handshake are understood:
 *
 *   bidirectional:  READY -> ACCEPT, START, data..., STOP -> FINISH
 *   unidirectional: START, data..., STOP       (files; Unbound with `bidirectional: no`)
 *
 * Source: the framing is described in libfstrm's fstrm/control.h (0.6): a data frame is a 32-bit
 * big-endian length, not 0, and as many bytes; an escape of length 0 introduces a control frame:
 * length, type, and fields of type, length, value.
 */
#ifndef CROSSTAP_DNSTAP_FRAME_STREAM_H
#define CROSSTAP_DNSTAP_FRAME_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_STREAM_CONTENT_TYPE      "protobuf:dnstap.Dnstap"
#define FRAME_STREAM_MAX_CONTROL_BYTES 512
#define FRAME_STREAM_MAX_REPLY_BYTES   64

enum frame_stream_state {
	FRAME_STREAM_NEW,     /* nothing yet */
	FRAME_STREAM_READY,   /* READY seen, ACCEPT sent */
	FRAME_STREAM_STARTED, /* data may follow */
	FRAME_STREAM_STOPPED,
};

struct frame_stream {
	enum frame_stream_state state;
	bool bidirectional;
	/* A file: another stream may follow, behind STOP or, where its writer was killed, without.
	 * False after frame_stream_init(): a producer that starts again breaks a rule. */
	bool several;
	uint32_t max_frame; /* bytes of a data frame */
};

enum frame_stream_result {
	FRAME_STREAM_DATA,  /* a data frame: *ret_frame, *ret_length */
	FRAME_STREAM_MORE,  /* the buffer ends inside a frame */
	FRAME_STREAM_REPLY, /* a control frame that is to be answered with ret_frame, or, where
			       length is 0, not */
	FRAME_STREAM_ERROR, /* the peer broke a rule; *ret_error says which */
};

void frame_stream_init(struct frame_stream *stream, uint32_t max_frame);

/*
 * Takes the next frame from [*at, end) and moves *at behind it; leaves *at on FRAME_STREAM_MORE and
 * FRAME_STREAM_ERROR. Frames are not copied. `reply` has room for FRAME_STREAM_MAX_REPLY_BYTES.
 */
enum frame_stream_result frame_stream_next(struct frame_stream *stream, const uint8_t **at,
    const uint8_t *end, const uint8_t **ret_frame, uint32_t *ret_length, uint8_t *reply,
    const char **ret_error);

/* Bytes that must be there before frame_stream_next() can say more than MORE about [at, end). */
size_t frame_stream_want(const struct frame_stream *stream, const uint8_t *at, const uint8_t *end);

/* Writes START or STOP (with the content type in START), for files and load generators; the length.
 */
size_t frame_stream_write_start(uint8_t *out);
size_t frame_stream_write_stop(uint8_t *out);
size_t frame_stream_write_ready(uint8_t *out);

#endif
