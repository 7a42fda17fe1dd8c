/* SPDX-License-Identifier: BSD-2-Clause */
/* Header fields of a client: read to their end and not past it; OpenMetrics and gzip only where the
 * field can mean them, and the number of a message only where it is written as it was sent. */
#include "http/negotiate.h"
#include "report/events/ticker.h"

#include <inttypes.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_last_id(const char *field)
{
	struct ticker_place place;
	char text[64];

	if (!ticker_parse(field, &place))
		return;
	snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64, place.run, place.number);
	if (strcmp(text, field) != 0)
		abort();
}

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
	check_last_id(field);
	free(field);
	return 0;
}
