/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log-linear histogram buckets: 64 linear steps per power of two, so that a bucket's middle is
 * within 0.8 % of every value in it. Buckets are plain numbers; who counts them decides where.
 */
#ifndef CROSSTAP_BASE_HIST_H
#define CROSSTAP_BASE_HIST_H

#include <stddef.h>
#include <stdint.h>

#define HIST_SUB_BITS 6
#define HIST_BUCKETS  ((64 - HIST_SUB_BITS + 1) << HIST_SUB_BITS)

static inline uint32_t hist_bucket(uint64_t value)
{
	uint32_t exponent;

	if (value < 1u << HIST_SUB_BITS)
		return (uint32_t)value;
	exponent = 63u - (uint32_t)__builtin_clzll(value);
	return ((exponent - HIST_SUB_BITS + 1) << HIST_SUB_BITS) +
	    (uint32_t)(value >> (exponent - HIST_SUB_BITS) & ((1u << HIST_SUB_BITS) - 1));
}

/* The least value of a bucket. */
static inline uint64_t hist_lower(uint32_t bucket)
{
	uint32_t octave = bucket >> HIST_SUB_BITS;

	if (octave == 0)
		return bucket;
	return (uint64_t)((bucket & ((1u << HIST_SUB_BITS) - 1)) | 1u << HIST_SUB_BITS)
	    << (octave - 1);
}

/* The middle of a bucket. */
static inline double hist_middle(uint32_t bucket)
{
	uint32_t octave = bucket >> HIST_SUB_BITS;

	return octave < 2 ? (double)hist_lower(bucket)
			  : (double)hist_lower(bucket) + (double)(1ull << (octave - 1)) / 2;
}

struct hist_count {
	uint32_t bucket;
	uint64_t count;
};

/* Nearest-rank quantile (0 < q <= 1) of counts sorted by bucket; 0 when there are none. */
double hist_quantile(const struct hist_count *counts, size_t n, double q);

#endif
