/* SPDX-License-Identifier: BSD-2-Clause */
/* Parameters of /api/v1/history, between line feeds: from, to, step, names. What is taken is within
 * its bounds, what is not has words for it. */
#include "history/query.h"

#include <stdlib.h>
#include <string.h>

#define NOW_MS 1700000000000ll

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup(size ? (const char *)data : "", size), *rest = text;
	const char *values[4] = {0};
	struct history_query query;
	char error[256] = "";
	int r;

	for (int i = 0; i < 4 && rest; i++) {
		values[i] = strsep(&rest, "\n");
		if (strcmp(values[i], "-") == 0)
			values[i] = NULL; /* not there */
	}
	r = history_query_parse(
	    &query, values[0], values[1], values[2], values[3], NOW_MS, error, sizeof(error));
	if (r == 0 ? query.from_ms >= query.to_ms || query.step_ms < 0 : !*error)
		abort();
	free(text);
	return 0;
}
