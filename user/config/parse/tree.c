/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/parse/tree.h"

#include "base/arena.h"
#include "config/parse/tree_short.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct builder {
	struct arena *arena;
	struct tree_error *error;
	struct node *root;
	struct node *open[TREE_MAX_DEPTH];
	struct node *keys[TREE_MAX_DEPTH]; /* read, its value not yet */
	unsigned depth;
	bool seen_document;
};

static int fail(struct builder *b, const yaml_mark_t *mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct builder *b, const yaml_mark_t *mark, const char *format, ...)
{
	va_list args;

	b->error->line = (unsigned)mark->line + 1;
	b->error->column = (unsigned)mark->column + 1;
	va_start(args, format);
	vsnprintf(b->error->text, sizeof(b->error->text), format, args);
	va_end(args);
	return -EINVAL;
}

/* Puts a node where it belongs: root, item of a list, key of a map, or value of the key before. */
static int place(struct builder *b, struct node *node, const yaml_mark_t *mark)
{
	struct node *parent = b->depth ? b->open[b->depth - 1] : NULL;
	struct node **key = b->depth ? &b->keys[b->depth - 1] : NULL;

	if (!parent) {
		b->root = node;
		return 0;
	}
	if (parent->kind == NODE_MAP) {
		if (!*key) {
			if (node->kind != NODE_SCALAR)
				return fail(b, mark, "a key must be a word");
			if (parent->n == TREE_MAX_KEYS)
				return fail(b, mark, "more than %d keys in one map", TREE_MAX_KEYS);
			*key = node;
			return 0;
		}
		node->key = *key;
		*key = NULL;
	}
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	parent->n++;
	return 0;
}

static int add(struct builder *b, enum node_kind kind, const yaml_event_t *event)
{
	const yaml_mark_t *mark = &event->start_mark;
	struct node *node = arena_alloc(b->arena, sizeof(*node));
	int r;

	if (!node)
		return -ENOMEM;
	node->kind = kind;
	node->line = (unsigned)mark->line + 1;
	node->column = (unsigned)mark->column + 1;
	if (kind == NODE_SCALAR) {
		const char *value = (const char *)event->data.scalar.value;

		if (memchr(value, 0, event->data.scalar.length))
			return fail(b, mark, "a NUL byte in a value");
		node->text = arena_strndup(b->arena, value, event->data.scalar.length);
		if (!node->text)
			return -ENOMEM;
		node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	}
	r = place(b, node, mark);
	if (r < 0 || kind == NODE_SCALAR)
		return r;
	if (b->depth == TREE_MAX_DEPTH)
		return fail(b, mark, "nested deeper than %d levels", TREE_MAX_DEPTH);
	b->keys[b->depth] = NULL;
	b->open[b->depth++] = node;
	return 0;
}

static int take(struct builder *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->seen_document)
			return fail(b, &event->start_mark, "a second document in the file");
		b->seen_document = true;
		return 0;
	case YAML_ALIAS_EVENT:
		return fail(b, &event->start_mark, "aliases (*%.60s) are not supported",
		    (const char *)event->data.alias.anchor);
	case YAML_SCALAR_EVENT:
		return add(b, NODE_SCALAR, event);
	case YAML_SEQUENCE_START_EVENT:
		return add(b, NODE_LIST, event);
	case YAML_MAPPING_START_EVENT:
		return add(b, NODE_MAP, event);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return 0;
	default:
		return 0;
	}
}

/* The reader's errors (bad encoding) carry an offset in bytes and no mark. */
static void locate(const char *text, size_t length, size_t offset, yaml_mark_t *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < offset && i < length; i++) {
		ret->column++;
		if (text[i] == '\n') {
			ret->line++;
			ret->column = 0;
		}
	}
}

/* The byte at a mark, in a line that has only ASCII so far; 0: there is none. */
static char byte_at(const char *text, size_t length, const yaml_mark_t *mark)
{
	const char *end = text + length;
	size_t column = 0;

	for (size_t line = 0; line < mark->line && text; line++) {
		text = memchr(text, '\n', (size_t)(end - text));
		text = text ? text + 1 : NULL;
	}
	for (; text && text != end && (signed char)*text > 0 && *text != '\n'; text++) {
		if (column++ == mark->column)
			return *text;
	}
	return '\0';
}

/* What begins nothing in YAML, in words; NULL: the parser's own say more. */
static const char *explain_token(char byte)
{
	switch (byte) {
	case '\t':
		return "a tab: YAML is indented by spaces alone";
	case '@':
	case '`':
	case '%':
		return "no value begins so: put it in quotes";
	default:
		return NULL;
	}
}

/* libyaml is at the end of what was left open, often of the file: where that begins is said, too.
 */
static int parser_error(
    struct builder *b, const yaml_parser_t *parser, const char *text, size_t length)
{
	const char *problem = parser->problem ? parser->problem : "cannot be read", *explained;
	const yaml_mark_t *begin = &parser->context_mark;
	yaml_mark_t mark = parser->problem_mark;

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR)
		locate(text, length, parser->problem_offset, &mark);
	explained = strstr(problem, "cannot start any token") || strstr(problem, "tab character")
	    ? explain_token(byte_at(text, length, &mark))
	    : NULL;
	if (explained)
		return fail(b, &mark, "%s", explained);
	if (parser->context && begin->line < mark.line)
		return fail(b, &mark, "%.60s %.60s that begins in line %zu", problem,
		    parser->context, begin->line + 1);
	if (parser->context)
		return fail(b, &mark, "%.70s %.70s", problem, parser->context);
	return fail(b, &mark, "%.120s%s", problem,
	    strstr(problem, "UTF-8") ? ": the file is to be in UTF-8" : "");
}

int tree_parse(struct arena *arena, const char *text, size_t length, struct node **ret,
    struct tree_error *ret_error)
{
	struct builder b = {.arena = arena, .error = ret_error};
	yaml_parser_t parser;
	bool end = false;
	int r;

	r = tree_short(arena, text, length, &b.root);
	if (r < 0)
		return r;
	if (r > 0) {
		*ret = node_is_null(b.root) ? NULL : b.root;
		return 0;
	}
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
	while (!end && r == 0) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			r = parser_error(&b, &parser, text, length);
			break;
		}
		end = event.type == YAML_STREAM_END_EVENT;
		r = take(&b, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	if (r == 0)
		*ret = b.root && node_is_null(b.root) ? NULL : b.root;
	return r;
}

bool node_is_null(const struct node *node)
{
	if (node->kind != NODE_SCALAR || !node->plain)
		return false;
	return !*node->text || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0;
}

const struct node *node_get(const struct node *map, const char *key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	for (const struct node *child = map->first; child; child = child->next) {
		if (strcmp(child->key->text, key) == 0)
			return child;
	}
	return NULL;
}
