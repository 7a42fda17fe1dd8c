/* SPDX-License-Identifier: BSD-2-Clause */
/* Header fields of a client: read to their end and not past it; OpenMetrics and gzip only where the
 * field can mean them. */
#include "http/negotiate.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *field = malloc(size + 1);

	if (!field)
		return 0;
	memcpy(field, data, size);
	field[size] = '\0';
	if (negotiate_open_metrics(field) && !strcasestr(field, "application/openmetrics-text"))
		abort();
	if (negotiate_gzip(field) && !strcasestr(field, "gzip") && !strchr(field, '*'))
		abort();
	free(field);
	return 0;
}
