/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * YAML text as a tree of nodes with their places. Made from libyaml's events, since its document
 * loader follows aliases (which can loop and multiply) and knows no bound on depth.
 */
#ifndef CROSSTAP_CONFIG_PARSE_TREE_H
#define CROSSTAP_CONFIG_PARSE_TREE_H

#include <stdbool.h>
#include <stddef.h>

#define TREE_MAX_DEPTH 16
#define TREE_MAX_KEYS  256 /* of one map; duplicates are looked for one by one */

struct arena;

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	unsigned line, column; /* from 1 */
	const char *text;      /* of a scalar, without NUL inside */
	bool plain;            /* a scalar written without quotes */
	struct node *key;      /* of a map's child: the scalar that names it */
	struct node *first, *last, *next;
	size_t n; /* children */
};

struct tree_error {
	unsigned line, column;
	char text[160];
};

/*
 * *ret is NULL for a file without content. -EINVAL with *ret_error for bad YAML, aliases, keys that
 * are no scalars, several documents, and what is over the limits; -ENOMEM. Nodes live in the arena.
 */
int tree_parse(struct arena *arena, const char *text, size_t length, struct node **ret,
    struct tree_error *ret_error);

/* A value left empty (`key:`), which stands for "as if it were not there" where a map or list is
 * expected. */
bool node_is_null(const struct node *node);
/* The child of a map by its key, or NULL; also NULL for NULL and for nodes that are no map. */
const struct node *node_get(const struct node *map, const char *key);

#endif
