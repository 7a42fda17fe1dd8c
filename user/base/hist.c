/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/hist.h"

#include <math.h>

double hist_quantile(const struct hist_count *counts, size_t n, double q)
{
	uint64_t total = 0, rank, seen = 0;

	for (size_t i = 0; i < n; i++)
		total += counts[i].count;
	if (total == 0)
		return 0;
	rank = (uint64_t)ceil(q * (double)total);
	if (rank == 0)
		rank = 1;
	for (size_t i = 0; i < n; i++) {
		seen += counts[i].count;
		if (seen >= rank)
			return hist_middle(counts[i].bucket);
	}
	return hist_middle(counts[n - 1].bucket);
}
