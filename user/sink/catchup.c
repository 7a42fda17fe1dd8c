/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/catchup.h"

/* What is known fades by a half in some 180 attempts: the way to the far end may have become
 * longer. */
#define FADE 256

void catchup_learn(struct catchup *catchup, uint64_t took_ns, size_t bytes)
{
	const uint64_t known_ns = catchup->quickest_ns + catchup->quickest_ns / FADE;

	catchup->largest_bytes -= catchup->largest_bytes / FADE;
	if (bytes > catchup->largest_bytes)
		catchup->largest_bytes = bytes;
	/* A small batch, as of events, says nothing of a window's. */
	if (bytes >= catchup->largest_bytes / 2)
		catchup->quickest_ns = known_ns && known_ns < took_ns ? known_ns : took_ns;
}

uint64_t catchup_pause_ns(const struct catchup *catchup, uint64_t took_ns)
{
	const uint64_t times = catchup->quickest_ns ? took_ns / catchup->quickest_ns : 1;

	if (times <= 1 || took_ns >= CATCHUP_PAUSE_MOST_NS)
		return took_ns;
	return took_ns < CATCHUP_PAUSE_MOST_NS / times ? took_ns * times : CATCHUP_PAUSE_MOST_NS;
}
