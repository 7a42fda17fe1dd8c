/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/histogram.h"

#include "base/hist.h"

const double histogram_bounds[HISTOGRAM_BOUNDS] = {5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4,
    1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

void histogram_add(struct histogram *histogram, uint32_t bucket, double unit, uint64_t count)
{
	const double seconds = hist_middle(bucket) * unit;
	size_t i = 0;

	while (i < HISTOGRAM_BOUNDS && seconds > histogram_bounds[i])
		i++;
	histogram->counts[i] += count;
	histogram->sum += seconds * (double)count;
}
