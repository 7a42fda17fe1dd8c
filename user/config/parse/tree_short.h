/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Short texts as nodes without libyaml, which makes a parser with 64 KiB of buffers for each text:
 * nearly every option's default is a word, a word or nothing in double quotes, or a list of words.
 */
#ifndef CROSSTAP_CONFIG_PARSE_TREE_SHORT_H
#define CROSSTAP_CONFIG_PARSE_TREE_SHORT_H

#include "config/parse/tree.h"

/*
 * 1: *ret is what tree_parse() makes of the text, down to lines and columns; 0: the text is none of
 * these, or YAML's rules for it are not so short; -ENOMEM. The node lives in the arena.
 */
int tree_short(struct arena *arena, const char *text, size_t length, struct node **ret);

/* The same of a scalar without quotes alone, whose node has the text itself, not a copy. False: it
 * is something else. */
bool tree_short_word(const char *text, struct node *ret);

#endif
