/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/output_kind.h"

#include <string.h>

const struct output_kind *output_kind_find(const char *name)
{
	for (size_t i = 0; output_kinds[i]; i++) {
		if (strcmp(output_kinds[i]->name, name) == 0)
			return output_kinds[i];
	}
	return NULL;
}

const char *output_kind_nearest(const char *name)
{
	const char *names[OUTPUT_KINDS_MAX + 1] = {NULL};

	for (size_t i = 0; i < OUTPUT_KINDS_MAX && output_kinds[i]; i++)
		names[i] = output_kinds[i]->name;
	return word_nearest(names, name);
}

void output_kind_list(char *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; output_kinds[i] && used < size; i++) {
		const char *separator = !i ? "" : output_kinds[i + 1] ? ", " : " or ";

		used += (size_t)snprintf(
		    out + used, size - used, "%s%s", separator, output_kinds[i]->name);
	}
}

bool output_equal(const struct config_output *a, const struct config_output *b)
{
	return a->kind == b->kind && options_equal(&a->kind->table, a->settings, b->settings);
}

const struct config_option *output_clash(
    const struct config_output *a, const struct config_output *b)
{
	const struct option_table *table;

	if (a->kind != b->kind || !a->kind)
		return NULL;
	table = &a->kind->table;
	for (size_t i = 0; i < table->n; i++) {
		const struct config_option *option = &table->options[i];

		if (option->unique && option_applies(option, a->settings) &&
		    option_applies(option, b->settings) &&
		    option_equal(option, a->settings, b->settings))
			return option;
	}
	return NULL;
}
