/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/parse/tree_short.h"

#include "base/arena.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

enum { NEVER, ALWAYS, WITHIN, WITHIN_COLON }; /* where a word may have the byte */

static const uint8_t kinds[256] = {['0' ... '9'] = ALWAYS,
    ['A' ... 'Z'] = ALWAYS,
    ['a' ... 'z'] = ALWAYS,
    ['.'] = WITHIN,
    ['/'] = WITHIN,
    ['-'] = WITHIN,
    ['_'] = WITHIN,
    [':'] = WITHIN_COLON};

/* The bytes of a plain word at the beginning; 0: there is none. */
static size_t word_length(const char *text, size_t length, bool colons)
{
	const uint8_t last = colons ? WITHIN_COLON : WITHIN;
	size_t n = 0;

	while (
	    n < length && kinds[(uint8_t)text[n]] && kinds[(uint8_t)text[n]] <= (n ? last : ALWAYS))
		n++;
	return n;
}

static int new_node(
    struct arena *arena, enum node_kind kind, size_t offset, bool plain, struct node **ret)
{
	struct node *node = arena_alloc(arena, sizeof(*node));

	if (!node)
		return -ENOMEM;
	*node =
	    (struct node){.kind = kind, .line = 1, .column = (unsigned)offset + 1, .plain = plain};
	*ret = node;
	return 0;
}

static int new_scalar(struct arena *arena, const char *text, size_t length, size_t offset,
    bool plain, struct node **ret)
{
	struct node *node;
	int r = new_node(arena, NODE_SCALAR, offset, plain, &node);

	if (r < 0)
		return r;
	node->text = arena_strndup(arena, text, length);
	if (!node->text)
		return -ENOMEM;
	*ret = node;
	return 1;
}

/* `[]`, `[word, word]`: one space behind a comma. 0: it is something else. */
static int parse_list(struct arena *arena, const char *text, size_t length, struct node **ret)
{
	struct node *list, *item;
	size_t at = 1;
	int r = new_node(arena, NODE_LIST, 0, false, &list);

	while (r >= 0 && (list->n || at + 1 < length)) {
		const size_t n = word_length(text + at, length - at, false);

		if (!n)
			return 0;
		r = new_scalar(arena, text + at, n, at, true, &item);
		if (r < 0)
			return r;
		if (list->last)
			list->last->next = item;
		else
			list->first = item;
		list->last = item;
		list->n++;
		at += n;
		if (length - at < 2 || text[at] != ',' || text[at + 1] != ' ')
			break;
		at += 2;
	}
	if (r < 0 || at + 1 != length || text[at] != ']')
		return r < 0 ? r : 0;
	*ret = list;
	return 1;
}

/* Outside a list a word may have colons within, as addresses and URLs have. */
static bool is_word(const char *text, size_t length)
{
	return length && text[length - 1] != ':' && word_length(text, length, true) == length;
}

bool tree_short_word(const char *text, struct node *ret)
{
	if (!is_word(text, strlen(text)))
		return false;
	*ret =
	    (struct node){.kind = NODE_SCALAR, .line = 1, .column = 1, .text = text, .plain = true};
	return true;
}

int tree_short(struct arena *arena, const char *text, size_t length, struct node **ret)
{
	if (length >= 2 && *text == '[')
		return parse_list(arena, text, length, ret);
	if (length >= 2 && *text == '"' && text[length - 1] == '"' &&
	    word_length(text + 1, length - 2, true) == length - 2)
		return new_scalar(arena, text + 1, length - 2, 0, false, ret);
	if (is_word(text, length))
		return new_scalar(arena, text, length, 0, true, ret);
	return 0;
}
