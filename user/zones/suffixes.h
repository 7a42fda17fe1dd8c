/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Public suffixes: below which names people register domains. The rules are those of the Public
 * Suffix List (publicsuffix.org/list, "Format" and "Algorithm"): a name, `*.NAME` for everything
 * one label below it, and `!NAME` for what is an exception to such a rule. Immutable once built;
 * shared by threads.
 */
#ifndef CROSSTAP_ZONES_SUFFIXES_H
#define CROSSTAP_ZONES_SUFFIXES_H

#include "base/hash.h"

#include <stddef.h>
#include <stdint.h>

struct suffixes;

/* Rules in presentation form, lower case, A-labels. -EINVAL for one that is none, -ENOMEM. */
int suffixes_new(
    struct suffixes **ret, const char *const *rules, size_t n, const struct hash_seed *seed);
void suffixes_free(struct suffixes *suffixes);
/* How many labels, the root not counted, the longest public suffix of a name has; 1 where no rule
 * matches, 0 for the root. `name`: wire format, `length` with the root label, `labels` without. */
unsigned suffixes_labels(
    const struct suffixes *suffixes, const uint8_t *name, size_t length, unsigned labels);

#endif
