/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration from a string, with the messages as text. */
#ifndef CROSSTAP_TESTS_UNIT_CONFIG_PARSE_H
#define CROSSTAP_TESTS_UNIT_CONFIG_PARSE_H

#include "config/output_kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* The messages are the caller's to free. */
static inline int parse_text(
    const char *text, size_t length, struct config **ret, char **ret_messages)
{
	size_t size = 0;
	FILE *errors = open_memstream(ret_messages, &size);
	int r;

	assert_non_null(errors);
	r = config_parse("test.yaml", text, length, errors, ret);
	fclose(errors);
	return r;
}

static inline struct config *parse_good(const char *text)
{
	struct config *config = NULL;
	char *messages = NULL;
	int r = parse_text(text, strlen(text), &config, &messages);

	if (r != 0)
		print_error("%s", messages);
	assert_int_equal(r, 0);
	assert_string_equal(messages, "");
	free(messages);
	return config;
}

/* The text is refused, and the messages are exactly these lines. */
static inline void assert_messages(const char *text, const char *expected)
{
	struct config *config = NULL;
	char *messages = NULL;
	int r = parse_text(text, strlen(text), &config, &messages);

	assert_string_equal(messages, expected);
	assert_int_equal(r, -22);
	assert_null(config);
	free(messages);
}

/* A text among the settings of an output. */
static inline const char *output_text(const struct config *config, size_t index, const char *key)
{
	const struct config_output *output = &config->outputs[index];
	const struct config_option *option = option_find(&output->kind->table, "", key);
	const char *text;

	assert_non_null(option);
	assert_int_equal(option->type, OPTION_TEXT);
	memcpy(&text, (const char *)output->settings + option->offset, sizeof(text));
	return text;
}

#endif
