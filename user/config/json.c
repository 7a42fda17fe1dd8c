/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration as a JSON document, by the table of options. */
#include "config/write.h"

#include "base/arena.h"
#include "config/output_kind.h"
#include "config/parse/value_scalar.h"
#include "text/json_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define HIDDEN "***"

static const void *at(const struct config_option *option, const void *base)
{
	return (const char *)base + option->offset;
}

static size_t count_at(const struct config_option *option, const void *base)
{
	size_t n;

	memcpy(&n, (const char *)base + option->other, sizeof(n));
	return n;
}

static const void *pointer_at(const struct config_option *option, const void *base)
{
	const void *pointer;

	memcpy(&pointer, at(option, base), sizeof(pointer));
	return pointer;
}

static uint64_t uint_at(const struct config_option *option, const void *base)
{
	uint32_t narrow;
	uint64_t wide;

	if (option->size == sizeof(wide)) {
		memcpy(&wide, at(option, base), sizeof(wide));
		return wide;
	}
	memcpy(&narrow, at(option, base), sizeof(narrow));
	return narrow;
}

/* Appends; a value that could not be made is an error as well. */
static int append(json_t *list, json_t *item)
{
	return json_array_append_new(list, item) < 0 ? -ENOMEM : 0;
}

/* --- URLs: user information and the values of a query can hold secrets --- */

static json_t *url_to_json(const char *url)
{
	const char *host = strstr(url, "://"), *end, *user;
	char *out = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&out, &size);
	bool in_value = false;
	json_t *json;

	if (!stream)
		return NULL;
	host = host ? host + 3 : url;
	end = host + strcspn(host, "/?#");
	user = memrchr(host, '@', (size_t)(end - host));
	fwrite(url, 1, (size_t)(host - url), stream);
	if (user)
		fputs(HIDDEN "@", stream);
	for (const char *p = user ? user + 1 : host; *p; p++) {
		if (*p == '&' || *p == '#')
			in_value = false;
		if (!in_value)
			fputc(*p, stream);
		if (*p == '=' && !in_value && memchr(url, '?', (size_t)(p - url))) {
			fputs(HIDDEN, stream);
			in_value = true;
		}
	}
	json = fclose(stream) == 0 ? json_string(out) : NULL;
	free(out);
	return json;
}

static json_t *text_to_json(const struct config_option *option, const void *base)
{
	const char *text;

	memcpy(&text, at(option, base), sizeof(text));
	if (option->secret)
		return json_string(*text ? HIDDEN : "");
	return option->is_url ? url_to_json(text) : json_string(text);
}

/* --- lists --- */

static json_t *strings_to_json(const struct config_strings *strings)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < strings->n; i++) {
		if (append(list, json_string(strings->items[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *interfaces_to_json(const struct config_option *option, const void *base)
{
	bool automatic;

	memcpy(&automatic, (const char *)base + option->other, sizeof(automatic));
	return automatic ? json_string("auto") : strings_to_json(at(option, base));
}

static json_t *ports_to_json(const struct config_ports *ports)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < ports->n; i++) {
		if (append(list, json_integer(ports->ports[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *networks_to_json(const struct config_option *option, const void *base)
{
	const struct config_network *networks = pointer_at(option, base);
	json_t *list = json_array();

	for (size_t i = 0; list && i < count_at(option, base); i++) {
		char text[SCALAR_TEXT_SIZE];

		scalar_format_network(text, &networks[i]);
		if (append(list, json_string(text)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *tags_to_json(const struct config_option *option, const void *base)
{
	const struct config_tag *tags = pointer_at(option, base);
	json_t *map = json_object();

	for (size_t i = 0; map && i < count_at(option, base); i++) {
		if (json_object_set_new(map, tags[i].key,
			json_string(option->secret ? HIDDEN : tags[i].value)) < 0) {
			json_decref(map);
			return NULL;
		}
	}
	return map;
}

/* --- sections --- */

/* Of options with one of these takers. */
static json_t *section_to_json(
    const struct option_table *table, const char *path, const void *base, uint32_t takers);

static json_t *inputs_to_json(const struct config *config, uint32_t takers)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < config->n_inputs; i++) {
		if (append(list, section_to_json(&options_input, "", &config->inputs[i], takers)) <
		    0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *output_to_json(const struct config_output *output)
{
	json_t *map = json_object(),
	       *values = section_to_json(&output->kind->table, "", output->settings, UINT32_MAX);

	/* Takes over `values`, in failure too. */
	if (json_object_set_new(map, output->kind->name, values) < 0) {
		json_decref(map);
		return NULL;
	}
	return map;
}

static json_t *words_to_json(const struct config_option *option, const void *base)
{
	const uint64_t set = uint_at(option, base);
	json_t *list = json_array();

	for (size_t i = 0; list && option->words[i]; i++) {
		if (set >> i & 1 && append(list, json_string(option->words[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *outputs_to_json(const struct config *config)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < config->n_outputs; i++) {
		if (append(list, output_to_json(&config->outputs[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *real_to_json(const struct config_option *option, const void *base)
{
	char text[SCALAR_TEXT_SIZE];
	double value;

	memcpy(&value, at(option, base), sizeof(value));
	if (option->type == OPTION_REAL)
		return json_real(value);
	scalar_format_rate(text, value);
	return json_string(text);
}

static json_t *unit_to_json(const struct config_option *option, const void *base)
{
	char text[SCALAR_TEXT_SIZE];

	if (option->type == OPTION_SIZE)
		scalar_format_size(text, uint_at(option, base));
	else if (option->type == OPTION_TIME)
		scalar_format_time(text, uint_at(option, base));
	else
		snprintf(text, sizeof(text), "%04o", (unsigned)uint_at(option, base));
	return json_string(text);
}

static json_t *value_to_json(const struct option_table *table, const struct config_option *option,
    const void *base, uint32_t takers)
{
	bool flag;

	switch (option->type) {
	case OPTION_SECTION:
		return section_to_json(table, option->path, base, takers);
	case OPTION_TEXT:
		return text_to_json(option, base);
	case OPTION_BOOL:
		memcpy(&flag, at(option, base), sizeof(flag));
		return json_boolean(flag);
	case OPTION_UINT:
		return json_integer((json_int_t)uint_at(option, base));
	case OPTION_REAL:
	case OPTION_RATE:
		return real_to_json(option, base);
	case OPTION_SIZE:
	case OPTION_TIME:
	case OPTION_MODE:
		return unit_to_json(option, base);
	case OPTION_WORD:
		return json_string(option->words[uint_at(option, base)]);
	case OPTION_WORDS:
		return words_to_json(option, base);
	case OPTION_TEXTS:
	case OPTION_ZONES:
		return strings_to_json(at(option, base));
	case OPTION_INTERFACES:
		return interfaces_to_json(option, base);
	case OPTION_PORTS:
		return ports_to_json(at(option, base));
	case OPTION_NETWORKS:
		return networks_to_json(option, base);
	case OPTION_TAGS:
		return tags_to_json(option, base);
	case OPTION_INPUTS:
		return inputs_to_json(base, takers);
	case OPTION_OUTPUTS:
		return outputs_to_json(base);
	}
	return NULL;
}

static bool section_is_worth_writing(const struct config_option *section, const void *input);

/* What is empty because nobody set it says nothing: `zones` of an input with a zone, `owner`. */
static bool is_worth_writing(
    const struct option_table *table, const struct config_option *option, const void *base)
{
	if (!option_applies(option, base))
		return false;
	if (table != &options_input)
		return true;
	if (option->type == OPTION_ZONES)
		return ((const struct config_strings *)at(option, base))->n > 0;
	if (option->type == OPTION_NETWORKS)
		return count_at(option, base) > 0;
	if (option->type == OPTION_TEXT) {
		const char *text;

		memcpy(&text, at(option, base), sizeof(text));
		return *text;
	}
	return option->type != OPTION_SECTION || section_is_worth_writing(option, base);
}

/* One of its options is. */
static bool section_is_worth_writing(const struct config_option *section, const void *input)
{
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "%s.", section->path);
	for (size_t i = 0; i < options_input.n; i++) {
		const struct config_option *option = &options_input.options[i];

		if (option_is_in(option, prefix) && is_worth_writing(&options_input, option, input))
			return true;
	}
	return false;
}

/* A section is, if one of its options is, and a list of inputs, if one of theirs is. */
static bool is_wanted(
    const struct option_table *table, const struct config_option *option, uint32_t takers)
{
	const size_t length = strlen(option->path);
	const struct option_table *below = option->type == OPTION_INPUTS ? &options_input : table;
	bool wanted = takers == UINT32_MAX || option->takers & takers;

	if (option->type != OPTION_INPUTS && option->type != OPTION_SECTION)
		return wanted;
	for (size_t i = 0; i < below->n && !wanted; i++) {
		const struct config_option *other = &below->options[i];

		wanted = other->takers & takers &&
		    (below != table ||
			(strncmp(other->path, option->path, length) == 0 &&
			    other->path[length] == '.'));
	}
	return wanted;
}

static json_t *section_to_json(
    const struct option_table *table, const char *path, const void *base, uint32_t takers)
{
	json_t *map = json_object();
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "%s%s", path, *path ? "." : "");
	for (size_t i = 0; map && i < table->n; i++) {
		const struct config_option *option = &table->options[i];

		if (!option_is_in(option, prefix) || !is_worth_writing(table, option, base) ||
		    !is_wanted(table, option, takers))
			continue;
		if (json_object_set_new(
			map, option_key(option), value_to_json(table, option, base, takers)) < 0) {
			json_decref(map);
			return NULL;
		}
	}
	return map;
}

json_t *config_to_json(const struct config *config)
{
	return config_part_to_json(config, UINT32_MAX);
}

json_t *config_part_to_json(const struct config *config, uint32_t takers)
{
	return section_to_json(&options_root, "", config, takers);
}

int config_write_json(const struct config *config, FILE *out)
{
	json_t *json = config_to_json(config);
	int r = json ? json_print(json, 2, out) : -ENOMEM;

	if (r == 0 && fputc('\n', out) == EOF)
		r = -EIO;
	json_decref(json);
	return r;
}

int config_set_hash(struct config *config)
{
	json_t *json = config_to_json(config);
	char *text = json ? json_text(json) : NULL;

	if (text)
		config->hash = XXH3_64bits(text, strlen(text));
	json_decref(json);
	free(text);
	return text ? 0 : -ENOMEM;
}
