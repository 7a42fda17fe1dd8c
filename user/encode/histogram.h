/* SPDX-License-Identifier: BSD-2-Clause */
/* A histogram of durations with explicit bounds, as points for OpenTelemetry carry it. */
#ifndef CROSSTAP_ENCODE_HISTOGRAM_H
#define CROSSTAP_ENCODE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

/* Seconds, upper bounds that belong to their buckets; what is above the last has a bucket more. */
#define HISTOGRAM_BOUNDS 20
extern const double histogram_bounds[HISTOGRAM_BOUNDS];

struct histogram {
	uint64_t counts[HISTOGRAM_BOUNDS + 1];
	double sum; /* seconds */
};

/* `bucket` of base/hist.h, whose values are so many seconds each; it falls where its middle does:
 * within 0.8 %. */
void histogram_add(struct histogram *histogram, uint32_t bucket, double unit, uint64_t count);

#endif
