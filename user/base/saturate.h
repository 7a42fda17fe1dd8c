/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters that stop at their greatest value. */
#ifndef CROSSTAP_BASE_SATURATE_H
#define CROSSTAP_BASE_SATURATE_H

#include <stdint.h>

static inline void saturating_add(uint32_t *counter, uint32_t count)
{
	if (__builtin_add_overflow(*counter, count, counter))
		*counter = UINT32_MAX;
}

#endif
