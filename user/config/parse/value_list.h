/* SPDX-License-Identifier: BSD-2-Clause */
/* Values that are lists or maps of values. Internal to user/config. */
#ifndef CROSSTAP_CONFIG_PARSE_VALUE_LIST_H
#define CROSSTAP_CONFIG_PARSE_VALUE_LIST_H

#include "config/parse/reader.h"

/* As value_read(), for the types that are no scalars. */
void value_read_list(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key, void *base);
/* Rules of one text of a value; false after a problem was reported. */
bool value_text_is_good(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key, const char *text, size_t min, size_t max);
/* The number of one of the option's words; false after a problem was reported. */
bool value_find_word(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key, const char *text, uint32_t *ret);

#endif
