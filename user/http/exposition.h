/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of Prometheus' text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats), or
 * of OpenMetrics 1.0.0 (prometheus.io/docs/specs/om/open_metrics_spec). A sample is begin, labels,
 * then count or value. Errors are the stream's.
 */
#ifndef CROSSTAP_HTTP_EXPOSITION_H
#define CROSSTAP_HTTP_EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct exposition {
	FILE *out;
	bool open_metrics;
	bool labelled; /* the sample that was begun */
};

/* `name` as format 0.0.4 has it. In OpenMetrics the family of a counter is called without _total, a
 * gauge NAME_info is of type info, and the unit that a name ends with has a line of its own. */
void exposition_family(struct exposition *to, const char *name, const char *type, const char *help);

void exposition_begin(struct exposition *to, const char *name);
/* Bytes of `value` that are no printable UTF-8 become \xNN, as everywhere (text/escape.h). */
void exposition_label(struct exposition *to, const char *name, const char *value);
void exposition_count(struct exposition *to, uint64_t count);
void exposition_integer(struct exposition *to, int64_t value);
void exposition_value(struct exposition *to, double value);
/* Ends the text: after the last sample. */
void exposition_end(struct exposition *to);

/* Upper bounds of buckets in nanoseconds, and as they are written. */
#define EXPOSITION_BOUNDS(X)                                                                       \
	X(5000, "5e-06")                                                                           \
	X(10000, "1e-05")                                                                          \
	X(25000, "2.5e-05")                                                                        \
	X(50000, "5e-05")                                                                          \
	X(100000, "0.0001")                                                                        \
	X(250000, "0.00025")                                                                       \
	X(500000, "0.0005")                                                                        \
	X(1000000, "0.001")                                                                        \
	X(2500000, "0.0025")                                                                       \
	X(5000000, "0.005")                                                                        \
	X(10000000, "0.01")                                                                        \
	X(25000000, "0.025")                                                                       \
	X(50000000, "0.05")                                                                        \
	X(100000000, "0.1")                                                                        \
	X(250000000, "0.25")                                                                       \
	X(500000000, "0.5")                                                                        \
	X(1000000000, "1")                                                                         \
	X(2500000000, "2.5")                                                                       \
	X(5000000000, "5")                                                                         \
	X(10000000000, "10")

#define EXPOSITION_ONE_(bound, text) +1
enum { EXPOSITION_BUCKETS = 0 EXPOSITION_BOUNDS(EXPOSITION_ONE_) };
#undef EXPOSITION_ONE_

struct exposition_histogram {
	uint64_t counts[EXPOSITION_BUCKETS + 1]; /* not cumulative; the last one is +Inf */
	double sum_ns;
};

/* `bucket` of base/hist.h, which falls where its middle does: within 0.8 %. */
void exposition_histogram_add(
    struct exposition_histogram *histogram, uint32_t bucket, uint64_t count);
struct exposition_pair {
	const char *name, *value;
};
/* _bucket, _sum and _count, with these labels. */
void exposition_histogram_put(struct exposition *to, const char *name,
    const struct exposition_histogram *histogram, const struct exposition_pair *labels, size_t n);
/* The same of any n_counts buckets: their upper bounds as text, of which the last is +Inf, and
 * their counts, not cumulative. */
void exposition_buckets_put(struct exposition *to, const char *name, const char *const *bounds,
    const uint64_t *counts, size_t n_counts, double sum, const struct exposition_pair *labels,
    size_t n);

#endif
