/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of a spool that anybody may have written: all of them are taken or called unreadable, and
 * what is made of them packs. */
#include "sink/otlp/proto_json.h"
#include "sink/otlp/request.h"

#include <stdint.h>
#include <stdlib.h>

#define MOST 1024 /* some lines; the corpus has more than a request takes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pack(const OtlpRequest *request)
{
	const size_t length = protobuf_c_message_get_packed_size(&request->base);
	uint8_t *packed = malloc(length + 1);
	static struct buffer text;

	if (!packed || protobuf_c_message_pack(&request->base, packed) != length)
		abort();
	/* A third of a run: not of each. */
	if (length % 2) {
		proto_json_write(&text, &request->base);
		if (buffer_failed(&text))
			abort();
		buffer_reset(&text);
	}
	free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct otlp_request_options options = {
	    .host = "h", .cumulative = true, .lines = 50, .bytes = 1 << 16};
	static struct arena *arena;
	struct otlp_piece piece;
	OtlpRequest *request;

	if (!arena && arena_new(&arena) < 0)
		abort();
	if (otlp_request_make(arena, &options, (const char *)data, size, &piece, &request) < 0 ||
	    piece.bytes > size || piece.unreadable > piece.lines)
		abort();
	pack(request);
	arena_reset(arena);
	return 0;
}
