/* SPDX-License-Identifier: BSD-2-Clause */
/* Names from the wire: what comes out is clean text of bounded length, the suffix is an end of the
 * whole, and both ways agree on what is a name. The first byte is the size of the buffer. */
#include "privacy/privacy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct privacy *privacy_of(enum privacy_names names)
{
	static const char *zones[] = {"example.org", "co.uk", "a\\.b.nl"};
	static struct config_input input = {.zone = "default", .zones = {zones, 3}};
	struct config config = {.inputs = &input, .n_inputs = 1, .privacy = {.names = names}};
	struct privacy *privacy = NULL;
	char reason[64];

	if (privacy_new(&privacy, &config, reason, sizeof(reason)) < 0)
		abort();
	return privacy;
}

static void check_text(const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7f || (text[i] >= 'A' && text[i] <= 'Z'))
			abort();
	if (n > 1 && text[n - 1] == '.' && text[n - 2] != '\\')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct privacy *full, *suffix;
	char whole[PRIVACY_NAME_SIZE], end[PRIVACY_NAME_SIZE], small[256];
	int r;

	if (size < 1)
		return 0;
	if (!full) {
		full = privacy_of(NAMES_FULL);
		suffix = privacy_of(NAMES_SUFFIX);
	}
	r = privacy_name(full, data + 1, size - 1, whole, sizeof(whole));
	if (r != 0 && r != -EINVAL)
		abort(); /* there is room for any name */
	if (privacy_name(suffix, data + 1, size - 1, end, sizeof(end)) != r)
		abort();
	check_text(whole);
	check_text(end);
	if (strlen(end) > strlen(whole) || strcmp(whole + strlen(whole) - strlen(end), end) != 0)
		abort();
	if (privacy_name(full, data + 1, size - 1, small, data[0]) == 0 &&
	    strcmp(small, whole) != 0)
		abort();
	return 0;
}
