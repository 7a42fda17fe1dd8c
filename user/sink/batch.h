/* SPDX-License-Identifier: BSD-2-Clause */
/* What is inside a batch (see sink.h), for the back ends. */
#ifndef CROSSTAP_SINK_BATCH_H
#define CROSSTAP_SINK_BATCH_H

#include "sink/sink.h"

#include <stdatomic.h>

struct batch {
	_Atomic unsigned references;
	size_t points;
	int64_t time_ms;
	size_t length;
	char *text; /* whole lines */
};

/* Lines, that is points, in encoded text. */
size_t batch_count_lines(const char *text, size_t length);

#endif
