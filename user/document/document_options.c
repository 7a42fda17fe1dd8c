/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of options as JSON, for programs: `crosstap check --options`. */
#include "document/document.h"

#include "config/limits_text.h"
#include "config/output_kind.h"
#include "text/json_text.h"

#include <errno.h>
#include <jansson.h>

static const char *const type_names[] = {
    [OPTION_TEXT] = "text",
    [OPTION_BOOL] = "bool",
    [OPTION_UINT] = "number",
    [OPTION_REAL] = "real",
    [OPTION_SIZE] = "size",
    [OPTION_TIME] = "time",
    [OPTION_RATE] = "rate",
    [OPTION_MODE] = "mode",
    [OPTION_WORD] = "word",
    [OPTION_TEXTS] = "texts",
    [OPTION_WORDS] = "words",
    [OPTION_ZONES] = "zones",
    [OPTION_INTERFACES] = "interfaces",
    [OPTION_PORTS] = "ports",
    [OPTION_NETWORKS] = "networks",
    [OPTION_TAGS] = "tags",
    [OPTION_INPUTS] = "inputs",
    [OPTION_OUTPUTS] = "outputs",
};

/* jansson takes NULL for any value and then fails; the whole is looked at once, at its end. */
static void put_text(json_t *map, const char *key, const char *text)
{
	if (text)
		json_object_set_new(map, key, json_string(text));
}

/* `min` and `max` in the units of the type: bytes, nanoseconds, characters, items. */
static json_t *option_to_json(
    const struct config_option *option, const char *list, uint32_t option_takers)
{
	json_t *map = json_object(), *takers = json_array(), *words = json_array();
	char limits[LIMITS_TEXT_SIZE];

	put_text(map, "list", list);
	put_text(map, "path", option->path);
	put_text(map, "type", type_names[option->type]);
	put_text(map, "default", option->fallback);
	put_text(map, "environment", option->environment);
	put_text(map, "example", option->example);
	json_object_set_new(map, "min", json_real(option->min));
	json_object_set_new(map, "max", json_real(option->max));
	limits_text(option, limits);
	put_text(map, "values", *limits ? limits : NULL);
	for (size_t i = 0; option->words && option->words[i]; i++)
		json_array_append_new(words, json_string(option->words[i]));
	if (option->words)
		json_object_set(map, "words", words);
	json_decref(words);
	if (option->secret)
		json_object_set_new(map, "secret", json_true());
	for (int i = 0; i < TAKERS; i++) {
		if (option_takers & 1u << i)
			json_array_append_new(
			    takers, json_string(option_taker_name((enum option_taker)i)));
	}
	if (json_object_set_new(map, "takers", takers) == 0)
		return map;
	json_decref(map);
	return NULL;
}

/* `takers`: of options that name none themselves. */
static int add_table(
    json_t *all, const struct option_table *table, const char *list, uint32_t takers)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct config_option *option = &table->options[i];

		if (option->type != OPTION_SECTION &&
		    json_array_append_new(all,
			option_to_json(option, list, option->takers ? option->takers : takers)) < 0)
			return -ENOMEM;
	}
	return 0;
}

int document_write_options(FILE *out)
{
	const uint32_t outputs = option_find(&options_root, "", "outputs")->takers;
	json_t *all = json_array();
	int r = add_table(all, &options_root, NULL, 0);

	if (r == 0)
		r = add_table(all, &options_input, "inputs", 0);
	for (size_t i = 0; output_kinds[i] && r == 0; i++) {
		char list[64];

		snprintf(list, sizeof(list), "outputs.%s", output_kinds[i]->name);
		r = add_table(all, &output_kinds[i]->table, list, outputs);
	}
	if (r == 0)
		r = json_print(all, 1, out);
	if (r == 0 && fputc('\n', out) == EOF)
		r = -EIO;
	json_decref(all);
	return r;
}
