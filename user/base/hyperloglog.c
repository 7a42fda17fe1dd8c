/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/hyperloglog.h"

#include <math.h>

/* Series of the share of empty registers, 0 <= x < 1 (Ertl 2017, algorithm 6). */
static double empty_share(double x)
{
	double power = 1, sum = x, before;

	do {
		x *= x;
		before = sum;
		sum += x * power;
		power += power;
	} while (sum > before);
	return sum;
}

uint64_t hyperloglog_count(const uint8_t *registers, unsigned bits)
{
	const double m = (double)(1u << bits);
	uint32_t ranks[HYPERLOGLOG_MAX_RANK + 1] = {0};
	double sum = 0;

	for (uint32_t i = 0; i < 1u << bits; i++)
		ranks[registers[i]]++;
	for (int rank = HYPERLOGLOG_MAX_RANK; rank > 0; rank--)
		sum = (sum + ranks[rank]) / 2;
	sum += m * empty_share(ranks[0] / m);
	return (uint64_t)(m * m / (2 * M_LN2 * sum) + 0.5);
}
