/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the bytes of one stream to batches of records: frame stream, decoder, batches of
 * RECORD_BATCH. The same for a producer's connection and for a file.
 */
#ifndef CROSSTAP_DNSTAP_RECEIVER_H
#define CROSSTAP_DNSTAP_RECEIVER_H

#include "dnstap/decode.h"
#include "dnstap/frame_stream.h"

/* Where records go. Called in the thread that feeds the receiver; records are valid during the
 * call. */
struct receiver_ops {
	void (*take)(void *context, const struct record *records, size_t n);
	void (*bad)(void *context); /* a frame that is no dnstap message */
	/* What a connection's stream had next, after its records: whole frames, those of control
	 * among them. NULL: nobody wants them. Files have none. */
	void (*passed)(void *context, const uint8_t *data, size_t length);
};

struct receiver {
	struct frame_stream stream;
	struct decode_cache cache;
	uint64_t frames, frames_bad,
	    bytes; /* since the start; bytes of data frames with their lengths */
};

struct receiver_step {
	size_t used;           /* bytes of the input that are done with */
	const char *error;     /* the peer broke a rule; nothing after `used` was looked at */
	uint32_t reply_length; /* to be sent before the next call, which goes on behind `used` */
	uint8_t reply[FRAME_STREAM_MAX_REPLY_BYTES];
};

void receiver_init(struct receiver *receiver, uint32_t max_frame);
/* Reads as many whole frames as there are. Returns early with a reply; the rest is then fed again.
 */
void receiver_feed(struct receiver *receiver, const struct receiver_ops *ops, void *context,
    const uint8_t *data, size_t length, struct receiver_step *ret);

#endif
