/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters that stop at their greatest value, or at 0. */
#ifndef CROSSTAP_BASE_SATURATE_H
#define CROSSTAP_BASE_SATURATE_H

#include <stdint.h>

static inline void saturating_add(uint32_t *counter, uint32_t count)
{
	if (__builtin_add_overflow(*counter, count, counter))
		*counter = UINT32_MAX;
}

/* What is left of `all`, of which `part` was counted apart. */
static inline uint64_t saturating_less(uint64_t all, uint64_t part)
{
	return all > part ? all - part : 0;
}

#endif
