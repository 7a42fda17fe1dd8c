/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which top-level domains there are in the root zone. A list is built in, that of IANA when this
 * version was made: a server that is asked for names outside its zones need not be told what a TLD
 * is. The root changes a few times a year, so an operator can name a newer list. Immutable once
 * built; shared by threads.
 */
#ifndef CROSSTAP_ZONES_TLDS_H
#define CROSSTAP_ZONES_TLDS_H

#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const char *const iana_tlds[]; /* lower case, A-labels */
extern const size_t n_iana_tlds;

struct tlds;

/* Names in presentation form, of one label each. -EINVAL for one that is none, -ENOMEM. */
int tlds_new(struct tlds **ret, const char *const *names, size_t n, const struct hash_seed *seed);
void tlds_free(struct tlds *tlds);
/* `tld`: the last label of a name and its root label, wire format, any case. */
bool tlds_has(const struct tlds *tlds, const uint8_t *tld);

#endif
