/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts distinct 64-bit hashes: exactly up to DISTINCT_EXACT of them, by HyperLogLog beyond
 * (Flajolet et al. 2007, 2^15 registers, standard error 0.57 %; estimator of Ertl, "New cardinality
 * estimation algorithms for HyperLogLog sketches", 2017).
 */
#ifndef CROSSTAP_BASE_DISTINCT_H
#define CROSSTAP_BASE_DISTINCT_H

#include <stdint.h>

#define DISTINCT_EXACT     4096
#define DISTINCT_PRECISION 15
#define DISTINCT_REGISTERS (1u << DISTINCT_PRECISION)

struct distinct;

int distinct_new(struct distinct **ret);
void distinct_free(struct distinct *distinct);
/* -ENOMEM when the set cannot grow: the hash is then not counted. */
int distinct_add(struct distinct *distinct, uint64_t hash);
int distinct_merge(struct distinct *into, const struct distinct *from);
uint64_t distinct_count(const struct distinct *distinct);

#endif
