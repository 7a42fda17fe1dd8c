/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/limits_text.h"

#include "config/parse/value_scalar.h"

#include <string.h>

void limit_format(char *out, const struct config_option *option, double value)
{
	if (option->type == OPTION_SIZE)
		scalar_format_size(out, (uint64_t)value);
	else if (option->type == OPTION_TIME)
		scalar_format_time(out, (uint64_t)value);
	else if (option->type == OPTION_RATE)
		scalar_format_rate(out, value);
	else if (option->type == OPTION_MODE)
		snprintf(out, SCALAR_TEXT_SIZE, "%04o", (unsigned)value);
	else if (option->type == OPTION_UINT)
		snprintf(out, SCALAR_TEXT_SIZE, "%.0f", value);
	else
		snprintf(out, SCALAR_TEXT_SIZE, "%.10g", value);
}

static void words_text(
    const struct config_option *option, const char *last, char out[LIMITS_TEXT_SIZE])
{
	size_t used = 0;

	for (size_t i = 0; option->words[i] && used < LIMITS_TEXT_SIZE; i++) {
		const char *separator = !i ? "" : option->words[i + 1] ? ", " : last;

		used += (size_t)snprintf(
		    out + used, LIMITS_TEXT_SIZE - used, "%s%s", separator, option->words[i]);
	}
}

static void range_text(const struct config_option *option, char out[LIMITS_TEXT_SIZE])
{
	char low[SCALAR_TEXT_SIZE], high[SCALAR_TEXT_SIZE];

	limit_format(low, option, option->min);
	limit_format(high, option, option->max);
	snprintf(out, LIMITS_TEXT_SIZE, "%s to %s", low, high);
}

void limits_text(const struct config_option *option, char out[LIMITS_TEXT_SIZE])
{
	size_t used;

	out[0] = '\0';
	if (option->type == OPTION_WORD)
		words_text(option, " or ", out);
	else if (option->type == OPTION_WORDS)
		words_text(option, " and ", out);
	else if (option->type == OPTION_BOOL)
		snprintf(out, LIMITS_TEXT_SIZE, "true or false");
	else if (option->type >= OPTION_UINT && option->type <= OPTION_MODE)
		range_text(option, out);
	else if (option->type >= OPTION_TEXTS && option->type != OPTION_INTERFACES)
		snprintf(out, LIMITS_TEXT_SIZE, "at most %.10g", option->max);
	used = strlen(out);
	if (option->when.is_set)
		snprintf(out + used, LIMITS_TEXT_SIZE - used, "%sonly %s", used ? "; " : "",
		    option->when.text);
}
