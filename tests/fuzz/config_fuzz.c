/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a configuration: either messages or a configuration that is written and read again
 * the same. */
#include "config/config.h"
#include "measure/series.h"

#include "pieces.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOST 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *as_yaml(const struct config *config, size_t *ret_size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_size);

	if (!out || config_write_yaml(config, out) < 0 || fclose(out) != 0)
		abort();
	return text;
}

/* Of all runs; emptied for each. */
static FILE *messages(void)
{
	static char *text;
	static size_t length;
	static FILE *out;

	if (!out)
		out = open_memstream(&text, &length);
	if (!out || fseek(out, 0, SEEK_SET) != 0)
		abort();
	return out;
}

/* What the fuzzer makes must not open files by name. */
static int names_a_file(const uint8_t *data, size_t size)
{
	return memmem(data, size, "zones_file", 10) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = NULL, *again = NULL;
	struct config_series series;
	size_t written = 0;
	FILE *errors;
	char *yaml;
	int r;

	if (size > MOST || names_a_file(data, size))
		return 0;
	/* A message, with the option whose name is next, takes as long as the rest: not of each. */
	errors = size % 4 ? NULL : messages();
	r = config_parse("fuzz", (const char *)data, size, errors, &config);
	if ((r == 0) != (config != NULL) || (errors && (r == 0) != (ftell(errors) == 0)))
		abort();
	if (!config)
		return 0;
	/* All options are written, most of which the input does not name: not of each. */
	if (size % 8) {
		config_unref(config);
		return 0;
	}
	yaml = as_yaml(config, &written);
	if (config_series_bound(config, &series) < 0)
		abort();
	/* It can be longer than what was read, past the limit of a file. Secrets are not written,
	 * and what stands for them is too short to be one. */
	if (written <= 1 << 20 && !memmem(yaml, written, "***", 3) &&
	    (config_parse("again", yaml, written, NULL, &again) < 0 || again->hash != config->hash))
		abort();
	config_unref(config);
	config_unref(again);
	free(yaml);
	return 0;
}

/* -- mutations: lines */

static size_t split(const uint8_t *data, size_t size, struct piece pieces[PIECES_MAX])
{
	size_t n = 0, at = 0;

	while (at < size && n < PIECES_MAX) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		const size_t length = end ? (size_t)(end - data) + 1 - at : size - at;
		const uint8_t *colon = memchr(data + at, ':', length);

		/* A key stays, its value does not. */
		pieces[n++] =
		    (struct piece){at, length, colon ? (size_t)(colon - data) + 1 - at : 0};
		at += length;
	}
	return n;
}

/* What took the line's end away gets it back. */
static void fit(uint8_t *piece, const struct piece *is)
{
	if (is->length > is->head)
		piece[is->length - 1] = '\n';
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static const struct pieces_format format = {split, fit, 0};

	return pieces_mutate(&format, data, size, max_size, seed);
}
