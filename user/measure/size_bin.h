/* SPDX-License-Identifier: BSD-2-Clause */
/* Sizes as points carry them: bins of 16 bytes up to 512, of 128 up to 4096, and one for the rest.
 */
#ifndef CROSSTAP_MEASURE_SIZE_BIN_H
#define CROSSTAP_MEASURE_SIZE_BIN_H

#include "stats/key.h"

/* The lower bound, in bytes, of the coarse bin that an RSSAC002 bin (key_size_bin()) falls in. */
static inline unsigned size_bin_coarse(unsigned bin)
{
	const unsigned bytes = bin * KEY_SIZE_STEP;

	return bytes < 512 ? bytes : bytes < 4096 ? bytes / 128 * 128 : 4096;
}

/* All of them, in order: 32 of 16 bytes, 28 of 128, the last. */
#define SIZE_BINS 61
static inline unsigned size_bin_lower(unsigned index)
{
	return index < 32 ? index * 16 : 512 + (index - 32) * 128;
}

/* The place of a size in that order. */
static inline unsigned size_bin_index(unsigned bytes)
{
	return bytes < 512 ? bytes / 16 : bytes < 4096 ? 32 + (bytes - 512) / 128 : SIZE_BINS - 1;
}

#endif
