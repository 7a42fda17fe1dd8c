/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many hashes made the registers of a HyperLogLog sketch: the improved raw estimator of Ertl,
 * "New cardinality estimation algorithms for HyperLogLog sketches", 2017. Unlike the original one
 * with linear counting below 2.5 registers' worth, it has no bias anywhere.
 */
#ifndef CROSSTAP_BASE_HYPERLOGLOG_H
#define CROSSTAP_BASE_HYPERLOGLOG_H

#include <stdint.h>

#define HYPERLOGLOG_MAX_RANK 64 /* of hashes of 64 bits and less */

/* 1 << bits registers, none above HYPERLOGLOG_MAX_RANK. */
uint64_t hyperloglog_count(const uint8_t *registers, unsigned bits);

#endif
