/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/diff.h"

#include "base/arena.h"
#include "config/write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_at(const struct config_option *option, const void *base)
{
	const char *text;

	memcpy(&text, (const char *)base + option->offset, sizeof(text));
	return text;
}

/* Of the options of an input that differ. One that says nothing in an entry (its condition does not
 * hold) differs from one that does. */
static uint32_t takers_of_entry(const struct config_input *a, const struct config_input *b)
{
	uint32_t takers = 0;

	for (size_t i = 0; i < options_input.n; i++) {
		const struct config_option *option = &options_input.options[i];
		const bool applies = option_applies(option, a);

		if (applies != option_applies(option, b) ||
		    (applies && !option_equal(option, a, b)))
			takers |= option->takers;
	}
	return takers;
}

static uint32_t takers_of_table(const struct option_table *table)
{
	uint32_t takers = 0;

	for (size_t i = 0; i < table->n; i++)
		takers |= table->options[i].takers;
	return takers;
}

/* Entries are held against each other by their places; those that only one list has concern all
 * that any of their options does, and what the number of inputs concerns. */
static uint32_t takers_of_inputs(
    const struct config_option *option, const struct config *old, const struct config *new)
{
	uint32_t takers = 0;

	for (size_t i = 0; i < old->n_inputs && i < new->n_inputs; i++)
		takers |= takers_of_entry(&old->inputs[i], &new->inputs[i]);
	if (old->n_inputs != new->n_inputs)
		takers |= takers_of_table(&options_input) | option->takers;
	return takers;
}

/* What files hold may differ although their names do not. */
static uint32_t takers_of_files(const struct option_table *table, const void *base)
{
	uint32_t takers = 0;

	for (size_t i = 0; i < table->n; i++) {
		const struct config_option *option = &table->options[i];

		if (option->is_file && option_applies(option, base) && *text_at(option, base))
			takers |= option->takers;
	}
	return takers;
}

static uint32_t takers_of(
    const struct config_option *option, const struct config *old, const struct config *new)
{
	if (option->type == OPTION_INPUTS)
		return takers_of_inputs(option, old, new);
	return option_equal(option, old, new) ? 0 : option->takers;
}

void config_diff(struct config_diff *ret, const struct config *old, const struct config *new)
{
	*ret = (struct config_diff){0};
	for (size_t i = 0; i < options_root.n; i++) {
		const struct config_option *option = &options_root.options[i];
		const uint32_t takers = takers_of(option, old, new);

		ret->takers |= takers;
		if (takers && ret->n < CONFIG_DIFF_OPTIONS)
			ret->options[ret->n++] = option;
	}
	ret->takers |= takers_of_files(&options_root, new);
	for (size_t i = 0; i < new->n_inputs; i++)
		ret->takers |= takers_of_files(&options_input, &new->inputs[i]);
}

size_t config_diff_paths(const struct config_diff *diff, bool restart, char **ret)
{
	size_t n = 0, size = 0;
	char *text = NULL;
	FILE *stream = open_memstream(&text, &size);

	*ret = NULL;
	for (size_t i = 0; i < diff->n; i++) {
		const struct config_option *option = diff->options[i];

		if (!(option->takers & 1u << TAKER_RESTART) == restart)
			continue;
		if (stream)
			fprintf(stream, "%s%s", n ? "," : "", option->path);
		n++;
	}
	if (stream && !n)
		fputs("none", stream);
	if (stream && fclose(stream) == 0)
		*ret = text;
	else
		free(text);
	return n;
}

/* The string belongs to the configuration that is to go. */
static int keep_text(
    const struct config_option *option, struct config *next, const struct config *in_force)
{
	const char *text = arena_strdup(next->arena, text_at(option, in_force));

	if (!text)
		return -ENOMEM;
	memcpy((char *)next + option->offset, &text, sizeof(text));
	return 0;
}

int config_keep_restart(struct config *next, const struct config *in_force)
{
	bool kept = false;

	for (size_t i = 0; i < options_root.n; i++) {
		const struct config_option *option = &options_root.options[i];

		if (!(option->takers & 1u << TAKER_RESTART) || option_equal(option, next, in_force))
			continue;
		kept = true;
		if (option->type != OPTION_TEXT)
			memcpy((char *)next + option->offset,
			    (const char *)in_force + option->offset, option->size);
		else if (keep_text(option, next, in_force) < 0)
			return -ENOMEM;
	}
	return kept ? config_set_hash(next) : 0;
}
