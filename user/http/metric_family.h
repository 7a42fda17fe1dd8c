/* SPDX-License-Identifier: BSD-2-Clause */
/* A family of /metrics: a field of the table of what is measured, and its samples, one for each row
 * that has the field. */
#ifndef CROSSTAP_HTTP_METRIC_FAMILY_H
#define CROSSTAP_HTTP_METRIC_FAMILY_H

#include "http/exposition.h"
#include "measure/measurement.h"

struct metric_family {
	struct exposition *to;
	const struct measurement *measurement;
	const struct measure_field *field;
	char name[MEASURE_METRIC_BYTES];
};

/* Writes HELP and TYPE; false: the field is not in /metrics. */
bool family_begin(struct metric_family *family, struct exposition *to,
    const struct measurement *measurement, const struct measure_field *field);
/* A sample; `labels`: the values of the measurement's tags, in their order. Nothing where the row
 * does not have the field. */
void family_row(
    const struct metric_family *family, const char *const *labels, const void *row, uint32_t known);
/* A sample of which the caller has the value. */
void family_count(const struct metric_family *family, const char *const *labels, uint64_t count);
/* Buckets as exposition_buckets_put() wants them. */
void family_buckets(const struct metric_family *family, const char *const *labels,
    const char *const *bounds, const uint64_t *counts, size_t n_counts, double sum);
void family_histogram(const struct metric_family *family, const char *const *labels,
    const struct exposition_histogram *histogram);

#endif
