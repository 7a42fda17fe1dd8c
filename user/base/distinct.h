/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts distinct 64-bit hashes: exactly up to DISTINCT_EXACT of them, by HyperLogLog beyond
 * (Flajolet et al. 2007, 2^15 registers, standard error 0.57 %; estimator of Ertl, "New cardinality
 * estimation algorithms for HyperLogLog sketches", 2017).
 */
#ifndef CROSSTAP_BASE_DISTINCT_H
#define CROSSTAP_BASE_DISTINCT_H

#include <stdbool.h>
#include <stdint.h>

#define DISTINCT_EXACT     4096
#define DISTINCT_PRECISION 15
#define DISTINCT_REGISTERS (1u << DISTINCT_PRECISION)

struct distinct;

/* The register that a hash is counted in, and what it makes of it. */
static inline uint32_t distinct_register(uint64_t hash, uint8_t *ret_rank)
{
	const uint64_t rest = hash << DISTINCT_PRECISION | 1ull << (DISTINCT_PRECISION - 1);

	*ret_rank = (uint8_t)(__builtin_clzll(rest) + 1);
	return (uint32_t)(hash >> (64 - DISTINCT_PRECISION));
}

int distinct_new(struct distinct **ret);
void distinct_free(struct distinct *distinct);
/* -ENOMEM when the set cannot grow: the hash is then not counted. */
int distinct_add(struct distinct *distinct, uint64_t hash);
int distinct_merge(struct distinct *into, const struct distinct *from);
uint64_t distinct_count(const struct distinct *distinct);

/*
 * For files. The registers of equal hashes are equal wherever they were counted, and the union of
 * two sets has the greater one of each two registers.
 */
void distinct_get_registers(
    const struct distinct *distinct, uint8_t ret_registers[DISTINCT_REGISTERS]);
/* Adds the set that has these registers; it is no longer exact. -EINVAL: no hash makes them. */
int distinct_add_registers(struct distinct *distinct, const uint8_t registers[DISTINCT_REGISTERS]);
/* While it is exact: up to DISTINCT_EXACT hashes in no order, their number in *ret_n, and true. */
bool distinct_get_hashes(
    const struct distinct *distinct, uint64_t ret_hashes[DISTINCT_EXACT], uint32_t *ret_n);

#endif
