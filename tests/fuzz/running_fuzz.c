/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines as of an encoder, two windows of them: running sums are made or not, and what comes of them
 * is readable to the sink of OpenTelemetry. */
#include "encode/running.h"
#include "sink/otlp/request.h"

#include <stdint.h>
#include <stdlib.h>

#define SERIES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct arena *arena, const char *text, size_t length)
{
	static const struct otlp_request_options options = {
	    .host = "h", .cumulative = true, .lines = 50, .bytes = 1 << 16};
	struct otlp_piece piece;
	OtlpRequest *request;

	if (otlp_request_make(arena, &options, text, length, &piece, &request) < 0 ||
	    piece.unreadable)
		abort();
	arena_reset(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct running *running;
	static struct arena *arena;
	const char *text;
	size_t length, points;

	if (!arena &&
	    (arena_new(&arena) < 0 || running_new(&running, POINTS_CUMULATIVE, SERIES) < 0))
		abort();
	for (int64_t window = 1; window <= 2; window++) {
		running_window(
		    running, (const char *)data, size, window, window + 1, &text, &length, &points);
		if (points)
			check(arena, text, length);
	}
	running_restart(running);
	return 0;
}
