/* SPDX-License-Identifier: BSD-2-Clause */
/* What somebody speaks is told by the bytes that there are, and what more bytes say only takes
 * away. */
#include "dnstap/preface.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

/* Of a copy that ends where the bytes end. */
static enum preface look(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size);
	enum preface preface;

	check(copy);
	memcpy(copy, data, size);
	preface = preface_of(copy, size);
	check(preface_alert(copy, size) >= -1 && preface_alert(copy, size) <= 255);
	/* More than is looked at changes nothing. */
	if (size > PREFACE_ALERT_BYTES)
		check(preface_alert(copy, size) == preface_alert(copy, PREFACE_ALERT_BYTES));
	free(copy);
	return preface;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum preface before, now;

	if (!size)
		return 0;
	before = look(data, 1);
	for (size_t n = 2; n <= size && n <= PREFACE_ALERT_BYTES + 2; n++) {
		now = look(data, n);
		check(now == before || now == PREFACE_UNKNOWN ||
		    (before == PREFACE_UNKNOWN && now == PREFACE_HTTP && n == 4));
		check(n <= PREFACE_BYTES || now == before);
		before = now;
	}
	check(look(data, size) == before);
	return 0;
}
