/* SPDX-License-Identifier: BSD-2-Clause */
#include "dnstap/receiver.h"

struct batch {
	const struct receiver_ops *ops;
	void *context;
	struct record records[RECORD_BATCH];
	size_t n;
	bool owned; /* a record of this batch holds memory of protobuf-c */
};

void receiver_init(struct receiver *receiver, uint32_t max_frame)
{
	receiver->cache.prefix_length = 0;
	receiver->frames = receiver->frames_bad = receiver->bytes = 0;
	frame_stream_init(&receiver->stream, max_frame);
}

static void flush(struct batch *batch)
{
	if (batch->n)
		batch->ops->take(batch->context, batch->records, batch->n);
	for (size_t i = 0; batch->owned && i < batch->n; i++)
		dnstap_release(&batch->records[i]);
	batch->n = 0;
	batch->owned = false;
}

static void add_frame(
    struct receiver *receiver, struct batch *batch, const uint8_t *frame, uint32_t length)
{
	struct record *record = &batch->records[batch->n];

	receiver->frames++;
	receiver->bytes += length + 4;
	if (dnstap_decode(&receiver->cache, frame, length, record) < 0) {
		receiver->frames_bad++;
		flush(batch); /* keeps the order of frames */
		batch->ops->bad(batch->context);
		return;
	}
	batch->owned |= record->owner != NULL;
	if (++batch->n == RECORD_BATCH)
		flush(batch);
}

void receiver_feed(struct receiver *receiver, const struct receiver_ops *ops, void *context,
    const uint8_t *data, size_t length, struct receiver_step *ret)
{
	const uint8_t *at = data, *end = data + length, *frame;
	struct batch batch;
	uint32_t frame_length;

	batch.ops = ops;
	batch.context = context;
	batch.n = 0;
	batch.owned = false;
	ret->error = NULL;
	ret->reply_length = 0;
	for (;;) {
		enum frame_stream_result result = frame_stream_next(
		    &receiver->stream, &at, end, &frame, &frame_length, ret->reply, &ret->error);

		if (result == FRAME_STREAM_DATA) {
			add_frame(receiver, &batch, frame, frame_length);
			continue;
		}
		if (result == FRAME_STREAM_REPLY) {
			if (!frame_length)
				continue;
			ret->reply_length = frame_length;
		}
		break;
	}
	flush(&batch);
	ret->used = (size_t)(at - data);
}
