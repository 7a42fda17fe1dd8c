/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the Public Suffix List as an operator's file has them. */
#ifndef CROSSTAP_CONFIG_SUFFIX_RULE_H
#define CROSSTAP_CONFIG_SUFFIX_RULE_H

#include "config/zone_name.h"

#define SUFFIX_RULE_SIZE (ZONE_NAME_SIZE + 2)

/*
 * Writes the form that zones/suffixes.h takes: NAME, `*.NAME`, `!NAME` or `*`, the name as
 * zone_name_normalize() writes it. U-labels, which the list has in UTF-8 and lower case, become
 * A-labels (RFC 5890, RFC 3492). 0, or -EINVAL with *ret_problem.
 */
int suffix_rule_normalize(const char *text, char ret[SUFFIX_RULE_SIZE], const char **ret_problem);

#endif
