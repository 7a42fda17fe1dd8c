/* SPDX-License-Identifier: BSD-2-Clause */
/* What the reader behind a tee says: read to its end and not past it; and any bytes of a stream in
 * the tee's queue, from which only whole frames come out. */
#include "relay/relay_control.h"
#include "relay/relay_queue.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_queue(struct relay_queue *queue, const uint8_t *data, size_t size)
{
	struct iovec parts[2];
	size_t queued;

	if (relay_queue_put(queue, data, size) > 0 && size < RELAY_QUEUE_BYTES)
		abort();
	queued = relay_queue_peek(queue, parts);
	if (queued > size || (relay_queue_sent(queue, queued) == 0 && queued > 0) ||
	    relay_queue_peek(queue, parts) > 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct relay_queue queue;
	enum relay_control control;
	uint8_t *copy = malloc(size + 1); /* of its own size, for the sanitizers */
	size_t used = 0;

	if (!copy || (!queue.ring && relay_queue_init(&queue) < 0)) {
		free(copy);
		return 0;
	}
	memcpy(copy, data, size);
	control = relay_control_read(copy, size, &used);
	if ((control == RELAY_CONTROL_ACCEPT || control == RELAY_CONTROL_FINISH) &&
	    (used < 12 || used > size || used > RELAY_CONTROL_MAX_BYTES))
		abort();
	if (control == RELAY_CONTROL_MORE && size >= RELAY_CONTROL_MAX_BYTES)
		abort();
	check_queue(&queue, copy, size);
	free(copy);
	return 0;
}
