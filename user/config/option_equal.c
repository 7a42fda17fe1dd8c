/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/output_kind.h"

#include <string.h>

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

static bool equal_network(const void *a, const void *b)
{
	const struct config_network *x = a, *y = b;

	return x->family == y->family && x->prefix == y->prefix &&
	    memcmp(x->address, y->address, sizeof(x->address)) == 0;
}

static bool equal_tag(const void *a, const void *b)
{
	const struct config_tag *x = a, *y = b;

	return strcmp(x->key, y->key) == 0 && strcmp(x->value, y->value) == 0;
}

static bool equal_input(const void *a, const void *b)
{
	const struct config_input *x = a, *y = b;

	return x->kind == y->kind && options_equal(&options_input, a, b);
}

static bool equal_output(const void *a, const void *b)
{
	return output_equal(a, b);
}

/* A pointer to items at `offset`, and their number at `other`. */
static bool equal_items(const struct config_option *option, const void *a, const void *b,
    size_t size, bool (*equal)(const void *, const void *))
{
	const char *x, *y;
	size_t n, m;

	memcpy(&x, (const char *)a + option->offset, sizeof(x));
	memcpy(&y, (const char *)b + option->offset, sizeof(y));
	memcpy(&n, (const char *)a + option->other, sizeof(n));
	memcpy(&m, (const char *)b + option->other, sizeof(m));
	for (size_t i = 0; n == m && i < n; i++) {
		if (!equal(x + i * size, y + i * size))
			return false;
	}
	return n == m;
}

static bool equal_text(const struct config_option *option, const void *a, const void *b)
{
	const char *x, *y;

	memcpy(&x, (const char *)a + option->offset, sizeof(x));
	memcpy(&y, (const char *)b + option->offset, sizeof(y));
	return strcmp(x, y) == 0;
}

bool option_equal(const struct config_option *option, const void *a, const void *b)
{
	const void *x = (const char *)a + option->offset, *y = (const char *)b + option->offset;

	switch (option->type) {
	case OPTION_SECTION:
		return true; /* its options have rows of their own */
	case OPTION_TEXT:
		return equal_text(option, a, b);
	case OPTION_BOOL:
	case OPTION_UINT:
	case OPTION_REAL:
	case OPTION_SIZE:
	case OPTION_TIME:
	case OPTION_RATE:
	case OPTION_MODE:
	case OPTION_WORD:
	case OPTION_WORDS:
		return memcmp(x, y, option->size) == 0;
	case OPTION_TEXTS:
	case OPTION_ZONES:
		return equal_strings(x, y);
	case OPTION_INTERFACES:
		return memcmp((const char *)a + option->other, (const char *)b + option->other,
			   sizeof(bool)) == 0 &&
		    equal_strings(x, y);
	case OPTION_PORTS:
		return equal_ports(x, y);
	case OPTION_NETWORKS:
		return equal_items(option, a, b, sizeof(struct config_network), equal_network);
	case OPTION_TAGS:
		return equal_items(option, a, b, sizeof(struct config_tag), equal_tag);
	case OPTION_INPUTS:
		return equal_items(option, a, b, sizeof(struct config_input), equal_input);
	case OPTION_OUTPUTS:
		return equal_items(option, a, b, sizeof(struct config_output), equal_output);
	}
	return false;
}

bool options_equal(const struct option_table *table, const void *a, const void *b)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct config_option *option = &table->options[i];
		const bool applies = option_applies(option, a);

		if (applies != option_applies(option, b) ||
		    (applies && !option_equal(option, a, b)))
			return false;
	}
	return true;
}
