/* SPDX-License-Identifier: BSD-2-Clause */
/* A damaged or hostile dataset of DNS Magnitude: it is read or not, and what is read can be written
 * and read again. */
#include "magnitude/dataset.h"

#include <stdlib.h>

/* A sketch with all its registers takes 10,243 bytes, and as long as ten others to read. Those are
 * in the corpus: of their bytes each is as good as any. */
#define MOST    1024
#define LONGEST 12288

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer buffer = {0};
	struct magnitude_day dataset, again;

	if (size > LONGEST || dataset_read(&dataset, 100, data, size) < 0)
		return 0;
	json_decref(dataset_report(&dataset, "fuzz"));
	dataset_write(&dataset, true, &buffer);
	if (buffer_failed(&buffer) ||
	    dataset_read(&again, 100, (const uint8_t *)buffer.at, buffer.length) < 0 ||
	    again.n != dataset.n || again.queries != dataset.queries)
		abort();
	buffer_free(&buffer);
	dataset_done(&dataset);
	dataset_done(&again);
	return 0;
}
