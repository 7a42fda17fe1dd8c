/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of a spool that anybody may have written: all of them are taken or called unreadable, and
 * what is made of them packs and unpacks. */
#include "encode/running.h"
#include "sink/otlp/proto_json.h"
#include "sink/otlp/request.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pack(const OtlpRequest *request)
{
	const size_t length = protobuf_c_message_get_packed_size(&request->base);
	uint8_t *packed = malloc(length + 1);
	struct buffer text = {0};

	if (!packed || protobuf_c_message_pack(&request->base, packed) != length)
		abort();
	proto_json_write(&text, &request->base);
	if (buffer_failed(&text))
		abort();
	buffer_free(&text);
	free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct otlp_request_options options = {
	    .host = "h", .cumulative = true, .lines = 50, .bytes = 1 << 16};
	const char *text;
	size_t length, points;
	struct otlp_piece piece;
	struct running *running;
	struct arena *arena;
	OtlpRequest *request;

	if (arena_new(&arena) < 0)
		abort();
	if (otlp_request_make(arena, &options, (const char *)data, size, &piece, &request) < 0 ||
	    piece.bytes > size || piece.unreadable > piece.lines)
		abort();
	pack(request);
	/* The same lines as an encoder's, and what comes of them as a spool's. */
	if (running_new(&running, POINTS_CUMULATIVE, 4) < 0)
		abort();
	running_window(running, (const char *)data, size, 1, 2, &text, &length, &points);
	if (points &&
	    (otlp_request_make(arena, &options, text, length, &piece, &request) < 0 ||
		piece.unreadable))
		abort();
	running_free(running);
	arena_free(arena);
	return 0;
}
