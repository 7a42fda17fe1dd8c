/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/diff.h"

#include "base/arena.h"
#include "config/write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const void *at(const void *base, size_t offset)
{
	return (const char *)base + offset;
}

static const void *pointer_at(const void *base, size_t offset)
{
	const void *pointer;

	memcpy(&pointer, at(base, offset), sizeof(pointer));
	return pointer;
}

static size_t count_at(const void *base, size_t offset)
{
	size_t n;

	memcpy(&n, at(base, offset), sizeof(n));
	return n;
}

/* -- values */

static bool equal_strings(const struct config_strings *a, const struct config_strings *b)
{
	for (size_t i = 0; a->n == b->n && i < a->n; i++) {
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	}
	return a->n == b->n;
}

static bool equal_ports(const struct config_ports *a, const struct config_ports *b)
{
	return a->n == b->n && memcmp(a->ports, b->ports, a->n * sizeof(a->ports[0])) == 0;
}

static bool equal_networks(const struct config_network *a, const struct config_network *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (a[i].family != b[i].family || a[i].prefix != b[i].prefix ||
		    memcmp(a[i].address, b[i].address, sizeof(a[i].address)) != 0)
			return false;
	}
	return true;
}

static bool equal_tags(const struct config_tag *a, const struct config_tag *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(a[i].key, b[i].key) != 0 || strcmp(a[i].value, b[i].value) != 0)
			return false;
	}
	return true;
}

/* Of any type but sections, inputs and outputs. */
static bool equal_values(const struct config_option *option, const void *a, const void *b)
{
	const void *left = at(a, option->offset), *right = at(b, option->offset);

	switch (option->type) {
	case OPTION_TEXT:
		return strcmp(pointer_at(a, option->offset), pointer_at(b, option->offset)) == 0;
	case OPTION_TEXTS:
	case OPTION_ZONES:
		return equal_strings(left, right);
	case OPTION_INTERFACES:
		return memcmp(at(a, option->other), at(b, option->other), sizeof(bool)) == 0 &&
		    equal_strings(left, right);
	case OPTION_PORTS:
		return equal_ports(left, right);
	case OPTION_NETWORKS:
		return count_at(a, option->other) == count_at(b, option->other) &&
		    equal_networks(pointer_at(a, option->offset), pointer_at(b, option->offset),
			count_at(a, option->other));
	case OPTION_TAGS:
		return count_at(a, option->other) == count_at(b, option->other) &&
		    equal_tags(pointer_at(a, option->offset), pointer_at(b, option->offset),
			count_at(a, option->other));
	default: /* numbers */
		return memcmp(left, right, option->size) == 0;
	}
}

/* -- entries of lists */

/* The takers of what differs; with `all`, of every option. An option that says nothing in an entry
 * (its condition does not hold) differs from one that does. */
static uint32_t takers_of_entry(
    const struct option_table *table, const void *a, const void *b, bool all)
{
	uint32_t takers = 0;

	for (size_t i = 0; i < table->n; i++) {
		const struct config_option *option = &table->options[i];
		bool before, after;

		if (all) {
			takers |= option->takers;
			continue;
		}
		before = option_applies(option, a);
		after = option_applies(option, b);
		if (before != after || (before && !equal_values(option, a, b)))
			takers |= option->takers;
	}
	return takers;
}

/* Entries are held against each other by their places; those that only one list has differ in
 * everything. */
static uint32_t takers_of_inputs(const struct config *old, const struct config *new)
{
	uint32_t takers = 0;

	for (size_t i = 0; i < old->n_inputs || i < new->n_inputs; i++) {
		const bool one = i >= old->n_inputs || i >= new->n_inputs;

		takers |= takers_of_entry(&options_input, one ? NULL : &old->inputs[i],
		    one ? NULL : &new->inputs[i], one);
	}
	return takers;
}

static uint32_t takers_of_outputs(const struct config *old, const struct config *new)
{
	uint32_t takers = 0;

	for (size_t i = 0; i < old->n_outputs || i < new->n_outputs; i++) {
		const struct config_output *a = i < old->n_outputs ? &old->outputs[i] : NULL;
		const struct config_output *b = i < new->n_outputs ? &new->outputs[i] : NULL;

		if (a && b && a->kind == b->kind)
			takers |= takers_of_entry(&options_output[a->kind], a, b, false);
		if (a && (!b || a->kind != b->kind))
			takers |= takers_of_entry(&options_output[a->kind], a, b, true);
		if (b && (!a || a->kind != b->kind))
			takers |= takers_of_entry(&options_output[b->kind], a, b, true);
	}
	return takers;
}

/* -- the whole */

static uint32_t takers_of(
    const struct config_option *option, const struct config *old, const struct config *new)
{
	if (option->type == OPTION_SECTION)
		return 0;
	if (option->type == OPTION_INPUTS)
		return takers_of_inputs(old, new) |
		    (old->n_inputs == new->n_inputs ? 0 : option->takers);
	if (option->type == OPTION_OUTPUTS)
		return takers_of_outputs(old, new) |
		    (old->n_outputs == new->n_outputs ? 0 : option->takers);
	return equal_values(option, old, new) ? 0 : option->takers;
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
		if (option->is_file && *(const char *)pointer_at(new, option->offset))
			ret->takers |= option->takers;
	}
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
	const char *text = arena_strdup(next->arena, pointer_at(in_force, option->offset));

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

		if (!(option->takers & 1u << TAKER_RESTART) || equal_values(option, next, in_force))
			continue;
		kept = true;
		if (option->type != OPTION_TEXT)
			memcpy((char *)next + option->offset, at(in_force, option->offset),
			    option->size);
		else if (keep_text(option, next, in_force) < 0)
			return -ENOMEM;
	}
	return kept ? config_set_hash(next) : 0;
}
