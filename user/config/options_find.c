/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/options.h"

#include <limits.h>
#include <string.h>

#define MAX_COMPARED 64 /* bytes of a word; keys are shorter */
#define NEAR         2  /* edits between words that are likely the same */

const char *option_taker_name(enum option_taker taker)
{
#define NAME_(id, name) [TAKER_##id] = (name),
	static const char *const names[TAKERS] = {OPTION_TAKERS(NAME_)};
#undef NAME_

	return names[taker];
}

/* What of the path follows the prefix; NULL: it begins otherwise, most do with another letter. */
static const char *behind(const char *path, const char *prefix)
{
	while (*prefix && *prefix == *path) {
		prefix++;
		path++;
	}
	return *prefix ? NULL : path;
}

bool option_is_in(const struct config_option *option, const char *prefix)
{
	const char *key = behind(option->path, prefix);

	return key && *key && !strchr(key, '.');
}

const char *option_key(const struct config_option *option)
{
	const char *dot = strrchr(option->path, '.');

	return dot ? dot + 1 : option->path;
}

const struct config_option *option_find(
    const struct option_table *table, const char *prefix, const char *key)
{
	if (strchr(key, '.'))
		return NULL;
	for (size_t i = 0; i < table->n; i++) {
		const char *rest = behind(table->options[i].path, prefix);

		if (rest && *rest == *key && strcmp(rest, key) == 0)
			return &table->options[i];
	}
	return NULL;
}

/* A bool, an enum or a number of elements: no byte beside it is read. */
static uint64_t number_at(const char *at, size_t size)
{
	uint64_t wide;
	uint32_t narrow;

	if (size == sizeof(uint8_t))
		return *(const uint8_t *)at;
	if (size == sizeof(narrow)) {
		memcpy(&narrow, at, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, at, sizeof(wide));
	return wide;
}

bool option_applies(const struct config_option *option, const void *base)
{
	const struct option_when *when = &option->when;

	return !when->is_set ||
	    number_at((const char *)base + when->offset, when->size) == when->value;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

/* Levenshtein: insertions, deletions and replacements between two words; UINT_MAX where their
 * lengths tell already that it is not below `bound`. */
static unsigned edit_distance(const char *a, const char *b, unsigned bound)
{
	size_t la = strnlen(a, MAX_COMPARED), lb = strnlen(b, MAX_COMPARED);
	unsigned row[MAX_COMPARED + 1];

	if ((la > lb ? la - lb : lb - la) >= bound)
		return UINT_MAX;
	for (unsigned j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[lb];
}

const char *option_nearest(const struct option_table *table, const char *prefix, const char *key)
{
	unsigned best = UINT_MAX;
	const char *nearest = NULL;

	for (size_t i = 0; i < table->n; i++) {
		unsigned distance;

		if (!option_is_in(&table->options[i], prefix))
			continue;
		distance = edit_distance(key, option_key(&table->options[i]), best);
		if (distance < best) {
			best = distance;
			nearest = option_key(&table->options[i]);
		}
	}
	if (best <= NEAR)
		return nearest;
	for (size_t i = 0; i < table->n; i++) {
		if (strcmp(option_key(&table->options[i]), key) == 0)
			return table->options[i].path;
	}
	return nearest;
}

const char *word_nearest(const char *const *words, const char *text)
{
	unsigned best = UINT_MAX;
	const char *nearest = NULL;

	for (; *words; words++) {
		unsigned distance = edit_distance(text, *words, best);

		if (distance < best) {
			best = distance;
			nearest = *words;
		}
	}
	return nearest;
}
