/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/config.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log_text.h"
#include "config/file.h"
#include "config/output_kind.h"
#include "config/parse/reader.h"
#include "config/parse/texts.h"
#include "config/parse/tree_short.h"
#include "config/write.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_KEY 256 /* characters of a path in messages */

/* --- problems --- */

/* What a file says must not break a line of messages, nor move a terminal's cursor. */
static void write_clean(FILE *out, const char *text)
{
	char clean[4 * (PATH_MAX + 32)];
	const size_t length = log_text_clean(clean, sizeof(clean), text, strlen(text));

	fwrite(clean, 1, length, out);
}

/* Whether the next problem is. */
static bool is_written(const struct reader *reader)
{
	return reader->n_problems < MAX_PROBLEMS && reader->errors;
}

static void problem(
    struct reader *reader, const char *place, const char *key, const char *format, va_list args)
{
	const bool written = is_written(reader);
	char text[1024];

	reader->n_problems++;
	if (!written)
		return;
	vsnprintf(text, sizeof(text), format, args);
	write_clean(reader->errors, place);
	if (key && *key) {
		fputs(": ", reader->errors);
		write_clean(reader->errors, key);
	}
	fputs(": ", reader->errors);
	write_clean(reader->errors, text);
	fputc('\n', reader->errors);
}

void reader_problem(
    struct reader *reader, const struct node *where, const char *key, const char *format, ...)
{
	char place[PATH_MAX + 32];
	va_list args;

	snprintf(place, sizeof(place), "%s:%u:%u", reader->name, where ? where->line : 1,
	    where ? where->column : 1);
	va_start(args, format);
	problem(reader, place, key, format, args);
	va_end(args);
}

void reader_problem_in(struct reader *reader, const char *file, unsigned line, const char *key,
    const char *format, ...)
{
	char place[PATH_MAX + 32];
	va_list args;

	snprintf(place, sizeof(place), "%s:%u", file, line);
	va_start(args, format);
	problem(reader, place, key, format, args);
	va_end(args);
}

/* --- defaults --- */

/* The configuration owns its strings; those of the environment can change under it. */
static void read_environment(struct reader *reader, const struct config_option *option, void *base)
{
	const char *value = getenv(option->environment), *bad;

	if (!value || !*value)
		return;
	bad = text_check_clean(value);
	if (!bad && strlen(value) > (size_t)option->max)
		bad = "is too long";
	if (bad) {
		reader_problem(reader, NULL, option->path, "environment variable %s %s",
		    option->environment, bad);
		return;
	}
	value = arena_strdup(reader->arena, value);
	if (value)
		memcpy((char *)base + option->offset, &value, sizeof(value));
	else
		reader->no_memory = true;
}

/* Nearly all are a word. It needs no copy: the table of options outlives all that is made of it. */
static void set_default(struct reader *reader, const struct config_option *option, void *base)
{
	const char *text = option->fallback;
	struct tree_error error;
	struct node word, *node = NULL;

	if (tree_short_word(text, &word))
		value_read(reader, option, &word, option->path, base);
	else if (tree_parse(reader->arena, text, strlen(text), &node, &error) < 0)
		reader->no_memory = true;
	else if (node)
		value_read(reader, option, node, option->path, base);
}

/* Every text that is not set is empty, so that nobody meets NULL. */
static void set_defaults(struct reader *reader, const struct option_table *table, void *base)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct config_option *option = &table->options[i];

		if (option->type == OPTION_TEXT)
			*(const char **)((char *)base + option->offset) = "";
		if (option->fallback)
			set_default(reader, option, base);
		if (option->environment)
			read_environment(reader, option, base);
	}
}

/* --- maps, inputs, outputs --- */

/* A path for messages; a hostile key only makes it shorter. */
static void join(char out[MAX_KEY], const char *first, const char *second, const char *third)
{
	if (snprintf(out, MAX_KEY, "%s%s%s", first, second, third) < 0)
		out[0] = '\0';
}

static void read_map(struct reader *reader, const struct option_table *table, const char *prefix,
    const struct node *map, const char *shown, void *base);

static bool is_first_of_its_name(
    struct reader *reader, const struct node *map, const struct node *child, const char *key)
{
	const struct node *first = node_get(map, child->key->text);

	if (first == child)
		return true;
	reader_problem(
	    reader, child->key, key, "is there twice, first in line %u", first->key->line);
	return false;
}

static bool expect_map(struct reader *reader, const struct node *node, const char *key)
{
	if (node->kind == NODE_SCALAR && node->plain && strchr(node->text, ':'))
		reader_problem(reader, node, key,
		    "must be a map of keys and values: a space is missing after the colon");
	else if (node->kind != NODE_MAP)
		reader_problem(reader, node, key, "must be a map of keys and values");
	return node->kind == NODE_MAP;
}

static void read_input(
    struct reader *reader, const struct node *node, const char *shown, void *base)
{
	struct config_input *input = base;
	char prefix[MAX_KEY];

	set_defaults(reader, &options_input, input);
	if (!expect_map(reader, node, shown))
		return;
	join(prefix, shown, ".", "");
	read_map(reader, &options_input, "", node, prefix, input);
	validate_input(reader, node, shown, input);
}

/* The kind that the one key of the map names, or NULL. */
static const struct output_kind *read_kind(
    struct reader *reader, const struct node *node, const char *shown)
{
	const struct output_kind *kind;
	char list[256];

	if (node->n != 1) {
		output_kind_list(list, sizeof(list));
		reader_problem(reader, node, shown, "must have one key, the kind: %s", list);
		return NULL;
	}
	kind = output_kind_find(node->first->key->text);
	if (!kind) {
		const char *name = node->first->key->text;

		reader_problem(reader, node->first->key, shown,
		    "unknown kind of output \"%.48s\" (did you mean \"%s\"?)", name,
		    output_kind_nearest(name));
	}
	return kind;
}

static void read_output(
    struct reader *reader, const struct node *node, const char *shown, void *base)
{
	struct config_output *output = base;
	const struct output_kind *kind;
	char key[MAX_KEY], prefix[MAX_KEY];
	void *settings;

	if (!expect_map(reader, node, shown))
		return;
	kind = read_kind(reader, node, shown);
	if (!kind)
		return;
	settings = arena_alloc(reader->arena, kind->size);
	if (!settings) {
		reader->no_memory = true;
		return;
	}
	*output = (struct config_output){.kind = kind, .settings = settings};
	set_defaults(reader, &kind->table, settings);
	join(key, shown, ".", kind->name);
	if (!node_is_null(node->first)) {
		if (!expect_map(reader, node->first, key))
			return;
		join(prefix, key, ".", "");
		read_map(reader, &kind->table, "", node->first, prefix, settings);
	}
	validate_output(reader, node->first, key, output);
}

/* The list's items into an array of structs. */
static void read_elements(struct reader *reader, const struct config_option *option,
    const struct node *node, void *base, size_t size,
    void (*read)(struct reader *, const struct node *, const char *, void *))
{
	char *array = NULL;
	size_t n = 0;

	if (node->kind != NODE_LIST || node->n > (size_t)option->max) {
		reader_problem(reader, node, option->path,
		    "must be a list of at most %zu maps, each behind `- `", (size_t)option->max);
		return;
	}
	array = arena_alloc(reader->arena, node->n * size);
	if (!array) {
		reader->no_memory = true;
		return;
	}
	for (const struct node *item = node->first; item; item = item->next) {
		char shown[MAX_KEY];

		snprintf(shown, sizeof(shown), "%s[%zu]", option->path, n);
		read(reader, item, shown, array + n++ * size);
	}
	memcpy((char *)base + option->offset, &array, sizeof(array));
	memcpy((char *)base + option->other, &n, sizeof(n));
}

static void read_option(struct reader *reader, const struct option_table *table,
    const struct config_option *option, const struct node *node, const char *key, void *base)
{
	char path[MAX_KEY], shown[MAX_KEY];

	if (node_is_null(node) && (option->type == OPTION_SECTION || option->type >= OPTION_TEXTS))
		return; /* as if it were not there: all below it is commented out */
	if (option->type == OPTION_SECTION) {
		if (!expect_map(reader, node, key))
			return;
		join(path, option->path, ".", "");
		join(shown, key, ".", "");
		read_map(reader, table, path, node, shown, base);
	} else if (option->type == OPTION_INPUTS) {
		read_elements(reader, option, node, base, sizeof(struct config_input), read_input);
	} else if (option->type == OPTION_OUTPUTS) {
		read_elements(
		    reader, option, node, base, sizeof(struct config_output), read_output);
	} else {
		value_read(reader, option, node, key, base);
	}
}

/* The keys of `map` are options of `table` below `prefix`; messages call them `shown` + key. */
static void read_map(struct reader *reader, const struct option_table *table, const char *prefix,
    const struct node *map, const char *shown, void *base)
{
	for (const struct node *child = map->first; child; child = child->next) {
		const struct config_option *option = option_find(table, prefix, child->key->text);
		char key[MAX_KEY];

		join(key, shown, child->key->text, "");
		if (!is_first_of_its_name(reader, map, child, key))
			continue;
		if (!option) {
			/* A file of garbage has many of them, and a search takes its time. */
			reader_problem(reader, child->key, key,
			    "unknown key (did you mean \"%s\"?)",
			    is_written(reader) ? option_nearest(table, prefix, child->key->text)
					       : "");
			continue;
		}
		read_option(reader, table, option, child, key, base);
	}
}

/* --- the whole --- */

static void set_default_input(struct reader *reader)
{
	struct config_input *input = arena_alloc(reader->arena, sizeof(*input));

	if (!input) {
		reader->no_memory = true;
		return;
	}
	set_defaults(reader, &options_input, input);
	input->kind = INPUT_UNIX;
	input->address = CONFIG_DEFAULT_INPUT;
	reader->config->inputs = input;
	reader->config->n_inputs = 1;
}

static void set_host_name(struct config *config)
{
	char name[HOST_NAME_MAX + 1] = "";

	if (*config->server)
		return;
	if (gethostname(name, sizeof(name) - 1) < 0 || !*name)
		strcpy(name, "localhost");
	config->server = arena_strdup(config->arena, name);
}

static void read_config(struct reader *reader)
{
	struct config *config = reader->config;
	const struct node *inputs = node_get(reader->root, "inputs");

	set_defaults(reader, &options_root, config);
	set_host_name(config);
	if (!config->server)
		reader->no_memory = true;
	if (!inputs || node_is_null(inputs))
		set_default_input(reader);
	if (!reader->root)
		return;
	if (expect_map(reader, reader->root, ""))
		read_map(reader, &options_root, "", reader->root, "", config);
	if (!reader->no_memory)
		validate_config(reader);
}

static int parse(struct reader *reader, const char *text, size_t length)
{
	struct tree_error error;
	struct node *root = NULL;
	int r;

	if (length > CONFIG_FILE_MAX) {
		reader_problem(reader, NULL, "", "is over %d bytes long", CONFIG_FILE_MAX);
		return -EINVAL;
	}
	r = tree_parse(reader->arena, text, length, &root, &error);
	if (r == -EINVAL) {
		struct node where = {.line = error.line, .column = error.column};

		reader_problem(reader, &where, "", "%s", error.text);
	}
	if (r < 0)
		return r;
	reader->root = root;
	reader->config->blank = !root;
	read_config(reader);
	if (reader->n_problems > MAX_PROBLEMS && reader->errors)
		fprintf(reader->errors, "%s: %u more problems\n", reader->name,
		    reader->n_problems - MAX_PROBLEMS);
	if (reader->no_memory)
		return -ENOMEM;
	if (reader->looker)
		reader->looker->look(reader->looker->context, reader->config, root);
	return reader->n_problems ? -EINVAL : config_set_hash(reader->config);
}

static int parse_and_look(const char *name, const char *text, size_t length, FILE *errors,
    const struct config_looker *looker, struct config **ret)
{
	struct reader reader = {.name = name, .errors = errors, .looker = looker};
	struct arena *arena = NULL;
	int r = arena_new(&arena);

	if (r < 0)
		goto out;
	reader.arena = arena;
	reader.config = arena_alloc(arena, sizeof(*reader.config));
	if (!reader.config) {
		r = -ENOMEM;
		goto out;
	}
	reader.config->arena = arena;
	atomic_init(&reader.config->references, 1);
	reader.config->path = arena_strdup(arena, name);
	r = reader.config->path ? parse(&reader, text, length) : -ENOMEM;
	if (r < 0)
		goto out;
	*ret = reader.config;
	arena = NULL;
out:
	/* What is wrong with the text has been told, line by line. */
	if (r < 0 && r != -EINVAL && errors)
		fprintf(errors, "%s%s%s\n", name, *name ? ": " : "", strerror(-r));
	arena_free(arena);
	return r;
}

int config_parse(
    const char *name, const char *text, size_t length, FILE *errors, struct config **ret)
{
	return parse_and_look(name, text, length, errors, NULL, ret);
}

static bool is_white(const char *text, size_t length)
{
	while (length && strchr(" \t\r\n", text[length - 1]) && text[length - 1])
		length--;
	return length == 0;
}

static int load(const char *path, uint64_t wait_ns, FILE *errors,
    const struct config_looker *looker, struct config **ret)
{
	const char *name = path ? path : CONFIG_DEFAULT_PATH;
	size_t length = 0;
	char *text = NULL;
	int r = config_file_read(name, wait_ns, &text, &length);

	if (r == -ENOENT && !path)
		return parse_and_look("", "", 0, errors, looker, ret);
	if (r < 0) {
		if (errors)
			fprintf(errors, "%s: cannot be read: %s\n", name, strerror(-r));
		return r;
	}
	if (is_white(text, length)) {
		r = -EINVAL;
		if (errors)
			fprintf(errors,
			    "%s:1:1: is empty: if the defaults are meant, remove it or leave a "
			    "comment in it\n",
			    name);
	} else {
		r = parse_and_look(name, text, length, errors, looker, ret);
	}
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): open() leaves no errno of 0 */
	explicit_bzero(text, length);
	free(text);
	return r;
}

int config_load(const char *path, FILE *errors, struct config **ret)
{
	return load(path, CONFIG_FILE_BLOCK, errors, NULL, ret);
}

int config_load_again(const char *path, FILE *errors, struct config **ret)
{
	return load(path, CONFIG_LOAD_AGAIN_S * NS_PER_S, errors, NULL, ret);
}

int config_load_and_look(
    const char *path, FILE *errors, const struct config_looker *looker, struct config **ret)
{
	return load(path, CONFIG_FILE_BLOCK, errors, looker, ret);
}

struct config *config_ref(const struct config *config)
{
	struct config *counted = (struct config *)config; /* the count is all that ever changes */

	if (counted)
		atomic_fetch_add_explicit(&counted->references, 1, memory_order_relaxed);
	return counted;
}

void config_unref(const struct config *config)
{
	struct config *counted = (struct config *)config;

	if (counted &&
	    atomic_fetch_sub_explicit(&counted->references, 1, memory_order_acq_rel) == 1)
		arena_wipe(counted->arena); /* tokens, passwords */
}
