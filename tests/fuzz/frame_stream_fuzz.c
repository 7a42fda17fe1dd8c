/* SPDX-License-Identifier: BSD-2-Clause */
/* A stream gives the same frames, replies and errors whole, and in pieces as they may come; as a
 * producer's, and as a file's, where others may follow. */
#include "dnstap/frame_stream.h"

#include "pieces.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_FRAME   4096
#define MOST_PIECES 256

struct outcome {
	uint64_t digest; /* of all frames and replies in order */
	size_t frames, replies, used;
	const char *error;
	enum frame_stream_state state;
};

static void digest_bytes(struct outcome *outcome, const uint8_t *bytes, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		outcome->digest = (outcome->digest ^ bytes[i]) * 0x100000001b3;
	outcome->digest = (outcome->digest ^ length) * 0x100000001b3;
}

static void check(bool good)
{
	if (!good)
		abort();
}

/* Takes what [start, end) holds; the bytes taken. */
static size_t feed(
    struct frame_stream *stream, const uint8_t *start, const uint8_t *end, struct outcome *outcome)
{
	const uint8_t *at = start, *frame = NULL;
	uint8_t reply[FRAME_STREAM_MAX_REPLY_BYTES];

	for (;;) {
		const uint8_t *before = at;
		uint32_t length = 0;
		const enum frame_stream_result result =
		    frame_stream_next(stream, &at, end, &frame, &length, reply, &outcome->error);

		if (result == FRAME_STREAM_MORE || result == FRAME_STREAM_ERROR) {
			check(at == before);
			check((result == FRAME_STREAM_ERROR) == (outcome->error != NULL));
			if (result == FRAME_STREAM_MORE) {
				const size_t want = frame_stream_want(stream, at, end);

				check(want > (size_t)(end - at) && want <= MAX_FRAME + 4);
			}
			return (size_t)(at - start);
		}
		check(at > before && at <= end);
		if (result == FRAME_STREAM_DATA) {
			check(length > 0 && length <= MAX_FRAME && frame == before + 4);
			check(frame + length == at && stream->state == FRAME_STREAM_STARTED);
			outcome->frames++;
		} else {
			check(length <= sizeof(reply));
			outcome->replies++;
		}
		digest_bytes(outcome, frame, length);
	}
}

/* Piece by piece, each in memory of its own size. */
static struct outcome run(const uint8_t *data, size_t size, size_t piece, bool several)
{
	struct outcome outcome = {0};
	struct frame_stream stream;
	size_t have = 0;

	frame_stream_init(&stream, MAX_FRAME);
	stream.several = several;
	while (have < size && !outcome.error) {
		const size_t more = size - have < piece ? size - have : piece;
		const size_t length = have + more - outcome.used;
		uint8_t *copy = malloc(length);

		check(copy != NULL);
		memcpy(copy, data + outcome.used, length);
		have += more;
		outcome.used += feed(&stream, copy, copy + length, &outcome);
		free(copy);
	}
	outcome.state = stream.state;
	return outcome;
}

static struct outcome run_all(const uint8_t *data, size_t size, bool several)
{
	static const size_t pieces[2][2] = {{1, 64}, {3, 7}};
	const struct outcome whole = run(data, size, size, several);

	/* Small pieces are many. */
	for (size_t i = 0; i < 2 && size / pieces[several][i] <= MOST_PIECES; i++) {
		const struct outcome parts = run(data, size, pieces[several][i], several);

		check(parts.digest == whole.digest && parts.frames == whole.frames);
		check(parts.replies == whole.replies && parts.used == whole.used);
		check(parts.error == whole.error && parts.state == whole.state);
	}
	return whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct outcome one = run_all(data, size, false);
	const struct outcome file = run_all(data, size, true);

	/* A file's reader takes all that a producer's takes. */
	check(file.used >= one.used && file.frames >= one.frames);
	return 0;
}

/* -- mutations: frames, data or control, each behind its length */

static size_t load_be32(const uint8_t *at)
{
	return (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
}

static size_t split(const uint8_t *data, size_t size, struct piece pieces[PIECES_MAX])
{
	size_t n = 0, at = 0;

	while (at < size && n < PIECES_MAX) {
		const size_t left = size - at;
		/* An escape, and the length of a control frame behind it. */
		const size_t head = left >= 8 && load_be32(data + at) == 0 ? 8 : 4;
		size_t length = left;

		if (left >= head && load_be32(data + at + head - 4) < left - head)
			length = head + load_be32(data + at + head - 4);
		pieces[n++] = (struct piece){at, length, head < length ? head : length};
		at += length;
	}
	return n;
}

static void fit(uint8_t *piece, const struct piece *is)
{
	const size_t length = is->length - is->head;

	for (size_t i = 0; i < 4 && is->head >= 4; i++)
		piece[is->head - 4 + i] = (uint8_t)(length >> (24 - 8 * i));
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static const struct pieces_format format = {split, fit, 0};

	return pieces_mutate(&format, data, size, max_size, seed);
}
