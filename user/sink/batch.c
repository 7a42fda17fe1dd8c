/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int batch_take(struct batch **ret, char *text, size_t length, size_t points, int64_t time_ms)
{
	struct batch *batch = length ? malloc(sizeof(*batch)) : NULL;

	if (!batch) {
		free(text);
		return length ? -ENOMEM : -EINVAL;
	}
	atomic_init(&batch->references, 1);
	batch->points = points;
	batch->time_ms = time_ms;
	batch->length = length;
	batch->text = text;
	*ret = batch;
	return 0;
}

int batch_new(struct batch **ret, const char *text, size_t length, size_t points, int64_t time_ms)
{
	char *copy;

	if (length == 0)
		return -EINVAL;
	copy = malloc(length);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, length);
	return batch_take(ret, copy, length, points, time_ms);
}

struct batch *batch_ref(struct batch *batch)
{
	atomic_fetch_add_explicit(&batch->references, 1, memory_order_relaxed);
	return batch;
}

void batch_unref(struct batch *batch)
{
	/* What other owners did with it happens before it is freed. */
	if (!batch || atomic_fetch_sub_explicit(&batch->references, 1, memory_order_acq_rel) != 1)
		return;
	free(batch->text);
	free(batch);
}

size_t batch_count_lines(const char *text, size_t length)
{
	const char *at = text, *end = text + length;
	size_t n = 0;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		n++;
		if (!newline)
			break;
		at = newline + 1;
	}
	return n;
}
